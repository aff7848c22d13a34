"""URLs of the provider's store. Pure; a password that stands in one is in no sentence, log or repr.

redis://  rediss://  unix://            a store that stands alone: a cluster of one node
redis+cluster://  rediss+cluster://     any node of a cluster
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from tiers.store.slots import Address
from tiers.wire.errors import Yours

_CLUSTER = "+cluster"
_PORT = 6379
_TLS_FILES = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})


@dataclass(frozen=True, slots=True)
class Location:
    """Where a store is, and as whom to enter it. A Unix socket is the host of an address with port 0."""

    address: Address
    clustered: bool = False
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    database: int = 0
    tls: bool = False
    files: Mapping[str, str] = field(default_factory=dict)
    """`ssl_ca_certs`, `ssl_certfile` and `ssl_keyfile`, as redis-py names them."""


def parse_location(url: str) -> Location:
    """Read a URL; raises `Yours("settings.store_url")` in one sentence that repeats nothing of it."""
    try:
        at = urlsplit(url)
        scheme = at.scheme.removesuffix(_CLUSTER)
        clustered = scheme != at.scheme
        options = dict(parse_qsl(at.query, strict_parsing=True)) if at.query else {}
        address = Address(unquote(at.path), 0) if scheme == "unix" else Address(at.hostname or "", at.port or _PORT)
        database = _database(at, options, scheme)
    except ValueError:
        raise _wrong("write % and / in a password as %25 and %2F, and the port as a number") from None
    if scheme not in {"redis", "rediss", "unix"} or not address.host or at.fragment:
        raise _wrong("write % and / in a password as %25 and %2F")
    if clustered and scheme == "unix":
        raise _wrong("a cluster has no unix socket")
    if options.keys() - _TLS_FILES - {"db"}:
        raise _wrong(f"the options are db, {', '.join(sorted(_TLS_FILES))}")
    files = {name: value for name, value in options.items() if name in _TLS_FILES}
    user, password = unquote(at.username or ""), unquote(at.password or "")
    return Location(address, clustered, user, password, database, scheme == "rediss", files)


def _database(at: SplitResult, options: Mapping[str, str], scheme: str) -> int:
    path = "" if scheme == "unix" else at.path.strip("/")
    return int(options.get("db", path) or 0)


def _wrong(why: str) -> Yours:
    known = "redis://, rediss://, unix:// or redis+cluster://, such as redis://user:password@host:6379"
    return Yours("settings.store_url", f"Set TIERS_STORE_URL to {known}: {why}.")


def is_cluster(url: str) -> bool:
    return urlsplit(url).scheme.endswith(_CLUSTER)


def one_node(url: str) -> str:
    return url.replace(f"{_CLUSTER}://", "://", 1) if is_cluster(url) else url


def node_url(url: str, node: Address) -> str:
    """Return the URL of another node: the same user, the same TLS."""
    at = urlsplit(one_node(url))
    user, sign, _ = at.netloc.rpartition("@")
    host = f"[{node.host}]" if ":" in node.host else node.host
    return at._replace(netloc=f"{user}{sign}{host}:{node.port}").geturl()
