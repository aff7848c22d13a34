"""The customer's own keys, each in its own file of the state directory. Nobody else ever holds one.

    root.key            signs the directory; its public half is written to root.jwk
    bes-<N>.key         generation N of the key that opens the customer's mail (a 32-byte seed)
    bes-<N>.jws         the statement that the root made for it

The files are the state: the highest generation present is the current one.
"""

import os
import re
from collections.abc import Callable

import msgspec

from tiers.chassis.state import StateDir
from tiers.wire.enterprise.directory import BES_TYP, BesKey, sign_statement
from tiers.wire.errors import Policy
from tiers.wire.keys.jose import SigningKey
from tiers.wire.message.envelope import BesKid, format_kid
from tiers.wire.message.sealing import HpkePrivateKey

_BES_KEY = re.compile(r"bes-([1-9][0-9]{0,8})\.key")


class KeyStore:
    """The root and every generation of the key server's key that was not destroyed. `clock` gives ms since 1970."""

    def __init__(self, state: StateDir, org: str, clock: Callable[[], int]) -> None:
        """Load the keys, or make them at first start; raises `Yours` if others can read one."""
        self.org = org
        self._state = state
        self._clock = clock
        self.root = state.key("root.key", SigningKey)
        state.write("root.jwk", msgspec.json.encode(self.root.public.jwk()))
        self._bes: dict[int, HpkePrivateKey] = {}
        for generation in self._generations() or [1]:
            self._load(generation)
        self.statement = self._state_current()

    @property
    def generation(self) -> int:
        return max(self._bes)

    def key(self, generation: int) -> HpkePrivateKey:
        """Return the key of a generation; raises `Policy` for one that was destroyed."""
        if generation not in self._bes:
            kid = format_kid(BesKid(self.org, generation))
            raise Policy(
                "read.key_destroyed", f"Do without: the customer destroyed {kid}, and nobody can bring it back."
            )
        return self._bes[generation]

    def rotate(self, *, destroy: bool) -> tuple[int, ...]:
        """Make a new generation, on disk when this returns; erase all older ones if `destroy`. Returns the erased."""
        self._load(self.generation + 1)
        self.statement = self._state_current()
        return self._destroy_old() if destroy else ()

    def _destroy_old(self) -> tuple[int, ...]:
        old = sorted(set(self._bes) - {self.generation})
        for generation in old:
            (self._state.path / f"bes-{generation}.key").unlink()
        handle = os.open(self._state.path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        for generation in old:
            del self._bes[generation]
        return tuple(old)

    def _load(self, generation: int) -> None:
        self._bes[generation] = self._state.key(f"bes-{generation}.key", HpkePrivateKey)

    def _state_current(self) -> str:
        """Return the root's statement on the current key: signed once, so that it stays the same."""
        name = f"bes-{self.generation}.jws"
        if (kept := self._state.read(name)) is not None:
            return kept.decode("ascii")
        key = BesKey(self.org, self.generation, self.key(self.generation).public.jwk(), self._clock())
        token = sign_statement(self.root, self.org, BES_TYP, key)
        self._state.write(name, token.encode("ascii"))
        return token

    def _generations(self) -> list[int]:
        found = (_BES_KEY.fullmatch(path.name) for path in self._state.path.iterdir())
        return sorted(int(match[1]) for match in found if match)
