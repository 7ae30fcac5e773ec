"""From recorded runs to a target in force: evidence, limits over any sequence, the command."""

import json
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.cli import main
from gaitpi.coach.targets import CAP, WEEK_RAISE, WEEK_S, Window
from gaitpi.config import CoachConfig
from gaitpi.errors import GaitpiError
from gaitpi.review.listening import Evidence, Heard, hear, listen
from gaitpi.review.targets import (
    accept_cadence,
    beyond_limit,
    cadence,
    date,
    lean,
    set_cadence,
)
from gaitpi.runs.reader import RunReader
from gaitpi.targetfile import Accepted, Targets, load, path_in
from tests.coach.runner import Runner
from tests.review.simulated import record

NOW_S = 1_800_000_000.0


def heard(ended_s: float, spm: float | None = None, **more: object) -> Heard:
    """A run; with ``spm`` one that listened for ten minutes."""
    windows = tuple(Window(spm + 0.5 * (-1) ** k, 0.4, 30.0) for k in range(20)) if spm else ()
    fields: dict[str, object] = {
        "run_id": f"run-{ended_s:.0f}",
        "started": datetime.fromtimestamp(ended_s - 1200.0, UTC),
        "ended_s": ended_s,
        "clock_step_s": 0.0,
        "running_s": 900.0,
        "session": "",
        "segment": "pelvis",
        "mount": "",
        "listened": spm is not None,
        "windows": windows,
        "leans": {},
    }
    return Heard(**(fields | more))  # type: ignore[arg-type]


# -- limits over any sequence ------------------------------------------------------------


@dataclass(frozen=True)
class Act:
    """Time passes, perhaps a run, then the runner does something with a clock that may lie."""

    days: float
    ran: bool
    listened_spm: float | None
    clock_error_s: float
    wanted: float | None
    reason: str


acts = st.builds(
    Act,
    days=st.sampled_from([0.0, 0.01, 1.0, 3.0, 7.0, 30.0, 400.0]),
    ran=st.booleans(),
    listened_spm=st.sampled_from([None, None, None, 156.0, 160.0, 164.0]),
    clock_error_s=st.sampled_from([0.0, 0.0, 0.0, -1e6, -1.8e9, 1e6, 1e9]),
    wanted=st.one_of(st.none(), st.floats(125.0, 200.0)),
    reason=st.sampled_from(["", "", "", "", "my physiotherapist"]),
)


@given(st.lists(acts, max_size=25))
def test_no_sequence_passes_cap_or_ramp_without_a_reason(sequence: list[Act]) -> None:
    true_s = NOW_S
    runs = [heard(true_s - 3600.0, 160.0)]
    records: list[Accepted] = []
    ran_at: list[float] = []  # the last run there was, by record
    for act in sequence:
        true_s += act.days * 86_400.0
        if act.ran or act.listened_spm:
            runs.insert(0, heard(true_s, act.listened_spm))
        evidence, targets = Evidence(tuple(runs)), Targets(tuple(records))
        now_s = true_s + act.clock_error_s
        now = cadence(evidence, targets, "", now_s)
        wall_s = date(targets, evidence, now_s, reason=act.reason)
        try:
            if act.wanted is None:
                new = accept_cadence(now, wall_s)
            else:
                new = set_cadence(now, act.wanted, act.reason, wall_s)
        except GaitpiError:
            assert act.wanted is None or (not act.reason and beyond_limit(now, act.wanted))
            continue
        records.append(new)
        ran_at.append(runs[0].ended_s)
        own = evidence.own("")
        assert own is not None
        if act.reason and act.wanted is not None:
            assert new.reason == act.reason
            continue
        assert new.value <= CAP * own.cadence_spm + 1e-6
        # from the last reasoned target on, against every earlier one, by the runs there were
        since = max((k for k, r in enumerate(records) if r.reason), default=0)
        for k in range(since, len(records) - 1):
            weeks = (ran_at[-1] - ran_at[k]) / WEEK_S
            assert new.value <= records[k].value * WEEK_RAISE**weeks + 1e-6


