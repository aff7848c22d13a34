"""Prosody: XMPP (RFC 6120, 6121) with stream management (XEP-0198) and message archives (XEP-0313), internal storage.

-> <message to=…> … <r/>        <- <a h=…/>     accepted
<- <message from=…> … <r/>      -> <a h=…/>     delivered
"""

import asyncio
import base64
from dataclasses import dataclass, replace
from xml.parsers import expat

from bench.client import SERVER, Connection
from bench.frames import Ready
from bench.peers.kit import KEY_IN_ENVELOPE, Peer, Place, nth

HOST = SERVER.host
_PASSWORD = "loopback"
_CONFIG = """\
data_path = "{folder}"
pidfile = "{folder}/prosody.pid"
run_as_root = true
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ }}
s2s_ports = {{ }}
c2s_direct_tls_ports = {{ {port} }}
ssl = {{ certificate = "{tls}/cert.pem", key = "{tls}/key.pem", protocol = "tlsv1_3" }}
authentication = "internal_plain"
storage = "internal"
modules_enabled = {{ "saslauth", "smacks", "mam" }}
modules_disabled = {{ "s2s" }}
default_archive_policy = true
log = {{ {{ levels = {{ min = "warn" }}, to = "console" }} }}
VirtualHost "{host}"
"""
_PROMISE = "in the archives of both ends, written without fsync"
_STREAM = (
    f"<?xml version='1.0'?><stream:stream to='{HOST}' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>"
).encode()
_BIND = b"<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
_ENABLE = b"<enable xmlns='urn:xmpp:sm:3'/>"
_REQUEST = b"<r xmlns='urn:xmpp:sm:3'/>"
_BEFORE = 1
"""Stanzas that a client sends before its first message: its presence."""

_CHILD = 2
"""How deep a child of the stream is."""


@dataclass(slots=True)
class Element:
    """A child of the stream: its name, attributes, and all text in it."""

    name: str
    attributes: dict[str, str]
    text: str = ""


class Elements:
    """Takes the children of a stream out of what comes (RFC 6120, section 4)."""

    def __init__(self) -> None:
        self._found: list[Element] = []
        self._text: list[str] = []
        self._depth = 0
        self._parser = expat.ParserCreate()
        if hasattr(self._parser, "SetReparseDeferralEnabled"):  # expat 2.6 else keeps back what is cut
            self._parser.SetReparseDeferralEnabled(False)
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text.append

    def feed(self, data: bytes) -> list[Element]:
        """Return the children that are whole now; raises `expat.ExpatError`."""
        self._parser.Parse(data, False)
        found, self._found = self._found, []
        return found

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == _CHILD:
            self._open = Element(name, attributes)
            self._text.clear()

    def _end(self, _name: str) -> None:
        if self._depth == _CHILD:
            self._open.text = "".join(self._text)
            self._found.append(self._open)
        self._depth -= 1


class Client(Connection):
    _signed_in = _counting = False
    _got = _handled = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._new_stream()
        self.flush()

    def data_received(self, data: bytes) -> None:
        delivered = []
        for one in self._elements.feed(data):
            if one.name == "message" and one.attributes.get("type") == "chat":
                self._got += 1
                delivered.append(one.text[KEY_IN_ENVELOPE].encode())
            else:
                self._other(one)
        if delivered:
            self._delivered(delivered)
        self.flush()

    def flush(self) -> None:
        if self._out and self.ready.done():
            self.send(_REQUEST)
        super().flush()

    def _new_stream(self) -> None:
        self._elements = Elements()
        self.send(_STREAM)

    def _other(self, one: Element) -> None:
        match one.name:
            case "a":
                self._acknowledged(int(one.attributes["h"]))
            case "r":
                self.send(b"<a xmlns='urn:xmpp:sm:3' h='%d'/>" % self._got)
            case "iq" | "presence" | "message" if self._counting:
                self._got += 1
                if one.attributes.get("type") == "error":
                    self._refused("", f"{one.name} {one.text}")
            case _:
                self._sign_in(one)

    def _acknowledged(self, handled: int) -> None:
        if not self.ready.done():
            self.ready.set_result(None)
        first = max(self._handled - _BEFORE, 0)
        self._handled = handled
        accepted = tuple(nth(self.party.pin, number) for number in range(first, handled - _BEFORE))
        if accepted:
            self._accepted(accepted)

    def _sign_in(self, one: Element) -> None:
        pin = self.party.pin
        match one.name:
            case "stream:features" if not self._signed_in:
                secret = base64.b64encode(f"\0{pin}\0{_PASSWORD}".encode()).decode()
                auth = f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>"
                self.send(auth.encode())
            case "success":
                self._signed_in = True
                self._new_stream()
            case "stream:features":
                self.send(_BIND)
            case "iq" if one.attributes.get("type") == "result":
                self.send(_ENABLE)
            case "enabled":
                self._counting = True
                self.send(b"<presence/>" + _REQUEST)
            case _:
                self._fail(f"{one.name} {one.text}")


def message(sender: str, number: int, ready: Ready) -> Ready:
    frame = f"<message type='chat' to='{ready.to}@{HOST}'><body>".encode() + ready.frame + b"</body></message>"
    return replace(ready, mid=nth(sender, number), frame=frame)


async def settings(place: Place, binary: str) -> tuple[list[str], str]:
    accounts = place.folder / _encoded(HOST) / "accounts"
    accounts.mkdir(parents=True)
    for pin in place.pins:
        (accounts / f"{_encoded(pin)}.dat").write_text(f'return {{ ["password"] = "{_PASSWORD}" }};')
    path = place.folder / "prosody.cfg.lua"
    path.write_text(_CONFIG.format(folder=place.folder, port=place.port, tls=place.tls, host=HOST))
    return [binary, "--config", str(path), "-F"], _PROMISE


def _encoded(name: str) -> str:
    return "".join(one if one.isalnum() else f"%{ord(one):02x}" for one in name)


PEER = Peer("prosody", "prosody", settings, Client, message, share=0.1)
