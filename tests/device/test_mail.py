"""The `email` service carries real RFC 5322 mail."""

import email
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.device.mail import read_mail, write_mail
from tiers.wire.errors import TiersError, Yours

LINE = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=60).map(str.strip)


@given(LINE, LINE)
def test_what_was_written_is_read(subject: str, text: str) -> None:
    mail = write_mail("2100000a", "2100000b", subject, text, 1_795_500_000_000)

    assert text.strip() == read_mail(mail)[1].strip()


def test_any_mail_reader_reads_it() -> None:
    raw = write_mail("2100000a", "2100000b", "Folder", "It is blue.", 1_795_500_000_000)

    mail = email.message_from_bytes(raw, policy=email.policy.default)

    assert "2100000a@mail.tiers.example" == mail["From"]
    assert "Folder" == mail["Subject"]
    assert "Tue, 24 Nov 2026 06:00:00 +0000" == mail["Date"]
    assert "It is blue.\n" == mail.get_body().get_content().replace("\r\n", "\n")


def test_a_subject_of_two_lines_is_refused() -> None:
    with pytest.raises(Yours, match="mail.subject"):
        write_mail("2100000a", "2100000b", "a\nBcc: everybody", "text", 0)


@given(st.binary(max_size=400))
def test_nothing_but_our_own_errors_escapes_from_a_mail(raw: bytes) -> None:
    try:
        read_mail(raw)
    except TiersError:
        pass
