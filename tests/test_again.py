"""What failed is run once more, where it is little."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLAKY = """
from pathlib import Path

def test_by_chance():
    mark = Path(__file__).with_suffix(".seen")
    seen = mark.exists()
    mark.touch()
    assert seen

def test_good():
    pass
"""
BAD = """
import pytest

@pytest.mark.parametrize("n", range({count}))
def test_bad(n):
    assert False
"""


def ran(folder: Path) -> tuple[int, int | None, str]:
    """Codes of the first run and of the second, and what the second printed."""
    pytest_ = (sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", str(folder))
    first = subprocess.run([*pytest_, "."], cwd=folder, capture_output=True, check=False)
    if first.returncode == 0:
        return 0, None, ""
    again = (sys.executable, str(ROOT / "tests/again.py"), str(first.returncode))
    second = subprocess.run(
        [*again, "-q", "-c", "/dev/null", "--rootdir", str(folder), "."],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return first.returncode, second.returncode, second.stdout


def test_what_failed_by_chance_may_pass(tmp_path: Path) -> None:
    (tmp_path / "test_flaky.py").write_text(FLAKY)
    first, second, said = ran(tmp_path)
    assert (first, second) == (1, 0)
    assert "Once more, by itself, what failed:\n  test_flaky.py::test_by_chance" in said
    assert "1 passed" in said


@pytest.mark.parametrize(("count", "tried"), [(1, True), (3, True), (4, False)])
def test_what_is_wrong_stays_wrong(tmp_path: Path, count: int, tried: bool) -> None:
    (tmp_path / "test_bad.py").write_text(BAD.format(count=count))
    first, second, said = ran(tmp_path)
    assert (first, second) == (1, 1)
    assert ("Once more" in said) == tried
    assert f"{count} failed" in said or not tried


def test_what_could_not_be_collected_is_not_tried_again(tmp_path: Path) -> None:
    (tmp_path / "test_broken.py").write_text("import nothing_of_this_name")
    first, second, said = ran(tmp_path)
    assert (first, second) == (2, 2)
    assert "Once more" not in said
