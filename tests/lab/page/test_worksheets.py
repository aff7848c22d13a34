"""Worksheets are made of the same data as the lesson, and the solution stands apart."""

import re

import pytest

from tiers.lab.matrix.policy import load_policy
from tiers.lab.page.worksheets import GROUPS, sheets


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_the_blank_sheets_hold_no_answer_and_the_solution_is_the_policy(paper: str) -> None:
    made = sheets(paper)
    policy = load_policy()
    rows = [who for who, row in policy.vantages.items() if not row.variant_of]
    reads = sum(policy.reads(who, key) for who in rows for key in policy.messages)

    assert {"lanes.html", "matrix.html", "matrix-solution.html"} == set(made)
    assert [0, reads] == [made[name].count("class='reads'") for name in ("matrix.html", "matrix-solution.html")]
    assert all(f"size: {paper} landscape" in sheet for sheet in made.values())
    assert len(policy.messages) == len(re.findall("<th>", made["matrix.html"].split("</thead>")[0]))


def test_every_vantage_point_has_a_group_of_the_sheet() -> None:
    assert {row.group for row in load_policy().vantages.values()} == set(GROUPS)
