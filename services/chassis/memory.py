"""What a party that carries traffic asks of its own process, once it has started: no pauses, no memory to and fro."""

import ctypes
import gc
from asyncio.sslproto import SSLProtocol

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h of the GNU C library
_KEEP = 64 * 1024 * 1024
_BIGGEST = 32 * 1024 * 1024
_TLS_BUFFER = 32 * 1024


def settle() -> None:
    """Stop looking for garbage in what was there at the start, and keep what one batch frees for the next.

    Without the first, a collection walks through all sessions and keys; without the second, the C library gives the
    memory of each batch back to the system, which costs more to get again, page by page, than the batch itself. And a
    TLS connection gets a buffer for two records instead of 256 KiB, which is most of what an idle session would take.
    """
    SSLProtocol.max_size = _TLS_BUFFER
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEEP)
        mallopt(_M_MMAP_THRESHOLD, _BIGGEST)
