"""Exim and Dovecot on loopback, as the user who measures: their configurations stand beside this file."""

import grp
import os
import pwd
import shutil
from contextlib import ExitStack
from pathlib import Path

from tiers.lab.systems.kit import HERE, PASSWORD
from tiers.measure import Service, Unmeasured, run


def programs() -> list[str]:
    """Return where Exim and Dovecot lie; raises `Unmeasured` where they are to be installed."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    found = [shutil.which(name, path=path) for name in ("exim4", "dovecot")]
    if not all(found):
        raise Unmeasured("Install exim4-daemon-light and dovecot-imapd (Debian): mail is measured with them.")
    return [str(one) for one in found]


def servers(root: Path, open_: ExitStack, exim: str, dovecot: str) -> tuple[Service, Service]:
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
