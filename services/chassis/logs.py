"""Logs: structlog, JSON, one event name per fact, on standard output. Never a key, never plaintext."""

import sys

import msgspec
import structlog

from tiers.wire.identity import Identity


def configure(party: Identity) -> None:
    """Send every event of this process to standard output as one JSON line that names the party."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(party=str(party))


def _json(event: object, **_options: object) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()
