"""When somebody, or something, had the coach be quiet: from the events of a run file. No numpy."""

import json
import math
from collections.abc import Iterable
from typing import Final

from gaitpi.runs.rows import EventRow

MUTING: Final = frozenset({"mark", "pain", "mute", "button", "heat", "journal", "settle"})
"""Kinds of event that can have a mute in their detail."""


def mutes(events: Iterable[EventRow]) -> list[tuple[float, float]]:
    """(from, until) run times (s) at which the coach was muted, or unmuted, in order."""
    return [(from_s, until_s) for from_s, until_s, _ in muting(events)]


def muting(events: Iterable[EventRow]) -> list[tuple[float, float, str]]:
    """The same with what the event says."""
    found = []
    for event in events:
        if event.kind in MUTING:
            try:
                detail = json.loads(event.detail)
                from_s, until_s = float(detail["from_s"]), float(detail["until_s"])
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
                continue  # no mute among the runner's marks
            if math.isfinite(from_s) and math.isfinite(until_s):
                found.append((from_s, until_s, event.text))
    return sorted(found, key=lambda one: one[0])
