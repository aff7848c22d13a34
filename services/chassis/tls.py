"""Mutual TLS 1.3 from the files of one identity: `ca.pem`, `cert.pem`, `key.pem`. New certificates need no restart.

A certificate is good until it expires, and so is whatever stands on it: no session is resumed by a ticket, and a
connection that stands ends with its peer's certificate. That is real time, as TLS itself reads it.
"""

import asyncio
import ssl
import time
import weakref
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import structlog

from tiers.chassis.background import every
from tiers.wire.errors import Yours

_log = structlog.get_logger()
RELOAD_SECONDS = 1.0


class Tls:
    """The TLS contexts of one identity, reloaded in place when its certificate file changes."""

    def __init__(self, folder: Path) -> None:
        """Load the files; raises `Yours` if one is missing or does not fit."""
        self._folder = folder
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Devices have no certificate: the request table says who needs one.
        self.server.verify_mode = ssl.CERT_OPTIONAL
        self.server.num_tickets = 0  # a ticket would outlive the certificate that it was given for
        for context in (self.server, self.client):
            context.minimum_version = ssl.TLSVersion.TLSv1_3
        self._seen = 0
        self.reload()

    def reload(self) -> bool:
        """Load the certificate again if its file is new; connections made from now on use it."""
        certificate = self._folder / "cert.pem"
        try:
            seen = certificate.stat().st_mtime_ns
            if seen == self._seen:
                return False
            for context in (self.server, self.client):
                context.load_verify_locations(self._folder / "ca.pem")
                context.load_cert_chain(certificate, self._folder / "key.pem")
        except (OSError, ssl.SSLError) as error:
            raise Yours("tls.files", f"Put ca.pem, cert.pem and key.pem into {self._folder}: {error}.") from None
        self._seen = seen
        return True

    async def keep_fresh(self) -> None:
        """Reload for as long as the party runs. A half-written pair is left for the next look."""
        await every(RELOAD_SECONDS, self._look)

    async def _look(self) -> None:
        if self.reload():
            _log.info("tls.reloaded")


def seconds_left(certificate: Mapping[str, Any]) -> float:
    """Return how long a verified certificate (`SSLSocket.getpeercert()`) is good; negative once it has expired."""
    return _seconds(certificate["notAfter"]) - time.clock_gettime(time.CLOCK_REALTIME)


_seconds = lru_cache(maxsize=1024)(ssl.cert_time_to_seconds)


_watched: weakref.WeakSet[asyncio.BaseTransport] = weakref.WeakSet()


def end_with_certificate(transport: asyncio.BaseTransport | None) -> None:
    """Have a connection end when its peer's certificate expires; one without a certificate is left alone."""
    certificate = transport.get_extra_info("peercert") if transport is not None else None
    if transport is None or not certificate or transport in _watched:
        return
    _watched.add(transport)
    asyncio.get_running_loop().call_later(seconds_left(certificate), _abort, weakref.ref(transport))


def _abort(left: "weakref.ref[asyncio.BaseTransport]") -> None:
    transport = left()
    if isinstance(transport, asyncio.WriteTransport) and not transport.is_closing():
        _log.info("tls.expired")
        transport.abort()


def device_context(ca: Path) -> ssl.SSLContext:
    """Return the context of a client without a certificate: it checks whom it reached, and proves itself otherwise.

    Raises `Yours` if the CA's file is none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(ca)
    except (OSError, ssl.SSLError) as error:
        raise Yours("tls.files", f"Put the CA's certificate into {ca}: {error}.") from None
    return context
