"""Mail (RFC 5322), written and read: what the `email` service carries. Pure. The one reader of mail, with bounds.

What is written comes out as it went in. Reading never fails: mail from elsewhere is shown as far as it can be, and what
is too deep, too wide or no mail at all is shown as it came.
"""

import binascii
import email.parser
import email.policy
import email.utils
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.message import Message
from typing import Final, TypeVar

from tiers.wire.errors import Yours
from tiers.wire.message.envelope import Service
from tiers.wire.message.visible import visible

T = TypeVar("T")
DOMAIN = "mail.tiers.example"
MAX_LINE: Final = 2_000
"""Octets of a `Content-` header with its folding: the parameters of a longer one take quadratic time to read."""
MAX_PARTS: Final = 50
_PLAIN_LINE = 900
_WORD_OCTETS = 42
_PLAIN: Final = re.compile(r"[\x20-\x7e\n]*")
_PLAIN_SUBJECT: Final = re.compile(r"(?!.*=\?)(?! )[\x20-\x7e]{0,60}(?<! )")
_CHARSET: Final = re.compile(
    r"utf-?(8|16|32)([lb]e)?|(us-)?ascii|iso-8859-\d+|iso-2022-\w+|windows-125\d|cp125\d|koi8-[ru]|gb(2312|k|18030)"
    r"|big5|shift_jis|euc-(jp|kr)"
)
_FOLDED: Final = re.compile(rb"(?:\r\n|\r(?!\n)|\n)(?![ \t])")  # `email` ends a line at a bare CR too
_NESTS: Final = re.compile(rb"(?:multipart|message)/", re.IGNORECASE)
_WORD: Final = re.compile(r"=\?([^?\s]{1,40})\?([bBqQ])\?([^?\s]*)\?=")
_BETWEEN: Final = re.compile(r"(\?=)\s+(?==\?[^?\s]{1,40}\?[bBqQ]\?)")
_TAG: Final = re.compile(r"<(/?)([A-Za-z!?][^\s<>/]*)(?:[\s/][^<>]*)?>")
_BREAKS: Final = frozenset({"br", "p", "div", "li", "tr", "h1", "h2", "h3", "blockquote"})
_REPORT: Final = "message/delivery-status"
_UNSEEN: Final = frozenset({"style", "script", "title"})
_BROKEN = (MessageError, LookupError, ValueError, TypeError, AttributeError, RecursionError)
"""What `email` raises on hostile mail, beside its own."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as it is read: headers decoded, `others` names the parts that are not shown as text."""

    sender: str
    to: str
    subject: str
    date: str
    text: str
    others: tuple[str, ...] = ()


def address(pin: str) -> str:
    """Return the mail address of a PIN."""
    return f"{pin}@{DOMAIN}"


def write_mail(sender: str, to: str, subject: str, text: str, now: int) -> bytes:
    """Write a message from one PIN to another; `now` is ms since 1970. Raises `Yours`."""
    if "\n" in subject or "\r" in subject:
        raise Yours("mail.subject", "Keep the subject on one line.")
    date = email.utils.format_datetime(datetime.fromtimestamp(now / 1000, UTC))
    plain = _PLAIN.fullmatch(text) and max(map(len, text.split("\n"))) <= _PLAIN_LINE
    try:
        body = text.replace("\n", "\r\n").encode() if plain else _base64(text.encode())
        head = [
            f"From: {address(sender)}",
            f"To: {address(to)}",
            f"Subject: {_encoded(subject)}",
            f"Date: {date}",
            'Content-Type: text/plain; charset="utf-8"',
            f"Content-Transfer-Encoding: {'7bit' if plain else 'base64'}",
            "MIME-Version: 1.0",
        ]
    except UnicodeEncodeError:
        raise Yours("mail.text", "Write text that is Unicode: there is half a character in it.") from None
    return "\r\n".join([*head, "", ""]).encode("ascii") + body


def read_mail(raw: bytes) -> Mail:
    """Read a message, whatever it is."""
    try:
        wide = any(len(line) > MAX_LINE for line in _FOLDED.split(raw) if line[:8].lower() == b"content-")
        if wide or len(_NESTS.findall(raw)) > MAX_PARTS:
            raise ValueError("too deep or too wide")
        mail = email.parser.BytesParser(policy=email.policy.compat32).parsebytes(raw)
        head = {name.lower(): value for name, value in reversed(list(mail.raw_items()))}
        if not head:
            raise ValueError("no mail")
        leaves = list(_leaves(mail))
        read = _to_read(leaves)
        known = set(map(id, read))
        others = tuple(_name(part) for part in leaves if id(part) not in known)
        sender, to, subject, date = (_decoded(str(head.get(name, ""))) for name in ("from", "to", "subject", "date"))
        return Mail(sender, to, subject, date, "\n".join(map(_text, read)), others[:MAX_PARTS])
    except _BROKEN:
        return Mail("", "", "", "", raw.decode("utf-8", "replace"))


