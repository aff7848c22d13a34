"""What an XMPP server says, piece by piece (RFC 6120, section 4). Pure: bytes in, elements out."""

from dataclasses import dataclass
from xml.parsers import expat

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
