"""A small server that keeps what it is told in memory for a moment; with a leak named in LEAK, elsewhere as well."""

import base64
import gzip
import json
import os
import sqlite3
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

LEAK, FOLDER = os.environ.get("LEAK", ""), Path(os.environ["FOLDER"])
KEY = (FOLDER / "app.key").read_bytes()
LOG, HELD, TEXTS = FOLDER / "app.log", [], [""]


def log(line: str | bytes) -> None:
    with LOG.open("ab") as file:
        file.write((line.encode() if isinstance(line, str) else line) + b"\n")


def note(text: str) -> None:
    """Do what this server is told to do with a text: count it, and leak it where LEAK says."""
    log(f"a note of {len(text)} letters")
    db = sqlite3.connect(FOLDER / "state" / "notes.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE IF NOT EXISTS notes (size INTEGER, said TEXT)")
    db.execute("INSERT INTO notes VALUES (?, ?)", (len(text), text if LEAK == "deleted row" else ""))
    db.execute("DELETE FROM notes WHERE said <> ''")
    HELD.append(db)  # an open database keeps its write-ahead log
    match LEAK:
        case "log, raw":
            log(f"got {text}")
        case "log, base64":
            log(base64.b64encode(json.dumps({"text": text}).encode()))
        case "log, gzip":
            log(gzip.compress(text.encode()))
        case "child":
            HELD.append(subprocess.Popen([sys.executable, "-c", "input()", text], stdin=subprocess.PIPE))
        case "file name":
            (FOLDER / "state" / f"note-{text}.tmp").touch()
        case "memory":
            HELD.append(text)
        case "core file":
            (FOLDER / "core.4711").write_bytes(os.urandom(5000) + text.encode() + os.urandom(5000))
        case "redis":
            import redis

            redis.Redis.from_url(os.environ["REDIS"]).set("note", text)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(b"ok" if self.path != "/notes" or LEAK != "answer" else TEXTS[-1].encode())

    def do_POST(self) -> None:
        text = base64.b64decode(bytes(b ^ 0x55 for b in self.rfile.read(int(self.headers["Content-Length"])))).decode()
        if LEAK == "answer":
            TEXTS.append(text)
        note(text)
        self.answer(text.encode() if LEAK == "wire" else b"noted")

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing of its own."""


(FOLDER / "state").mkdir(exist_ok=True)
(FOLDER / "state" / "readme").write_text("notes are counted here")
HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