def as_text(mail: Mail) -> str:
    """Return a mail as text to read, its controls made visible: main headers, body, the names of what else is in it."""
    head = {"From": mail.sender, "To": mail.to, "Subject": mail.subject, "Date": mail.date}
    lines = [f"{name}: {visible(value, lines=False)}" for name, value in head.items() if value]
    others = [f"[{visible(other, lines=False)}]" for other in mail.others]
    return "\n".join([*lines, *([""] if lines else []), visible(mail.text), *others])


def readable(service: str, plaintext: bytes) -> str:
    """Return what was opened as text to read: a mail as its main headers and body, anything else as UTF-8."""
    return as_text(read_mail(plaintext)) if service == Service.EMAIL else visible(plaintext.decode("utf-8", "replace"))


def _leaves(part: Message) -> Iterator[Message]:
    """Yield the parts that hold no others; a report's fields (RFC 3464) are one."""
    if part.is_multipart() and part.get_content_type() != _REPORT:
        for inner in part.get_payload():
            if isinstance(inner, Message):
                yield from _leaves(inner)
    else:
        yield part


def _asked(ask: Callable[[], T], otherwise: T) -> T:
    """Ask a part about itself; one that cannot be read is no harm to the others."""
    try:
        return ask()
    except _BROKEN:
        return otherwise


def _to_read(leaves: list[Message]) -> list[Message]:
    """Return the parts to read: all plain text, else all HTML, else other text, such as a calendar's or a report's.

    Where there is none, parts that should hold others and do not.
    """
    inline = [part for part in leaves if _asked(part.get_content_disposition, None) != "attachment"]
    for fits in ("text/plain", "text/html", "text/", "message/", "multipart/"):
        found = [part for part in inline if part.get_content_type().startswith(fits)]
        if any(_text(part).strip() for part in found):
            return found
    return [part for part in inline if part.get_content_maintype() == "text"][:1]


def _text(part: Message) -> str:
    charset = _asked(part.get_content_charset, None)
    text = _decode(_octets(part), charset or "utf-8")
    if str(part.get("Content-Transfer-Encoding", "7bit")).strip().lower() in {"7bit", "8bit", ""}:
        text = text.replace("\r\n", "\n")
    return _without_tags(text) if part.get_content_type() == "text/html" else text


def _name(part: Message) -> str:
    name = _decoded(str(_asked(part.get_filename, None) or "a part without a name"))
    return f"{name}, {part.get_content_type()}, {len(_octets(part)):,} bytes"


def _octets(part: Message) -> bytes:
    if part.is_multipart():
        return b"\n".join(bytes(one) for one in part.get_payload() if isinstance(one, Message))
    said: object = _asked(lambda: part.get_payload(decode=True), None)
    return said if isinstance(said, bytes) else b""


def _decode(raw: bytes, charset: str) -> str:
    known = charset if _CHARSET.fullmatch(charset.lower()) else "utf-8"
    return raw.decode(known, "replace")


def _without_tags(page: str) -> str:
    """Return the text of an HTML part: no tags, no scripts and styles, in one pass."""
    out, at, unseen = [], 0, ""
    for tag in _TAG.finditer(page):
        if not unseen:
            out.append(page[at : tag.start()])
        at, name = tag.end(), tag[2].lower()
        if not unseen and not tag[1] and name in _UNSEEN:
            unseen = name
        elif unseen == name and tag[1]:
            unseen = ""
        elif name in _BREAKS and not unseen:
            out.append("\n")
    if not unseen:
        out.append(page[at:])
    lines = (" ".join(line.split()) for line in html.unescape("".join(out)).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


# ---- RFC 2047 ----


def _encoded(subject: str) -> str:
    """Write a subject: as it is if that is read as it is, else as encoded words, none of which ends in a character."""
    if _PLAIN_SUBJECT.fullmatch(subject):
        return subject
    words, word = [], b""
    for one in subject:
        octets = one.encode()
        if len(word) + len(octets) > _WORD_OCTETS:
            words.append(word)
            word = b""
        word += octets
    return "\r\n ".join(f"=?utf-8?b?{binascii.b2a_base64(one, newline=False).decode()}?=" for one in [*words, word])


def _decoded(value: str) -> str:
    """Read a header's text: unfolded, encoded words decoded, the space between two of them dropped."""
    value = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")  # octets that are not ASCII
    unfolded = re.sub(r"\r?\n(?=[ \t])", "", value)
    return _WORD.sub(_word, _BETWEEN.sub(r"\1", unfolded))


def _word(found: re.Match[str]) -> str:
    charset, how, text = found.groups()
    try:
        if how in "bB":
            raw = binascii.a2b_base64(text)
        else:
            raw = binascii.a2b_qp(text.encode("ascii", "replace"), header=True)
    except (binascii.Error, ValueError):
        return found[0]
    return _decode(raw, charset)


def _base64(raw: bytes) -> bytes:
    lines = (raw[at : at + 57] for at in range(0, len(raw), 57))
    return b"".join(binascii.b2a_base64(line, newline=False) + b"\r\n" for line in lines)
