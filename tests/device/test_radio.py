"""Strap and foot pod in the daemon: what is believed, recorded, told, and decided by."""

import functools
import json
import math
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gaitpi.ble.readings import STALE_S, Heart, Link, Pod, Reading, packed
from gaitpi.coach.types import Cue, Withheld
from gaitpi.config import apply
from gaitpi.device.companions import socket_pair
from gaitpi.device.radio import (
    LEAST_S,
    OLDEST_S,
    SILENT_S,
    TELL_S,
    TURN,
    LinkChange,
    Radio,
    RadioStatus,
    row,
)
from gaitpi.device.replay import open_recording, pipeline_for, replay
from gaitpi.faults import FAULTS
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import CueRow, HeartRow, PodRow
from tests.device.bench import CONFIG, Bench
from tests.device.test_resume import CutBench
from tests.reanalysis.test_work import result

NOW = 1000.0


class Air:
    """Both ends of a socket, a radio at one of them, and what it counted."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket_pair()
        self.counted: list[str] = []
        self.radio = Radio(self.ours, self.counted.append)

    def send(self, *readings: Reading | bytes) -> None:
        for reading in readings:
            self.theirs.send(reading if isinstance(reading, bytes) else packed(reading))

    def heard(self, now_s: float = NOW) -> list[Heart | Pod]:
        taken = self.radio.take(now_s)
        return [one for one in taken if not isinstance(one, LinkChange)]

    def status(self, now_s: float = NOW) -> RadioStatus:
        found = self.radio.status(now_s)
        assert found is not None
        return found


@pytest.fixture
def air() -> Iterator[Air]:
    made = Air()
    yield made
    made.ours.close()
    made.theirs.close()


def heart(time_s: float, bpm: int = 150, **other: Any) -> Heart:
    return Heart(time_s=time_s, bpm=bpm, **other)


def pod(time_s: float, speed_ms: float = 2.8, **other: Any) -> Pod:
    return Pod(time_s=time_s, speed_ms=speed_ms, cadence_rpm=170, **other)


def link(state: Any, time_s: float = NOW, **other: Any) -> Link:
    values: dict[str, Any] = {"role": "heart", "since_s": time_s, "name": "H"} | other
    return Link(time_s=time_s, state=state, **values)


def test_a_reading_has_a_time_that_makes_sense(air: Air) -> None:
    air.send(heart(NOW + 0.001), heart(NOW - OLDEST_S - 0.01), heart(NOW - 50.0))
    air.send(heart(NOW - 50.0), heart(NOW - 51.0), pod(NOW - 51.0), heart(NOW - 50.0 + 0.05))
    assert [one.time_s for one in air.heard()] == [NOW - 50.0, NOW - 51.0]
    assert air.counted == [*["radio-time"] * 4, "radio-many"]
    assert set(air.counted) <= set(FAULTS)


@given(st.lists(st.binary(max_size=200) | st.just(b"{" * 5000) | st.just(b""), max_size=20))
def test_garbage_is_counted_and_nothing_else_happens(texts: list[bytes]) -> None:
    air = Air()
    try:
        air.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        for text in texts[:8]:
            air.send(text)
        assert air.heard() == []
        assert air.counted == ["radio-malformed"] * len(texts[:8])
        air.send(heart(NOW))
        assert air.heard() == [heart(NOW)]
    finally:
        air.ours.close()
        air.theirs.close()


def test_a_turn_takes_a_few_and_waits_for_none(air: Air) -> None:
    for k in range(TURN + 2):
        air.send(pod(NOW - 20.0 + k))
    assert len(air.heard()) == TURN
    assert len(air.heard()) == 2
    assert air.heard() == []
    air.theirs.close()
    assert air.heard() == []


@given(st.lists(st.floats(-80.0, 5.0), max_size=80))
def test_what_is_taken_is_in_order_fresh_and_no_storm(offsets: list[float]) -> None:
    air = Air()
    try:
        taken: list[Heart | Pod] = []
        for offset in offsets:
            air.send(heart(NOW + offset))
            taken += air.heard()
        times = np.array([one.time_s for one in taken])
        assert ((times >= NOW - OLDEST_S) & (times <= NOW)).all()
        assert (np.diff(times) >= LEAST_S).all()
        assert len(taken) + len(air.counted) == len(offsets)
        assert air.radio.since(NOW - 10.0) == [one for one in taken if one.time_s >= NOW - 10.0]
    finally:
        air.ours.close()
        air.theirs.close()


def test_a_stale_value_is_none(air: Air) -> None:
    assert air.radio.status(NOW) is None
    air.send(heart(NOW, 151, contact=True), pod(NOW, 3.1))
    air.heard()
    found = air.status(NOW + STALE_S)
    assert (found.heart.bpm, found.heart.age_s) == (151, STALE_S)  # type: ignore[union-attr]
    assert found.pod.speed_ms == 3.1  # type: ignore[union-attr]
    found = air.status(NOW + STALE_S + 0.01)
    assert found.heart is not None
    assert found.pod is not None
    assert (found.heart.bpm, found.heart.contact) == (None, None)
    assert (found.pod.speed_ms, found.pod.cadence_rpm, found.pod.running) == (None, None, None)
    assert found.heart.age_s == pytest.approx(STALE_S + 0.01)


def test_what_no_heart_and_no_runner_does_is_no_value(air: Air) -> None:
    air.send(heart(NOW, 255), pod(NOW, 40.0))
    air.heard()
    found = air.status()
    assert found.heart is not None
    assert found.pod is not None
    assert (found.heart.bpm, found.pod.speed_ms) == (None, None)
    air.send(heart(NOW + 1.0, 150, contact=False))
    air.heard(NOW + 1.0)
    assert air.status(NOW + 1.0).heart.bpm is None  # type: ignore[union-attr]


def changes(air: Air, now_s: float) -> list[tuple[str, bool, bool]]:
    taken = air.radio.take(now_s)
    return [(c.text, c.gained, c.lost) for c in taken if isinstance(c, LinkChange)]


def test_a_link_is_told_when_it_changes_and_not_more_often(air: Air) -> None:
    air.send(link("searching"), link("connected", battery=80))
    assert changes(air, NOW) == [('heart-rate strap "H": connected', True, False)]
    air.send(link("connected", battery=79), link("lost"), link("connected"))
    assert changes(air, NOW + TELL_S) == []
    for k in range(5):
        air.send(link("lost"))
        found = changes(air, NOW + TELL_S + 0.1 * k)
        assert found == ([('heart-rate strap "H": lost', False, True)] if k == 0 else [])
        air.send(link("connected"))
        assert changes(air, NOW + TELL_S + 0.1 * k + 0.05) == []
    air.send(link("off", words="No adapter\x1b[2J."))
    ((text, gained, lost),) = changes(air, NOW + 3 * TELL_S)
    assert (gained, lost) == (False, False)
    assert text == 'heart-rate strap "H": off (No adapter\\x1b[2J)'


def test_nothing_told_of_a_link_for_long_is_not_known(air: Air) -> None:
    air.send(link("connected", since_s=NOW - 60.0, malformed=3))
    air.radio.take(NOW)
    (found,) = air.status(NOW + SILENT_S).links
    assert (found.state, found.for_s, found.malformed) == ("connected", 60.0 + SILENT_S, 3)
    (found,) = air.status(NOW + SILENT_S + 1.0).links
    assert (found.state, found.for_s) == ("unknown", SILENT_S + 1.0)


def test_rows_say_what_was_sent_and_no_more() -> None:
    found = row(heart(NOW, 149, rr_s=(0.40234375, 0.4)), 900.0, 99.5)
    assert found == HeartRow(100.0, 99.5, 149, found[3], found[4], "[0.4023, 0.4]")
    assert np.isnan([found[3], found[4]]).all()
    again = row(pod(NOW, stride_m=1.02, running=True), 900.0, 99.5)
    assert isinstance(again, PodRow)
    assert again._replace(distance_m=0.0) == PodRow(100.0, 99.5, 2.8, 170, 1.02, 0.0, 1)
    assert math.isnan(again.distance_m)


def test_belt_and_pod_are_compared(air: Air) -> None:
    """A pod that counts one foot is named; while nothing is known nothing is said."""
    for k in range(60):
        t = NOW + k
        air.send(Pod(time_s=t, speed_ms=2.8, cadence_rpm=85))
        air.heard(t)
        for tenth in range(10):
            air.radio.belt(t + tenth / 10, 170.0)
        if k == 3:
            found = air.status(t).agreement
            assert found is not None
            assert (found.state, found.words, found.belt_spm) == ("unknown", "", None)
    found = air.status(NOW + 59.0).agreement
    assert found is not None
    assert (found.state, found.pod_rpm) == ("one foot", 85.0)
    assert "counts one foot" in found.words


# In the daemon.

FOLLOW = apply(
    CONFIG,
    [
        *("coach.follow_speed=true", "coach.follow_slope=12", "coach.follow_at_ms=2.8"),
        *("coach.follow_low_ms=2.0", "coach.follow_high_ms=3.5", "coach.follow_own_spm=166"),
        "coach.follow_most_spm=184",
    ],
)
RUN = (Phase("stand", 5.0), Phase("run", 400.0, cadence_spm=163.0))


def sent_at(
    bench: Bench, air: Air, readings: Sequence[tuple[float, Callable[[float], Reading]]]
) -> dict[float, Callable[[], None]]:
    """What is done when: each reading made with the clock of that moment."""

    def send(make: Callable[[float], Reading]) -> Callable[[], None]:
        return lambda: air.send(make(bench.clock.monotonic()))

    return {at_s: send(make) for at_s, make in readings}


def decided(path: Path, config: Any) -> tuple[list[str], list[str]]:
    """Cues and withheld ones as recorded and as replayed, to the last bit."""
    with RunReader(path) as run:
        live = [
            *(_cue(c) for c in run.cues() if c.metric != "system"),
            *(
                repr((w.time_s, w.cue, w.value, w.low, w.high, w.rule, w.reason))
                for w in run.withheld()
            ),
        ]
    found = list(replay(open_recording(path), config))
    again = [_cue(c) for c in found if isinstance(c, Cue) and c.metric != "system"]
    again += [
        repr((w.time_s, w.cue, w.value, *w.band, w.rule, w.reason))
        for w in found
        if isinstance(w, Withheld)
    ]
    return live, again


def _cue(cue: Cue | CueRow) -> str:
    low, high = cue.band if isinstance(cue, Cue) else (cue.low, cue.high)
    return repr((cue.time_s, cue.cue, cue.value, low, high, cue.rule, cue.reason, cue.beat_s))


def test_readings_links_and_faults_are_in_the_run(tmp_path: Path, air: Air) -> None:
    bench = Bench(tmp_path, radio=air.ours)
    told: list[tuple[float, Callable[[float], Reading]]] = []
    told += [(10.0 + k, lambda t: heart(t, rr_s=(0.4,))) for k in range(20)]
    told += [(10.5 + k, pod) for k in range(20)]
    told += [(8.0, lambda t: link("connected", t)), (25.25, lambda t: link("lost", t))]
    told += [(12.25, lambda t: heart(t + 9.0)), (13.25, lambda t: heart(t - 70.0))]
    at = sent_at(bench, air, told)
    at[14.25] = lambda: air.send(b"what?")
    bench.run(at, 40.0)
    (path,) = bench.paths()
    with RunReader(path) as run:
        assert len(run.hearts()) == len(run.pods()) == 20
        times = [(r.time_s, r.known_s) for r in run.hearts()]
        times += [(r.time_s, r.known_s) for r in run.pods()]
        assert all(abs(time_s - known_s) < 0.5 for time_s, known_s in times)
        assert run.hearts()[0].intervals_s == (0.4,)
        links = [(e.text, json.loads(e.detail)["state"]) for e in run.events() if e.kind == "link"]
        counters = run.summary["counters"]
    assert links == [
        ('heart-rate strap "H": connected', "connected"),
        ('heart-rate strap "H": lost', "lost"),
    ]
    assert (counters["radio-time"], counters["radio-malformed"]) == (2, 1)
    assert sum('Heart-rate strap "H"' in text for text in bench.said) == 2
    assert "link-lost" not in [sound for _, sound in bench.heard.sounds]


def test_the_target_follows_the_pod_and_a_replay_agrees(tmp_path: Path, air: Air) -> None:
    """Slow until the middle of the run, then no pod any more: fixed again."""
    bench = Bench(tmp_path, SimulatedRunner(RUN), config=FOLLOW, radio=air.ours)
    at = sent_at(bench, air, [(6.0 + k, lambda t: pod(t, 2.0)) for k in range(94)])
    bench.run(at, 150.0)
    (path,) = bench.paths()
    with RunReader(path) as run:
        targets = {s.time_s: s.target_spm for s in run.seconds()}
        cues = [c for c in run.cues() if c.metric == "cadence"]
    slow = 175.0 * (166.0 - 12.0 * 0.8) / 166.0
    assert targets[60.0] == pytest.approx(slow)
    assert targets[120.0] == 175.0
    assert cues
    # the last reading at 99 s, stale, and quiet after that
    assert all(c.time_s > 98.5 + STALE_S + 10.0 for c in cues)
    live, again = decided(path, FOLLOW)
    assert live == again
    # nor does a reanalysis find another run, seconds and their targets included
    found_again = result(path)
    assert (found_again["status"], found_again["seconds"]["columns"]) == ("same", {})
    fixed = result(path, sets=("coach.follow_speed=false",))
    assert "target_spm" in fixed["seconds"]["columns"]
    assert fixed["steps"]["same"] == fixed["steps"]["old"] == fixed["steps"]["new"]
    found = list(replay(open_recording(path), apply(FOLLOW, ["coach.follow_speed=false"])))
    assert min(c.time_s for c in found if isinstance(c, Cue) and c.metric == "cadence") < 100.0


speeds = st.sampled_from([2.0, 2.0, 2.4, 2.8, 3.3, 0.0, 30.0])
lags = st.sampled_from([0.0, 0.0, 0.0, 0.0, 3.0, 4.5])
pods = st.lists(st.tuples(st.floats(0.1, 2.5), lags, speeds), min_size=30, max_size=40)


@settings(max_examples=3, deadline=None)
@example([(1.0, 0.0, 2.8)] * 30 + [(1.0, 4.5, 2.0)] * 12)
@given(pods)
def test_a_replay_decides_as_live_whatever_the_pod_sent(
    tmp_path_factory: pytest.TempPathFactory, sent: list[tuple[float, float, float]]
) -> None:
    air = Air()
    try:
        bench = Bench(
            tmp_path_factory.mktemp("pods"), SimulatedRunner(RUN), config=FOLLOW, radio=air.ours
        )
        t, readings = 6.0, list[tuple[float, Callable[[float], Reading]]]()
        for wait_s, lag_s, speed in sent:
            t += wait_s
            readings.append((t, functools.partial(_late, lag_s, speed)))
        bench.run(sent_at(bench, air, readings), 80.0)
        (path,) = bench.paths()
        live, again = decided(path, FOLLOW)
        assert live == again
        recording = open_recording(path, joined=1)
        one_by_one = pipeline_for(recording, FOLLOW)
        found = [d for block in recording.blocks for d in _update(one_by_one, block)]
        assert [_cue(c) for c in found if isinstance(c, Cue)] == [
            text for text in live if "quiet." not in text
        ]
    finally:
        air.ours.close()
        air.theirs.close()


def _late(lag_s: float, speed_ms: float, now_s: float) -> Pod:
    """A reading that was held up for so long."""
    return pod(now_s - lag_s, speed_ms)


def _update(pipeline: Any, block: tuple[Any, Any, Any]) -> list[Cue | Withheld]:
    time_s, acc, gyr = block
    decisions: list[Cue | Withheld] = pipeline.update(acc, gyr, time_s).decisions
    return decisions


def test_a_run_that_was_cut_off_keeps_its_readings(tmp_path: Path, air: Air) -> None:
    """What came before the cut counts after it as it did; what came while away is recorded too."""
    bench = CutBench(tmp_path)
    bench.radio = air.ours
    slow = [(6.0 + k, lambda t: pod(t, 2.0)) for k in range(84)]
    bench.go(90.3, sent_at(bench, air, slow), cut=True, config=FOLLOW)
    away = bench.clock.monotonic() + 1.0
    bench.clock.advance(3.0)
    air.send(pod(away, 2.0))
    more = [(94.0 + k, lambda t: pod(t, 2.0)) for k in range(40)]
    bench.go(140.0, sent_at(bench, air, more), config=FOLLOW)
    (path,) = bench.paths()
    with RunReader(path) as run:
        times = [r.time_s for r in run.pods()]
        known = [r.known_s for r in run.pods()]
    assert times == sorted(times)
    assert known == sorted(known)
    assert sum(abs(t - away) < 1.0 for t in times) == 1
    live, again = decided(path, FOLLOW)
    assert live == again
