"""What was opened, as text to read: whole, and with its controls made visible. Pure."""

from tiers.wire.message.envelope import Service
from tiers.wire.message.mail import as_text, read_mail
from tiers.wire.message.visible import visible


def readable(service: Service, plaintext: bytes) -> str:
    """Return what was opened as text to read: a mail as its main headers and body, anything else as UTF-8."""
    if service is Service.EMAIL:
        return as_text(read_mail(plaintext))
    return visible(plaintext.decode("utf-8", "replace"))
