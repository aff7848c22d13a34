"""Vantage points: who stands where, and of which captures his holdings are made. Data.

    memory:<process>  state:<party>  log:<party>  logs  keys:carrier  taps  store  handset:<who>  seized:<who>
    answers:<asker>   ciphertext   left

`<who>` is a name, or `sender` or `receiver` of the message that is looked at. `taps` are what passed from each handset
(`tap:<who>`) and to all parties (`tap:parties`). `store` is the provider's store on disk, everything in it, and
`memory:store` its processes: of a cluster, all nodes'. `ciphertext` is less: every envelope that the store ever
accepted and nothing else, laid beside somebody's holdings, so that nobody fails to read merely because a message never
came his way.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tiers.lab.world.cast import ACME, GLOBEX, HANDSETS, PARTIES, WITNESSES, party
from tiers.measure.derive.rules import Fact

CIPHERTEXT = "ciphertext"
LEFT = "left"
_LOGS = (*(f"log:{one.name}" for one in PARTIES), "log:store")
_TAPS = (*(f"tap:{person.name}" for person in HANDSETS), "tap:parties")
_GATEWAY = ("memory:gateway", "log:gateway")
_STORE = ("memory:store", "store")
_OPERATOR = (*_GATEWAY, *_STORE, "memory:carrier", "state:carrier", "answers:operator")
_COURT = ("memory:court", "state:court", "answers:court")
_AUDITOR = ("memory:auditor", "state:auditor")
_LEDGER = (
    "memory:ledger",
    "state:ledger",
    *(f"{what}:{name}" for name in WITNESSES for what in ("memory", "state")),
    "answers:ledger",
)


@dataclass(frozen=True, slots=True)
class Vantage:
    """One vantage point. `relay` says that the relay does as it is told."""

    id: str
    sources: tuple[str, ...]
    relay: bool = False

    def of(self, sender: str, receiver: str) -> tuple[str, ...]:
        """Return the captures, looked at from one message."""
        whole = {"logs": _LOGS, "taps": _TAPS}
        names = {"sender": sender, "receiver": receiver}
        out: list[str] = []
        for source in self.sources:
            kind, colon, who = source.partition(":")
            out += whole.get(source, (f"{kind}{colon}{names.get(who, who)}",))
        return tuple(out)


VANTAGES = (
    Vantage("link", ("taps", CIPHERTEXT)),
    Vantage("gateway", (*_GATEWAY, "answers:gateway", CIPHERTEXT), relay=True),
    Vantage("store", _STORE),
    Vantage("logs", ("logs", LEFT, CIPHERTEXT)),
    Vantage("carrier-keys", ("keys:carrier", CIPHERTEXT)),
    Vantage("operator", _OPERATOR, relay=True),
    Vantage("auditor", (*_AUDITOR, CIPHERTEXT)),
    Vantage("auditor-none", ("answers:auditor-none", "keys:other-agency", CIPHERTEXT)),
    Vantage("auditor-expired", ("answers:auditor-expired", "keys:auditor", CIPHERTEXT)),
    Vantage("auditor-wrong-subject", ("answers:auditor-wrong-subject", "keys:auditor", CIPHERTEXT)),
    Vantage("auditor-outside-window", ("answers:auditor-outside-window", "keys:auditor", CIPHERTEXT)),
    Vantage("court", (*_COURT, CIPHERTEXT)),
    Vantage("ledger", (*_LEDGER, CIPHERTEXT)),
    Vantage("state", (*_OPERATOR, *_COURT, *_AUDITOR, *_LEDGER), relay=True),
    Vantage("customer", ("memory:acme", "state:acme", CIPHERTEXT)),
    Vantage("other-customer", ("memory:globex", "state:globex", "answers:other-customer", CIPHERTEXT)),
    Vantage("sender", ("handset:sender", CIPHERTEXT)),
    Vantage("receiver", ("handset:receiver", CIPHERTEXT)),
    Vantage("seized-handset", ("seized:receiver", "store", "taps")),
    Vantage("other-subscriber", ("handset:mallory", "store")),
    Vantage("gateway-and-subscriber", (*_GATEWAY, "handset:mallory", *_STORE), relay=True),
    Vantage("other-employee", ("handset:ravi", "store")),
)
_PARTIES = tuple(one.name for one in PARTIES)
_PEOPLE = ("sender", "receiver", *(person.name for person in HANDSETS))
_NAMED = {source for one in VANTAGES for source in one.sources if source.partition(":")[0] in {"answers", "keys"}}
CAPTURES = (
    *("logs", "taps", "store", LEFT, CIPHERTEXT, *sorted(_NAMED)),
    *(f"{kind}:{name}" for kind in ("memory", "log") for name in (*_PARTIES, "store")),
    *(f"state:{name}" for name in _PARTIES),
    *(f"{kind}:{name}" for kind in ("handset", "seized") for name in _PEOPLE),
    *("tap:sender", "tap:receiver", *_TAPS),
)
"""Every capture there is."""
BY_ID: Mapping[str, Vantage] = {vantage.id: vantage for vantage in VANTAGES}


@dataclass(frozen=True, slots=True)
class Control:
    """What must be found in a capture, for otherwise nothing was captured: any one of `facts`."""

    source: str
    says: str
    facts: tuple[Fact, ...]


_KEYS: tuple[tuple[str, str, Fact], ...] = (
    ("court", "the judge's key", ("mark", "court/judge.key")),
    ("auditor", "its private key", ("seed", "auditor/cbi/1")),
    ("ledger", "the log's key", ("mark", "ledger/log.key")),
    *((name, "the witness's key", ("mark", f"{name}/witness.key")) for name in WITNESSES),
    ("acme", "its root key", ("orgroot", ACME)),
    ("globex", "its root key", ("orgroot", GLOBEX)),
)


def controls(keys: Iterable[str]) -> tuple[Control, ...]:
    """Return the positive controls, one or more for each capture. `keys` are the messages."""
    handsets = tuple(person.name for person in HANDSETS)
    headers = tuple(("header", key) for key in keys)
    device: Fact = ("mark", "device")
    refused: tuple[Fact, ...] = (("mark", "refused"),)
    return (
        # What was freed may be overwritten by now, so the devices that both of them know do as well.
        Control("memory:gateway", "the header of a message, or a device's public key", (*headers, device)),
        Control("memory:store", "the header of a message, or a device's public key", (*headers, device)),
        Control("store", "the header of a message", headers),
        Control(CIPHERTEXT, "the header of a message", headers),
        Control(LEFT, "what was looked through", (("mark", "left"),)),
        *(Control(f"log:{one.name}", "its name", (("mark", str(one.identity)),)) for one in PARTIES),
        *(
            Control(f"tap:{name}", "the relay's name, in TLS", (("mark", party("gateway").identity.host),))
            for name in handsets
        ),
        Control("tap:parties", "a party's name, in TLS", tuple(("mark", one.identity.host) for one in PARTIES)),
        Control("memory:carrier", "its master key", (("master",),)),
        Control("keys:carrier", "its master key", (("master",),)),
        Control("keys:auditor", "its private key", (("seed", "auditor/cbi/1"),)),
        Control("keys:other-agency", "its private key", (("seed", "auditor/nia/1"),)),
        Control("state:carrier", "its signing key", (("mark", "carrier/signing.key"),)),
        *(Control(f"{kind}:{name}", says, (fact,)) for kind in ("memory", "state") for name, says, fact in _KEYS),
        *(Control(f"handset:{name}", "its signing key", (("sign", name),)) for name in handsets),
        *(Control(f"seized:{name}", "its signing key", (("sign", name),)) for name in handsets),
        *(Control(f"answers:{who}", "a refusal", refused) for who in ("gateway", "court", "ledger", "other-customer")),
        *(Control(f"answers:auditor-{who}", "a refusal", refused) for who in ("none", "expired", "wrong-subject")),
        Control("answers:auditor-outside-window", "a refusal", refused),
        Control("answers:operator", "a metric", (("mark", "metric"),)),
    )
