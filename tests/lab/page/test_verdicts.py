"""The page's declared verdicts are what the policy and every arrangement's file declare, in every cell."""

from dataclasses import replace

import pytest

from tiers.lab.attack.derive.scene import TASKED, told
from tiers.lab.classroom.story import AFTER, BEFORE, INSIDE
from tiers.lab.matrix.policy import load_policy
from tiers.lab.page.timeline import matrix_of
from tiers.lab.page.verdicts import Passed, judge, locks_in
from tiers.lab.scenarios import load_all
from tiers.lab.world import arrangement as arrangements
from tiers.wire.message.envelope import Channel

NOTES = BEFORE | INSIDE | AFTER
UNDER_WARRANT = frozenset(TASKED)


def _passed(key: str, custody: str, minute: str) -> Passed:
    note = NOTES[key]
    tasked = UNDER_WARRANT & {note.sender, note.to} if minute == "inside" else frozenset()
    return Passed(
        note.sender, note.to, note.channel, locks_in(custody, note.sender, note.to), tasked, tasked, UNDER_WARRANT
    )


def test_the_page_declares_what_the_policy_declares_in_every_cell() -> None:
    policy, wrong = load_policy(), []
    for case in told():
        usual = "carrier" if case.channel is Channel.CONSUMER else "customer"
        for vantage, verdict in judge(_passed(case.key, usual, case.minute)).items():
            shows = "all" if policy.among(case.key, policy.vantages[vantage].metadata) else "none"
            if shows == "none" and policy.among(case.key, policy.vantages[vantage].sizes):
                shows = "size"
            if (verdict.reads, verdict.shows) != (policy.reads(vantage, case.key), shows):
                wrong.append((case.key, vantage, str(verdict)))
    assert [] == wrong


@pytest.mark.parametrize("name", arrangements.names())
@pytest.mark.parametrize("channel", Channel)
def test_the_page_declares_what_each_arrangement_declares(name: str, channel: Channel) -> None:
    side = arrangements.load(name).side(channel)
    key = {Channel.CONSUMER: "bbm", Channel.ENTERPRISE: "bes-bbm"}[channel]

    readers = {one for one, verdict in judge(_passed(key, side.custody, "inside")).items() if verdict.reads}

    assert set(side.who_reads) == readers - {"auditor-outside-window"}  # which has what the auditor has


def test_before_a_grant_the_auditor_reads_nothing_and_after_the_warrant_gets_nothing_more() -> None:
    note = NOTES["bbm"]
    fresh = Passed(note.sender, note.to, note.channel, locks_in("carrier", note.sender, note.to))
    assert not judge(fresh)["auditor"].reads
    over = Passed(note.sender, note.to, note.channel, locks_in("carrier", note.sender, note.to), frozenset({"alice"}))
    assert (True, False) == (judge(over)["auditor"].reads, judge(over)["auditor-outside-window"].reads)


def test_a_lock_of_nobody_opens_to_nobody_whom_the_classroom_knows() -> None:
    note = NOTES["bes-bbm"]
    locks = locks_in("customer", note.sender, note.to)
    haunted = Passed(note.sender, note.to, note.channel, (*locks, ("stranger", "org/S50000001/3100000f/1")))
    assert judge(haunted) == judge(Passed(note.sender, note.to, note.channel, locks))


def test_a_reader_who_was_added_in_silence_stands_in_the_matrix_of_his_stop() -> None:
    acts = [act for scenario in load_all().values() for act in scenario.acts]
    haunted = [act for act in acts if act.faults.get("gateway") == "any-readers"]
    assert {Channel.CONSUMER, Channel.ENTERPRISE} == {act.ghost for act in haunted}
    for act in haunted:
        lane = list(Channel).index(Channel(act.ghost))
        honest = matrix_of(replace(act, ghost=""))["reads"]
        assert [True, False] == [found["auditor"][lane] for found in (matrix_of(act)["reads"], honest)]
