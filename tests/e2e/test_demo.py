"""`tiers demo`, as a newcomer runs it: everything as declared, nothing left running, on Valkey and on Redis 7."""

import csv
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tiers.lab.world.cast import PARTIES
from tiers.lab.world.processes import children_of

pytestmark = pytest.mark.e2e

TIERS = [sys.executable, "-c", "from tiers.lab.cli import main; main()"]


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    base = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "COLUMNS": "120", "TMPDIR": tempfile.gettempdir()}
    command = [*TIERS, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=base | environ, timeout=100, check=False)


def schema(of: str) -> dict[str, Any]:
    return json.loads(run("schema", of).stdout)


def test_all_of_it_is_printed_for_the_asking(tmp_path: Path) -> None:
    done = run("demo", "--full", TMPDIR=str(tmp_path))

    assert 0 == done.returncode
    assert "198 cells, as declared" in done.stdout
    assert "auditor-outside-window" in done.stdout


def test_the_demo_ends_as_declared_and_prints_one_json_document(tmp_path: Path) -> None:
    import fastjsonschema

    done = run("demo", "--format", "json", TMPDIR=str(tmp_path))

    assert (0, "") == (done.returncode, done.stderr)
    said = json.loads(done.stdout)
    fastjsonschema.compile(schema("demo"))(said)
    assert said["as_declared"] is True
    assert 10 <= len(said["steps"]) <= 14
    reads = {row["message"]: set(row["reads"]) for row in said["table"]}
    assert {"sender", "receiver", "customer", "seized-handset"} == reads["bes-bbm"]
    assert "auditor" in reads["bbm"]
    assert "auditor" not in reads["bbm-before"] | reads["bbm-after"] | reads["bbm-untasked"]
    assert [] == list(tmp_path.iterdir())


def test_another_arrangement_is_printed_as_asked_and_a_leak_is_planted_in_it(tmp_path: Path) -> None:
    good = run("matrix", "--arrangement", "two-keys", "--format", "json", TMPDIR=str(tmp_path))
    said = json.loads(good.stdout)
    cells = {(one["vantage"], one["message"]): one["content"] for one in said["cells"]}
    agreement = said["agreement"]
    assert ([], []) == (agreement["disagreements"], agreement["missing_controls"])
    assert (0, "", True) == (good.returncode, good.stderr, agreement["holds"])
    assert ("sealed", "reads") == (cells["operator", "bes-bbm"], cells["customer", "bes-bbm"])
    assert "sealed" == cells["carrier-keys", "bbm"]  # under two keys; in the default arrangement it reads

    leak = ("--leak", "read-open-to-all")
    leaky = run("matrix", "--arrangement", "two-keys", "--format", "csv", *leak, TMPDIR=str(tmp_path))
    rows = {(row["vantage"], row["message"]): row for row in csv.DictReader(leaky.stdout.splitlines())}
    assert (1, set(cells)) == (leaky.returncode, set(rows))
    assert ("reads", "no") == (rows["operator", "bes-bbm"]["content"], rows["operator", "bes-bbm"]["agrees"])


def test_the_demo_ends_as_declared_on_a_cluster(tmp_path: Path) -> None:
    done = run("demo", "--cluster", "--format", "json", TMPDIR=str(tmp_path))

    assert (0, "") == (done.returncode, done.stderr)
    said = json.loads(done.stdout)
    assert "a store of three nodes" in said["steps"][0]["sentence"]
    assert said["as_declared"] is True
    assert (198, 0) == (said["agreement"]["cells"], said["agreement"]["unmeasured"])
    assert [] == list(tmp_path.iterdir())


def test_a_url_and_a_cluster_are_one_store_too_many() -> None:
    done = run("demo", "--cluster", TIERS_STORE_URL="unix:///nowhere")

    assert (2, "lab.cluster") == (done.returncode, done.stderr.partition(":")[0])


def test_a_demo_that_is_killed_leaves_no_child_behind(tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "TMPDIR": str(tmp_path)}
    with subprocess.Popen([*TIERS, "demo"], env=environ, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        demo.stdout.readline()  # the parties are up
        children = descendants(demo.pid)
        waits = [os.pidfd_open(child) for child in children]
        demo.send_signal(signal.SIGKILL)

    assert len(PARTIES) + 2 == len(children), "parties, their store, and the nursery that they came from"
    for wait in waits:
        assert ([wait], [], []) == select.select([wait], [], [], 20)
        os.close(wait)


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and theirs."""
    return [one for child in children_of(pid) for one in (child, *descendants(child))]


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """Debian's Redis 7, as anybody would run it with durable writes."""
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("redis-server is not installed: the demo was not run on Redis 7")
    socket = tmp_path / "redis.sock"
    command = [server, "--port", "0", "--unixsocket", str(socket), "--dir", str(tmp_path), "--appendonly", "yes"]
    with subprocess.Popen([*command, "--appendfsync", "always"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("eady to accept connections" in line for line in process.stdout)
        yield f"unix://{socket}"
        process.terminate()
        process.stdout.read()


def test_the_demo_works_on_redis_7_and_leaves_it_clean(redis_url: str) -> None:
    first = run("demo", "--format", "json", TIERS_STORE_URL=redis_url)
    again = run("demo", "--format", "json", TIERS_STORE_URL=redis_url)

    assert (0, "", 0, "") == (first.returncode, first.stderr, again.returncode, again.stderr)
