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

    A kind is an event and its `code`.
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
    _log.info(event, **fields)


class _Libraries(logging.Handler):
    """What libraries say, as one of our lines and as seldom."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        seldom("library.said", code=record.name, said=record.getMessage()[:200], error=error)


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
    http = logging.getLogger("aiohttp.server")
    http.handlers, http.propagate = [_Http()], False


class _Http(logging.Handler):
    """What the HTTP server says: one line where a request cannot be read, and all of it where we failed."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            seldom("request.unreadable", code=type(error).__name__)
        else:
            structlog.get_logger().error("request.crashed", exc_info=record.exc_info)


def _json(event: object, **_options: object) -> str:
    return visible(msgspec.json.encode(event, enc_hook=str).decode())
