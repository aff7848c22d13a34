"""What the systems have in common: captures by name, a server's certificate, the judgement by a file beside this."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tiers.measure import Message, NotWhole, Secret, Service, Vantage, measure
from tiers.measure.capture.files import answers, folder
from tiers.measure.matrix.matrix import Matrix
from tiers.measure.system import Take

HERE = Path(__file__).parent
PASSWORD = "of-accounts-that-live-for-seconds"  # noqa: S105 - it says so
_SECONDS = 120.0
Identity = tuple[rsa.RSAPrivateKey, x509.Certificate]
Answers = list[tuple[str, bytes]]
"""Questions, and what was answered to each."""


def takes(kind: str, *services: Service) -> dict[str, Take]:
    """Return the captures of one kind."""
    return {f"{kind} of {one.name}": partial(one.capture, kind) for one in services}


def seized(root: Path, name: str) -> dict[str, Take]:
    """Return the folder of a device as a capture."""
    return {name: partial(folder, name, root / name)}


def told(who: str, said: Answers) -> dict[str, Take]:
    """Return what somebody was answered as a capture."""
    return {f"answers to {who}": partial(answers, f"answers to {who}", said)}


def in_time(talk: Coroutine[Any, Any, Matrix]) -> Matrix:
    """Run a conversation and its attack to the end; raises `NotWhole` if somebody does not answer."""
    try:
        return asyncio.run(asyncio.wait_for(talk, _SECONDS))
    except TimeoutError:
        raise NotWhole(f"somebody did not answer within {_SECONDS:.0f} seconds") from None


def judged(
    file: str,
    texts: Mapping[str, Secret],
    sealed: Mapping[str, bytes],
    vantages: Sequence[Vantage],
    keys: Iterable[Secret],
) -> Matrix:
    """Attack, and compare with the policy in `file`, which has the titles too."""
    messages = [Message(key, "", text, sealed.get(key, b"")) for key, text in texts.items()]
    return measure(messages, vantages, list(keys), HERE / file)


def identity(home: Path) -> Identity:
    """Make a key and its certificate, and leave both in a new folder, beside one for mail."""
    key = rsa.generate_private_key(65537, 2048)
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, home.name)]), datetime.now(UTC)
    until = now + timedelta(days=1)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, until)
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    certificate = made.sign(key, hashes.SHA256())
    (home / "key").mkdir(parents=True)
    (home / "mail").mkdir()
    (home / "key/key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (home / "key/certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    return key, certificate
