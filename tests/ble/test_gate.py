"""What of a stream goes on: never faster than a sensor, never an old value as a fresh one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.ble.gate import GAP_S, HOLD_S, RATE_HZ, STORM_HZ, STORM_S, Gate


def delivered(sent: list[float], stalls: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """(came, sent) of each notification where delivery stands still during the stalls."""
    out, came = [], 0.0
    for at in sent:  # first in, first out
        came = max(came + 1e-4, at)
        while later := [end for begin, end in stalls if begin <= came < end]:
            came = max(later)
        out.append((came, at))
    return out


def passed(stream: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """(time said, sent) of what goes on; whoever drives the gate comes when it is due."""
    gate, out = Gate(), []
    sent_of: dict[bytes, float] = {}

    def went(found: tuple[float, bytes] | None) -> None:
        if found is not None:
            out.append((found[0], sent_of[found[1]]))

    for n, (came, at) in enumerate(stream):
        while gate.due_s is not None and gate.due_s <= came:
            went(gate.release(gate.due_s))
        data = n.to_bytes(4, "big")
        sent_of[data] = at
        went(gate.offer(came, data))
    if gate.due_s is not None:
        went(gate.release(gate.due_s))
    assert gate.left_out == len(stream) - len(out)
    return out


stalls = st.lists(st.tuples(st.floats(5.0, 100.0), st.floats(0.5, 40.0)), max_size=3)


@settings(max_examples=80)
@given(st.sampled_from([0.25, 0.5, 1.0]), st.floats(0.0, 1.0), stalls)
def test_no_value_is_said_to_be_much_younger_than_it_is(
    every_s: float, phase_s: float, given_stalls: list[tuple[float, float]]
) -> None:
    """However bus, BlueZ or the process stood still: at most by the gap that is no stall."""
    sent = [phase_s + every_s * n for n in range(int(150 / every_s))]
    spans = [(begin, begin + length) for begin, length in given_stalls]
    for said, at in passed(delivered(sent, spans)):
        assert said - at <= GAP_S + 0.1


@given(st.lists(st.floats(0.3, 2.0), min_size=1, max_size=60))
def test_a_sensor_that_sends_evenly_loses_nothing(gaps: list[float]) -> None:
    now, stream = 0.0, []
    for gap in gaps:
        now += gap
        stream.append((now, now))
    assert passed(stream) == stream


@given(st.lists(st.floats(0.0, 0.3), max_size=500))
def test_a_storm_goes_on_at_the_rate_of_a_sensor(gaps: list[float]) -> None:
    now, stream = 0.0, []
    for gap in gaps:
        now += gap
        stream.append((now, now))
    out = passed(stream)
    assert len(out) <= RATE_HZ * now + RATE_HZ + 1
    assert all(said == at for said, at in out)


def storms(gate: Gate) -> bool:
    return gate.storms


def test_only_a_storm_that_lasts_ends_the_link() -> None:
    gate, now = Gate(), 0.0
    for _ in range(int(STORM_HZ * 1.5 * 3)):
        now += 1.0 / (STORM_HZ * 1.5)
        gate.offer(now, b"")
    assert not storms(gate)
    now += 5.0
    gate.offer(now, b"")
    for _ in range(int(STORM_HZ * 1.5 * (STORM_S + 3))):
        now += 1.0 / (STORM_HZ * 1.5)
        gate.offer(now, b"")
    assert storms(gate)
    gate.begin()
    assert not storms(gate)


def test_what_is_held_waits_for_its_moment() -> None:
    gate = Gate()
    assert gate.offer(10.0, b"a") is None
    assert gate.due_s == 10.0 + HOLD_S
    assert gate.release(10.0 + HOLD_S / 2) is None
    assert gate.release(10.0 + HOLD_S) == (10.0, b"a")
    assert gate.offer(11.0, b"b") == (11.0, b"b")
