"""What the lab looks for beside secrets: a JWE, whole, wherever it lies; and a text inside a signed one."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from tiers.lab.attack.search.shapes import JWE
from tiers.measure.search.scan import Chunk, Scanner, Source
from tiers.measure.search.spelling import Known, spell
from tiers.wire.keys.jose import SigningKey
from tiers.wire.message.content import sign_content
from tiers.wire.message.envelope import Recipient, RecipientHeader, format_jwe
from tiers.wire.message.sealing import ContentKey, seal_content

TEXT = "Bring the blue folder to platform nine at six o'clock"
HAY = st.binary(max_size=64)


def finds(data: bytes) -> bool:
    return bool(
        Scanner(spell(Known(("plaintext", "bbm"), TEXT.encode(), words=True)))
        .scan(Source("hay", (Chunk("hay", 0, data),)))
        .facts
    )


def test_a_text_is_found_inside_a_signed_one() -> None:
    token = sign_content(SigningKey(bytes(range(32))), "org/S50000001/3100000a/1", "e30", "bbm", (), TEXT.encode())  # type: ignore[arg-type]
    assert finds(token)
    assert finds(base64.b64encode(b"{" + token))


def jwe() -> bytes:
    recipient = Recipient(RecipientHeader("A256GCMKW", "carrier/in/2100000a/1", iv="A" * 16, tag="A" * 22), "A" * 43)
    return format_jwe(seal_content(ContentKey(b"k" * 32), "e3lKMGVYQWkifQ", [recipient], b"text"))


@given(HAY, HAY)
def test_a_jwe_is_cut_out_whole_wherever_it_lies(before: bytes, after: bytes) -> None:
    raw = jwe().replace(b'"protected":"e3', b'"protected":"ey')
    found = Scanner([], [JWE]).scan(Source("hay", (Chunk("hay", 10, before + raw + after),)))
    ((cut, place),) = found.shut.items()
    assert (format_jwe(cut), place.offset) == (raw, 10 + len(before))
    (chunk,) = JWE.cut(Chunk("hay", 10, before + raw + after))
    assert (chunk.data, chunk.start) == (raw, 10 + len(before))


def test_half_a_jwe_is_none() -> None:
    raw = jwe().replace(b'"protected":"e3', b'"protected":"ey')
    for length in range(len(raw)):
        assert {} == Scanner([], [JWE]).scan(Source("hay", (Chunk("hay", 0, raw[:length]),))).shut
