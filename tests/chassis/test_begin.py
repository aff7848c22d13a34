"""How a program begins: whatever whoever started it has closed."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

BEGINS = """
import sys
from tiers.chassis.begin import begin
begin()
print("said")
sys.stderr.write("said")
with open(sys.argv[1], "w") as file:
    file.write(str(file.fileno()))
"""


@pytest.mark.parametrize("closed", ["", "<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_no_file_of_ours_takes_the_place_of_a_standard_one_that_was_closed(closed: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", BEGINS, str(path)]
    assert 0 == subprocess.run(command, capture_output=True, check=False).returncode
    assert int(path.read_text()) > 2


@pytest.mark.parametrize("limits", ["(128, 2048)", "(2048, 2048)"])
def test_a_process_may_open_as_many_files_as_the_system_allows(limits: str) -> None:
    script = (
        "import resource; from tiers.chassis.begin import raise_descriptors;"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, {limits}); print(raise_descriptors())"
    )
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout
    assert min(2048, hard) == int(said)
