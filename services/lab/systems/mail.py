"""Mail, measured: Exim and Dovecot on loopback, two people with S/MIME, a company that keeps a key. Nothing is mocked.

    alice -> SMTP, no TLS: as between servers that do not insist on it -> Exim -> Maildir
    Maildir -> Dovecot -> IMAP, STARTTLS -> bob

Who can read what is declared in mail.toml. A client is a folder: its key, and its mail as it came. What it sends it
files as well, as mail programs do, and therefore envelopes it for its sender too.
"""

import imaplib
import shutil
import smtplib
import ssl
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP
from functools import partial
from pathlib import Path

from tiers.lab.systems import kit
from tiers.lab.systems.smime import enveloped, opener
from tiers.measure import Secret, Service, Vantage, canary, opens, register, run
from tiers.measure.matrix.matrix import Matrix

SENT = {"plain": (), "subject": ("alice", "bob"), "smime": ("alice", "bob"), "escrow": ("alice", "bob", "company")}
"""For whom each message is enveloped. The text of `subject` stands in its head."""
KEYLOG = "tls keys"
"""What the clients write under `SSLKEYLOGFILE`, outside everybody's folder."""
_SECONDS = 60.0


def measured() -> Matrix:
    """Start both servers, talk, and attack from everywhere; raises `Unmeasured` where something is to be installed."""
    exim, dovecot, _ = kit.programs(exim4="exim4-daemon-light", dovecot="dovecot-imapd", tshark="tshark")
    with tempfile.TemporaryDirectory(prefix="measure-") as kept, ExitStack() as open_:
        root = Path(kept)
        people = {name: kit.identity(root / name) for name in ("server", "alice", "bob", "company")}
        return _Post(root, people, *_servers(root, open_, exim, dovecot)).attacked(open_)


def _servers(root: Path, open_: ExitStack, exim: str, dovecot: str) -> tuple[Service, Service]:
    """Start both; neither delivers mail as root."""
    for name in ("log", "run", "state/spool"):
        (root / name).mkdir(parents=True)
    shutil.copy(exim, root / "exim")  # the copy is not setuid: its memory may be looked at
    (root / "masters").write_text(f"admin:{{PLAIN}}{kit.PASSWORD}\n")
    kit.configured(root, "exim.conf", "dovecot.conf")
    become = kit.become_user(root)
    listen = [*become, str(root / "exim"), "-C", str(root / "exim.conf"), "-bdf", "-oX", "127.0.0.1.{port}"]
    serve = [*become, *kit.on_port("dovecot.conf", dovecot, "-F", "-c", str(root / "dovecot.conf"))]
    start = partial(run, cwd=root, logs=[root / "log"], state=[root / "state"], tap=True)
    return open_.enter_context(start("exim", listen)), open_.enter_context(start("dovecot", serve))


class _Post:
    """What was sent, and what everybody has of it."""

    def __init__(self, root: Path, people: dict[str, kit.Identity], exim: Service, dovecot: Service) -> None:
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
            key, _ = self.people[name]
            keys.append(Secret(f"key of {name}", key.private_numbers().d.to_bytes(256, "big")))
            register(opens(keys[-1].name, opener(self.people[name], self.envelopes)))
        both = (self.exim, self.dovecot)
        log, store, wire = kit.takes("log", *both), kit.takes("store", self.exim), kit.takes("wire", self.exim)
        vantages = [
            Vantage("link", wire),
            Vantage("link-tls", kit.takes("wire", self.dovecot)),
            Vantage("link-keys", kit.takes("wire", replace(self.dovecot, keylog=self.root / KEYLOG))),
            Vantage("operator", kit.takes("memory", *both) | log | store, control=self.own),
            Vantage("logs", log),
            Vantage("administrator", kit.told("administrator", administrator)),
            Vantage("other", kit.told("mallory", mallory), control=self.own),
            Vantage("sender", kit.seized(self.root, "alice"), control=keys[0]),
            Vantage("receiver", kit.seized(self.root, "bob"), control=keys[1]),
            Vantage("recorded", wire | kit.seized(self.root, "bob/key"), control=keys[1]),
            Vantage("company", store | kit.seized(self.root, "company"), control=keys[2]),
        ]
        return kit.judged("mail.toml", self.texts, sealed, vantages, keys)

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
        sealed, mail = b"", inside
        if ends:
            envelope, end = enveloped(inside.as_bytes(), [self.people[name][1] for name in ends])
            mail = EmailMessage()
            mail.set_content(envelope, "application", "pkcs7-mime", params={"smime-type": "enveloped-data"})
            if key != "subject":  # of that message, the text is what stands in its head
                sealed, self.envelopes[end] = end, envelope
        mail["From"], mail["To"] = "alice@localhost", "bob@localhost"
        mail["Subject"] = self.texts[key].text if key == "subject" else "a note"
        return mail.as_bytes(policy=SMTP), sealed

    def _asked(self, open_: ExitStack, user: str, box: str) -> kit.Answers:
        """Log in and fetch all of a folder; returns what was answered to what. The client stays connected."""
        trusted = ssl.create_default_context(cafile=str(self.root / "server/key/certificate.pem"))
        trusted.keylog_filename = str(self.root / KEYLOG)
        imap = open_.enter_context(imaplib.IMAP4("localhost", self.dovecot.port))
        imap.starttls(trusted)
        imap.login(user, kit.PASSWORD)
        said = [("LIST", repr(imap.list("*", "*")).encode()), (f"SELECT {box}", repr(imap.select(box)).encode())]
        if imap.state == "SELECTED":
            mails = [one[1] for one in imap.fetch("1:*", "(RFC822)")[1] if isinstance(one, tuple)]
            said += [(f"FETCH {at}", mail) for at, mail in enumerate(mails)]
        return said
