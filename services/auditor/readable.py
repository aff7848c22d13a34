"""What was opened, as text to read. Pure. Hostile mail is shown as it came, and takes no time to speak of."""

import email
import email.policy
import re
from email.errors import MessageError
from typing import Final

from tiers.wire.message.envelope import Service

MAX_MAIL_LINE: Final = 2_000
"""Octets of a mail's line with its folding (RFC 5322 allows 998 without). A mail with a longer one is shown raw."""
_FOLDED_LINE: Final = re.compile(rb"\r?\n(?![ \t])")


def readable(service: Service, plaintext: bytes) -> str:
    """Return what was opened as text to read: a mail as its main headers and body, anything else as UTF-8."""
    if service is Service.EMAIL:
        try:
            # a charset such as unicode_escape can spell a lone surrogate, which no JSON carries
            return _mail(plaintext).encode("utf-8", "replace").decode("utf-8")
        except (MessageError, LookupError, ValueError, TypeError, AttributeError, RecursionError):
            pass  # email.policy.default raises all of these on hostile mail; the bytes are shown as they are
    return plaintext.decode("utf-8", "replace")


def _mail(plaintext: bytes) -> str:
    if max(map(len, _FOLDED_LINE.split(plaintext))) > MAX_MAIL_LINE:
        raise ValueError("a line that takes email.policy.default quadratic time")
    mail = email.message_from_bytes(plaintext, policy=email.policy.default)
    head = [f"{name}: {mail[name]}" for name in ("From", "To", "Subject", "Date") if mail[name]]
    body = mail.get_body(("plain", "html"))
    text = str(body.get_content()) if body is not None else ""
    return "\n".join([*head, "", text])
