"""``gaitpi`` alone, ``show`` and ``compare``: the words, with no, one and many runs."""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from calibration import season
from gaitpi import importfile
from gaitpi.cli import main
from gaitpi.errors import UsageError
from gaitpi.importfile import Imported, Points
from gaitpi.review.change import against_usual
from gaitpi.review.drift import drifts
from gaitpi.review.metrics import METRICS
from gaitpi.review.overview import Beside, more, said, suggestion
from gaitpi.review.verdict import judge
from gaitpi.runs.reader import RunReader, list_runs, newest, resolve
from tests.review.made import course_of, form
from tests.review.test_outside import both, record
from tests.runs.sample import WALL_S, second, write_run


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven runs, the newest first; a truncated, a foreign and an empty file among them."""
    state = tmp_path_factory.mktemp("state")
    runs = state / "gaitpi" / "runs"
    paths = season.make(runs, 6, distinct=6)
    season.write(runs, WALL_S - 9e6, 60, seed=9, finish=False)
    (runs / "20260101-truncated.gaitpi").write_bytes(paths[3].read_bytes()[:30_000])
    (runs / "20260102-foreign.gaitpi").write_text("Dear diary,\n" * 100)
    (runs / "20260103-empty.gaitpi").touch()
    return state


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "RUNTIME_DIRECTORY"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("GAITPI_CONFIG", raising=False)


def printed(capsys: pytest.CaptureFixture[str], arguments: Sequence[str]) -> list[str]:
    """The lines of a command that must work, none wider than 80."""
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "--json" in arguments or all(len(line) <= 80 for line in out.splitlines())
    return out.splitlines()


def test_the_last_run_in_six_lines(
    many: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(many))
    lines = printed(capsys, [])
    assert [line.split()[0] for line in lines[1:]] == [
        *("cadence", "in", "lean", "quality", "load", "next")
    ]
    assert lines[0].endswith("42:19 running, 7,312 steps (265 walking)")
    assert " vs target 170.0, " in lines[1]
    assert lines[1].endswith(" vs usual: no clear change")
    told = json.loads("\n".join(printed(capsys, ["--json"])))
    assert told["id"].startswith("20261123-1702")
    assert told["next"] == lines[-1].removeprefix("next       ")
    assert [one["metric"] for one in told["against_usual"]][:2] == ["cadence_spm", "lean_deg"]


def test_show_says_what_drifted_and_draws_it(
    many: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(many))
    lines = printed(capsys, ["show"])
    assert lines[5].startswith("drift      cadence -3.")
    assert " from minute " in lines[5]
    assert lines[6] == "usual      no clear change in 10 metrics vs 5 earlier runs"
    drawn = printed(capsys, ["show", "--chart"])
    assert drawn[: len(lines) - 1] == lines[:-1]
    assert "cadence, steps/min (band from 164.9: - - -)" in drawn
    assert len(drawn) <= 23
    told = json.loads("\n".join(printed(capsys, ["show", "last-2", "--json"])))
    assert told["id"].startswith("20261121")
    assert told["drift"][0]["metric"] == "cadence_spm"
    assert {one["runs"] for one in told["against_usual"]} == {3}  # those before it


def test_a_run_of_somebody_else_is_beside_nothing(
    many: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(many))
    path = season.write(tmp_path, WALL_S, 400, seed=3)
    before = sorted(tmp_path.iterdir())
    assert "usual      not known (0 of 3 earlier runs)" in printed(capsys, ["show", str(path)])
    assert sorted(tmp_path.iterdir()) == before


def test_the_list_has_all_files_and_what_is_wrong_with_them(
    many: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(many))
    lines = printed(capsys, ["runs"])
    ids = [line.split()[0] for line in lines[1:7]]
    assert ids == sorted(ids, reverse=True)
    assert lines[8] == "    cut short: it has no end"
    assert lines[9] == "3 files cannot be read:"
    assert [name for name in lines[10:] if not name.startswith(" ")] == [
        "20260103-empty",
        "20260102-foreign",
        "20260101-truncated",
    ]
    listed = json.loads("\n".join(printed(capsys, ["runs", "--json"])))
    assert len(listed) == 10
    states = [one["state"] for one in listed]
    assert (states.count("finished"), states.count("unreadable")) == (6, 3)
    some = printed(capsys, ["runs", "--last", "2"])
    assert [line.split()[0] for line in some[1:3]] == ids[:2]
    assert len(some) == 3
    since = json.loads("\n".join(printed(capsys, ["runs", "--since", "2026-11-20", "--json"])))
    assert [one["id"] for one in since] == ids[:4]
    assert printed(capsys, ["tag", ids[2], "race"]) == [f"{ids[2]}: race"]
    tagged = json.loads("\n".join(printed(capsys, ["runs", "--tag", "Race", "--json"])))
    assert [one["id"] for one in tagged] == [ids[2]]
    few = printed(capsys, ["runs", "--tag", "slow"])
    assert few[0] == "3 files cannot be read; 'gaitpi runs' says why."
    assert few[1] == "None of the 7 runs is one of these."
    for wrong in (["--since", "monday"], ["--since", "4 weeks"], ["--last", "0"], ["--tag", "?"]):
        assert main(["runs", *wrong]) == 2
        assert "gaitpi: " in capsys.readouterr().err


def test_a_name_that_is_no_text_is_listed_and_never_stops_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody unpacked an archive of another machine among the runs."""
    runs = tmp_path / "XDG_STATE_HOME" / "gaitpi" / "runs"
    paths = season.make(runs, 2, distinct=2)
    odd = os.fsencode(runs / "20270108-") + b"\xff\xfe.gaitpi"
    Path(os.fsdecode(odd)).write_bytes(paths[1].read_bytes())
    lines = printed(capsys, ["runs"])
    assert lines[3] == "1 file cannot be read:"
    assert "is not UTF-8. Give the file" in " ".join(lines)
    for command in ([], ["show"], ["compare"], ["load"], ["back"], ["status"], ["runs"]):
        main([*command, "--json"])
        assert json.loads(capsys.readouterr().out) is not None
    listed = json.loads("\n".join(printed(capsys, ["runs", "--json"])))
    assert sorted(one["id"] for one in listed)[-1] == "20270108-\\udcff\\udcfe"
    assert main(["report", "--physio", "--out", str(tmp_path / "p.html")]) == 0


