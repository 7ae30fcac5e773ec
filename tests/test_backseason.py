"""Seasons with something planted, and without: a few of those of ``calibration.backseason``."""

import math
import re
from pathlib import Path
from typing import Any

import pytest

from calibration.backseason import (
    DOCUMENT,
    PARTS,
    PLANTED,
    pool,
    season,
    written_season,
)
from gaitpi.review import back, diary, shoes
from gaitpi.review.change import CHANGE
from gaitpi.review.form import Form
from gaitpi.review.load import uses

SEASONS = 4


@pytest.fixture(scope="module")
def pools() -> list[list[Form]]:
    return pool(SEASONS)


def test_what_was_planted_is_found(pools: list[list[Form]]) -> None:
    for seed, forms in enumerate(pools):
        made = season(seed, distance=seed % 2 == 0, forms=forms)
        found = {c.metric.key: c for c in shoes.compare(made.runs)}
        for key, contrast in found.items():
            planted = -PLANTED.get(key, 0.0)  # blue less red
            assert (contrast.verdict == CHANGE) is (planted != 0.0), key
            assert abs(contrast.difference - planted) <= contrast.wide + 0.5 * abs(planted)


@pytest.mark.parametrize("worn", ["drawn by lot", "one after the other", "three pairs"])
def test_where_there_is_none_none_is_told(pools: list[list[Form]], worn: str) -> None:
    for course in ("steady", "a trend", "wandering"):
        for seed, forms in enumerate(pools):
            story: dict[str, Any] = {"worn": worn, "course": course, "planted": False}
            made = season(seed, distance=seed % 2 == 0, forms=forms, **story)
            assert not any(c.verdict == CHANGE for c in shoes.compare(made.runs))


def test_the_overload_week_is_the_one_beyond_its_ceiling(pools: list[list[Form]]) -> None:
    noted = 0
    for seed, forms in enumerate(pools):
        for overload in (True, False):
            made = season(
                seed, distance=seed % 2 == 0, forms=forms, overload=overload, follows=overload
            )
            days = [s.day for s in made.sessions]
            number = (back.monday(days[-1]) - back.monday(days[0])).days // 7 + 1
            table = back.weeks(made.runs, made.sessions, made.strength, days[-1], number)
            over = [w.monday for w in table if w.use.share > 1.05]
            assert over == ([made.overload] if overload else [])
            if overload:
                about = back.mornings(made.runs, made.sessions)
                noted += about.beyond.n
                assert about.beyond.least is None or about.beyond.least >= 2
    assert noted


def test_through_files_a_journal_and_imports(tmp_path: Path) -> None:
    """Eighteen short runs in turn: everything but the length is as on a belt."""
    outings = written_season(tmp_path, 3, runs=18, length=0.2, planted=True, worn="in turn")
    found = diary.gather(tmp_path)
    assert [r.shoe for r in found.runs] == [o.shoe for o in outings]
    assert {r.surface for r in found.runs} == {"road"}
    assert all(math.isfinite(r.session.distance_m) for r in found.runs)
    assert all(math.isfinite(r.speed_ms) for r in found.runs)
    noted = sum(r.pain.morning is not None for r in found.runs)
    assert 0 < noted < len(outings)
    share = uses(found.found.sessions)
    assert sum(math.isfinite(u.share) for u in share.values()) == len(outings) - 1
    contrasts = {c.metric.key: c for c in shoes.compare(found.runs)}
    assert contrasts["bounce_mm"].difference == pytest.approx(10.0, abs=4.0)
    assert contrasts["contact_ms"].verdict != CHANGE


def test_the_document_has_every_table() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in PARTS:
        begin, end = f"<!-- {name}: begin -->\n|", f"|\n<!-- {name}: end -->"
        assert begin in text, name
        assert end in text, name


def test_the_document_keeps_the_promise_of_the_issue() -> None:
    """At most one season of twenty with a false difference, and what was planted is found."""
    for name in ("false", "asked"):
        found = [_shares(row) for row in _rows(name)]
        assert [len(row) for row in found] == [3] * 5
        assert max(map(max, found)) <= 5.0
    for row in _rows("recovered"):
        told, covered = _shares(row)
        assert told <= 5.0 if "| none |" in row else told >= 95.0
        assert covered >= 95.0


def _rows(name: str) -> list[str]:
    """The rows of a table of the document, without its head."""
    table = DOCUMENT.read_text(encoding="utf-8").split(f"<!-- {name}: begin -->")[1]
    return [row for row in table.split("<!-- ")[0].splitlines() if " % (" in row]


def _shares(row: str) -> list[float]:
    return [float(share) for share in re.findall(r"([0-9.]+) % \(", row)]
