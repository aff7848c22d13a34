"""What the systems have in common: programs, configurations, captures by name, keys, the judgement by a file beside."""

import asyncio
import grp
import os
import pwd
import shutil
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tiers.measure import Message, NotWhole, Secret, Service, Unmeasured, Vantage, measure
from tiers.measure.capture.files import answers, folder
from tiers.measure.matrix.matrix import Matrix
from tiers.measure.system import Take

HERE = Path(__file__).parent
PASSWORD = "of-accounts-that-live-for-seconds"  # noqa: S105 - it says so
_SECONDS = 120.0
Identity = tuple[rsa.RSAPrivateKey, x509.Certificate]
Answers = list[tuple[str, bytes]]
"""Questions, and what was answered to each."""


USER = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
"""As whom servers run that refuse to be root: who measures, or `nobody`."""


def programs(**packages: str) -> list[str]:
    """Return where programs lie, by name; raises `Unmeasured` with Debian's packages that are to be installed."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    found = {package: shutil.which(name, path=path) for name, package in packages.items()}
    if missing := [package for package, where in found.items() if where is None]:
        raise Unmeasured(f"Install {', '.join(missing)} (Debian): what runs on servers today is measured.")
    return [str(where) for where in found.values()]


def configured(folder: Path, *names: str) -> None:
    """Copy configurations from beside this file into a folder, which is `@ROOT@` in them."""
    group = grp.getgrgid(USER.pw_gid).gr_name
    for name in names:
        text = (HERE / name).read_text(encoding="utf-8")
        for word, value in {"ROOT": folder, "USER": USER.pw_name, "GROUP": group, "PASSWORD": PASSWORD}.items():
            text = text.replace(f"@{word}@", str(value))
        (folder / name).write_text(text)


def on_port(configuration: str, *command: str) -> list[str]:
    """Return the words that put their port into a configuration, `@PORT@` in it, and then run a command."""
    return ["sh", "-c", f'sed -i "s/@PORT@/$1/" {configuration} && shift && exec "$@"', "sh", "{port}", *command]


def become_user(folder: Path) -> list[str]:
    """Give a folder to `USER`; returns the words before a command that run it as he."""
    if USER.pw_uid == os.getuid():
        return []
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER.pw_uid, USER.pw_gid)
    return ["setpriv", f"--reuid={USER.pw_uid}", f"--regid={USER.pw_gid}", "--clear-groups"]


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
