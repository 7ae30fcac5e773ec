"""The metronome as a policy: when it begins, what ends it, and that it is one cue."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from msgspec import structs

from gaitpi.coach import rhythm
from gaitpi.coach.policy import SETTLE_S, Coach
from gaitpi.coach.types import Beats, Cue, Moment, Withheld
from gaitpi.config import CoachConfig
from tests.coach.oracle import judge
from tests.coach.runner import Runner
from tests.coach.streams import DOWN

ADAPTIVE = CoachConfig(target_spm=172.0, warmup_s=0.0, metronome="adaptive")
PLAIN = structs.replace(ADAPTIVE, metronome="plain")
Said = list[Cue | Withheld | Beats]
Change = Callable[[Moment], Moment]


def low(t: float) -> float:
    """Six percent below the target."""
    return 162.0


def listen(
    coach: Coach, runner: Runner, duration_s: float, change: Change = lambda m: m
) -> tuple[Said, list[float]]:
    """All that is said to a runner, and the runner's contacts (s)."""
    said: Said = []
    contacts = []
    for event in runner.events(duration_s):
        if isinstance(event, Moment):
            out = coach.moment(change(event))
            said += [*coach.beats, *out]
        else:
            coach.step(event)
            contacts.append(event.ic_s)
    return said, contacts


def of(said: Said, kind: type) -> list[Any]:
    return [item for item in said if isinstance(item, kind)]


def ends(said: Said) -> list[Beats]:
    return [b for b in of(said, Beats) if b.ends]


def test_it_starts_on_the_runners_foot_and_leads_to_the_target() -> None:
    said, contacts = listen(Coach(ADAPTIVE), Runner(low), 60.0)
    (cue,) = of(said, Cue)
    assert (cue.cue, cue.rule) == ("metronome", "cadence.low")
    assert cue.beat_s == pytest.approx(60.0 / 172.0)
    assert cue.from_s == pytest.approx(60.0 / 162.0, rel=0.02)
    assert rhythm.LEAD_S <= cue.first_s - cue.time_s <= rhythm.LEAD_S + 0.4
    assert min(abs(cue.first_s - t) for t in contacts) < 0.03
    # then blocks of ticks that follow each other, near the target's tempo
    follows = [b for b in of(said, Beats) if not b.ends]
    assert len(follows) > 10
    assert {b.rule for b in follows} == {"metronome.follow"}
    for a, b in pairwise(follows):
        assert b.first_s == pytest.approx(a.first_s + rhythm.BLOCK_TICKS * a.beat_s)
        assert 0.1 < b.first_s - b.time_s <= rhythm.AHEAD_S
        assert abs(b.beat_s / cue.beat_s - 1.0) <= rhythm.PULL + 1e-9
        assert abs(b.beat_s / a.beat_s - 1.0) < 0.025


def test_it_ends_by_itself_and_is_one_cue() -> None:
    said, _ = listen(Coach(ADAPTIVE), Runner(low), 400.0)
    cues = of(said, Cue)
    begun = [c for c in cues if c.cue == "metronome"]
    assert [c.cue for c in cues[:4]] == ["metronome", "metronome", "metronome", "let-go"]
    assert begun[1].rule == "cadence.still-low"
    for cue, end in zip(begun, ends(said), strict=True):
        assert end.rule == "metronome.limit"
        assert 29.0 < end.time_s - cue.time_s <= rhythm.TRAIN_MAX_S
    assert all(b.time_s - a.time_s >= 60.0 for a, b in pairwise(begun))


def test_it_ends_with_back_when_he_is_back() -> None:
    runner = Runner(lambda t: 162.0 if t < 50.0 else 172.0, wander_spm=0.3)
    said, _ = listen(Coach(ADAPTIVE), runner, 120.0)
    (end,) = ends(said)
    assert end.rule == "cadence.returned"
    assert 50.0 < end.time_s < 57.0  # a mean of 16 steps, 5.6 s
    assert [(c.cue, c.time_s) for c in of(said, Cue)][1:] == [("back", end.time_s)]
    after = [b for b in of(said, Beats) if b.time_s > end.time_s]
    assert after == []


AT = 50.0


def _gap(m: Moment) -> Moment:
    return replace(m, gap_s=0.3 if AT <= m.time_s < AT + 0.1 else 0.0)


def _knock(m: Moment) -> Moment:
    return replace(m, clipped=9 if AT <= m.time_s < AT + 0.1 else 0)


def _walk(m: Moment) -> Moment:
    return replace(m, activity=2 if m.time_s >= AT else m.activity)


def _slow(m: Moment) -> Moment:
    return replace(m, cadence_spm=120.0 if m.time_s >= AT else m.cadence_spm)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (_gap, "quiet.gap"),
        (_knock, "quiet.clip"),
        (_walk, "quiet.activity"),
        (_slow, "quiet.slow"),
    ],
)
def test_whatever_mutes_ends_it_at_that_moment(change: Change, rule: str) -> None:
    said, _ = listen(Coach(ADAPTIVE), Runner(low), 75.0, change)
    (end,) = ends(said)
    assert end.rule == rule
    assert AT <= end.time_s < AT + 0.101
    assert end.reason
    assert not [b for b in of(said, Beats) if b.time_s > end.time_s]


def test_a_mute_and_the_quiet_hours_end_it() -> None:
    coach = Coach(ADAPTIVE)

    def mute(m: Moment) -> Moment:
        if AT <= m.time_s < AT + 0.1:
            coach.mute(m.time_s - 0.05, m.time_s + 60.0)
        return m

    (end,) = ends(listen(coach, Runner(low), 75.0, mute)[0])
    assert (end.rule, AT <= end.time_s < AT + 0.101) == ("quiet.mute", True)
    night = structs.replace(ADAPTIVE, quiet_hours="22:00-06:00")
    coach = Coach(night, day_second=22 * 3600.0 - AT)
    (end,) = ends(listen(coach, Runner(low), 75.0)[0])
    assert (end.rule, AT <= end.time_s < AT + 0.101) == ("quiet.hours", True)


