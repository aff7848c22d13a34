"""The ledger's process: `python -m tiers.ledger`."""

from functools import cache

from prometheus_client import CollectorRegistry

from tiers.chassis import logs
from tiers.chassis.client import client_session
from tiers.chassis.program import run_party, wall_clock
from tiers.chassis.tls import Tls
from tiers.chassis.web import application, serve
from tiers.ledger.app import Ledger
from tiers.ledger.config import LedgerSettings, read_policy
from tiers.ledger.sequencer import Sequencer
from tiers.ledger.store import Files, Store
from tiers.ledger.witness_client import HttpWitness
from tiers.wire.errors import Ours
from tiers.wire.identity import TRUST_DOMAIN
from tiers.wire.keys.jose import SigningKey
from tiers.wire.log.checkpoint import LogKey, LogSigner
from tiers.wire.log.policy import Policy


async def run(settings: LedgerSettings) -> None:
    logs.configure(settings.identity)
    tls = Tls(settings.tls)
    files = Files(settings.state)
    signer = LogSigner(f"{TRUST_DOMAIN}/{settings.identity}", files.key("log.key", SigningKey))
    files.write("log.vkey", f"{signer.key.vkey()}\n".encode())
    policy = cache(lambda: own_policy(signer.key, settings))
    store = Store(files)
    metrics = CollectorRegistry()

    async def ready() -> None:
        policy()

    async with client_session(tls.client) as session:

        def witnesses() -> list[HttpWitness]:
            return [HttpWitness(session, url, name) for name, url in policy().urls.items()]

        ledger = Ledger(store, Sequencer(store, signer, witnesses, lambda: policy().pinned), wall_clock, metrics)
        await serve(application(ledger.routes(), metrics, ready), settings.identity, settings.listen, tls)


def own_policy(key: LogKey, settings: LedgerSettings) -> Policy:
    """Read the policy by which everybody believes this log; raises `Ours` while there is none, or it is another's."""
    policy = read_policy(settings.trust)
    if policy.pinned.log != key or len(policy.urls) < policy.pinned.quorum:
        raise Ours("ledger.no_policy", "Name this log in its policy, and where enough of its witnesses answer.")
    return policy


def main() -> None:
    run_party(LedgerSettings, run)


if __name__ == "__main__":
    main()
