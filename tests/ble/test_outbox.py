"""What the daemon has not taken yet: a minute of it, in order, and nothing waits."""

import socket
from collections.abc import Iterator

import pytest

from gaitpi.ble.outbox import KEEP_MAX, KEEP_S, Outbox
from gaitpi.ble.readings import Heart, Link, Pod, unpacked


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, Outbox]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    ours.setblocking(False)
    with ours, theirs:
        yield ours, Outbox(theirs.fileno())


def heart(time_s: float) -> Heart:
    return Heart(time_s=time_s, bpm=72)


def taken(ours: socket.socket, outbox: Outbox, now_s: float) -> list[float]:
    """Times of all that comes, the outbox asked again as long as it does."""
    out: list[float] = []
    while True:
        try:
            reading = unpacked(ours.recv(8192))
        except BlockingIOError:
            return out
        assert reading is not None
        out.append(reading.time_s)
        outbox.flush(now_s)


def test_a_minute_is_kept_and_comes_in_order(ends: tuple[socket.socket, Outbox]) -> None:
    ours, outbox = ends
    for second in range(50):
        outbox.put(heart(float(second)), float(second))
    assert len(outbox) > 30, "the socket holds some"
    assert taken(ours, outbox, 50.0) == [float(second) for second in range(50)]
    assert (len(outbox), outbox.lost) == (0, {"heart": 0, "pod": 0})


def test_what_is_older_goes(ends: tuple[socket.socket, Outbox]) -> None:
    ours, outbox = ends
    for second in range(200):
        outbox.put(heart(float(second)), float(second))
    times = taken(ours, outbox, 200.0)
    in_socket = [time_s for time_s in times if time_s < 200.0 - KEEP_S]
    assert len(in_socket) < 20
    assert times == in_socket + [float(s) for s in range(int(200 - KEEP_S), 200)]
    assert outbox.lost == {"heart": 200 - len(times), "pod": 0}


def test_of_links_that_went_none_is_counted(ends: tuple[socket.socket, Outbox]) -> None:
    """They are told each second, and the next one says all."""
    _ours, outbox = ends
    for second in range(200):
        outbox.put(Link(time_s=second, role="pod", state="off", since_s=0.0), float(second))
    outbox.put(Pod(time_s=200.0, speed_ms=3.0, cadence_rpm=85), 200.0)
    assert len(outbox) < 100
    assert outbox.lost == {"heart": 0, "pod": 0}
    outbox.flush(300.0)
    assert outbox.lost == {"heart": 0, "pod": 1}


def test_it_never_grows_beyond_its_bound(ends: tuple[socket.socket, Outbox]) -> None:
    _ours, outbox = ends
    for number in range(KEEP_MAX + 500):
        outbox.put(heart(number / 1000.0), 1.0)
    assert len(outbox) <= KEEP_MAX


def test_what_no_datagram_holds_is_left_out(ends: tuple[socket.socket, Outbox]) -> None:
    ours, outbox = ends
    outbox.put(Heart(time_s=1.0, bpm=72, rr_s=(0.123456789,) * 1000), 1.0)
    assert (len(outbox), outbox.lost["heart"]) == (0, 1)
    outbox.put(heart(2.0), 2.0)
    assert taken(ours, outbox, 2.0) == [2.0]


def test_nobody_at_the_other_end_is_noticed(ends: tuple[socket.socket, Outbox]) -> None:
    ours, outbox = ends
    ours.close()
    assert not outbox.closed
    outbox.put(heart(1.0), 1.0)
    assert outbox.closed
