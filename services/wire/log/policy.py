"""The policy file of a log: whom to believe about it. Pure. In the shape of the witness policies of C2SP and Sigsum.

    log <verifier key>
    witness <name> <verifier key> [<url>]
    quorum <k> <name>...

One log; `k` of the witnesses that `quorum` names must have cosigned a checkpoint. A witness counts once, whatever names
it bears. Any of them may be somebody else's: its key is all that there is to trust.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tiers.wire.errors import Yours
from tiers.wire.log.checkpoint import LogKey, PinnedLog, WitnessKey

FILE = "log.policy"
"""Its name in a trust folder."""
MAX_POLICY = 8_192
_NAME = re.compile(r"[a-z0-9-]{1,20}")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a policy file says: the pinned log, and where its witnesses answer, by their keys' names."""

    pinned: PinnedLog
    urls: Mapping[str, str]


def parse_policy(text: str) -> Policy:
    """Read a policy file; raises `Yours` (`checkpoint.bad_policy`, `checkpoint.bad_vkey`)."""
    logs, quorums = list[LogKey](), list[list[str]]()
    witnesses, urls = dict[str, WitnessKey](), dict[str, str]()
    for line in text.splitlines() if len(text) <= MAX_POLICY else ():
        match line.split():
            case [word, *_] if word.startswith("#"):
                continue
            case []:
                continue
            case ["log", vkey]:
                logs.append(LogKey.parse(vkey))
            case ["witness", name, vkey, *url] if _NAME.fullmatch(name) and name not in witnesses and len(url) <= 1:
                witnesses[name] = WitnessKey.parse(vkey)
                urls.update((witnesses[name].name, one) for one in url)
            case ["quorum", k, *names] if k.isascii() and k.isdecimal():
                quorums.append([k, *names])
            case _:
                raise _bad(f"no line of a policy begins {line[:20]!r}")
    if len(logs) != 1 or len(quorums) != 1 or any(name not in witnesses for name in quorums[0][1:]):
        raise _bad("it names one log, and one quorum of witnesses that it knows")
    k, *names = quorums[0]
    return Policy(PinnedLog(logs[0], tuple(witnesses[name] for name in names), int(k)), urls)


def write_policy(log: str, witnesses: Mapping[str, str], quorum: int, urls: Mapping[str, str] | None = None) -> str:
    """Write the policy file for verifier keys and addresses given as text, by short name."""
    lines = [f"witness {name} {vkey} {(urls or {}).get(name, '')}".rstrip() for name, vkey in witnesses.items()]
    return "\n".join([f"log {log}", *lines, f"quorum {quorum} {' '.join(witnesses)}"]) + "\n"


def _bad(why: str) -> Yours:
    return Yours("checkpoint.bad_policy", f"Write {FILE} as docs/spec/ledger.md shows it: {why}.")
