"""One wheel and the environments that have it, for all tests of how the project lives beside somebody else's."""

from pathlib import Path

import pytest

from kits.installed import build, environment


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel once."""
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install it with the extra `pytest`."""
    beside = ("pytest", "pytest-asyncio", "mypy")
    return environment(tmp_path_factory.mktemp("whole") / "env", wheel, beside=beside)


@pytest.fixture(scope="session")
def without_asyncio(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install it beside pytest alone."""
    return environment(tmp_path_factory.mktemp("plain") / "env", wheel, beside=("pytest",))
