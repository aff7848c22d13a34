"""The whole matrix of every arrangement: policy, closure and bytes agree, forgery and metadata included."""

import asyncio
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from tiers.lab.attack.derive.scene import told
from tiers.lab.attack.vantages import BY_ID
from tiers.lab.matrix.matrix import beside, declared
from tiers.lab.scenarios import compare
from tiers.lab.scenarios.compare import Measured
from tiers.lab.world import arrangement
from tiers.measure import register
from tiers.measure.capture.memory import MEASURES_MEMORY
from tiers.measure.matrix.render import verdict
from tiers.wire.custody import CUSTODIES, custody_of
from tiers.wire.errors import Yours
from tiers.wire.message.envelope import Channel

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def measured() -> dict[str, Measured]:
    """Measure every arrangement once."""
    return {name: asyncio.run(compare.measure(arrangement.load(name))) for name in arrangement.names()}


@pytest.mark.skipif(not MEASURES_MEMORY, reason="memory is measured on Linux only: the matrix is partial here")
@pytest.mark.parametrize("name", ["canada-2010", "two-keys", "all-the-way", "uk-2025"])
def test_every_cell_of_an_arrangement_is_as_it_follows_from_who_holds_what(
    name: str, measured: dict[str, Measured]
) -> None:
    one = measured[name]
    declared_too = {where: said for where, said in one.attacked.outcomes.items() if where[0] in BY_ID}
    matrix = beside(one.arrangement, replace(one.attacked, outcomes=declared_too), one.messages)
    assert matrix.agreement.holds, "\n".join(verdict(matrix))


def test_an_arrangement_of_ones_own_is_read_from_a_file_with_a_custody_of_ones_own(tmp_path: Path) -> None:
    mine = replace(CUSTODIES["device"], name="mine")
    register(mine)
    shipped = (files("tiers.lab.world") / "arrangements" / "all-the-way.toml").read_text()
    path = tmp_path / "mine.toml"
    path.write_text(shipped.replace('custody = "device"', 'custody = "mine"', 1))
    try:
        arranged = arrangement.load(str(path))
        assert (arranged.name, arranged.custody.consumer) == ("mine", mine)
        assert declared(arranged).vantages["receiver"].reads == tuple(case.key for case in told())
        assert declared(arranged).vantages["operator"].reads == ()
    finally:
        del CUSTODIES["mine"]
        custody_of.cache_clear()


def test_every_arrangement_is_as_its_file_declares(measured: dict[str, Measured]) -> None:
    assert {name: one.surprises() for name, one in measured.items()} == {name: [] for name in measured}


def test_a_reader_too_many_or_too_few_in_a_file_is_found(measured: dict[str, Measured]) -> None:
    one = measured["two-keys"]
    consumer = one.arrangement.declared.consumer
    for who_reads in ((*consumer.who_reads, "court"), consumer.who_reads[1:]):
        told = replace_consumer(one, who_reads)
        assert len(told.surprises()) == 1


def replace_consumer(one: Measured, who_reads: tuple[str, ...]) -> Measured:
    declared = one.arrangement.declared
    side = msgspec.structs.replace(declared.consumer, who_reads=who_reads)
    told = msgspec.structs.replace(one.arrangement, declared=msgspec.structs.replace(declared, consumer=side))
    return replace(one, arrangement=told)


def test_what_one_stolen_key_opens_is_what_custody_is_about(measured: dict[str, Measured]) -> None:
    def opens(name: str, vantage: str, channel: Channel = Channel.CONSUMER) -> tuple[int, int]:
        return measured[name].opens(vantage, channel)

    assert ((0, 6), (6, 6)) == (opens("india-2013", "handset-bob"), opens("india-2013", "carrier-keys"))
    assert ((6, 6), (6, 6)) == (opens("canada-2010", "handset-bob"), opens("canada-2010", "carrier-keys"))
    assert ((0, 6), (6, 6)) == (opens("two-keys", "carrier-keys"), opens("two-keys", "both-halves"))
    assert ((0, 6), (0, 6)) == (opens("all-the-way", "carrier-keys"), opens("all-the-way", "state"))
    enterprise = Channel.ENTERPRISE
    assert ((3, 3), (0, 3)) == (
        opens("india-2013", "customer", enterprise),
        opens("all-the-way", "customer", enterprise),
    )


def test_the_default_comes_first_and_every_custody_has_an_arrangement() -> None:
    where = {name: arrangement.first_with(name)[0].name for name in CUSTODIES}
    assert {
        "carrier": "india-2013", "global": "canada-2010", "split": "two-keys",
        "customer": "india-2013", "device": "all-the-way",
    } == where  # fmt: skip


@pytest.mark.parametrize(
    "text", [b"", b"title = 1", b'title = "x"\nsays = "y"\njurisdiction = "IN"', b"\xff\0", b"a = " + b"[" * 100_000]
)
def test_an_arrangement_that_does_not_read_is_refused(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(text)
    with pytest.raises(Yours, match="arrangement.malformed"):
        arrangement.load(str(tmp_path / "mine.toml"))
