"""Mail (RFC 5322): what is written comes out as it went in; whatever comes from elsewhere is shown, and at once."""

import email
import email.policy
import time
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.wire.errors import TiersError, Yours
from tiers.wire.message.mail import MAX_PARTS, as_text, read_mail, write_mail

A, B, NOW = "2100000a", "2100000b", 1_795_500_000_000
TEXT = st.text(st.characters(codec="utf-8"), max_size=400)
SUBJECT = TEXT.filter(lambda said: not set(said) & set("\r\n"))


@given(SUBJECT, TEXT)
def test_subjects_names_and_bodies_come_out_as_they_went_in(subject: str, text: str) -> None:
    mail = read_mail(write_mail(A, B, subject, text, NOW))

    assert (f"{A}@mail.tiers.example", f"{B}@mail.tiers.example") == (mail.sender, mail.to)
    assert (subject, text, ()) == (mail.subject, mail.text, mail.others)


@pytest.mark.parametrize(
    "subject",
    ["wörds äre löng änd mäny, möre thän öne encöded wörd hölds", "=?utf-8?q?Paid?=", " x ", "a  b", "", "é" * 90],
)
def test_a_subject_is_the_same_to_any_reader(subject: str) -> None:
    raw = write_mail(A, B, subject, "text", NOW)

    assert subject == read_mail(raw).subject
    if subject == subject.strip():
        assert subject == email.message_from_bytes(raw, policy=email.policy.default)["Subject"]
    assert max(map(len, raw.split(b"\r\n"))) <= 78


def test_any_mail_reader_reads_it() -> None:
    mail = email.message_from_bytes(write_mail(A, B, "Folder", "It is blue.", NOW), policy=email.policy.default)

    assert "2100000a@mail.tiers.example" == mail["From"]
    assert "Tue, 24 Nov 2026 06:00:00 +0000" == mail["Date"]
    assert "It is blue." == mail.get_body().get_content().rstrip()


@pytest.mark.parametrize("subject", ["a\nBcc: everybody", "a\rb"])
def test_a_subject_of_two_lines_is_refused(subject: str) -> None:
    with pytest.raises(Yours, match=r"mail\.subject"):
        write_mail(A, B, subject, "text", 0)


@pytest.mark.parametrize(("subject", "text"), [("\ud800", "x"), ("x", "\udcff")])
def test_half_a_character_is_refused(subject: str, text: str) -> None:
    with pytest.raises(Yours, match=r"mail\.text"):
        write_mail(A, B, subject, text, 0)


def built(*parts: tuple[str, str, str], text: str = "") -> bytes:
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "x@y", "s"
    if text:
        mail.set_content(text)
    for kind, name, content in parts:
        main, _, sub = kind.partition("/")
        if name:
            mail.add_attachment(content.encode(), maintype=main, subtype=sub, filename=name)
        else:
            mail.set_content(content, subtype=sub)
    return mail.as_bytes()


def parted(*parts: bytes) -> bytes:
    between = b"\r\n--b\r\n"
    return b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n" + b"".join(between + one for one in parts)


