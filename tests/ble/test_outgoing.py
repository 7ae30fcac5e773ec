"""What the belt says as a foot pod: the convention, and never the last number again."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.ble import heartrate, runningspeed
from gaitpi.ble.outgoing import LIVE_S, ZEROS_S, Outgoing
from gaitpi.ble.readings import STALE_S

LIVE: dict[str, Any] = {"state": "recording", "cadence_spm": 171.6, "activity": 3, "steps": 4}


def fed(live: dict[str, Any], *, relay: bool = False, now_s: float = 100.0) -> Outgoing:
    outgoing = Outgoing(relay=relay)
    outgoing.heard(live, now_s)
    return outgoing


def pod(speed_ms: float | None, age_s: float | None = 0.4) -> dict[str, Any]:
    return {"radio": {"pod": {"speed_ms": speed_ms, "age_s": age_s, "cadence_rpm": 86}}}


def strap(bpm: int | None, age_s: float | None = 0.2, contact: bool | None = None) -> Any:
    return {"radio": {"heart": {"bpm": bpm, "age_s": age_s, "contact": contact}}}


def test_steps_of_both_feet_rounded() -> None:
    found = fed(LIVE).speed(100.1)
    assert found is not None
    assert (found.cadence_rpm, found.speed_ms, found.stride_m, found.running) == (
        *(172, 0.0, None),
        True,
    )
    assert fed(LIVE).values(100.1) == {"speed": bytes.fromhex("04 0000 ac")}


@pytest.mark.parametrize(
    ("spm", "activity", "cadence", "running"),
    [
        (112.2, 2, 112, False),  # walking counts too, and says so
        (None, 1, 0, False),
        (None, 3, 0, True),  # not known yet
        (0.0, 1, 0, False),
        (math.nan, 3, 0, True),
        (math.inf, 3, 0, True),
        (-5.0, 3, 0, True),
        (300.0, 3, 255, True),
    ],
)
def test_what_is_not_known_is_0(
    spm: float | None, activity: int, cadence: int, running: bool
) -> None:
    found = fed(LIVE | {"cadence_spm": spm, "activity": activity}).speed(100.0)
    assert found is not None
    assert (found.cadence_rpm, found.running) == (cadence, running)


@pytest.mark.parametrize(
    ("radio", "speed_ms", "stride_m"),
    [
        (pod(3.0), 3.0, 120 * 3.0 / 172),
        (pod(0.0), 0.0, None),
        (pod(None), 0.0, None),
        (pod(3.0, None), 0.0, None),
        (pod(3.0, STALE_S + 0.1), 0.0, None),
        (pod(3.0, -1.0), 0.0, None),
        (pod(40.0), 0.0, None),
        (pod(math.nan), 0.0, None),
        ({"radio": None}, 0.0, None),
        ({"radio": {"pod": None}}, 0.0, None),
        ({}, 0.0, None),
    ],
)
def test_speed_is_the_pod_s_while_it_is_fresh(
    radio: dict[str, Any], speed_ms: float, stride_m: float | None
) -> None:
    found = fed(LIVE | radio).speed(100.0)
    assert found is not None
    assert found.speed_ms == speed_ms
    assert found.stride_m == (None if stride_m is None else pytest.approx(stride_m))
    assert found.distance_m is None


def test_a_speed_grows_old_with_the_daemon_that_told_it() -> None:
    outgoing = fed(LIVE | pod(3.0, STALE_S - 1.0))
    assert [one and one.speed_ms for one in map(outgoing.speed, (100.9, 101.1))] == [3.0, 0.0]


def test_one_foot_for_apps_that_double() -> None:
    outgoing = Outgoing(one_foot=True)
    outgoing.heard(LIVE | pod(3.0), 100.0)
    found = outgoing.speed(100.0)
    assert found is not None
    assert (found.cadence_rpm, found.speed_ms) == (86, 3.0)
    assert found.stride_m == pytest.approx(120 * 3.0 / 172)  # a stride is a stride


def test_without_steps_there_is_no_stride() -> None:
    found = fed(LIVE | pod(1.0) | {"cadence_spm": None}).speed(100.0)
    assert found is not None
    assert (found.speed_ms, found.stride_m) == (1.0, None)


def test_a_daemon_that_is_gone_becomes_zeros_and_then_nothing() -> None:
    outgoing = fed(LIVE | pod(3.0))
    assert outgoing.values(100.0 + LIVE_S) != {}
    for later_s in (LIVE_S + 0.1, LIVE_S + ZEROS_S):
        assert outgoing.values(100.0 + later_s) == {"speed": bytes(4)}
    assert outgoing.values(100.0 + LIVE_S + ZEROS_S + 0.1) == {}
    outgoing.heard(LIVE, 130.0)
    assert outgoing.values(130.0) == {"speed": bytes.fromhex("04 0000 ac")}


def test_before_the_daemon_speaks_nothing_is_said() -> None:
    assert Outgoing(relay=True).values(5.0) == {}


@pytest.mark.parametrize(
    "live", [{"cadence_spm": "170"}, {"activity": None}, {"radio": 3}, {"radio": {"pod": []}}]
)
def test_a_daemon_that_makes_no_sense_says_nothing(live: dict[str, Any]) -> None:
    outgoing = fed(LIVE)
    outgoing.heard(LIVE | live, 101.0)
    assert outgoing.values(101.0) == {"speed": bytes(4)}


def test_a_word_of_the_strap_is_passed_on_once() -> None:
    outgoing = Outgoing(relay=True)
    outgoing.heard(LIVE | strap(142, 0.2, True), 100.0)
    assert outgoing.values(100.0)["heart"] == bytes.fromhex("06 8e")
    outgoing.heard(LIVE | strap(142, 0.9, True), 100.7)
    assert "heart" not in outgoing.values(100.7)
    outgoing.heard(LIVE | strap(142, 0.1, True), 101.0)  # the next one, the same number
    assert outgoing.values(101.0)["heart"] == bytes.fromhex("06 8e")


@pytest.mark.parametrize(
    "after",
    [
        strap(None, 6.0),  # stale
        strap(143, 5.1),
        strap(None, None),
        {"radio": {"heart": None}},
        {"radio": None},
        {},
    ],
)
def test_a_strap_that_is_gone_is_told_once(after: dict[str, Any]) -> None:
    outgoing = Outgoing(relay=True)
    outgoing.heard(LIVE | strap(142), 100.0)
    assert outgoing.values(100.0)["heart"] == bytes.fromhex("00 8e")
    outgoing.heard(LIVE | after, 106.0)
    assert outgoing.values(106.0)["heart"] == bytes.fromhex("04 00")  # 0 bpm, no contact
    assert "heart" not in outgoing.values(107.0)
    outgoing.heard(LIVE | strap(150), 108.0)
    assert outgoing.values(108.0)["heart"] == bytes.fromhex("00 96")


@pytest.mark.parametrize(
    "odd", [strap(142, 0.1, False), strap(0), strap(5), strap(255), strap(None)]
)
def test_a_strap_without_skin_is_no_heart_rate(odd: dict[str, Any]) -> None:
    outgoing = Outgoing(relay=True)
    outgoing.heard(LIVE | strap(142), 100.0)
    outgoing.values(100.0)
    outgoing.heard(LIVE | odd, 101.0)
    assert outgoing.values(101.0)["heart"] == bytes.fromhex("04 00")


def test_the_heart_rate_grows_old_with_the_daemon_that_told_it() -> None:
    outgoing = Outgoing(relay=True)
    outgoing.heard(LIVE | strap(142), 100.0)
    outgoing.values(100.0)
    assert "heart" not in outgoing.values(104.0)
    assert outgoing.values(105.0)["heart"] == bytes.fromhex("04 00")
    assert "heart" not in outgoing.values(200.0)


def test_without_the_relay_there_is_no_heart_rate() -> None:
    assert "heart" not in fed(LIVE | strap(142)).values(100.0)


ANY = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
PARTS = st.dictionaries(st.sampled_from(("bpm", "age_s", "contact", "speed_ms")), ANY)
ODD = st.fixed_dictionaries(
    {},
    optional={
        "cadence_spm": ANY,
        "activity": ANY,
        "radio": ANY | st.dictionaries(st.sampled_from(("heart", "pod")), PARTS | ANY),
    },
)


@given(st.lists(st.tuples(ODD, st.floats(0.0, 8.0)), max_size=8))
def test_whatever_is_heard_what_is_sent_is_sound(story: list[tuple[Any, float]]) -> None:
    outgoing, now_s = Outgoing(relay=True), 50.0
    sent_for: list[float] = []
    for live, later_s in story:
        outgoing.heard(live, now_s)
        told = live.get("radio")
        heart = told.get("heart") if isinstance(told, dict) else None
        for _ in range(2):
            values = outgoing.values(now_s)
            speed = runningspeed.parse(values["speed"], 0.0) if "speed" in values else None
            if speed is not None:
                assert 0.0 <= speed.speed_ms <= 12.5
                assert speed.stride_m is None or speed.speed_ms > 0.0
            if "heart" in values:
                found = heartrate.parse(values["heart"], 0.0)
                assert found.bpm == 0 or found.known_bpm is not None
                if found.bpm:
                    assert isinstance(heart, dict)
                    sent_for.append(now_s - heart["age_s"])
            now_s += later_s / 2
    assert sent_for == sorted(set(sent_for))  # never one again
