"""Who may read, as patterns of `kid`: the relay checks what it takes by them, a handset what it opens. Pure.

One pattern for each recipient, a space between two. In braces: `carrier`, `from`, `to`, `org`, `to_org`, `epoch`; a
last `*` is any generation. Where subscribers of some jurisdiction have other readers, ` | ` stands between the choices.
"""

import re
from collections.abc import Container
from functools import lru_cache

from tiers.wire.message.envelope import GCMKW, HPKE, Envelope, Protected, message_epoch

ALG = {"carrier": GCMKW, "global": GCMKW, "escrow": GCMKW, "device": HPKE, "org": HPKE}
"""The algorithm of a recipient, by the first part of its `kid`."""
_ADMITTED = " carrier/{carrier}/{to}/{epoch}"
_GENERATION = re.compile(r"0|[1-9][0-9]{0,8}")
_ANY = "*"

Name = tuple[str, ...]
"""A reader by algorithm and `kid`; a third member stands for "of any generation"."""
Members = tuple[str | int | None, ...]
"""What the braces in patterns stand for, in this order:"""
_BRACES = ("carrier", "from", "to", "org", "to_org", "epoch")


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


def named(envelope: Envelope) -> tuple[Name, ...]:
    """Return who can read an envelope, by its own word."""
    return tuple([(one.header.alg, one.header.kid) for one in envelope.jwe.recipients])


def members(header: Protected, carrier: str | None, org: str | None, to_org: str | None) -> Members:
    """Return what the braces in patterns stand for."""
    return carrier, header.sender, header.to, org, to_org, message_epoch(header)


def fits(names: tuple[Name, ...], patterns: str, said: Members) -> bool:
    """Whether the recipients that are `named` are these readers, each once, and nobody else."""
    values = dict(zip(_BRACES, said, strict=True))
    kids = [pattern.format_map(values) for pattern in patterns.split()]
    wanted = {_pattern(ALG[kid.partition("/")[0]], kid) for kid in kids}
    return len(names) == len(wanted) and {_name(name, wanted) for name in names} == wanted


def _pattern(alg: str, kid: str) -> Name:
    stem, _, last = kid.rpartition("/")
    return (alg, stem, _ANY) if last == _ANY else (alg, kid)


def _name(name: Name, wanted: Container[Name]) -> Name:
    """Return which of the wanted readers a recipient is, or another name than any of them."""
    if name in wanted:
        return name
    alg, kid = name
    stem, _, generation = kid.rpartition("/")
    return (alg, stem, _ANY) if _GENERATION.fullmatch(generation) else ()
