"""The example in docs/spec/product.md is what the relay writes, and the numbers there are those of the code."""

import re
from pathlib import Path

from kits.interception import PEER, RELAY, TARGET
from tiers.carrier import mediation
from tiers.gateway.interception import administration as interception
from tiers.gateway.interception import copy_sender, tasks
from tiers.gateway.mailbox.promises import Copy
from tiers.wire.lawful.warrant import Delivery
from tiers.wire.lawful.x2x3 import Direction, Keepalive, KeepaliveAck, encode
from tiers.wire.message.envelope import (
    CTY,
    TYP,
    Channel,
    Jwe,
    Protected,
    Recipient,
    RecipientHeader,
    Service,
    format_jwe,
    format_protected,
)

SPEC = (Path(__file__).parents[2] / "docs/spec/product.md").read_text(encoding="utf-8")
XID = "11111111-2222-4333-8444-555555555555"


def copy() -> Copy:
    said = Protected(
        typ=TYP,
        enc="A256GCM",
        mid="0145f680-a240-7000-8000-000000000001",
        channel=Channel.CONSUMER,
        service=Service.BBM,
        sender=TARGET,
        to=PEER,
        ts=1_400_000_041_000,
        cty=CTY[Channel.CONSUMER, Service.BBM],
        cmt="A" * 43,
    )
    protected = format_protected(said)
    key = RecipientHeader("A256GCMKW", "carrier/in/2100000a/2294347", "A" * 16, "A" * 22)
    envelope = format_jwe(Jwe(protected, (Recipient(key, "A" * 43),), "A" * 16, "aGVsbG8", "A" * 22))
    return Copy(0, "1-0", 1_400_000_041_123_000_000, protected, envelope, Direction.FROM_TARGET)


def test_the_example_is_what_the_relay_writes() -> None:
    x2, _ = copy_sender.pdus_of(copy(), XID, Delivery.BOTH, 0, RELAY)

    shown = [bytes.fromhex(block) for block in re.findall(r"```hex\n(.*?)```", SPEC, re.DOTALL)]

    assert shown == [encode(x2), encode(Keepalive(0)), encode(KeepaliveAck(0))]


def test_the_sizes_and_keys_are_those_of_the_code() -> None:
    for text in (
        f"{tasks.MAX_QUEUE:,} copies and {tasks.MAX_QUEUE_BYTES >> 20} MiB",
        f"{copy_sender.BATCH} copies at a time",
        f"every {copy_sender.KEEPALIVE_SECONDS:.0f} s",
        f"nothing for {mediation.IDLE_SECONDS:.0f} s",
        f"after {copy_sender.BACKOFF_SECONDS[0]} s, doubling up to {copy_sender.BACKOFF_SECONDS[1]:.0f} s",
        f"about {mediation.MAX_PAGE >> 20} MiB",
        f"{tasks.LINGER_MS // 1000} s at least",
        interception.TASKS,
        copy_sender.Numbers.NEXT,
    ):
        assert text in SPEC
