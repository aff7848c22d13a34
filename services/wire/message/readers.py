"""Who may read, as patterns of `kid`: the relay checks what it takes by them, a handset what it opens. Pure.

One pattern for each recipient, a space between two. In braces: `carrier`, `from`, `to`, `org`, `to_org`, `epoch`; a
last `*` is any generation. Where subscribers of some jurisdiction have other readers, ` | ` stands between the choices.
"""

import re
from functools import lru_cache

from tiers.wire.message.envelope import GCMKW, HPKE, Envelope, message_epoch

ALG = {"carrier": GCMKW, "global": GCMKW, "escrow": GCMKW, "device": HPKE, "org": HPKE}
"""The algorithm of a recipient, by the first part of its `kid`."""
_ADMITTED = " carrier/{carrier}/{to}/{epoch}"
_GENERATION = re.compile(r"0|[1-9][0-9]{0,8}")
_ANY = "*"

Name = tuple[str, ...]
"""A reader by algorithm and `kid`; a third member stands for "of any generation"."""


@lru_cache(maxsize=64)
def choices(patterns: str) -> tuple[str, ...]:
    """Return the choices, the most usual first."""
    return tuple(patterns.split(" | "))


@lru_cache(maxsize=64)
def is_signed(patterns: str) -> bool:
    """Whether the content is signed inside: where the ends have keys of their own."""
    return any(ALG[pattern.partition("/")[0]] == HPKE for pattern in patterns.split())


def is_admitted(patterns: str) -> bool:
    """Whether the carrier adds the receiver: where its own key of the sender is named first."""
    return patterns.startswith("carrier/")


def delivered(patterns: str) -> str:
    """Return the patterns of a message as it reaches its receiver."""
    return patterns + _ADMITTED if is_admitted(patterns) else patterns


def fits(envelope: Envelope, patterns: str, carrier: str | None, org: str | None, to_org: str | None) -> bool:
    """Whether the recipients are these readers, each once, and nobody else."""
    header, recipients = envelope.header, envelope.jwe.recipients
    epoch = message_epoch(header) if "{epoch}" in patterns else 0
    wanted = _filled(patterns, carrier, header.sender, header.to, org, to_org, epoch)
    return len(recipients) == len(wanted) and {_name(r.header.alg, r.header.kid, wanted) for r in recipients} == wanted


@lru_cache(maxsize=65_536)
def _filled(  # noqa: PLR0913, PLR0917 - what a pattern may name
    patterns: str, carrier: str | None, sender: str, to: str, org: str | None, to_org: str | None, epoch: int
) -> frozenset[Name]:
    members = {"carrier": carrier, "from": sender, "to": to, "org": org, "to_org": to_org, "epoch": epoch}
    kids = (pattern.format_map(members) for pattern in patterns.split())
    return frozenset(_pattern(ALG[kid.partition("/")[0]], kid) for kid in kids)


def _pattern(alg: str, kid: str) -> Name:
    stem, _, last = kid.rpartition("/")
    return (alg, stem, _ANY) if last == _ANY else (alg, kid)


def _name(alg: str, kid: str, wanted: frozenset[Name]) -> Name:
    """Return which of the wanted readers a recipient is, or another name than any of them."""
    exact = (alg, kid)
    return exact if exact in wanted else _of_any_generation(alg, kid)


@lru_cache(maxsize=65_536)
def _of_any_generation(alg: str, kid: str) -> Name:
    stem, _, generation = kid.rpartition("/")
    return (alg, stem, _ANY) if _GENERATION.fullmatch(generation) else ()