def test_only_running_lets_a_target_rise() -> None:
    run = heard(NOW_S - 3600.0, 164.0)
    last = Accepted(wall_s=NOW_S, metric="cadence", value=166.0, how="set")
    idle = cadence(Evidence((run,)), Targets((last,)), "", NOW_S + 10 * WEEK_S)
    assert idle.since_s == 0.0
    assert "too early" in (idle.proposal.reason if idle.proposal else "")
    ran = heard(NOW_S + 0.5 * WEEK_S)
    later = cadence(Evidence((ran, run)), Targets((last,)), "", NOW_S + 10 * WEEK_S)
    assert later.since_s == 0.5 * WEEK_S
    assert later.proposal is not None
    assert later.proposal.spm == 167.5


def test_the_first_target_and_what_is_refused() -> None:
    now = cadence(Evidence((heard(NOW_S - 3600.0, 160.0),)), Targets(), "", NOW_S)
    assert accept_cadence(now, NOW_S).value == 168.0
    assert set_cadence(now, 175.0, "", NOW_S).value == 175.0
    with pytest.raises(GaitpiError, match=r"above the cap of 10%: at most 176\.0") as refused:
        set_cadence(now, 177.0, "  ", NOW_S)
    assert "--reason" in str(refused.value)
    assert set_cadence(now, 177.0, "physio", NOW_S).reason == "physio"
    nothing = cadence(Evidence(()), Targets(), "", NOW_S)
    with pytest.raises(GaitpiError, match="cannot be judged"):
        set_cadence(nothing, 160.0, "", NOW_S)
    with pytest.raises(GaitpiError, match="no run without a target"):
        accept_cadence(nothing, NOW_S)
    short = cadence(
        Evidence((heard(NOW_S, 160.0, windows=(Window(160.0, 0.5, 30.0),)),)), Targets(), "", NOW_S
    )
    with pytest.raises(GaitpiError, match="00:30 min of steady running in 1 listening run"):
        accept_cadence(short, NOW_S)


def test_doubtful_clocks_are_said() -> None:
    run = heard(NOW_S, 160.0)
    target = Accepted(wall_s=NOW_S, metric="cadence", value=165.0, how="set")

    def doubts(now_s: float, run: Heard, *records: Accepted) -> str:
        return " ".join(cadence(Evidence((run,)), Targets(records), "", now_s).doubts)

    assert doubts(NOW_S + 1.0, run, target) == ""
    assert "has not been set" in doubts(1000.0, run)
    assert "but a run is dated" in doubts(NOW_S - 3600.0, run)
    assert "later than now" in doubts(NOW_S - 3600.0, run, target)
    undated = Accepted(wall_s=1000.0, metric="cadence", value=165.0, how="set")
    assert "no time counted" in doubts(NOW_S + 1.0, run, undated)
    assert "was set during 1" in doubts(NOW_S + 1.0, heard(NOW_S, 160.0, clock_step_s=5000.0))
    # a lagging clock dates nothing before what has been seen; with a reason, a wrong date ends
    ahead = Targets((Accepted(wall_s=NOW_S + 1e8, metric="cadence", value=165.0, how="set"),))
    assert date(Targets(), Evidence((run,)), 1000.0) == NOW_S
    assert date(ahead, Evidence((run,)), NOW_S) == NOW_S + 1e8
    assert date(ahead, Evidence((run,)), NOW_S, reason="clock") == NOW_S


def test_session_types_have_targets_of_their_own() -> None:
    runs = (heard(NOW_S, 150.0, session="easy"), heard(NOW_S - 9e4, 164.0))
    easy = Accepted(wall_s=NOW_S, metric="cadence", value=157.5, how="accept", session="easy")
    usual = cadence(Evidence(runs), Targets((easy,)), "", NOW_S)
    assert usual.last is None
    assert usual.proposal is not None
    assert usual.proposal.spm == 172.0
    assert cadence(Evidence(runs), Targets((easy,)), "easy", NOW_S).last == easy


