"""Mail, measured: Exim and Dovecot on loopback, two people with S/MIME, a company that keeps a key. Nothing is mocked.

    alice -> SMTP, no TLS: as between servers that do not insist on it -> Exim -> Maildir
    Maildir -> Dovecot -> IMAP, STARTTLS -> bob

Who can read what is declared in mail.toml. A client is a folder: its key, and its mail as it came. What it sends it
files as well, as mail programs do, and therefore envelopes it for its sender too.
"""

import grp
import imaplib
import os
import pwd
import shutil
import smtplib
import ssl
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from tiers.lab.systems.kit import HERE, PASSWORD, Answers, Identity, identity, judged, seized, takes, told
from tiers.measure import Secret, Service, Unmeasured, Vantage, canary, opens, register, run
from tiers.measure.matrix.matrix import Matrix

SENT = {"plain": (), "subject": ("alice", "bob"), "smime": ("alice", "bob"), "escrow": ("alice", "bob", "company")}
"""For whom each message is enveloped. The text of `subject` stands in its head."""
KEYLOG = "tls keys"
"""What the clients write under `SSLKEYLOGFILE`, outside everybody's folder."""
_RANDOM = 64
"""Bytes at the end of an envelope that are nothing but ciphertext; its head is like every other's."""
_SECONDS = 60.0


def measured() -> Matrix:
    """Start both servers, talk, and attack from everywhere; raises `Unmeasured` where something is to be installed."""
    exim, dovecot = _programs()
    with tempfile.TemporaryDirectory(prefix="measure-") as kept, ExitStack() as open_:
        root = Path(kept)
        people = {name: identity(root / name) for name in ("server", "alice", "bob", "company")}
        return _Post(root, people, *_servers(root, open_, exim, dovecot)).attacked(open_)


