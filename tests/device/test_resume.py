"""A run that was cut off goes on, and is the run that a replay of its file gives."""

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import Phase as Effort
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.coach.types import Cue, Withheld
from gaitpi.config import Config
from gaitpi.cues.button import Button
from gaitpi.cues.outputs import Outputs
from gaitpi.device.daemon import Daemon, Ended
from gaitpi.device.replay import open_recording, replay
from gaitpi.device.resume import AGAIN_MAX, KIND, WITHIN_S, LastCue, _controls, find
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.runs.header import RunHeader
from gaitpi.runs.muted import mutes
from gaitpi.runs.reader import RunReader
from gaitpi.runs.recorder import Recorder
from gaitpi.runs.rows import EventRow, SecondRow, StepRow
from gaitpi.runs.writer import RunWriter, run_path
from tests.device.bench import CONFIG, Bench

LOW = (Phase("stand", 5.0), Phase("run", 400.0, cadence_spm=160.0))


class CutBench(Bench):
    """A bench whose daemon commits as on the belt, and can lose its power over itself."""

    def __init__(self, tmp_path: Path, *, auto: bool = False) -> None:
        super().__init__(tmp_path, SimulatedRunner(LOW), auto=auto)
        self.directory.mkdir()
        self.heard_file = tmp_path / "heard.json"

    def record(self, header: RunHeader) -> tuple[Recorder, Path]:
        real = replace(header, virtual=False)
        path = run_path(self.directory, real.run_id)
        return Recorder(
            RunWriter(path, real, monotonic=self.clock.monotonic), synchronous=True
        ), path

    def go(
        self,
        until_s: float,
        at: dict[float, Callable[[], None]] | None = None,
        *,
        cut: bool = False,
        config: Config = CONFIG,
    ) -> Ended:
        """A daemon until then; ``cut``: the files are as at that moment, without an end."""
        at = dict(at or {})
        due = sorted(at)
        kept = self.directory.with_name("kept")

        def until() -> bool:
            while due and self.clock.monotonic() >= due[0]:
                at[due.pop(0)]()
            if self.clock.monotonic() < until_s:
                return False
            if cut:
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(self.directory, kept)
            return True

        daemon = Daemon(
            config,
            open_reader(self.transport, self.clock, config.imu),
            self.clock,
            Outputs([self.heard]),
            self.record,
            realtime=False,
            said=self.said.append,
            button=Button(27, self.factory, self.clock),
            auto=self.auto,
            unfinished_in=self.directory,
            heard=LastCue(self.heard_file),
            radio=self.radio,
        )
        ended = daemon.run(until)
        if cut:
            shutil.rmtree(self.directory)
            kept.rename(self.directory)
        self.transport = type(self.transport)([self.twin])  # the daemon has closed the bus
        return ended


def test_a_run_goes_on_in_its_file(tmp_path: Path) -> None:
    bench = CutBench(tmp_path)
    bench.go(90.3, cut=True)
    bench.clock.advance(3.0)
    bench.go(200.0)
    (path,) = bench.paths()
    with RunReader(path) as run:
        assert run.finished
        (gone,) = [e for e in run.events() if e.kind == KIND]
        (told,) = [e for e in run.events() if e.kind == "gap"]
        blocks = list(run.blocks())
        numbers = [b.index for b in blocks]
        gaps = [b.gap_s for b in blocks if b.gap_s > 0.0]
    assert numbers == sorted(numbers)
    assert gone.time_s == pytest.approx(90.0, abs=0.6)
    (gap,) = gaps
    assert 3.0 < gap < 4.2
    assert "went on by itself" in gone.text
    assert told.text == f"{gap:.1f} s not recorded: gaitpi had stopped"
    assert any("again, after it was cut off" in text for text in bench.said)
    assert [name for _, name in bench.heard.sounds].count("hello") == 0