def test_usual_lean_needs_three_runs_worn_alike() -> None:
    runs = [heard(NOW_S - k, leans={2: 6.0 + k}) for k in range(2)]
    runs += [heard(NOW_S - 5, leans={1: 9.0}), heard(NOW_S - 6, leans={2: 0.0}, segment="thorax")]
    few = lean(Evidence(tuple(runs)), Targets(), "pelvis", "")
    assert (few.usual, few.proposal, len(few.runs), few.origin) == (None, None, 2, 2)
    enough = lean(Evidence((*runs, heard(NOW_S - 9, leans={2: 6.2}))), Targets(), "pelvis", "")
    assert enough.proposal == 6.2
    same = Accepted(
        wall_s=1.0, metric="lean", value=6.2, how="accept", lean_from=2, segment="pelvis"
    )
    again = lean(
        Evidence((*runs, heard(NOW_S - 9, leans={2: 6.2}))), Targets((same,)), "pelvis", ""
    )
    assert again.proposal is None


# -- evidence of recorded runs -----------------------------------------------------------


def read(path: Path) -> Heard:
    with RunReader(path) as run:
        return hear(run)


def test_a_listening_run_shows_its_cadence(tmp_path: Path) -> None:
    """Fast in the warm-up, a walk break, lost data: none of it counts."""

    def spm(t: float) -> float:
        return 185.0 if t < 170 else 160.0

    def activity(t: float) -> int:
        return 2 if 400 < t < 430 else 3

    runner = Runner(spm, activity=activity, lean=lambda t: 30.0 if t < 170 else 7.0, wander_spm=0.5)
    run = read(record(tmp_path / "a.gaitpi", runner, 900.0, CoachConfig(), lost=((600.0, 605.0),)))
    values = [w.cadence_spm for w in run.windows]
    assert sum(values) / len(values) == pytest.approx(160.0, abs=0.6)
    assert 400.0 < run.steady_s < 900 - 180 - 60 - 35
    assert max(w.sd_spm for w in run.windows) < 1.0
    assert run.leans == {2: pytest.approx(7.0)}
    assert run.listened


def test_what_is_no_evidence(tmp_path: Path) -> None:
    runner = Runner(lambda t: 160.0, lean=lambda t: 7.0)
    aimed = read(record(tmp_path / "a.gaitpi", runner, 600.0, CoachConfig(target_spm=168.0)))
    assert (aimed.windows, aimed.listened) == ((), False)
    assert aimed.leans  # nothing spoke of lean
    leaning = CoachConfig(focus="lean", usual_lean_deg=7.0)
    assert read(record(tmp_path / "b.gaitpi", runner, 600.0, leaning)).leans == {}
    own_mean = record(tmp_path / "c.gaitpi", runner, 600.0, CoachConfig(), lean_from=3)
    assert read(own_mean).leans == {}
    assert read(record(tmp_path / "d.gaitpi", runner, 200.0, CoachConfig())).windows == ()
    walk = Runner(lambda t: 160.0, activity=lambda t: 2)
    walked = read(record(tmp_path / "e.gaitpi", walk, 600.0, CoachConfig()))
    assert (walked.windows, walked.leans) == ((), {})
    record(tmp_path / "f.gaitpi", runner, 600.0, CoachConfig(), virtual=True)
    (tmp_path / "g.gaitpi").write_text("no run")
    found = listen(tmp_path)
    assert (len(found.runs), found.others, found.unreadable) == (5, 1, ("g",))
    assert len(listen(tmp_path, simulated=True).runs) == 1


# -- the command -------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("GAITPI_CONFIG", raising=False)
    folder = tmp_path / "gaitpi" / "runs"
    folder.mkdir(parents=True)
    return folder


