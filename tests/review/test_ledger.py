"""The ledger: what was cued, what was kept back, and what the runner did."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.cli import main
from gaitpi.coach.policy import ANSWER_S
from gaitpi.config import CoachConfig
from gaitpi.review.ledger import Entry, band_words, entries, ledger, quiet_rules, response
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import CueRow, SecondRow, WithheldRow
from tests.coach.runner import Runner
from tests.review.simulated import record

INF = math.inf


def second(time_s: float, activity: int = 3, gap_s: float = 0.0) -> SecondRow:
    nan = math.nan
    return SecondRow(
        time_s, activity, 170.0, nan, nan, 208, 0, gap_s, 0, nan, nan, nan, nan, nan, nan, 0, nan
    )


def cue(time_s: float, name: str = "step-up", *, played: bool = True) -> CueRow:
    start = time_s if played else math.nan
    ticks = (0.35, start, math.nan, math.nan, 1.1 if played else math.nan)
    return CueRow(time_s, name, "cadence", 163.0, 165.0, INF, "cadence.low", "low", *ticks)


def withheld(time_s: float, name: str = "step-up") -> WithheldRow:
    return WithheldRow(time_s, name, "cadence", 163.0, 165.0, INF, "quiet.floor", "floor")


RUN = [second(float(k)) for k in range(200)]


def after(cues: list[CueRow], seconds: list[SecondRow] = RUN, **more: Any) -> Any:
    kept = more.get("withheld", [])
    end_s = more.get("end_s", 200.0)
    return next(e.after for e in entries(cues, kept, seconds, end_s) if e.cue != "back")


def test_answers() -> None:
    assert after([cue(10.0), cue(19.0, "back")]).outcome == "answered"
    assert after([cue(10.0), cue(19.0, "back")]).seconds == 9.0
    late = after([cue(10.0), cue(10.0 + ANSWER_S + 1, "back")])
    assert (late.outcome, late.seconds) == ("not answered", 31.0)
    never = after([cue(10.0)])
    assert never.outcome == "not answered"
    assert math.isnan(never.seconds)
    # the back that was kept back is an answer all the same
    assert after([cue(10.0)], withheld=[withheld(15.0, "back")]).seconds == 5.0
    # a back after the next question is no answer to the first
    asked_twice = after([cue(10.0), cue(75.0), cue(80.0, "back")])
    assert (asked_twice.outcome, math.isnan(asked_twice.seconds)) == ("not answered", True)


def test_what_was_not_seen_is_not_judged() -> None:
    stopped = [second(float(k), 1 if k >= 20 else 3) for k in range(200)]
    assert after([cue(10.0)], stopped).why == "the runner stopped 10 s after it"
    assert after([cue(10.0)], [second(float(k), gap_s=k == 15) for k in range(99)]).why.startswith(
        "data were lost 5 s"
    )
    assert after([cue(10.0)], RUN[:25], end_s=25.0).why == "the run ended 15 s after it"
    assert after([cue(10.0, played=False)]).why == "it was not played"
    # after the time of an answer it does not matter any more
    assert after([cue(10.0)], [*RUN[:45], second(45.0, 1)]).outcome == "not answered"
    # nor after the answer
    assert after([cue(10.0), cue(18.0, "back")], stopped).outcome == "answered"
    # coming back only after the stop is no answer
    assert after([cue(10.0), cue(38.0, "back")], stopped).outcome == "not judged"


def test_response() -> None:
    cues = [cue(10.0), cue(19.0, "back"), cue(80.0), cue(121.0, "back"), cue(150.0, played=False)]
    found = entries(cues, [withheld(30.0)], RUN, 200.0)
    assert [e.number for e in found] == [1, 2, None, 3, 4, 5]
    told = response(found)
    assert (told.cues, told.judged, told.answered, told.share) == (3, 2, 1, 0.5)
    assert (told.answer_s, told.recovery_s) == (9.0, 25.0)
    assert quiet_rules(found) == {"quiet.floor": 1}
    nothing = response([])
    assert (nothing.cues, math.isnan(nothing.share), math.isnan(nothing.answer_s)) == (
        0,
        True,
        True,
    )


@given(
    st.lists(
        st.tuples(
            st.floats(0, 300),
            st.sampled_from(["step-up", "beat", "back", "tall", "let-go"]),
            st.booleans(),
        ),
        max_size=12,
    ),
    st.lists(st.sampled_from([0, 1, 2, 3, 3, 3]), max_size=300),
)
def test_every_question_has_one_outcome(
    cues: list[tuple[float, str, bool]], activity: list[int]
) -> None:
    rows = [cue(t, name, played=p) for t, name, p in sorted(cues)]
    seconds = [second(float(k), a) for k, a in enumerate(activity)]
    found = entries(rows, [], seconds, float(len(seconds)))
    assert len(found) == len(rows)
    told = response(found)
    assert 0 <= told.answered <= told.judged <= told.cues
    for e in found:
        assert (e.after.outcome == "no question") == (e.cue in ("back", "let-go"))
        if e.after.outcome == "answered":
            assert 0 < e.after.seconds <= ANSWER_S
            assert not any(
                a != 3 and e.time_s < k <= e.time_s + e.after.seconds - 1.0
                for k, a in enumerate(activity)
            )
        json.dumps(e.as_json(), allow_nan=False)


def test_bands() -> None:
    assert band_words(166.84, INF) == ">=166.8"
    assert band_words(-INF, 8.0) == "<=8.0"
    assert band_words(2.0, 10.0) == "2.0..10.0"
    assert band_words(-INF, INF) == "-"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("GAITPI_CONFIG", raising=False)
    folder = tmp_path / "gaitpi" / "runs"
    folder.mkdir(parents=True)
    return folder


def sagging(t: float) -> float:
    """Low, answered after the cue; low again until he stops; low at the end."""
    if 300 < t < 325 or 500 < t < 530 or t > 700:
        return 160.0
    return 170.0


def test_command(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runner = Runner(sagging, activity=lambda t: 1 if 530 < t < 560 else 3, wander_spm=0.3)
    record(runs / "one.gaitpi", runner, 800.0, CoachConfig(target_spm=170.0))
    with RunReader(runs / "one.gaitpi") as run:
        found: list[Entry] = ledger(run)
        heard, kept = run.cues(), run.withheld()
    assert len(found) == len(heard) + len(kept)
    outcomes = [e.after.outcome for e in found if e.cue in ("step-up", "beat") and not e.withheld]
    assert outcomes[:3] == ["answered", "not judged", "not answered"]
    assert kept
    assert main(["cues", "one"]) == 0
    out = capsys.readouterr().out
    assert all(len(line) <= 80 for line in out.splitlines())
    assert all(rule in out for rule in {row.rule for row in heard} | {row.rule for row in kept})
    assert out.count("(kept back)") == len(kept)
    assert "? runner stopped" in out
    assert "'gaitpi why one@" in out
    assert main(["cues", "one", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [e["rule"] for e in told["entries"]] == [e.rule for e in found]
    assert told["response"]["judged"] == len([o for o in outcomes if o != "not judged"])
    assert main(["show", "one", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["response"] == told["response"]["share"]
    assert shown["recovery_s"] == told["response"]["recovery_s"]


def test_a_run_without_cues(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(runs / "calm.gaitpi", Runner(lambda t: 170.0), 60.0, CoachConfig())
    assert main(["cues"]) == 0
    first, why = capsys.readouterr().out.splitlines()
    assert first.startswith("No cues in 2026")
    assert first.endswith(", and none kept back.")
    assert why == "'gaitpi why last@00:30' says why."
    assert main(["cues", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["entries"] == []
