"""The page of the session says what the code does."""

import re
from pathlib import Path

from kits.relay import ALICE, BOB, GATEWAY, consumer, header
from tiers.gateway.channels import MAX_SKEW_MS
from tiers.gateway.mailbox.promises import KEEP_MS, MAX_BYTES, MAX_MESSAGES, REPEAT_S
from tiers.gateway.path import session, sessions, window
from tiers.wire.encoding import unb64u
from tiers.wire.keys.jose import SigningKey
from tiers.wire.message.envelope import MAX_ENVELOPE, Channel, format_envelope
from tiers.wire.message.frames import (
    MAX_FRAME,
    MAX_IDS,
    Challenge,
    Hello,
    parse_from_device,
    parse_from_relay,
    session_message,
)

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/spec/session.md").read_text(encoding="utf-8")
ENVELOPE = format_envelope(consumer(header(Channel.CONSUMER, ALICE, BOB, 1_767_225_600_000))).decode()
EXAMPLE = PAGE.partition("```session\n")[2].partition("```")[0].replace('"envelope":E', f'"envelope":{ENVELOPE}')
SAID = EXAMPLE.splitlines()
_RAISED = re.compile(r'(?:Yours|Ours|Policy|Suspended|Forbidden|Unauthenticated|TooMany|TooLarge)\(\s*"([a-z_.]+)"')


def test_every_frame_of_the_example_is_one() -> None:
    heard = [parse_from_relay(line[3:]) for line in SAID if line.startswith("<- ")]
    said = [parse_from_device(line[3:]) for line in SAID if line.startswith("-> ")]
    assert len(heard) + len(said) == len(SAID)
    assert isinstance(heard[0], Challenge)
    assert isinstance(said[0], Hello)


def test_the_signature_of_the_example_holds_over_the_octets_shown() -> None:
    challenge, hello = parse_from_relay(SAID[0][3:]), parse_from_device(SAID[1][3:])
    assert isinstance(challenge, Challenge)
    assert isinstance(hello, Hello)
    octets = session_message(GATEWAY, challenge.nonce, hello.pin)
    assert f"```text\n{octets.decode()}\n```" in PAGE
    public = SigningKey(b"B" * 32).public
    assert public.jwk().x in PAGE
    assert public.verify(unb64u(hello.signature, "x"), octets, "x") == octets


def test_every_number_on_the_page_is_the_codes() -> None:
    says = [
        f"frame from a device | {MAX_FRAME:,} bytes",
        f"from {2 * MAX_FRAME:,} the connection",
        f"envelope | {MAX_ENVELOPE:,} bytes",
        f"in one session | {session.MAX_UNDECIDED}, or {session.MAX_UNDECIDED_BYTES >> 20} MiB",
        f"in one session | {window.MAX_COUNT}, or {window.MAX_BYTES >> 20} MiB and one message",
        f"mailbox | {MAX_MESSAGES:,} messages, or {MAX_BYTES >> 20} MiB",
        f"time in a mailbox | {KEEP_MS // 86_400_000} days",
        f"challenge | {sessions.HELLO_SECONDS:.0f} s",
        f"silence | {sessions.HEARTBEAT_SECONDS:.0f} s",
        f"within {MAX_SKEW_MS // 1000} s of the relay's clock",
        f"for at least {REPEAT_S // 60} minutes",
        f"1 to {MAX_IDS} of them",
    ]
    assert [one for one in says if one not in PAGE] == []
    assert session.DRAINED_MS == 60_000  # "once a minute"


def test_every_code_that_a_device_can_hear_is_on_the_page() -> None:
    parts = ("app", "channels", "path/delivery", "path/intake", "path/sessions", "../services/store/connection")
    code = "".join((ROOT / f"gateway/{part}.py").read_text(encoding="utf-8") for part in parts)
    between_parties_or_at_the_start = {"carrier.malformed", "settings.readers"}
    heard = set(_RAISED.findall(code)) - between_parties_or_at_the_start
    assert len(heard) > 15
    assert [one for one in sorted(heard) if f"`{one}`" not in PAGE] == []