@settings(max_examples=6, deadline=None, phases=(Effort.explicit, Effort.generate))
@given(cuts=st.lists(st.tuples(st.floats(2.0, 50.0), st.floats(0.05, 8.0)), min_size=1, max_size=3))
def test_what_is_recorded_is_what_a_replay_of_the_file_gives(
    cuts: list[tuple[float, float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    bench = CutBench(tmp_path_factory.mktemp("cuts"))
    pressed = bench.taps(40.0, 2)  # muted: a replay must know, and so must who goes on
    for lasts, gone in cuts:
        end = bench.clock.monotonic() + lasts
        bench.go(end, {t: press for t, press in pressed.items() if t < end}, cut=True)
        pressed = {t: press for t, press in pressed.items() if t >= end}
        bench.clock.advance(gone)
    bench.go(bench.clock.monotonic() + 60.0, pressed)
    paths = bench.paths()
    path = paths[-1]
    recording = open_recording(path)
    assert recording.config is not None
    items = list(replay(recording, recording.config))
    with RunReader(path) as run:
        steps, seconds = run.steps(), run.seconds()
        cues, withheld = run.cues(), run.withheld()
        assert run.totals().steps == len(steps)
    again = [item for item in items if isinstance(item, np.void)]
    names = [name for name in StepRow._fields if name != "side"]
    stored = [[getattr(step, name) for name in names] for step in steps]
    np.testing.assert_array_equal(stored, [[float(step[name]) for name in names] for step in again])
    thought = [item for item in items if isinstance(item, SecondRow)]
    assert [s.time_s for s in seconds] == [s.time_s for s in thought]
    assert [s.samples for s in seconds] == [s.samples for s in thought]
    told = [(i.time_s, i.cue) for i in items if isinstance(i, Cue)]
    assert [(c.time_s, c.cue) for c in cues] == told
    held = [(i.time_s, i.cue) for i in items if isinstance(i, Withheld)]
    assert [(w.time_s, w.cue) for w in withheld] == held
    assert len(paths) == 1


def test_a_mute_and_the_marks_of_pain_outlive_the_cut(tmp_path: Path) -> None:
    bench = CutBench(tmp_path)
    bench.go(90.0, bench.taps(60.0, 3), cut=True)
    bench.clock.advance(2.0)
    bench.go(200.0, bench.taps(120.0, 3))
    (path,) = bench.paths()
    with RunReader(path) as run:
        texts = [e.text for e in run.events() if e.kind == "pain"]
        cues = [c for c in run.cues() if c.time_s > 125.0]
        muted = mutes(run.events())
    assert texts == ["felt it here", "felt it here again: cues rest for this run"]
    assert cues == []
    assert len(muted) == 1


def test_a_cut_long_ago_is_another_run(tmp_path: Path) -> None:
    bench = CutBench(tmp_path)
    bench.go(60.0, cut=True)
    bench.clock.advance(WITHIN_S + 1.0)
    bench.go(bench.clock.monotonic() + 30.0)
    assert len(bench.paths()) == 2


def test_a_run_that_ended_is_not_taken_up(tmp_path: Path) -> None:
    bench = CutBench(tmp_path)
    bench.go(60.0)
    bench.go(90.0)
    assert len(bench.paths()) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"boot_id": "0" * 36},
        {"gaitpi": "0.0.1"},
        {"has_gyro": False},
        {"virtual": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_run_of_another_kind_is_left_alone(tmp_path: Path, change: dict[str, object]) -> None:
    bench = CutBench(tmp_path)
    made = bench.record

    def other(header: RunHeader) -> tuple[Recorder, Path]:
        header = replace(header, **change)  # type: ignore[arg-type]
        path = run_path(bench.directory, header.run_id)
        writer = RunWriter(path, header, monotonic=bench.clock.monotonic)
        return Recorder(writer, synchronous=True), path

    bench.record = other  # type: ignore[method-assign]
    bench.go(60.0, cut=True)
    bench.record = made  # type: ignore[method-assign]
    bench.go(90.0)
    assert len(bench.paths()) == 2


def test_a_run_of_another_sensor_is_left_alone(tmp_path: Path) -> None:
    bench = CutBench(tmp_path)
    bench.go(60.0, cut=True)
    reader = open_reader(bench.transport, bench.clock, CONFIG.imu)
    reader.start()
    now = bench.clock.monotonic()
    assert find(bench.directory, reader.info, now) is not None
    assert find(bench.directory, replace(reader.info, who_am_i=0x70), now) is None
    assert find(bench.directory, replace(reader.info, address=0x69), now) is None


def test_one_that_is_cut_off_again_and_again_is_left_alone(tmp_path: Path) -> None:
    bench = CutBench(tmp_path)
    bench.go(30.0, cut=True)
    for _ in range(AGAIN_MAX):
        bench.go(bench.clock.monotonic() + 4.0, cut=True)
        assert len(bench.paths()) == 1  # it gets on each time
    for _ in range(AGAIN_MAX):
        assert len(bench.paths()) == 1
        bench.go(bench.clock.monotonic() + 0.1, cut=True)  # it does not
    bench.go(bench.clock.monotonic() + 10.0)
    assert len(bench.paths()) == 2


def test_one_with_damaged_samples_stays_as_it_is(tmp_path: Path) -> None:
    bench = CutBench(tmp_path)
    bench.go(60.0, cut=True)
    (path,) = bench.paths()
    db = sqlite3.connect(path)
    db.execute("UPDATE block SET data = x'00' WHERE id = 7")
    db.commit()
    db.close()
    with RunReader(path) as run:
        before = run.last_ids()
    bench.go(90.0)
    assert len(bench.paths()) == 2
    with RunReader(path) as run:
        assert run.last_ids() == before | {"event": before["event"] + 1}
        assert not run.finished
    assert any("does not go on" in text for text in bench.said)


def test_an_error_leaves_the_run_open_and_the_next_daemon_takes_it_up(tmp_path: Path) -> None:
    bench = CutBench(tmp_path)

    def fails() -> None:
        raise RuntimeError("as planned")

    with pytest.raises(RuntimeError, match="as planned"):
        bench.go(100.0, {60.0: fails})
    bench.transport = type(bench.transport)([bench.twin])
    (path,) = bench.paths()
    with RunReader(path) as run:
        assert not run.finished
        assert run.totals().duration_s == pytest.approx(60.0, abs=1.2)
    bench.go(120.0)
    assert bench.paths() == [path]


def test_the_configuration_of_the_run_stays_in_force(tmp_path: Path) -> None:
    bench = CutBench(tmp_path)
    bench.go(60.0, cut=True)
    other = msgspec.structs.replace(
        CONFIG, coach=msgspec.structs.replace(CONFIG.coach, target_spm=None)
    )
    bench.go(200.0, config=other)
    (path,) = bench.paths()
    with RunReader(path) as run:
        assert [c for c in run.cues() if c.time_s > 100.0]


def test_a_cue_that_was_heard_but_not_recorded_keeps_the_next_one_away(tmp_path: Path) -> None:
    first = {}
    for name, heard_s in (("without", None), ("with", 39.4)):
        folder = tmp_path / name
        folder.mkdir()
        bench = CutBench(folder)
        bench.go(39.0, cut=True)
        if heard_s is not None:
            LastCue(bench.heard_file).note(bench.clock.monotonic() + heard_s - 39.0)
        bench.clock.advance(0.5)
        bench.go(200.0)
        (path,) = bench.paths()
        with RunReader(path) as run:
            first[name] = run.cues()[0].time_s
            told = [(c.time_s, c.cue) for c in run.cues()]
        recording = open_recording(path)
        assert recording.config is not None
        again = [i for i in replay(recording, recording.config) if isinstance(i, Cue)]
        assert [(c.time_s, c.cue) for c in again] == told
    assert first["without"] < 85.0
    assert first["with"] >= 39.3 + 60.0 - 1.5  # run time 0 is the first sample's


@pytest.mark.parametrize("heard_s", [50.0, 189.9], ids=["in the run before", "just now"])
def test_a_cue_heard_before_the_cut_ends_no_mute(tmp_path: Path, heard_s: float) -> None:
    bench = CutBench(tmp_path)
    bench.clock.advance(100.0)
    bench.go(190.0, bench.taps(120.0, 2), cut=True)
    LastCue(bench.heard_file).note(heard_s)
    bench.clock.advance(2.0)
    bench.go(400.0)
    (path,) = bench.paths()
    with RunReader(path) as run:
        assert run.cues() == []
        settled = [e.kind for e in run.events() if e.kind == "settle"]
    assert len(settled) == (heard_s > 100.0)  # a cue of the run before is none of this one's


def test_what_was_heard_is_remembered_for_this_boot(tmp_path: Path) -> None:
    cue = LastCue(tmp_path / "heard.json")
    assert cue.last_s() is None
    cue.note(12.5)
    assert LastCue(tmp_path / "heard.json").last_s() == 12.5
    (tmp_path / "heard.json").write_text('["another boot", 12.5]')
    assert cue.last_s() is None
    (tmp_path / "heard.json").write_text("[[")
    assert cue.last_s() is None
    LastCue(tmp_path / "no" / "folder").note(1.0)
    assert LastCue(None).last_s() is None


def test_a_run_that_was_stopped_is_over_though_the_card_did_not_take_its_end(
    tmp_path: Path,
) -> None:
    bench = CutBench(tmp_path)
    bench.go(60.0, bench.hold(40.0, 2.0))
    (path,) = bench.paths()
    db = sqlite3.connect(path)
    db.execute("DELETE FROM finish")
    db.commit()
    db.close()
    bench.go(90.0)
    assert len(bench.paths()) == 2


def test_heat_has_muted_nothing_for_the_runner() -> None:
    detail = '{"from_s": 1.0, "until_s": 160.0}'
    heat = EventRow(1.0, "heat", "quiet", detail)
    assert _controls([heat]).muted_until_s == 0.0
    assert _controls([heat, heat._replace(kind="mute")]).muted_until_s == 160.0
