"""How good the data of a run are: belt, gaps, clipped samples, faults, and what the card missed."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from gaitpi.faults import RESUMED, told
from gaitpi.runs.reader import clock
from gaitpi.runs.rows import RUNNING, EventRow, SecondRow

GIVEN_MOUNT, OWN_STANDING, OWN_MEAN = 1, 2, 3
"""``lean_from``: what the lean angle of a second was measured from."""
BELT_BAD: Final = {2: "loose", 3: "moved"}
"""``belt`` of a second in which lean is not to be believed."""

Grade = Literal["good", "fair", "poor"]

POOR_MISSING: Final = 0.05
"""Share of the run without samples, or not on the card, from which on its data are poor."""
POOR_BELT: Final = 0.2
"""The same of running with a belt that did not sit, of all where that is known."""
POOR_CLIPPED: Final = 0.01
"""The same of samples at the end of the range. All three are judgements."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What is known of the data of a run; NaN or None where it is not.

    ``gaps`` lost ``gap_s`` of samples, a share ``missing`` of the run; ``clipped`` of ``samples``
    reached the end of the range; ``faults`` are the times at which any were counted, ``counters``
    how often which (``gaitpi.faults``); ``dropout_s`` did not reach the card; ``belt`` is "steady",
    "loose" or "moved" (what it was first, at ``belt_from_s``, for ``belt_bad_s`` in all).
    ``quality`` is "good" where nothing was found, "poor" where a share is over its limit.
    """

    gaps: int
    gap_s: float
    clipped: int
    samples: int
    missing: float
    faults: int
    counters: Mapping[str, int]
    dropout_s: float
    belt: str | None
    belt_from_s: float
    belt_bad_s: float
    quality: Grade | None


class Found(Protocol):
    """What :func:`line` asks for: a :class:`Quality`, or what has its fields."""

    @property
    def gaps(self) -> int: ...  # noqa: D102
    @property
    def gap_s(self) -> float: ...  # noqa: D102
    @property
    def clipped(self) -> int: ...  # noqa: D102
    @property
    def samples(self) -> int: ...  # noqa: D102
    @property
    def faults(self) -> int: ...  # noqa: D102
    @property
    def counters(self) -> Mapping[str, int]: ...  # noqa: D102
    @property
    def dropout_s(self) -> float: ...  # noqa: D102
    @property
    def belt(self) -> str | None: ...  # noqa: D102
    @property
    def belt_from_s(self) -> float: ...  # noqa: D102
    @property
    def belt_bad_s(self) -> float: ...  # noqa: D102
    @property
    def quality(self) -> Grade | None: ...  # noqa: D102


def assess(seconds: Sequence[SecondRow], events: Sequence[EventRow], duration_s: float) -> Quality:
    """The quality of a run of that length."""
    gaps = [s.gap_s for s in seconds if s.gap_s > 0] + _to_end(events)
    clipped, samples = sum(s.clipped for s in seconds), sum(s.samples for s in seconds)
    faults = sum(event.kind in ("fault", RESUMED) for event in events)
    dropout_s = _dropout_s(events)
    missing = (sum(gaps) + dropout_s) / duration_s if duration_s > 0 else math.nan
    known = [s for s in seconds if s.activity == RUNNING and s.belt > 0]
    bad = [s for s in known if s.belt in BELT_BAD]
    grade: Grade | None = "good"
    if samples == 0:
        grade = None
    elif (
        missing > POOR_MISSING
        or clipped > POOR_CLIPPED * samples
        or len(bad) > POOR_BELT * len(known)
    ):
        grade = "poor"
    elif gaps or clipped or faults or dropout_s > 0 or bad:
        grade = "fair"
    return Quality(
        gaps=len(gaps),
        gap_s=sum(gaps),
        clipped=clipped,
        samples=samples,
        missing=missing,
        faults=faults,
        counters=counters(events),
        dropout_s=dropout_s,
        belt=(BELT_BAD[bad[0].belt] if bad else "steady") if known else None,
        belt_from_s=bad[0].time_s if bad else math.nan,
        belt_bad_s=float(len(bad)),
        quality=grade,
    )


def counters(events: Iterable[EventRow]) -> dict[str, int]:
    """How often which fault was counted."""
    found: dict[str, int] = {}
    for event in events:
        if event.kind == RESUMED:
            found[RESUMED] = found.get(RESUMED, 0) + 1
        elif event.kind == "fault":
            for name, n in _detail(event).items():
                if isinstance(n, int) and 0 <= n < 2**53:
                    found[name] = found.get(name, 0) + n
    return found


def _to_end(events: Iterable[EventRow]) -> list[float]:
    """The gap after the last sample, s, where the sensor was lost for the rest of the run."""
    ends = (_detail(event) for event in events if event.kind == "gap")
    found = [end.get("gap_s") for end in ends if end.get("to_end") is True]
    return [float(s) for s in found if isinstance(s, int | float) and 0 < s < 1e8]


def _dropout_s(events: Iterable[EventRow]) -> float:
    """Seconds that reached the recorder but not the card."""
    lost = (_detail(event).get("seconds") for event in events if event.kind == "dropout")
    return sum(max(0.0, float(s)) for s in lost if isinstance(s, int | float) and s < 1e8)


def _detail(event: EventRow) -> dict[str, object]:
    """What an event says beside its text; empty where that cannot be read."""
    try:
        detail = json.loads(event.detail)
    except (ValueError, RecursionError):
        return {}
    return detail if isinstance(detail, dict) else {}


def line(q: Found, width: int) -> str:
    """The quality in one line of at most ``width`` columns where that can be."""
    if q.samples == 0:
        return "not known (no samples recorded)"
    found = "; ".join(_found(q, _faults(q)))
    if len(found) > width - 6:
        found = "; ".join(_found(q, count(q.faults, "fault")))
    if found:
        return f"{q.quality or 'fair'}: {found}"
    belt = "belt steady, " if q.belt == "steady" else ""
    return f"good: {belt}no gaps, nothing clipped, no faults"


def _found(q: Found, faults: str) -> list[str]:
    """What was wrong, thing by thing."""
    found = []
    if q.belt_bad_s > 0:
        found.append(f"belt {q.belt} from {clock(q.belt_from_s)} ({q.belt_bad_s:.0f} s in all)")
    if q.gap_s > 0:
        found.append(f"{q.gap_s:.1f} s lost in {count(q.gaps, 'gap')}")
    if q.clipped:
        found.append(f"{q.clipped:,} clipped")
    if q.faults:
        found.append(faults)
    if q.dropout_s > 0:
        found.append(f"{q.dropout_s:.1f} s not recorded")
    return found


def _faults(q: Found) -> str:
    """The most frequent fault in words, and how many others there were."""
    words = told(q.counters)
    if not words:
        return count(q.faults, "fault")
    others = sum(n for n in q.counters.values() if n > 0) - max(q.counters.values())
    return f"{words[0]} and {count(others, 'other')}" if others else words[0]


def count(n: int, what: str) -> str:
    """A number of things: 1 gap, 2 gaps."""
    return f"{n} {what}{'s' * (n != 1)}"