def test_compare_with_the_usual_and_with_another(
    many: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(many))
    lines = printed(capsys, ["compare"])
    assert lines[1] == "U  your usual: the median of 5 earlier runs"
    assert sum(line.endswith("no clear change") for line in lines) == 10
    lines = printed(capsys, ["compare", "last", "last-3"])
    assert lines[0].startswith("A  Mon 23 Nov 2026")
    assert lines[1].startswith("B  Fri 20 Nov 2026")
    assert any(line.startswith("cadence              spm ") for line in lines)
    there = json.loads("\n".join(printed(capsys, ["compare", "last", "last-3", "--json"])))
    back = json.loads("\n".join(printed(capsys, ["compare", "last-3", "last", "--json"])))
    assert (there["a"], there["b"]) == (back["b"], back["a"])
    for one, other in zip(there["changes"], back["changes"], strict=True):
        assert one["difference"] == pytest.approx(-other["difference"])
        assert one["verdict"] == other["verdict"]
    itself = json.loads("\n".join(printed(capsys, ["compare", "last", "last", "--json"])))
    assert {one["difference"] for one in itself["changes"]} == {0.0}


def test_what_changed_over_weeks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = tmp_path / "XDG_STATE_HOME" / "gaitpi" / "runs"
    season.make(runs, 24, distinct=24)
    lines = printed(capsys, ["compare", "--weeks", "12"])
    assert lines[0] == "up to Mon 23 Nov 2026: 24 days with a run in 3.9 weeks"
    assert sum(line.endswith(("a change", "no clear change")) for line in lines) == 10
    assert max(map(len, lines)) <= 80
    found = json.loads("\n".join(printed(capsys, ["compare", "--weeks", "12", "--json"])))
    assert [one["metric"] for one in found["trends"]] == [
        key for key, metric in METRICS.items() if not metric.outside
    ]
    assert found["trends"][0]["days"] == 24
    early = printed(capsys, ["compare", "last-18", "--weeks", "12"])
    assert early[-1] == "No trend can be told yet: 6 of 8 days."
    for wrong in (["--weeks", "1"], ["--weeks", "nan"], ["last", "last-1", "--weeks", "12"]):
        assert main(["compare", *wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_steps_a_kilometre_where_a_distance_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "XDG_STATE_HOME" / "gaitpi" / "runs"
    path = season.write(runs, WALL_S, 400, seed=3)
    found = json.loads("\n".join(printed(capsys, ["show", "--json"])))
    steps = found["steps"]
    assert found["exposure"]["steps"] == steps
    assert found["exposure"]["steps_km"] is None
    assert not any(line.startswith("exposure") for line in printed(capsys, ["show"]))
    imported = Imported(
        wall_s=WALL_S,
        file="evening.fit",
        sha256="0" * 64,
        start_s=WALL_S,
        end_s=WALL_S + 400.0,
        share=1.0,
        distance_m=1200.0,
    )
    points = Points(
        sha256="0" * 64,
        time_s=(0.0, 395.0),
        heart_rate_bpm=(None, None),
        distance_m=(50.0, 1250.0),
    )
    importfile.add(importfile.path_of(path), imported, points)
    found = json.loads("\n".join(printed(capsys, ["show", "--json"])))
    assert found["exposure"]["steps_km"] == pytest.approx(steps / 1.2)
    assert f"exposure   {steps / 1.2:,.0f} steps a km over 1.20 km" in printed(capsys, ["show"])


def test_one_short_run_is_compared_with_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "XDG_STATE_HOME" / "gaitpi" / "runs"
    runs.mkdir(parents=True)
    write_run(runs / "one.gaitpi", seconds=[second(float(t)) for t in range(40)], finish=False)
    assert printed(capsys, [])[0].endswith("cut short")
    lines = printed(capsys, ["compare"])
    assert lines[-1].startswith("Nothing can be compared: ")
    lines = printed(capsys, ["show"])
    assert lines[5].startswith("drift      not known (0 of ")
    assert "cadence, steps/min (no band)" in printed(capsys, ["show", "--chart"])


def test_what_changed_and_drifted_is_said(tmp_path: Path) -> None:
    write_run(tmp_path / "run.gaitpi", seconds=[second(float(t)) for t in range(900)])
    with RunReader(tmp_path / "run.gaitpi") as run:
        v = judge(run)
    usual = [form(float(day)) for day in range(5)]
    changes = against_usual(form(6.0, u=0.001, cadence_spm=161.0, contact_ms=290.0), usual)
    course = course_of(range(3, 60), lambda m: 6.0 + max(0, m - 30) * 0.4, "lean_deg")
    b = Beside(form(0.0), changes, drifts(course), 5)
    words = " ".join(" ".join(more(b)).split())
    assert "drift belt lean +1" in words
    assert " deg from minute " in words
    assert "usual cadence -9.0 ±0.3 spm" in words
    assert "vs 5 earlier runs" in words
    assert all(len(line) <= 80 for line in [*said(v, b), *more(b)])
    assert "-9.0 ±0.3 vs usual: a real change" in said(v, b)[1]
    assert said(v, b, then="")[-1].startswith("quality")
    assert suggestion(v, b, recording=True) == "see what it hears now:  gaitpi live"
    nothing = Beside(form(0.0), {}, {}, 0)
    assert more(nothing)[1] == "usual      not known (no earlier runs)"
    assert math.isnan(v.target_spm)
    assert "target propose" in suggestion(v, nothing, recording=False)


def test_strength_is_named_where_form_drifted_late() -> None:
    course = course_of(range(3, 60), lambda m: 6.0 + max(0, m - 30) * 0.4, "lean_deg")
    found = drifts(course)
    for minutes, late in ((50.0, True), (150.0, False)):
        b = Beside(replace(form(0.0), duration_s=60.0 * minutes), {}, found, 0)
        words = " ".join(" ".join(more(b)).split())
        assert "drift belt lean +1" in words
        assert ("strength belt lean drifted late" in words) == late
        assert ("(Cai 2017)" in words) == late
    # a part from minute 20 on: what began in its tenth minute is not late in its thirty
    for minutes, late in ((18.0, True), (30.0, False)):
        b = Beside(replace(form(0.0), duration_s=60.0 * minutes), {}, found, 0, 1200.0)
        assert ("drifted late" in " ".join(more(b))) == late
    assert "strength" not in " ".join(more(Beside(form(0.0), {}, {}, 0)))


def test_the_newest_is_found_without_opening_all(tmp_path: Path) -> None:
    paths = season.make(tmp_path, 12, distinct=2)
    assert [e.path for e in newest(tmp_path, 12)] == [e.path for e in list_runs(tmp_path)]
    for path in paths[4:]:
        path.chmod(0)  # root reads them all the same
        path.write_bytes(b"not read")
        os.utime(path, (WALL_S - 90 * 86_400.0,) * 2)
    assert [e.path for e in newest(tmp_path, 2)] == paths[:2]
    assert resolve(tmp_path, "last-1") == paths[1]
    with pytest.raises(UsageError, match="only 4 runs"):
        resolve(tmp_path, "last-9")
    with pytest.raises(UsageError, match=r"'last\.0' is no part\. The first .* is last\.1\."):
        resolve(tmp_path, "last.0")
    for path in paths[1:]:
        path.unlink()
    with pytest.raises(UsageError, match="There is only 1 run in"):
        resolve(tmp_path, "last-1")


# Strap and pod.


@pytest.fixture
def four(tmp_path: Path) -> Path:
    """The folder of four runs; the newest three with strap and pod, the last with a hole."""
    runs = tmp_path / "XDG_STATE_HOME" / "gaitpi" / "runs"
    runs.mkdir(parents=True)
    hearts, pods = both([(100.0, 160.0)])
    held = [p._replace(distance_m=p.distance_m - 180.0 * (p.time_s > 130.0)) for p in pods]
    day = 86_400.0
    record(runs / "20261120-1.gaitpi", wall_s=WALL_S - 3 * day)
    record(runs / "20261121-2.gaitpi", *both(), wall_s=WALL_S - 2 * day)
    record(runs / "20261122-3.gaitpi", *both(), wall_s=WALL_S - day)
    record(runs / "20261123-4.gaitpi", hearts, held, wall_s=WALL_S)
    return runs


def test_distance_and_heart_rate_in_every_command(
    four: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(capsys, [])
    short = "distance   at least 1.61 km, 5:33 /km (pod); heart 150, max 150 (strap)"
    assert [line.split()[0] for line in lines[1:]] == [
        *("cadence", "in", "lean", "distance", "quality", "load", "next")
    ]
    assert short in lines
    assert short in printed(capsys, ["show", "--chart"])
    lines = printed(capsys, ["show"])
    assert "heart      150 mean, 150 max bpm (strap, known for 91%)" in lines
    assert (
        "distance   at least 1.61 km, 5:33 /km, 1.06 m a step (pod, calibration unknown)" in lines
    )
    # what lacks a tenth of the way is no steps a kilometre
    assert not any(line.startswith("exposure") for line in lines)
    told = json.loads("\n".join(printed(capsys, ["show", "--json"])))["outside"]
    assert told["at_least"] is True
    assert told["unknown_s"] == pytest.approx(62.0)
    assert told["pod_counts"] == "agrees"
    assert told["doubts"] == []
    whole = json.loads("\n".join(printed(capsys, ["show", "last-1", "--json"])))
    assert whole["outside"]["distance_m"] == pytest.approx(1797.0, abs=0.3)
    assert whole["exposure"]["steps_km"] == pytest.approx(whole["steps"] / 1.797, rel=1e-3)


def test_the_list_has_distance_and_heart_rate(
    four: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(capsys, ["runs"])
    assert lines[0].split()[-5:] == ["running", "steps", "cadence", "km", "bpm"]
    assert [line.split()[-2:] for line in lines[1:5]] == [
        [">1.6", "150"],
        ["1.8", "150"],
        ["1.8", "150"],
        ["-", "-"],
    ]
    assert lines[5] == "> km: at least, a part of the way was not measured"
    listed = json.loads("\n".join(printed(capsys, ["runs", "--json"])))
    assert [one["outside"]["distance_from"] for one in listed] == ["pod", "pod", "pod", None]
    # a list of runs without either is as it was
    assert printed(capsys, ["runs", "--untrimmed"])[0].split()[2:4] == ["length", "running"]


def test_a_pod_that_counts_one_foot_is_named(
    four: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hearts, pods = both()
    record(
        four / "20261124-5.gaitpi",
        hearts,
        [pod._replace(cadence_rpm=85) for pod in pods],
        wall_s=WALL_S + 86_400.0,
    )
    lines = " ".join(" ".join(printed(capsys, ["show"])).split())
    assert "doubt the foot pod counts one foot: 85 a minute, where the belt counts 170." in lines
    told = json.loads("\n".join(printed(capsys, ["show", "--json"])))["outside"]
    assert told["pod_counts"] == "one foot"
    # named, and not made right: what the pod says of speed and distance stands
    assert told["distance_m"] == pytest.approx(1797.0, abs=0.3)


def test_what_is_of_like_speed_is_said(four: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = " ".join(" ".join(printed(capsys, ["compare", "last", "last-1"])).split())
    assert "At a like speed (within 5%): cadence" in lines
    other = " ".join(" ".join(printed(capsys, ["compare", "last", "last-3"])).split())
    assert "Speed not known, so it may be one of pace: cadence" in other
    assert "Not compared: " in other
    found = json.loads("\n".join(printed(capsys, ["compare", "last", "last-1", "--json"])))
    speeds = {one["metric"]: one["speed"] for one in found["changes"]}
    assert speeds["cadence_spm"] == "like"
    assert speeds["lean_deg"] is None
    assert {"speed_kmh", "step_length_m", "heart_rate_bpm"} <= set(speeds)


def test_an_import_counts_at_once(four: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is kept of forms is not that of before the import."""
    printed(capsys, ["show", "last-3"])
    times = tuple(float(k) for k in range(600))
    imported = Imported(
        wall_s=WALL_S, file="w.fit", sha256="1", start_s=WALL_S, end_s=WALL_S + 599.0, share=1.0
    )
    points = Points(
        sha256="1",
        time_s=times,
        heart_rate_bpm=(140.0,) * 600,
        distance_m=tuple(2.5 * k for k in times),
    )
    importfile.add(importfile.path_of(four / "20261120-1.gaitpi"), imported, points)
    lines = printed(capsys, ["show", "last-3"])
    assert "distance   1.50 km, 6:40 /km, 0.88 m a step (imported)" in lines
    assert "heart      140 mean, 140 max bpm (imported)" in lines


@pytest.mark.parametrize(
    "command",
    [
        *([], ["runs"], ["load"], ["reanalyse", "all"], ["export", "--season", "season"]),
        ["import", "watch.fit"],
    ],
)
def test_a_folder_that_may_not_be_looked_into_is_not_called_empty(
    command: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As of the service's runs for a user who is not of its group; root may all."""
    runs = tmp_path / "XDG_STATE_HOME" / "gaitpi" / "runs"
    season.make(runs, 1, distinct=1)
    monkeypatch.chdir(tmp_path)
    if command[0:1] == ["import"]:
        main(["export", "last", "--fit", "watch.fit"])
        capsys.readouterr()
    really = os.scandir

    def scandir(path: str | Path) -> object:
        if Path(path) == runs:
            raise PermissionError(13, "Permission denied", str(path))
        return really(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert main(command) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{runs} cannot be read: Permission denied." in err
    assert err.count("\n") == 1
