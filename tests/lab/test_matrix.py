"""The measured matrix of a healthy world: policy, closure and bytes say the same, and every control was found."""

import asyncio
import re
from pathlib import Path

import msgspec
import pytest

from kits.measuring import Measured, measure_healthy
from tiers.lab.attack.vantages import VANTAGES
from tiers.lab.matrix import lesson
from tiers.lab.matrix.policy import load_policy
from tiers.measure.capture.memory import MEASURES_MEMORY
from tiers.measure.derive.closure import Forge
from tiers.measure.matrix.matrix import Content, ControlRow, Matrix, agree

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not MEASURES_MEMORY, reason="memory is measured on Linux only: the matrix is partial here"),
]

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """Measure a healthy world, once."""
    return asyncio.run(measure_healthy(tmp_path_factory.mktemp("measured") / "world"))


def test_policy_closure_and_bytes_agree_in_every_cell(measured: Measured) -> None:
    assert () == measured.matrix.agreement.disagreements
    assert measured.matrix.agreement.holds


def test_every_vantage_point_is_measured_for_every_message(measured: Measured) -> None:
    matrix = measured.matrix
    assert len(matrix.messages) >= 6
    assert {(cell.vantage, cell.message) for cell in matrix.cells} == {
        (vantage.id, message.key) for vantage in VANTAGES for message in matrix.messages
    }
    assert matrix.agreement.unmeasured == 0
    assert Content.UNMEASURED not in {cell.content for cell in matrix.cells}


def test_every_positive_control_is_found(measured: Measured) -> None:
    assert [] == [control for control in measured.matrix.controls if control.found is None]
    watched = {control.source for control in measured.matrix.controls}
    assert {"memory:gateway", "memory:store", "memory:carrier", "tap:alice", "answers:auditor-expired"} <= watched


def test_what_reads_says_how_with_the_places_of_the_bytes(measured: Measured) -> None:
    for cell in measured.matrix.cells:
        assert (cell.content is Content.READS) == bool(cell.derivation), (cell.vantage, cell.message)
        assert (cell.forge is not Forge.NO) == bool(cell.forged), (cell.vantage, cell.message)
        if cell.derivation:
            assert re.search(r"found in .+, offset 0x[0-9a-f]+, ", " ".join(cell.derivation))


def test_the_stolen_master_is_told_from_master_to_text(measured: Measured) -> None:
    steps = " ".join(measured.matrix.cell("carrier-keys", "bbm").derivation)
    words = [
        "the carrier's master key: found in keys:carrier, master.key, offset ",
        "root of alice's tree",
        "minute",
    ]
    at = [steps.index(word) for word in [*words, "the content key that bbm commits to", "the content key opens bbm"]]
    assert at == sorted(at)


def test_no_derivation_shows_a_key(measured: Measured) -> None:
    said = msgspec.json.encode(measured.matrix).decode()
    assert [] == [run for run in re.findall(r"[0-9A-Za-z_-]{43,}", said) if not run.isalpha()]
    for text in ("blue folder", "locker 47", "forty-one million"):
        assert text not in said


def test_the_strongest_coalition_reads_no_enterprise_message(measured: Measured) -> None:
    for key in ("bes-bbm", "bes-mail", "bes-cross"):
        cell = measured.matrix.cell("state", key)
        assert (cell.content, cell.forge) == (Content.SEALED, Forge.NO)
        assert "from" in cell.metadata


def test_the_auditor_reads_the_window_and_no_minute_more(measured: Measured) -> None:
    row = {cell.message: cell.content for cell in measured.matrix.cells if cell.vantage == "auditor"}
    assert [key for key, content in row.items() if content is Content.READS] == ["bbm", "bis-mail", "employee-bbm"]


def test_the_link_shows_length_and_time_only(measured: Measured) -> None:
    for message in measured.matrix.messages:
        assert measured.matrix.cell("link", message.key).metadata == ("size", "when")


def test_memory_that_cannot_be_read_is_not_called_sealed(measured: Measured) -> None:
    elsewhere = measured.without_memory
    assert elsewhere["gateway", "bbm"].reads is None
    assert elsewhere["carrier-keys", "bbm"].reads is True
    assert elsewhere["carrier-keys", "bes-bbm"].reads is False


def changed(matrix: Matrix, **to: object) -> tuple[str, ...]:
    """Return in what a matrix disagrees once one cell is different."""
    cell = matrix.cell("state", "bes-bbm")
    cells = [msgspec.structs.replace(one, **to) if one is cell else one for one in matrix.cells]
    said = agree(cells, matrix.controls)
    assert not said.holds
    return tuple(wrong.what for wrong in said.disagreements)


def test_each_of_the_three_can_break_the_agreement(measured: Measured) -> None:
    matrix = measured.matrix
    for name in ("content", "declared", "closure"):
        assert changed(matrix, **{name: Content.READS}) == ("content",)
    for name in ("forge", "forge_declared", "forge_closure"):
        assert changed(matrix, **{name: Forge.BRIEFLY}) == ("forge",)
    assert changed(matrix, metadata_allowed=False) == ("metadata",)


def test_a_missing_control_breaks_the_agreement(measured: Measured) -> None:
    said = agree(measured.matrix.cells, [ControlRow("memory:gateway", "a header", None)])
    assert (said.holds, said.missing_controls) == (False, ("memory:gateway: a header",))


def test_an_empty_matrix_agrees_with_nothing() -> None:
    assert not agree([], []).holds


def test_the_readme_shows_what_is_measured_today(measured: Measured) -> None:
    said = re.search(r"<!-- table -->\n(.*?)\n<!-- /table -->", README.read_text(encoding="utf-8"), re.DOTALL)
    assert said is not None
    assert lesson.markdown(measured.matrix, load_policy()) == said[1]
