"""Journals made for tests: a clock that is set, and entries of every kind."""

from datetime import date
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from gaitpi.journal import store
from gaitpi.journal.entries import MOMENTS, Note, Pain, Shoe, Strength, Use, Worn
from gaitpi.journal.store import Change, Journal, Put, Stamp

WALL_S = 1_777_800_000.0
"""Sunday, 3 May 2026, 09:20 UTC."""


def stamp(wall_s: float = WALL_S, offset_s: float = 7200.0) -> Stamp:
    return Stamp(wall_s, offset_s, 100.0, "boot", "me")


def pain(day: str = "2026-05-03", level: int = 3, **more: Any) -> Pain:
    return Pain(day=day, entered_s=WALL_S, offset_s=7200.0, level=level, **more)


def shoe(name: str, day: str = "2026-05-03", **more: Any) -> Shoe:
    return Shoe(day=day, entered_s=WALL_S, name=name, **more)


def use(name: str, from_s: float, day: str = "2026-05-03") -> Use:
    return Use(day=day, entered_s=WALL_S, shoe=name, from_s=from_s)


def in_memory(*puts: Put) -> Journal:
    """As ``journal_of``, without a file."""
    return Journal(
        tuple(
            Change(k, 1, "put", 0, one.name or f"e{k}", None, one.entry, stamp())
            for k, one in enumerate(puts, 1)
        )
    )


def journal_of(folder: Path, *puts: Put) -> Journal:
    return store.put(store.path_in(folder), puts, stamp()).journal


_DAYS = st.dates(
    min_value=date(1971, 1, 1),
    max_value=date(2199, 12, 31),
).map(lambda day: day.isoformat())
_TIMES = st.integers(0, 7_000_000_000_000).map(lambda ms: ms / 1000)
_SIGNS = st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs", "Cc", "Cf"])
_TEXTS = st.text(_SIGNS, min_size=1, max_size=40).map(lambda text: " ".join(text.split()))
LINES = st.one_of(
    _TEXTS.filter(bool), st.sampled_from(["=1+1", "'=x", "'", "@a", "-3", "+", "a;b"])
)
"""Lines of text as they are kept, those that a spreadsheet would reckon too."""
_WORDS = st.sampled_from(["lower-left", "knee-right", "legs", "core", "rücken", "a1"])
_RUNS = st.sampled_from(["20260503-065900-3fa2-9c1be0", "20260504-1", "a.1"])
_BASE: dict[str, Any] = {
    "day": _DAYS,
    "entered_s": _TIMES,
    "offset_s": st.integers(-50_400, 50_400).map(float),
    "sure": st.booleans(),
}
PAINS = st.builds(
    Pain,
    **_BASE,
    level=st.integers(0, 10),
    site=st.just("") | _WORDS,
    moment=st.sampled_from(["", *MOMENTS]),
    run=st.just("") | _RUNS,
)
STRENGTHS = st.builds(
    Strength,
    **_BASE,
    what=_WORDS,
    minutes=st.none() | st.floats(0.1, 1440.0),
    sets=st.none() | st.integers(1, 999),
)
NOTES = st.builds(Note, **_BASE, text=LINES)
SHOES = st.builds(
    Shoe, **_BASE, name=LINES, km=st.none() | st.floats(0.0, 1e5), retired=st.just("") | _DAYS
)


def uses(names: list[str]) -> st.SearchStrategy[Use]:
    return st.builds(Use, **_BASE, shoe=st.sampled_from(["", *names]), from_s=_TIMES)


def worns(names: list[str]) -> st.SearchStrategy[Worn]:
    return st.builds(Worn, **_BASE, run=_RUNS, shoe=st.sampled_from(["", *names]))
