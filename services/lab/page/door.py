"""Who may come in: the decisions of the page's door. Pure.

    GET /enter?token=…   a token that works once -> a cookie, and on to /
    everything else      the cookie (the page) or the bearer token (the command line)

The page listens on loopback, but so does every web site that a browser is made to send there: hence the exact `Host`
(DNS rebinding), the exact `Origin` of whatever changes something, and a cookie that no other site can send along.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from tiers.wire.errors import Forbidden, Unauthenticated

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
_SAFE = frozenset({"GET", "HEAD"})


@dataclass(slots=True)
class Door:
    """One door: `host` is `127.0.0.1:<port>`, `token` the command line's own."""

    host: str
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    _cookie: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    _invitations: set[str] = field(default_factory=set, repr=False)

    @property
    def cookie_name(self) -> str:
        """The cookie's name. Browsers keep cookies by host, not by port: two classrooms need two names."""
        return f"tiers_{self.host.rpartition(':')[2]}"

    def invite(self) -> str:
        """Return an address that lets one browser in, once."""
        token = secrets.token_urlsafe(24)
        self._invitations.add(token)
        return f"http://{self.host}/enter?token={token}"

    def enter(self, token: str) -> str:
        """Return the cookie for an unused invitation and use it up; raises `Unauthenticated`."""
        if token not in self._invitations:
            raise Unauthenticated("lab.invitation", "Run `tiers page` for another address: this one is used up.")
        self._invitations.remove(token)
        return self._cookie

    def check_host(self, host: str) -> None:
        """Raise `Forbidden` for a request that was sent to another name than ours."""
        if host != self.host:
            raise Forbidden("lab.host", f"Ask for http://{self.host}, by this name.")

    def check(self, method: str, headers: Mapping[str, str], cookie: str) -> None:
        """Let a request in; raises `Forbidden` or `Unauthenticated`.

        1. It was sent to our name. 2. With the command line's token it is in. 3. Else it has the cookie, and comes
        from our own page.
        """
        self.check_host(headers.get("Host", ""))  # 1
        if (given := headers.get("Authorization")) is not None:  # 2
            if not hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
                raise Unauthenticated("lab.token", "Use the token in the classroom's control.json.")
            return
        if not hmac.compare_digest(cookie.encode(), self._cookie.encode()):  # 3
            raise Unauthenticated("lab.cookie", "Run `tiers page` and open the address that it prints.")
        origin = headers.get("Origin")
        if origin != f"http://{self.host}" and not (origin is None and method in _SAFE):
            raise Forbidden("lab.origin", "Ask from the page itself.")
        if headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
            raise Forbidden("lab.origin", "Ask from the page itself.")
