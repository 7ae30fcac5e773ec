"""What-if: every cue of either list is told once, and what changed is what was set."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.cli import main
from gaitpi.coach.types import Cue, Withheld
from gaitpi.config import Config, apply
from gaitpi.device.virtual import play
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.review.whatif import MOVED_S, SAME_S, compare, counts

BAND = (165.0, math.inf)
NAMES = st.sampled_from(["step-up", "back", "tall"])


def cue(time_s: float, name: str = "step-up") -> Cue:
    return Cue(time_s, name, "cadence", 163.0, BAND, "cadence.low", "low 8 s", 0.35)


lists = st.lists(st.builds(cue, st.floats(0, 600), NAMES), max_size=12)


@given(lists, lists)
def test_every_cue_is_told_once(before: list[Cue], after: list[Cue]) -> None:
    found = compare(before, after)
    n = counts(found)
    assert n["same"] + n["moved"] + n["gone"] == len(before)
    assert n["same"] + n["moved"] + n["new"] == len(after)
    for one in found:
        shift = abs(one.cue.time_s - one.was_s)
        if one.change == "moved":
            assert SAME_S < shift <= MOVED_S
        elif one.change == "same":
            assert shift <= SAME_S
        json.dumps(one.as_json(), allow_nan=False)


@given(lists)
def test_nothing_changes_nothing(cues: list[Cue]) -> None:
    assert all(one.change == "same" for one in compare(cues, cues))


def test_why_one_is_gone() -> None:
    held = Withheld(
        101.0, "step-up", "cadence", 163.0, BAND, "quiet.floor", "last cue 9 s ago; otherwise x"
    )
    (gone,) = compare([cue(100.0)], [], [held])
    assert (gone.change, gone.now) == ("gone", "quiet.floor: last cue 9 s ago")
    (unexplained,) = compare([cue(300.0)], [], [held])
    assert unexplained.now == ""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    phases = (
        Phase("stand", 5.0),
        Phase("run", 60.0),
        Phase("run", 40.0, cadence_spm=160.0),
        Phase("run", 40.0),
    )
    config = apply(Config(), ["coach.target_spm=170", "coach.warmup_s=0"])
    folder = tmp_path_factory.mktemp("runs")
    ended = play(SimulatedRunner(phases), config, folder, [], recording="sag")
    assert ended.path is not None
    return ended.path


Ask = Callable[..., tuple[list[dict[str, Any]], dict[str, Any]]]


@pytest.fixture
def ask(path: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    def asked(*settings: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        given = [part for one in settings for part in ("--set", one)]
        assert main(["replay", str(path), "--diff", *given]) == 0
        out = capsys.readouterr().out
        assert all(len(line) <= 80 for line in out.splitlines())
        assert main(["replay", str(path), "--diff", "--json", *given]) == 0
        *cues, summary = (json.loads(line) for line in capsys.readouterr().out.splitlines())
        signs = {"same": "=", "moved": "~", "new": "+", "gone": "-"}
        shown = [line[0] for line in out.splitlines() if line[0] in "=~+-"]
        assert shown == [signs[one["change"]] for one in cues]
        return cues, summary

    return asked


def test_the_command(ask: Ask) -> None:
    cues, summary = ask()
    assert [one["cue"] for one in cues] == ["step-up", "back"]
    assert summary["same"] == 2
    cues, summary = ask("coach.hold_s=4")
    assert cues[0]["change"] == "moved"
    assert cues[0]["was_s"] - cues[0]["time_s"] == pytest.approx(4.0, abs=0.2)
    cues, summary = ask("coach.enabled=false")
    assert (summary["gone"], summary["same"]) == (2, 0)
    assert cues[0]["kept_back"].startswith("quiet.off")
    assert cues[0]["time_s"] is None
    cues, summary = ask("coach.target_spm=178", "coach.hold_s=3")
    assert summary["new"] >= 1
    assert all(
        one["band"][0] == pytest.approx(178 * 0.97) for one in cues if one["change"] != "gone"
    )


def test_mistakes(path: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["replay", str(path), "--diff", "--set", "coach.band_percent=2"]) == 78
    err = capsys.readouterr().err
    assert "coach.band_low" in err
    assert "coach.band_return" in err
    rows = "".join(f"{k / 100},0,0,9.8\n" for k in range(400))
    (tmp_path / "s.csv").write_text("time_s,ax,ay,az\n" + rows)
    assert main(["replay", str(tmp_path / "s.csv"), "--diff"]) == 2
    assert "nothing to compare with" in capsys.readouterr().err
    assert main(["replay", str(tmp_path / "s.csv"), "--diff", "--set", "coach.hold_s=4"]) == 0
    assert "no cues" in capsys.readouterr().out
