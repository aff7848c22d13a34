"""The witness's process: `python -m tiers.ledger.witness`. It cosigns a checkpoint if the log only grew.

It is another party than the ledger: own key, own state, own certificate. It stores no leaf and never sees one.

    -> POST /add-checkpoint (C2SP tlog-witness)     <- the cosignature, or a refusal that keeps the evidence
"""

import time
from collections.abc import Callable
from functools import cache

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from tiers.chassis import logs
from tiers.chassis.program import run_party
from tiers.chassis.state import StateDir
from tiers.chassis.tls import Tls
from tiers.chassis.web import Route, application, raw_body, serve
from tiers.ledger.config import WitnessSettings, read_policy
from tiers.ledger.cosigning import SIZE_TYPE, OtherSize, SplitView, Unprovable, parse_request, verify_extends
from tiers.wire.errors import TiersError, Yours
from tiers.wire.identity import TRUST_DOMAIN, Identity, Role
from tiers.wire.keys.jose import SigningKey
from tiers.wire.log.checkpoint import LogKey, WitnessSigner, verify_signed
from tiers.wire.log.merkle import EMPTY_ROOT, TreeHead

_log = structlog.get_logger()
LATEST = "latest"
"""The last checkpoint that this witness cosigned; empty before the first."""
KEY = "witness.key"


class Witness:
    """One witness of one log. `now` is its clock, in seconds since 1970."""

    def __init__(
        self,
        state: StateDir,
        signer: WitnessSigner,
        log: Callable[[], LogKey],
        now: Callable[[], int],
        metrics: CollectorRegistry,
    ) -> None:
        self._state = state
        self._signer = signer
        self._log = log
        self._now = now
        self._answers = Counter("tiers_witness_answers", "Answers to add-checkpoint", ["code"], registry=metrics)

    def routes(self) -> list[Route]:
        return [Route("POST", "/add-checkpoint", {Role.LEDGER}, self._add_checkpoint, "cosign a checkpoint")]

    def cosign(self, body: bytes) -> str:
        """Return the cosignature line for a request. Raises what `cosigning.verify_extends` raises.

        There is no `await` between the comparison with the latest checkpoint and its replacement on disk:
        two requests at once cannot both extend the same one.
        """
        request = parse_request(body)
        log = self._log()
        try:
            signed = verify_extends(request, log, self._latest(log))
        except (SplitView, Unprovable) as error:
            seen = (self._state.read(LATEST) or b"").decode()
            _log.error("witness.inconsistent", code=error.code, seen=seen, shown=request.note)
            raise
        self._state.write(LATEST, signed.note.encode())
        return self._signer.cosign(signed, self._now())

    def _latest(self, log: LogKey) -> TreeHead:
        note = self._state.read(LATEST)
        return TreeHead(0, EMPTY_ROOT) if not note else verify_signed(note.decode(), log).checkpoint.head

    async def _add_checkpoint(self, _caller: Identity, request: web.Request) -> web.Response:
        body = await raw_body(request)
        try:
            line = self.cosign(body)
        except OtherSize as error:
            self._answers.labels(error.code).inc()
            headers = {"Content-Type": SIZE_TYPE}
            return web.Response(body=f"{error.size}\n".encode(), status=error.status, headers=headers)
        except TiersError as error:
            self._answers.labels(error.code).inc()
            raise
        self._answers.labels("cosigned").inc()
        return web.Response(text=line)


def refuse_lost_memory(state: StateDir) -> None:
    """Note a first start, the one that draws the key, before there is a key; raises `Yours` for a key without memory.

    A witness that forgot what it cosigned would cosign a shorter log, under a key that everybody trusts. Whoever wants
    to begin anew with an old key writes an empty `latest` himself, and answers for that.
    """
    if state.read(LATEST) is not None:
        return
    if state.read(KEY) is not None:
        detail = f"Restore {LATEST} of this witness from its backup, or make a new key: it has a key, and no memory."
        raise Yours("witness.memory", detail)
    state.write(LATEST, b"")


async def run(settings: WitnessSettings) -> None:
    logs.configure(settings.identity)
    tls = Tls(settings.tls)
    state = StateDir(settings.state)
    refuse_lost_memory(state)
    signer = WitnessSigner(f"{TRUST_DOMAIN}/{settings.identity}", state.key(KEY, SigningKey))
    state.write("witness.vkey", f"{signer.key.vkey()}\n".encode())
    log = cache(lambda: read_policy(settings.trust).pinned.log)
    metrics = CollectorRegistry()

    async def ready() -> None:
        log()

    witness = Witness(state, signer, log, lambda: int(time.time()), metrics)
    await serve(application(witness.routes(), metrics, ready), settings.identity, settings.listen, tls)


def main() -> None:
    run_party(WitnessSettings, run)


if __name__ == "__main__":
    main()
