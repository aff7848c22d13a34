"""The page's own JavaScript: its model is pure, and node runs its tests."""

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from tiers.wire.message.visible import visible

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
STATIC = resources.files("tiers.lab.page") / "static"
MODULES = sorted(path for path in Path(str(STATIC)).rglob("*.js") if path.parent.name != "vendor")


@pytest.mark.parametrize("name", ["model.test.mjs", "bytes.test.mjs", "scene.test.mjs", "checkpoints.test.mjs"])
def test_the_model_keeps_its_promises(name: str) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is missing: install nodejs to run the tests of the page's model")

    run = subprocess.run([node, "--test", str(HERE / name)], capture_output=True, text=True, check=False, timeout=60)

    assert 0 == run.returncode, run.stdout + run.stderr


def test_the_vendored_module_is_the_one_whose_hash_stands_beside_it() -> None:
    expected, name = (STATIC / "vendor" / "SHA256SUMS").read_text().split()

    assert expected == hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest()


def test_modules_import_each_other_by_relative_names_that_exist() -> None:
    for path in MODULES:
        for name in re.findall(r'^(?:import|export)[^"\n]* from "([^"]+)";$', path.read_text(), re.MULTILINE):
            assert name.startswith("."), f"{path.name}: {name}"
            assert (path.parent / name).resolve().exists(), f"{path.name}: {name}"


def test_the_model_knows_no_page_and_no_network() -> None:
    for path in MODULES:
        if path.parent.name == "model":
            found = re.search(r"\b(?:fetch\(|WebSocket|localStorage|document\.|addEventListener)", path.read_text())
            assert found is None, path.name


def test_nothing_is_evaluated_and_nothing_is_inline() -> None:
    for path in MODULES:
        found = re.search(r"\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML", path.read_text())
        assert found is None, path.name
    page = (STATIC / "index.html").read_text()
    assert re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=", page) is None


TEXTS = "text.en.js"
"""Every sentence of the page, so that a translation is one file: it may be long."""


def test_no_module_is_longer_than_one_reads_in_one_sitting() -> None:
    modules = [path for path in MODULES if path.name != TEXTS]
    assert {} == {path.name: lines for path in modules if (lines := len(path.read_text().splitlines())) > 300}


def test_no_line_is_wider_than_a_screen() -> None:
    wide = [f"{path.name}:{n}" for path in MODULES for n, line in _lines(path) if len(line) > 120]
    assert [] == wide


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    return enumerate(path.read_text().splitlines(), 1)


def test_one_program_formats_the_javascript() -> None:
    prettier = ROOT / "tests" / "interop" / "node_modules" / ".bin" / "prettier"
    if not prettier.exists():
        pytest.skip("prettier is missing: run `npm ci` in tests/interop")
    files = [str(path) for path in (*MODULES, *HERE.glob("*.mjs"))]

    run = subprocess.run([prettier, "--check", *files], capture_output=True, text=True, check=False, cwd=ROOT)

    assert 0 == run.returncode, run.stdout + run.stderr


TEXTS_OF_OTHERS = [
    "A\n\nB\r\nC\tD", "pay \u202eLLIB", "\u001b]0;x\u0007", "\u2068a\u2069\u200b\u00ad", "नमस्ते \u200d👋🏽 שלום",
    "a" + "\u0301" * 7, "a" + "\u0301\u200d" * 9, "\u3164x\uffa0", "\u2028\u2029\ufeff", "\U000e0041tag", "",
]  # fmt: skip


def test_the_page_makes_foreign_text_visible_by_the_same_rule_as_everybody() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is missing: install nodejs to run the page's model")
    module = (Path(str(STATIC)) / "model" / "visible.js").as_uri()
    script = (
        f'import {{ visible }} from "{module}";'
        "const all = JSON.parse(process.argv[1]).map((one) => visible(one).map((part) => part.text).join(''));"
        "console.log(JSON.stringify(all));"
    )
    command = [node, "--input-type=module", "-e", script, json.dumps(TEXTS_OF_OTHERS)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    assert [visible(one) for one in TEXTS_OF_OTHERS] == json.loads(run.stdout)