def _programs() -> list[str]:
    """Return where Exim and Dovecot lie; raises `Unmeasured` where they are to be installed."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    found = [shutil.which(name, path=path) for name in ("exim4", "dovecot", "tshark")]
    if not all(found):
        raise Unmeasured("Install exim4-daemon-light, dovecot-imapd and tshark (Debian): mail is measured with them.")
    return [str(one) for one in found[:2]]


def _servers(root: Path, open_: ExitStack, exim: str, dovecot: str) -> tuple[Service, Service]:
    """Start both as the user who measures; where that is root, as `nobody`, for neither delivers mail as root."""
    user = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    group = grp.getgrgid(user.pw_gid).gr_name
    for name in ("log", "run", "state/spool"):
        (root / name).mkdir(parents=True)
    shutil.copy(exim, root / "exim")  # the copy is not setuid: its memory may be looked at
    (root / "masters").write_text(f"admin:{{PLAIN}}{PASSWORD}\n")
    for name in ("exim.conf", "dovecot.conf"):
        text = (HERE / name).read_text(encoding="utf-8")
        for word, value in {"ROOT": root, "USER": user.pw_name, "GROUP": group, "PASSWORD": PASSWORD}.items():
            text = text.replace(f"@{word}@", str(value))
        (root / name).write_text(text)
    become: list[str] = []
    if os.getuid() == 0:
        become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        for one in (root, *root.rglob("*")):
            os.chown(one, user.pw_uid, user.pw_gid)
    listen = [*become, str(root / "exim"), "-C", str(root / "exim.conf"), "-bdf", "-oX", "127.0.0.1.{port}"]
    start = 'sed "s/@PORT@/$1/" dovecot.conf > imap.conf && exec "$2" -F -c "$PWD/imap.conf"'
    serve = [*become, "sh", "-c", start, "sh", "{port}", dovecot]
    started = [
        open_.enter_context(run(name, command, cwd=root, logs=[root / "log"], state=[root / "state"], tap=True))
        for name, command in (("exim", listen), ("dovecot", serve))
    ]
    return started[0], started[1]


class _Post:
    """What was sent, and what everybody has of it."""

    def __init__(self, root: Path, people: dict[str, Identity], exim: Service, dovecot: Service) -> None:
        self.root, self.people, self.exim, self.dovecot = root, people, exim, dovecot
        self.texts = {key: canary(key) for key in SENT}
        self.own = canary("mallory's own mail")
        self.envelopes: dict[bytes, bytes] = {}

    def attacked(self, open_: ExitStack) -> Matrix:
        """Send and fetch, and measure while everybody is still connected, as people are."""
        sealed = self._sent(open_)
        for question, answer in self._asked(open_, "bob", "INBOX"):
            (self.root / "bob/mail" / question).write_bytes(answer)
        administrator = self._asked(open_, "bob*admin", "INBOX")
        mallory = [*self._asked(open_, "mallory", "INBOX"), *self._asked(open_, "mallory", "../bob")]
        keys = []
        for name in ("alice", "bob", "company"):
            key, certificate = self.people[name]
            keys.append(Secret(f"key of {name}", key.private_numbers().d.to_bytes(256, "big")))
            register(opens(keys[-1].name, self._opener(key, certificate)))
        both = (self.exim, self.dovecot)
        log, store, wire = takes("log", *both), takes("store", self.exim), takes("wire", self.exim)
        vantages = [
            Vantage("link", wire),
            Vantage("link-tls", takes("wire", self.dovecot)),
            Vantage("link-keys", takes("wire", replace(self.dovecot, keylog=self.root / KEYLOG))),
            Vantage("operator", takes("memory", *both) | log | store, control=self.own),
            Vantage("logs", log),
            Vantage("administrator", told("administrator", administrator)),
            Vantage("other", told("mallory", mallory), control=self.own),
            Vantage("sender", seized(self.root, "alice"), control=keys[0]),
            Vantage("receiver", seized(self.root, "bob"), control=keys[1]),
            Vantage("recorded", wire | seized(self.root, "bob/key"), control=keys[1]),
            Vantage("company", store | seized(self.root, "company"), control=keys[2]),
        ]
        return judged("mail.toml", self.texts, sealed, vantages, keys)

    def _sent(self, open_: ExitStack) -> dict[str, bytes]:
        """Send everything and wait until it is delivered, return the envelopes; the sender stays connected."""
        smtp = open_.enter_context(smtplib.SMTP("127.0.0.1", self.exim.port))
        sealed = {}
        for key, ends in SENT.items():
            mail, sealed[key] = self._written(key, ends)
            smtp.sendmail("alice@localhost", ["bob@localhost"], mail)
            (self.root / "alice/mail" / key).write_bytes(mail)
        smtp.sendmail("alice@localhost", ["mallory@localhost"], f"Subject: hello\r\n\r\n{self.own.text}\r\n")
        until = time.monotonic() + _SECONDS
        while len(list(self.root.glob("state/mail/*/new/*"))) <= len(SENT) and time.monotonic() < until:
            time.sleep(0.02)
        return sealed

    def _written(self, key: str, ends: tuple[str, ...]) -> tuple[bytes, bytes]:
        """Write a mail (RFC 5322), enveloped for `ends` (RFC 8551); returns it, and the end of its ciphertext."""
        inside = EmailMessage()
        inside.set_content("As we said." * 10 if key == "subject" else self.texts[key].text)
        head = {"From": "alice@localhost", "To": "bob@localhost"}
        head["Subject"] = self.texts[key].text if key == "subject" else "a note"
        sealed, mail = b"", inside
        if ends:
            builder = pkcs7.PKCS7EnvelopeBuilder().set_data(inside.as_bytes())
            for name in ends:
                builder = builder.add_recipient(self.people[name][1])
            envelope = builder.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])
            mail = EmailMessage()
            mail.set_content(envelope, "application", "pkcs7-mime", params={"smime-type": "enveloped-data"})
            if key != "subject":  # of that message, the text is what stands in its head
                sealed = envelope[-_RANDOM:]
                self.envelopes[sealed] = envelope
        for name, value in head.items():
            mail[name] = value
        return mail.as_bytes(policy=SMTP), sealed

    def _asked(self, open_: ExitStack, user: str, box: str) -> Answers:
        """Log in and fetch all of a folder; returns what was answered to what. The client stays connected."""
        trusted = ssl.create_default_context(cafile=str(self.root / "server/key/certificate.pem"))
        trusted.keylog_filename = str(self.root / KEYLOG)
        imap = open_.enter_context(imaplib.IMAP4("localhost", self.dovecot.port))
        imap.starttls(trusted)
        imap.login(user, PASSWORD)
        said = [("LIST", repr(imap.list("*", "*")).encode()), (f"SELECT {box}", repr(imap.select(box)).encode())]
        if imap.state == "SELECTED":
            mails = [one[1] for one in imap.fetch("1:*", "(RFC822)")[1] if isinstance(one, tuple)]
            said += [(f"FETCH {at}", mail) for at, mail in enumerate(mails)]
        return said

    def _opener(self, key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> Callable[[bytes, bytes], bytes | None]:
        """Return what opens an envelope with a private exponent that was found; the rest of a key is public."""
        public = key.public_key().public_numbers()

        def do(exponent: bytes, sealed: bytes) -> bytes | None:
            d = int.from_bytes(exponent, "big")
            p, q = rsa.rsa_recover_prime_factors(public.n, public.e, d)
            parts = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
            whole = rsa.RSAPrivateNumbers(p, q, d, *parts, public).private_key()
            try:
                return pkcs7.pkcs7_decrypt_der(self.envelopes[sealed], certificate, whole, [])
            except ValueError:  # it is not for this key
                return None

        return do