def test_off_gives_the_short_cues_on_the_foot() -> None:
    said, contacts = listen(Coach(structs.replace(ADAPTIVE, metronome="off")), Runner(low), 130.0)
    assert of(said, Beats) == []
    cues = of(said, Cue)
    assert [c.cue for c in cues] == ["step-up", "beat"]
    for cue in cues:
        assert min(abs(cue.first_s - t) for t in contacts) < 0.03
        assert cue.from_s == pytest.approx(60.0 / 162.0, rel=0.02)


def test_before_there_is_a_phase_the_ticks_wait_for_nothing() -> None:
    """Steps lost now and then, so that no five contacts follow each other."""
    coach, cues = Coach(ADAPTIVE), []
    steps = 0
    for event in Runner(low).events(60.0):
        if isinstance(event, Moment):
            cues += [c for c in coach.moment(event) if isinstance(c, Cue)]
            continue
        steps += 1
        if steps % 4:
            coach.step(event)
    (cue,) = cues
    assert cue.first_s == pytest.approx(cue.time_s + rhythm.LEAD_S)
    assert math.isnan(cue.from_s)


def test_plain_ticks_while_he_runs_and_nothing_else_is_said() -> None:
    def activity(t: float) -> int:
        return 2 if 40.0 <= t < 60.0 else 3

    said, _ = listen(Coach(PLAIN), Runner(low, activity=activity), 100.0)
    assert of(said, Cue) == of(said, Withheld) == []
    begun = [b for b in of(said, Beats) if not b.ends]
    assert [b.time_s for b in begun] == pytest.approx([0.1, 60.0])
    assert {b.beat_s for b in begun} == {60.0 / 172.0}
    (end,) = ends(said)
    assert end.rule == "quiet.activity"
    assert end.time_s == pytest.approx(40.0)


def test_plain_is_quiet_after_a_gap_and_a_mute_for_as_long_as_the_cues() -> None:
    said, _ = listen(Coach(PLAIN), Runner(low), 75.0, _gap)
    (end,) = ends(said)
    assert end.rule == "quiet.gap"
    again = [b.time_s for b in of(said, Beats) if not b.ends][-1]
    assert again == pytest.approx(end.time_s + SETTLE_S, abs=0.11)
    coach = Coach(PLAIN)
    coach.mute(0.0, 20.0)
    (first,) = of(listen(coach, Runner(low), 60.0)[0], Beats)
    assert first.time_s == pytest.approx(20.0 + SETTLE_S, abs=0.11)


@pytest.mark.parametrize(
    "config",
    [
        structs.replace(PLAIN, enabled=False),
        structs.replace(PLAIN, target_spm=None),
        structs.replace(PLAIN, quiet_hours="12:00-13:00"),
        structs.replace(PLAIN, programme_part="test", programme_number=1),
        structs.replace(PLAIN, programme_part="rest"),
    ],
)
def test_plain_does_not_tick_where_nothing_may_sound(config: CoachConfig) -> None:
    said, _ = listen(Coach(config), Runner(low), 60.0)
    assert said == []


def test_plain_fades_with_the_programme_and_ends_with_the_session() -> None:
    config = structs.replace(PLAIN, warmup_s=0.0, programme_part="session", programme_minutes=4.0)
    config = structs.replace(config, programme_share=0.5)
    said, _ = listen(Coach(config), Runner(low), 360.0)
    words = [(word.ends, word.rule) for word in of(said, Beats)]
    assert words == [(False, "metronome.plain"), (True, "quiet.programme")] * 2
    times = [word.time_s for word in of(said, Beats)]
    assert times == pytest.approx([60.0, 120.0, 180.0, 240.0], abs=0.5)


def test_a_changed_setting_ends_it() -> None:
    coach = Coach(ADAPTIVE)
    listen(coach, Runner(low), 45.0)
    assert coach.state()["train"]
    for config in (
        structs.replace(ADAPTIVE, metronome="off"),
        structs.replace(ADAPTIVE, target_spm=None),
    ):
        other = Coach.restore(config, coach.state())
        other.moment(Moment(45.1, 3, 162.0, 8.0))
        (end,) = other.beats
        assert (end.ends, end.rule) == (True, "metronome.off")
        assert other.state()["train"] == []


def test_status_says_that_it_ticks() -> None:
    coach = Coach(PLAIN)
    listen(coach, Runner(low), 20.0)
    assert coach.status().rule == "metronome"
    assert coach.status().reason == "plain metronome at 172 spm"
    coach.mute(20.0, 40.0)
    assert coach.status().rule == "quiet.mute"


class Deaf(Coach):
    """Its metronome does not hear what mutes."""

    def _enough(self, t: float, reading: Any) -> None:
        return None

    def _asked_quiet(self, t: float) -> None:
        return None


@pytest.mark.parametrize("config", [ADAPTIVE, PLAIN])
@pytest.mark.parametrize("other", [{"activity": 2}, {"gap_s": 0.3}, {"mute_s": 45.0}])
def test_the_judge_catches_a_metronome_that_does_not_end(
    config: CoachConfig, other: dict[str, Any]
) -> None:
    for ticks in range(80, 130, 7):
        stream = [replace(DOWN, ticks=ticks), replace(DOWN, ticks=80, **other)]
        judge(Coach(config), config, stream, None)
    with pytest.raises(AssertionError):
        judge(Deaf(config), config, stream, None)
