"""The six lines and the numbers behind them."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.cli import main
from gaitpi.config import CoachConfig
from gaitpi.faults import FAULTS
from gaitpi.review.verdict import Verdict, advice, judge, lines
from gaitpi.runs.reader import RunReader
from gaitpi.runs.writer import RunWriter

# pytest finds this as "runs", mypy as "tests.runs".
from tests.runs.sample import (
    batches,
    counts,
    cue,
    header,
    second,
    step,
    write_run,
)

COACH = CoachConfig(target_spm=172.0, warmup_s=60.0, gate_s=30.0)


def verdict(path: Path, **what: Any) -> Verdict:
    write_run(path, **what)
    with RunReader(path) as run:
        return judge(run)


def test_a_run_with_a_target(tmp_path: Path) -> None:
    seconds = [second(float(i), activity=2, cadence_spm=110.0) for i in range(20)]
    seconds += [second(20.0 + i, cadence_spm=172.0, lean_deg=7.0) for i in range(130)]
    seconds += [second(150.0 + i, cadence_spm=165.0, lean_deg=7.0) for i in range(70)]
    heard = [cue(158.0), cue(167.0, "back"), cue(220.0, "beat"), cue(255.0, "back")]
    v = verdict(
        tmp_path / "run.gaitpi",
        seconds=seconds,
        cues=heard,
        coach=CoachConfig(target_spm=172.0, warmup_s=60.0, gate_s=30.0, usual_lean_deg=5.5),
    )
    assert (v.running_s, v.steps) == (200.0, 220)
    assert v.cadence_spm == pytest.approx(60 / 0.35)
    assert v.cueable_s == 140.0
    assert v.in_band == pytest.approx(70 / 140)
    # the run ended right after the second one
    assert (v.cues, v.judged, v.answered, v.response) == (2, 1, 1, 1.0)
    assert (v.answer_s, v.recovery_s) == (9.0, 9.0)
    assert (v.lean_change_deg, v.lean_against) == (1.5, "usual")
    level = replace(v, cadence_spm=171.97, lean_change_deg=-0.04)
    assert lines(level)[1] == "cadence    172.0 spm  +0.0 vs your target 172.0"
    assert lines(level)[3].startswith("lean       +0.0 deg vs your usual")
    assert lines(v) == [
        "Mon 23 Nov 18:02  03:20 running, 220 steps",
        "cadence    171.4 spm  -0.6 vs your target 172.0",
        "in band    50% of 02:20 cueable (cadence)   2 cues, 1 of 1 answered, median 9 s",
        "lean       +1.5 deg vs your usual (pelvis; within your band of ±4)",
        "quality    good: belt steady, no gaps, nothing clipped, no faults",
        f"next       all its numbers:  gaitpi show {v.run_id} --json",
    ]


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    v = verdict(tmp_path / "run.gaitpi", finish=False)
    text = "\n".join(lines(v))
    assert text.count("not known") == 4
    assert "cut short" in text
    assert math.isnan(v.in_band)
    listening = verdict(
        tmp_path / "b.gaitpi", seconds=[second(float(i), lean_deg=5.0) for i in range(300)]
    )
    text = "\n".join(lines(listening))
    assert "no target set: this run only listened" in text
    assert "not known (no cadence band yet)" in text
    assert "not known (no stand, no usual yet)" in text
    assert "gaitpi target propose" in text


def test_lean_is_compared_with_what_it_can_be(tmp_path: Path) -> None:
    def lean(name: str, lean_from: int, usual: float | None, usual_from: int = 0) -> Verdict:
        seconds = [second(float(i), lean_deg=6.0, lean_from=lean_from) for i in range(90)]
        coach = CoachConfig(usual_lean_deg=usual, usual_lean_from=usual_from)
        return verdict(tmp_path / f"{name}.gaitpi", seconds=seconds, coach=coach)

    assert lean("stand", 2, None).lean_against == "standing"
    assert lean("usual", 2, 1.0).lean_change_deg == 5.0
    assert "outside your band" in lines(lean("out", 2, 1.0))[3]
    assert lean("gait", 3, 1.0).lean_against is None
    assert lean("mount", 1, None).lean_against is None
    assert lean("else", 2, 1.0, usual_from=1).lean_against == "standing"
    assert lean("same", 1, 1.0, usual_from=1).lean_change_deg == 5.0


def test_a_lean_that_is_not_known_is_not_out_of_band(tmp_path: Path) -> None:
    coach = CoachConfig(focus="lean", usual_lean_deg=6.0, warmup_s=0.0, usual_lean_from=2)
    seconds = [second(float(i), lean_deg=6.0, lean_from=2) for i in range(100)]
    seconds += [second(100.0 + i, lean_deg=math.nan, lean_from=0) for i in range(100)]
    v = verdict(tmp_path / "holes.gaitpi", seconds=seconds, coach=coach)
    assert (v.in_band, v.cueable_s) == (1.0, 70.0)
    seconds = [second(float(i), lean_deg=0.1, lean_from=3) for i in range(200)]
    v = verdict(tmp_path / "no stand.gaitpi", seconds=seconds, coach=coach)
    assert math.isnan(v.in_band)
    assert v.cueable_s == 0.0
    assert lines(v)[2] == "in band    not known (no lean to judge after warm-up)   no cues"


def test_quality_counts_what_went_wrong(tmp_path: Path) -> None:
    path = tmp_path / "run.gaitpi"
    writer = RunWriter(path, header())
    writer.seconds([second(1.0, gap_s=0.5), second(2.0, clipped=3), second(3.0, gap_s=1.0)])
    writer.steps([step(1.0)])
    for batch in batches(counts(20)):
        writer.batch(
            type(batch)(
                batch.seq,
                batch.index,
                batch.line,
                batch.counts,
                0.0,
                0,
                {"nack": 3, "x": batch.seq},
            )
        )
    writer.event(1.0, "dropout", "slow", seconds=2.5)
    writer.event(1.0, "dropout", "odd", seconds="many")
    writer.close()
    with RunReader(path) as run:
        v = judge(run)
    assert (v.gaps, v.gap_s, v.clipped, v.faults, v.dropout_s) == (2, 1.5, 3, 2, 2.5)
    assert v.counters == {"nack": 6, "x": 1}
    assert lines(v)[4] == (
        "quality    poor: 1.5 s lost in 2 gaps; 3 clipped; 2 faults; 2.5 s not recorded"
    )  # there is no room for their names
    one = replace(v, gap_s=0.0, clipped=0)
    assert lines(one)[4] == (
        "quality    poor: 6 transfers not acknowledged and 1 other; 2.5 s not recorded"
    )
    one = replace(v, gap_s=0.0, clipped=0, counters={"overflow": 1})
    assert lines(one)[4] == (
        "quality    poor: once the sensor's memory ran over; 2.5 s not recorded"
    )
    assert "quality    poor: 2 faults; 2.5 s" in lines(replace(one, counters={}))[4]
    assert "try another card" in lines(v)[5]


REAL = st.one_of(st.just(math.nan), st.floats(-1e6, 1e6))
COUNT = st.integers(0, 10**7)


@given(reals=st.lists(REAL, min_size=13, max_size=13), ints=st.lists(COUNT, min_size=9, max_size=9))
def test_always_six_lines_that_fit(reals: list[float], ints: list[int]) -> None:
    names = "duration_s running_s cadence_spm target_spm in_band cueable_s answer_s lean_deg"
    names += " lean_change_deg lean_band_deg gap_s response recovery_s"
    integers = "steps running_steps cues answered judged gaps clipped samples faults"
    v = Verdict(
        run_id="20261123-170200-3fa2-9c1be0",
        started=datetime(2026, 11, 23, 18, 2),
        segment="thorax",
        recording="",
        virtual=False,
        finished=True,
        focus="lean",
        counters=dict.fromkeys(FAULTS, ints[0]),
        lean_against="usual",
        dropout_s=abs(reals[0]),
        belt="loose",
        belt_from_s=750.0,
        belt_bad_s=abs(reals[1]),
        **dict(zip(names.split(), reals, strict=True)),  # type: ignore[arg-type]
        **dict(zip(integers.split(), ints, strict=True)),  # type: ignore[arg-type]
    )
    assert len(lines(v)) == 6
    assert all(len(line) <= 80 for line in lines(v))
    assert "nan" not in "\n".join(lines(v))
    json.dumps(v.as_json(), allow_nan=False)


@pytest.fixture
def runs_folder(tmp_path: Path) -> tuple[Path, Path]:
    config = tmp_path / "config.toml"
    runs = tmp_path / "runs"
    config.write_text(f'[runs]\ndirectory = "{runs}"\n')
    runs.mkdir()
    return config, runs


def test_commands_print_tables_and_json(
    runs_folder: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config, runs = runs_folder
    at = ["--config", str(config)]
    assert main(["runs", *at]) == 0
    assert "No runs in" in capsys.readouterr().out
    assert main(["show", *at]) == 2
    assert "no run in" in capsys.readouterr().err
    write_run(runs / "old.gaitpi", seconds=[second(float(i)) for i in range(10)])
    write_run(runs / "new.gaitpi", wall_s=1_795_460_000.0, finish=False)
    (runs / "bad.gaitpi").write_text("x" * 200)
    assert main(["runs", *at]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in printed)
    assert main(["runs", "--json", *at]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [e["id"] for e in listed if not e["problem"]] == ["new", "old"]
    (old,) = [e for e in listed if e["id"] == "old"]
    assert old["start"] == "2026-11-23T18:02:00+01:00"
    assert (old["duration_s"], old["steps"]) == (9.0, 10)
    assert old["cadence_spm"] == pytest.approx(60 / 0.35)
    assert main(["show", "ol", *at]) == 0
    shown = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert shown[1:] == ["cadence", "in", "lean", "quality", "drift", "usual", "next"]
    assert main(["show", "last", "--json", *at]) == 0
    assert json.loads(capsys.readouterr().out)["start"].startswith("2026-11-23T19:53")
    assert main(["show", "bad", *at]) == 1
    assert "not a gaitpi run file" in capsys.readouterr().err


def test_commands_import_no_heavy_packages(runs_folder: tuple[Path, Path]) -> None:
    config, runs = runs_folder
    write_run(runs / "one.gaitpi", seconds=[second(float(i)) for i in range(10)])
    for command in (["runs"], ["runs", "--json"], ["show", "last"], ["show", "--json"]):
        code = (
            "import sys; from gaitpi.cli import main;"
            f"assert main({[*command, '--config', str(config)]!r}) == 0;"
            "heavy = {'numba', 'gpiozero', 'lgpio', 'numpy', 'smbus2'};"
            "heavy |= {'gaitpi.journal.store', 'gaitpi.coach.types'};"  # no journal is there
            "print(sorted(heavy & set(sys.modules)))"
        )
        command_line = [sys.executable, "-W", "error", "-c", code]
        done = subprocess.run(command_line, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"


def test_a_run_that_was_cut_off_and_went_on_says_so(tmp_path: Path) -> None:
    path = tmp_path / "run.gaitpi"
    write_run(path, seconds=[second(float(i)) for i in range(70)], finish=False)
    writer = RunWriter.resume(path)
    writer.event(69.0, "resumed", "gaitpi had stopped, and went on by itself")
    writer.close()
    with RunReader(path) as run:
        verdict = judge(run)
    assert verdict.counters == {"resumed": 1}
    assert verdict.faults == 1
    assert any("once gaitpi stopped and went on" in line for line in lines(verdict))
    assert advice(verdict) == "once gaitpi stopped and went on: 'journalctl -u gaitpi' says why"


@pytest.mark.parametrize(
    ("counted", "words"),
    [
        ({"write_errors": 3}, "3 times the card refused: copy the runs off, make room"),
        ({"nack": 3}, "check the sensor's wires and plug"),
        ({"write_errors": 3, "nack": 1}, "check the sensor's wires and plug"),
    ],
)
def test_what_to_look_at_is_what_failed(
    tmp_path: Path, counted: dict[str, int], words: str
) -> None:
    path = tmp_path / "run.gaitpi"
    write_run(path, seconds=[second(float(i)) for i in range(70)], finish=False)
    writer = RunWriter.resume(path)
    writer.event(30.0, "fault", "some", **counted)
    writer.close()
    with RunReader(path) as run:
        assert advice(judge(run)).startswith(words)


def test_a_gap_at_the_end_counts_when_it_is_one(tmp_path: Path) -> None:
    path = tmp_path / "run.gaitpi"
    write_run(path, seconds=[second(float(i)) for i in range(70)], finish=False)
    writer = RunWriter.resume(path)
    writer.event(40.0, "gap", "2.0 s not recorded: gaitpi had stopped", gap_s=2.0)
    for gap_s in (-1.0, 1e9, "x", None):  # nonsense of a damaged file
        writer.event(69.0, "gap", "x", gap_s=gap_s, to_end=True)
    writer.commit()
    with RunReader(path) as run:
        assert judge(run).gap_s == 0.0
    writer.event(69.0, "gap", "9.0 s without samples", gap_s=9.0, to_end=True)
    writer.close()
    with RunReader(path) as run:
        verdict = judge(run)
    assert (verdict.gaps, verdict.gap_s, verdict.quality) == (1, 9.0, "poor")


def test_a_target_that_followed_is_what_each_second_is_held_to(tmp_path: Path) -> None:
    """The same cadence is in band at the slow end and below it at the quick one."""
    rows = [
        second(float(t), cadence_spm=166.0, target_spm=168.0 if t < 600 else 176.0)
        for t in range(1000)
    ]
    coach = CoachConfig(target_spm=172.0)
    write_run(tmp_path / "a.gaitpi", seconds=rows, coach=coach)
    write_run(tmp_path / "b.gaitpi", seconds=[r | {"target_spm": 172.0} for r in rows], coach=coach)
    with RunReader(tmp_path / "a.gaitpi") as run:
        v = judge(run)
    assert (v.target_low_spm, v.target_spm, v.target_high_spm) == (168.0, 171.2, 176.0)
    assert v.in_band == pytest.approx(420.0 / 820.0)
    words = lines(v)[1]
    assert words.endswith("vs your target 168.0 to 176.0 (by speed)")
    assert len(words) <= 80
    with RunReader(tmp_path / "b.gaitpi") as run:
        v = judge(run)
    assert (v.target_spm, v.in_band) == (172.0, 0.0)
    assert math.isnan(v.target_low_spm)
    assert lines(v)[1].endswith("vs your target 172.0")
