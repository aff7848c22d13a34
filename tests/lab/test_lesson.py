"""What a newcomer sees first: four sentences and a small table, all of it counted from measured cells."""

import io
import re

from rich.console import Console

from kits.measured import BAD, GOOD, PARTIAL, POLICY
from tiers.lab.cli.demo import show
from tiers.lab.matrix import lesson
from tiers.measure.matrix.matrix import Content, Matrix

UNKNOWN = re.compile(r"\b(BBM|BIS|BES|leaf|leaves|grants?|jti|vantage|closure)\b")


def printed(matrix: Matrix) -> list[str]:
    out = io.StringIO()
    show(matrix, Console(file=out, width=80, color_system=None), full=False)
    return out.getvalue().splitlines()


def test_it_fits_a_small_terminal_and_needs_no_glossary() -> None:
    lines = printed(GOOD)
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert [] == UNKNOWN.findall("\n".join(lines))


def test_the_numbers_are_counted_from_the_cells() -> None:
    def reads(vantage: str, channel: str) -> int:
        keys = [message.key for message in GOOD.messages if message.channel == channel]
        return sum(GOOD.cell(vantage, key).content is Content.READS for key in keys)

    said = " ".join(lesson.sentences(GOOD, POLICY))
    assert f"the provider reads {reads('operator', 'consumer')} of 6" in said
    assert f"An auditor with a warrant reads {reads('auditor', 'consumer')} of them" in said
    assert "nobody at the provider or in the state reads any" in said
    assert f"reads {reads('customer', 'enterprise')} of 3" in said


def test_a_group_reads_only_if_every_member_does() -> None:
    for matrix in (GOOD, BAD, PARTIAL):
        for row in lesson.rows(matrix, POLICY):
            for vantage in row.vantages:
                for (channel, service), word in zip(lesson.COLUMNS, row.words, strict=True):
                    keys = [one.key for one in matrix.messages if (one.channel, one.service) == (channel, service)]
                    said = {matrix.cell(vantage, key).content for key in keys}
                    assert (word == "sealed") == (said == {Content.SEALED})
                    assert (word == "-") == (Content.UNMEASURED in said)


def test_a_relay_that_leaks_stands_alone_and_in_the_sentence() -> None:
    lines = printed(BAD)
    assert any(re.fullmatch(r" +relay +sealed +sealed +READS +sealed", line) for line in lines)
    assert "Enterprise: of 3 messages, relay reads 1." in lines
    assert any("NOT as declared" in line for line in lines)
    assert any("found in memory of gateway, [heap], offset 0x10, raw" in line for line in lines)


def test_what_cannot_be_measured_here_is_not_called_sealed() -> None:
    lines = printed(PARTIAL)
    assert any(re.fullmatch(r" +relay +sealed +sealed +- +sealed", line) for line in lines)
    assert "Every cell was attacked: 197 of 198 are as declared (1 cannot be measured here)." in lines
