"""What a user waits for is measured whole: every phase of a world, and those that a Prosody and a Synapse have."""

import shutil

import pytest
from rich.progress import Progress

from bench import felt
from bench.peers.kit import _SBIN

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("prosody", path=_SBIN + ":/usr/bin") is None, reason="needs Debian's prosody"),
]


async def test_every_phase_is_measured_once_for_each_run() -> None:
    with Progress(disable=True) as progress:
        found = await felt.measure(progress, 1)

    phases = {"boot", "first message", "handsets", "story", "attack", "end", "CPU", "MiB"}
    plugin = "pytest with our plugin unused"
    assert {*phases, plugin} == found.ours.keys()
    assert {"prosody", "synapse"} == found.peers.keys()
    for peer in found.peers.values():
        assert {"boot", "first message", "end", "CPU", "MiB"} == peer.keys()
    positive = [value for each in (found.ours, *found.peers.values()) for name, value in each.items() if name != plugin]
    assert min(positive) > 0
    assert found.ours["boot"] + found.ours["handsets"] == pytest.approx(found.ours["first message"], abs=0.05)
