"""Real RFC 5322 mail, by the standard library: what the `email` service carries. Pure."""

import email
import email.policy
import email.utils
from datetime import UTC, datetime
from email.message import EmailMessage

from tiers.wire.errors import Yours

DOMAIN = "mail.tiers.example"


def address(pin: str) -> str:
    """Return the mail address of a PIN."""
    return f"{pin}@{DOMAIN}"


def write_mail(sender: str, to: str, subject: str, text: str, now: int) -> bytes:
    """Write a message from one PIN to another; `now` is ms since 1970. Raises `Yours`."""
    mail = EmailMessage(policy=email.policy.SMTP)
    try:
        mail["From"], mail["To"], mail["Subject"] = address(sender), address(to), subject
    except ValueError:
        raise Yours("mail.subject", "Keep the subject on one line.") from None
    mail["Date"] = email.utils.format_datetime(datetime.fromtimestamp(now / 1000, UTC))
    mail.set_content(text)
    return mail.as_bytes()


def read_mail(raw: bytes) -> tuple[str, str]:
    """Return (subject, text) of a message; raises `Yours` where there is no text."""
    mail = email.message_from_bytes(raw, _class=EmailMessage, policy=email.policy.default)
    try:
        body = mail.get_body(("plain",))
        text = body.get_content() if isinstance(body, EmailMessage) else None
        subject = str(mail["Subject"] or "")
    except (LookupError, ValueError, AttributeError, TypeError):
        text, subject = None, ""
    if not isinstance(text, str):
        raise Yours("mail.unreadable", "This mail has no plain text that can be shown.")
    return subject, text.rstrip("\r\n")
