"""What is in the wheel, and what it says of itself."""

import tarfile
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

from kits.installed import ROOT, build, run

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAME = f"intercept_tiers-{PROJECT['version']}"


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as opened:
        return set(opened.namelist())


def test_the_wheels_top_level_is_tiers_and_metadata(wheel: Path) -> None:
    assert {"tiers", f"{NAME}.dist-info"} == {name.partition("/")[0] for name in names(wheel)}
    assert "tiers/py.typed" in names(wheel)


def test_every_module_of_the_tree_is_in_the_wheel(wheel: Path) -> None:
    ours = {
        "tiers/" + str(file.relative_to(ROOT)).removeprefix("services/")
        for folder in ("gateway", "services")
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert [] == sorted(ours - names(wheel))


def test_the_sdist_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    sdist = build(tmp_path / "sdist", kind="sdist")
    with tarfile.open(sdist) as opened:
        opened.extractall(tmp_path, filter="data")
    again = build(tmp_path / "again", tmp_path / NAME)
    assert names(wheel) == names(again)


def test_it_says_its_version(python: Path, tmp_path: Path) -> None:
    done = run(python, str(python.parent / "tiers"), "--version", folder=tmp_path)
    assert (0, f"tiers {version('intercept-tiers')}\n") == (done.returncode, done.stdout)


TYPED = """\
from tiers.testing import AssertReadable, AssertSealed, Channel, Desk, Note, Service

async def test_it(tiers_desk: Desk, tiers_assert_sealed: AssertSealed, tiers_assert_readable: AssertReadable) -> None:
    sent = await tiers_desk.send(Note("alice", "bob", Channel.CONSUMER, Service.BBM, "Meet me under the clock"))
    await tiers_assert_readable(sent, by="carrier-keys")
    await tiers_assert_sealed(sent, {wrong}="court")
"""


def test_somebodys_type_checker_finds_a_wrong_keyword(python: Path, tmp_path: Path) -> None:
    for file, keyword in (("right.py", "to"), ("wrong.py", "by")):
        (tmp_path / file).write_text(TYPED.format(wrong=keyword))
    checked = run(python, "-m", "mypy", "--strict", "right.py", "wrong.py", folder=tmp_path)
    lines = checked.stdout.splitlines()
    assert ["wrong.py:6"] * 2 == [line.rpartition(": error")[0] or line[:10] for line in lines[:-1]], checked.stdout
    assert 'Unexpected keyword argument "by" for "__call__" of "AssertSealed"' in checked.stdout