def run_on(folder: Path, days_ago: float, spm: float, coach: CoachConfig | None = None) -> None:
    runner = Runner(lambda t: spm, lean=lambda t: 7.0, seed=int(days_ago), wander_spm=0.5)
    wall_s = time.time() - days_ago * 86_400.0
    record(
        folder / f"r{days_ago:03.0f}.gaitpi", runner, 560.0, coach or CoachConfig(), wall_s=wall_s
    )


def say(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(["target", *arguments]) == code
    out, err = capsys.readouterr()
    assert "--json" in arguments or all(len(line) <= 80 for line in out.splitlines())
    assert err == "" if code == 0 else err.startswith("gaitpi: ")
    return (out if "--json" in arguments else " ".join(out.split())) if code == 0 else err


def test_from_listening_to_a_target(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "only listening" in say(capsys)
    assert "too few: 0 of 3" in say(capsys, "propose")
    assert "nothing to accept" in say(capsys, "accept", code=1)
    for days in (5, 4, 3):
        run_on(folder, days, 160.0)
    text = say(capsys, "propose")
    assert "your own 160." in text or "your own 159." in text
    assert text.count("min steady") == 4
    told = json.loads(say(capsys, "propose", "--json"))
    assert told["cadence"]["own"]["cadence_spm"] == pytest.approx(160.0, abs=0.7)
    proposal = told["cadence"]["proposal_spm"]
    assert proposal == math.floor(told["cadence"]["own"]["cadence_spm"] * 1.05 * 2) / 2
    assert told["lean"]["proposal_deg"] == 7.0
    assert len(told["cadence"]["runs"]) == 3

    assert f"{proposal:.1f} spm, accepted" in say(capsys, "accept")
    shown = json.loads(say(capsys, "show", "--json"))
    assert (shown["target_spm"], shown["target_from"]) == (proposal, "accepted")
    assert (shown["usual_lean_deg"], shown["usual_lean_from"]) == (7.0, "accepted")
    assert [r.metric for r in load(path_in(folder)).records] == ["cadence", "lean"]
    assert "there already" in say(capsys, "accept", code=1)
    assert "2 % a week" in say(capsys, "set", str(proposal + 1), code=2)
    assert "above" in say(capsys, "set", "190", code=2)
    assert "reason: physio" in say(capsys, "set", "190", "--reason", "physio")
    assert "expected a number" in say(capsys, "set", "300", code=2)
    assert "is not a cadence" in say(capsys, "set", "nan", code=2)
    assert "[coach]" not in (folder / "targets.jsonl").read_text()

    config = Path(folder.parents[1] / "gaitpi" / "config.toml")
    config.parent.mkdir(exist_ok=True)
    config.write_text("[coach]\ntarget_spm = 165\n")
    text = say(capsys, "show")
    assert "165.0 spm, by the configuration" in text
    assert "hides the accepted 190.0" in text
    assert "wins" in say(capsys, "set", "160")
    config.write_text('[coach]\ntarget_spm = "none"\n')
    assert "only listening, by the configuration" in say(capsys, "show")


def test_a_replay_of_samples_uses_the_accepted_target(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["target", "set", "190", "--reason", "test"]) == 0
    csv = tmp_path / "s.csv"
    assert main(["simulate", "--story", "steady", "--rate", "104", "--out", str(csv)]) == 0
    capsys.readouterr()
    fast = ["--set", "coach.warmup_s=0", "--json"]

    def cues(*more: str) -> list[float]:
        assert main(["replay", str(csv), *fast, *more]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return [line["band"][0] for line in lines if line["type"] == "cue"]

    assert cues()[0] == pytest.approx(190 * 0.97)
    assert cues("--set", "coach.target_spm=none") == []
    path_in(folder).write_text('["00000000",{}]\n')
    assert main(["replay", str(csv), *fast]) == 0
    assert "1 damaged line " in capsys.readouterr().err
