"""Logs: structlog, JSON, one event name per fact, on standard output. Never a key, never plaintext."""

import logging
import sys
import time

import msgspec
import structlog
from aiohttp.http_exceptions import HttpProcessingError

from tiers.wire.identity import Identity
from tiers.wire.message.visible import visible

_log = structlog.get_logger()
SELDOM_SECONDS = 1.0
MAX_KINDS = 1_000
_last: dict[tuple[str, object], tuple[float, int]] = {}


def seldom(event: str, **fields: object) -> None:
    """Log what a stranger can cause as often as he likes: one line a second of each kind, with how many it stands for.

    A kind is an event and its `code`. With an `exc_info` it is an error.
    """
    kind, now = (event, fields.get("code")), time.monotonic()
    at, more = _last.get(kind, (0.0, 0))
    if at and now - at < SELDOM_SECONDS:
        _last[kind] = at, more + 1
        return
    if len(_last) >= MAX_KINDS:
        _last.clear()
    _last[kind] = now, 0
    if more:
        fields["more"] = more
    say = _log.error if "exc_info" in fields else _log.info
    say(event, **fields)


class _Libraries(logging.Handler):
    """What libraries say, as one of our lines and as seldom; where the HTTP server failed on a request, where."""

    def emit(self, record: logging.LogRecord) -> None:
        kind, error, _ = record.exc_info or (None, None, None)
        name = kind.__name__ if kind else None
        if record.name != "aiohttp.server":
            seldom("library.said", code=record.name, said=record.getMessage()[:200], error=name)
        elif isinstance(error, HttpProcessingError):
            seldom("request.unreadable", code=name)
        else:
            seldom("request.crashed", code=name, exc_info=record.exc_info)


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
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)
    structlog.contextvars.bind_contextvars(party=str(party))


def _json(event: object, **_options: object) -> str:
    return visible(msgspec.json.encode(event, enc_hook=str).decode())
