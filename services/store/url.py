"""URLs of the provider's store. Pure."""

from urllib.parse import urlsplit

from tiers.store.slots import Address

_CLUSTER = "+cluster"


def is_cluster(url: str) -> bool:
    """Return whether a URL names a node of a cluster."""
    return urlsplit(url).scheme.endswith(_CLUSTER)


def one_node(url: str) -> str:
    """Return the URL of the one node that a URL names."""
    return url.replace(f"{_CLUSTER}://", "://", 1) if is_cluster(url) else url


def address_of(url: str) -> Address:
    """Return where the one node is that a URL of a cluster names."""
    at = urlsplit(url)
    return Address(at.hostname or "localhost", at.port or 6379)


def node_url(url: str, node: Address) -> str:
    """Return the URL of another node: the same user, the same TLS."""
    at = urlsplit(one_node(url))
    user, sign, _ = at.netloc.rpartition("@")
    host = f"[{node.host}]" if ":" in node.host else node.host
    return at._replace(netloc=f"{user}{sign}{host}:{node.port}").geturl()
