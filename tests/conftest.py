"""Fixtures and settings for all tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The same examples each time, and no verdict about the speed of a busy machine.
settings.register_profile(
    "gaitpi",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("gaitpi")

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"

WORKER_BYTES = 2 << 30
"""What a process of tests may need."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Processes of ``make test``: one a core, up to four, and no more than the memory holds."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(os.cpu_count() or 1, 4, memory // WORKER_BYTES))


@pytest.fixture(autouse=True)
def _same_folder() -> Iterator[None]:
    """lgpio changes the working directory of who loads it."""
    before = Path.cwd()
    yield
    os.chdir(before)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the recordings with truth, which are not part of the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the recordings are not here: no ../shared/data beside the repository")
    return SHARED_DATA