BOUNCE = b"""From: MAILER-DAEMON@x\r\nSubject: failed\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r
Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@b\r
Status: 5.1.1\r\n--b--\r\n"""
PAGE = "<style>p{}</style><p>Hello <b>you</b><br>and &lt;me&gt;<script>x()</script></p>"


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        (built(("text/html", "", PAGE)), "Hello you\nand <me>"),
        (built(("text/html", "", "<html><head><meta charset=utf-8><title>x</title><body>Hello")), "Hello"),
        (built(("text/calendar", "", "BEGIN:VCALENDAR\nSUMMARY:Lunch")), "SUMMARY:Lunch"),
        (BOUNCE, "Status: 5.1.1"),
        (built(("application/pdf", "réport.pdf", "12345")), "[réport.pdf, application/pdf, 5 bytes]"),
        (built(("text/plain", "notes.txt", "x"), text="the body"), "the body"),
        (b"Subject: x\r\nContent-Type: text/plain; a*\r\n\r\nbody", "body"),
        (b"Subject: x\r\nContent-Type: text/plain; charset=nope-8\r\n\r\nbody\xff", "body"),
        (b"Subject: x\r\nContent-Type: text/plain; charset=unicode_escape\r\n\r\n\\ud800 body", "body"),
        ("From: Zoë <z@x>\r\nSubject: nö\r\n\r\nbody".encode(), "From: Zoë <z@x>"),
        (parted(b"\r\nbefore", b"Content-Type: image/png\r\n\r\nP", b"\r\nafter"), "before\nafter"),
        (parted(b"\r\n \r\n", b"Content-Type: text/html\r\n\r\n<p>all of it"), "all of it"),
        (b"Subject: x\r\nContent-Type: multipart/mixed\r\n\r\nwithout a boundary", "without a boundary"),
        (b"no mail at all", "no mail at all"),
        (b"", ""),
    ],
)  # fmt: skip
def test_a_mail_of_any_kind_shows_something(raw: bytes, seen: str) -> None:
    assert seen in as_text(read_mail(raw))


DEEP = b"".join(b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(1_200))


@pytest.mark.parametrize(
    "raw",
    [
        DEEP,
        b"".join(b"Content-Type: message/rfc822\r\n\r\n" for _ in range(3_000)),
        b"Content-Type: " + b"a;" * 30_000 + b"\r\n\r\nbody",
        b"Content-Type: text/plain; " + b'a="' * 20_000 + b"\r\n\r\nbody",
        b"Content-Disposition: x;" + b" a*0*=''%;" * 5_000 + b"\r\n\r\nbody",
        b"From: " + b"<a@b>,\r\n " * 7_000 + b"\r\n\r\nbody",
        b"Subject: " + b"=?utf-8?q?" * 9_000 + b"\r\n\r\nbody",
        b"Subject: " + b"?= " * 30_000 + b"\r\n\r\nbody",
        b"Subject: x\r\nContent-Type: text/html\r\n\r\n" + b"<style" * 15_000,
        b"Subject: x\r\nContent-Type: text/html\r\n\r\n" + b"<!--" * 24_000,
        b"Subject: x\r\nContent-Type: text/html\r\n\r\n<" + b"a" * 60_000,
        b'X: y\rContent-Type: text/plain; a="' + b";" * 56_000 + b"\r\n\r\nbody",
        b"Subject: x\r\nContent-Type: text/plain; charset=punycode\r\n\r\n" + b"-" + b"a" * 90_000,
        b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 12_000,
        parted(*[b"\r\nx"] * 7_000),
    ],
)  # fmt: skip
def test_a_mail_made_to_take_forever_is_shown_at_once(raw: bytes) -> None:
    start = time.process_time()

    assert as_text(read_mail(raw))
    assert time.process_time() - start < 1
    assert len(read_mail(raw).others) <= MAX_PARTS


WORDS = st.sampled_from(
    [b"Subject: ", b"From: ", b"Content-Type: ", b"multipart/mixed; boundary=b", b"text/plain; charset=", b"=?utf-8?b?",
     b"?=", b"\r\n", b"\r\n\r\n", b"--b", b"message/rfc822", b"Content-Transfer-Encoding: base64\r\n", b"<a@b>",
     b"\x00", b"\xff", b"(", b'"', b";", b"=", b"utf-7", b"idna", b"hex", b"*0*=''%", b"Date: ", b"text/plain; a*",
     b"message/delivery-status", b"x-uuencode", b"filename*=x''%ff", b"Content-Disposition: attachment;"]
)  # fmt: skip


@given(st.one_of(st.binary(max_size=400), st.lists(WORDS, max_size=40).map(b"".join)))
def test_no_mail_makes_reading_fail(raw: bytes) -> None:
    try:
        as_text(read_mail(raw)).encode()
    except TiersError:  # not even one of ours
        pytest.fail("a mail was not read")
