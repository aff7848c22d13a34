"""Who may come in: the decisions of the page's door. Pure.

    GET  /enter?token=…  a page with a button: looking at it, or fetching it beforehand, spends nothing
    POST /enter          a token that works once -> a cookie, and on to /
    both with the cookie on to /: the browser is in, and came back
    everything else      the cookie (the page) or the bearer token (the command line)

The page listens on loopback, but so does every web site that a browser is made to send there: hence the exact `Host`
(DNS rebinding), the exact `Origin` of whatever changes something, and a cookie that no other site can send along.
Browsers keep cookies by host and not by port, so the page has a name of its own below `.localhost`, drawn anew each
time: another server on 127.0.0.1 does not know it and never sees the cookie. Chromium and Firefox know that such names
are this machine; where the system does not (Safari on an older macOS), a line in /etc/hosts says so.
"""

import hmac
import html
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
ENTERING = POLICY.replace("form-action 'none'", "form-action 'self'").replace("img-src 'self'", "img-src data:")
"""The button's page: it may send its form, and its empty icon asks us for nothing."""
_BUTTON = """<!doctype html><html lang="en"><meta charset="utf-8"><title>intercept-tiers</title>
<link rel="icon" href="data:,">
<h1>The classroom</h1><p>This address lets one browser in, once.</p>
<form method="post" action="/enter"><input type="hidden" name="token" value="{token}"><button>Come in</button></form>
"""
_REDIRECT = """<!doctype html><meta charset="utf-8"><title>intercept-tiers</title>
<meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0; url={address}">
"""
COOKIE = "tiers"
_SAFE = frozenset({"GET", "HEAD"})


@dataclass(slots=True)
class Door:
    """One door: the page's name is drawn, `token` is the command line's own."""

    port: int
    host: str = ""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    _cookie: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    _invitations: set[str] = field(default_factory=set, repr=False)

    def __post_init__(self) -> None:
        """Draw the name."""
        self.host = f"classroom-{secrets.token_hex(8)}.localhost:{self.port}"

    @property
    def loopback(self) -> str:
        """Where the command line asks: it brings its token and no cookie."""
        return f"127.0.0.1:{self.port}"

    def button(self, token: str) -> str:
        """Return the page that spends an invitation when its button is pressed."""
        return _BUTTON.format(token=html.escape(token, quote=True))

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

    def is_in(self, cookie: str) -> bool:
        """Whether a browser with this cookie was let in."""
        return hmac.compare_digest(_octets(cookie), self._cookie.encode())

    def check_host(self, host: str) -> None:
        """Raise `Forbidden` for a request of a browser that was sent to another name than ours."""
        if host != self.host:
            raise self._elsewhere()

    def check_enter(self, method: str, headers: Mapping[str, str]) -> None:
        """Let a browser as far as the button, and its own button through; raises `Forbidden`."""
        self.check_host(headers.get("Host", ""))
        if method not in _SAFE:
            self._check_origin(method, headers)

    def _elsewhere(self) -> Forbidden:
        return Forbidden("lab.host", "Run `tiers page` and open the address that it prints, by that name.")

    def check(self, method: str, headers: Mapping[str, str], cookie: str) -> None:
        """Let a request in; raises `Forbidden` or `Unauthenticated`.

        1. It was sent to us. 2. With the command line's token it is in. 3. Else it was sent to
        the page's name, has the cookie, and comes from our own page.
        """
        if headers.get("Host", "") not in {self.host, self.loopback}:  # 1
            raise self._elsewhere()
        if (given := headers.get("Authorization")) is not None:  # 2
            if not hmac.compare_digest(_octets(given), f"Bearer {self.token}".encode()):
                raise Unauthenticated("lab.token", "Use the token in the classroom's control.json.")
            return
        self.check_host(headers.get("Host", ""))
        if not self.is_in(cookie):  # 3
            raise Unauthenticated("lab.cookie", "Run `tiers page` and open the address that it prints.")
        self._check_origin(method, headers)

    def _check_origin(self, method: str, headers: Mapping[str, str]) -> None:
        origin = headers.get("Origin")
        if origin != f"http://{self.host}" and not (origin is None and method in _SAFE):
            raise Forbidden("lab.origin", "Ask from the page itself.")
        if headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
            raise Forbidden("lab.origin", "Ask from the page itself.")


def redirect(address: str) -> bytes:
    """Return a file that sends a browser to an address which nobody else is to see: command lines show in `ps`."""
    return _REDIRECT.format(address=html.escape(address, quote=True)).encode()


def _octets(said: str) -> bytes:
    """Return what a header said, whatever that was: octets that are no UTF-8 stand as surrogates in it."""
    return said.encode("utf-8", "surrogatepass")
