"""What a reanalysis found, in words and tables of at most 80 columns. No numpy."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from gaitpi.plaintext import plain
from gaitpi.runs.reader import clock

WIDTH: Final = 80
INDENT: Final = " " * 4


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of a run as it is shown."""

    name: str
    words: str
    digits: int
    unit: str = ""
    signed: bool = False

    def shown(self, value: float | None) -> str:
        """The number, without its unit; "not known" where it is not."""
        if value is None:
            return "not known"
        return f"{value:+.{self.digits}f}" if self.signed else f"{value:,.{self.digits}f}"


FIGURES: Final = (
    Figure("steps", "steps", 0),
    Figure("running_s", "running", 0, "s"),
    Figure("cadence_spm", "cadence", 1, "spm"),
    Figure("lean_deg", "lean", 1, "deg", signed=True),
    Figure("contact_ms", "contact", 0, "ms"),
    Figure("bounce_mm", "bounce", 0, "mm"),
)
CUES: Final = ("same", "moved", "gone", "new")
HEAD: Final = f"{'id':<28}{'result':<10}{'length':>8}{'running':>9}{'steps':>8}{'cadence':>9}"


def row(shown: str, result: Mapping[str, Any]) -> list[str]:
    """The line of a run, and below it what changed."""
    new = result["new"]
    cadence = new["cadence_spm"]
    line = (
        f"{shown[:27]:<28}{result['status']:<10}{clock(new['seconds']):>8}"
        f"{clock(new['running_s']):>9}{new['steps']:>8}"
        f"{'-' if cadence is None else format(cadence, '.1f'):>9}"
    )
    lines = [line] if len(shown) <= 27 else [shown[:WIDTH], f"{'':<28}{line[28:]}"]
    said = [change(result)] if result["status"] in ("changed", "alike") else []
    for text in (*said, *result["notes"]):
        lines += textwrap.wrap(text, WIDTH - len(INDENT))[:12]
    first = 1 if len(shown) <= 27 else 2
    return [plain(text if k < first else INDENT + text) for k, text in enumerate(lines)]


def failed(shown: str, problem: str) -> list[str]:
    """The line of a recording that could not be computed, and why."""
    head = f"{shown:<28}failed" if len(shown) <= 27 else f"{shown[: WIDTH - 8]}  failed"
    return [plain(head), *(INDENT + plain(x) for x in textwrap.wrap(problem, WIDTH - len(INDENT)))]


def change(result: Mapping[str, Any]) -> str:
    """What changed of a run, in one sentence; the same words for people and for JSON."""
    if result["status"] == "alike":
        return "last digits only, as where another kind of processor computed it"
    old, new = result["old"], result["new"]
    parts = []
    for figure in FIGURES:
        before, after = (figure.shown(x[figure.name]) for x in (old, new))
        if before != after:
            parts.append(f"{figure.words} {before} -> {after} {figure.unit}".strip())
    cues = result["cues"]
    if any(cues[kind] for kind in ("moved", "gone", "new")):
        told = ", ".join(f"{cues[kind]} {kind}" for kind in CUES if cues[kind])
        parts.append(f"cues: {told}")
    if parts:
        return "; ".join(parts)
    return f"nothing that is shown; {_small(result)}"


def _small(result: Mapping[str, Any]) -> str:
    """What differs below what is shown."""
    parts = []
    for name in ("steps", "seconds"):
        table = result[name]
        if table["old"] != table["same"] or table["new"] != table["same"]:
            differ = table["changed"] + table["gone"] + table["added"]
            columns = ", ".join(sorted(table["columns"], key=lambda c: _rows(table, c))[:3])
            parts.append(f"{differ:,} of {table['new']:,} {name}" + _in(columns))
    cues = result["cues"]
    if not cues["exact"]:
        parts.append("numbers of cues")
    if not cues["withheld"]["exact"]:
        parts.append("cues that were kept back")
    return f"{', '.join(parts)} differ"


def _rows(table: Mapping[str, Any], column: str) -> tuple[int, str]:
    return -table["columns"][column]["rows"], column


def _in(columns: str) -> str:
    return f" (in {columns})" if columns else ""


@dataclass(frozen=True, slots=True)
class Most:
    """How one figure changed over all runs: in how many, by how much, and where the most."""

    figure: Figure
    runs: int
    median: float
    largest: float
    where: str


def most(results: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Most]:
    """Of each figure that changed in any run (name, result); those of most runs first."""
    found = []
    for figure in FIGURES:
        moved = [
            (float(after) - float(before), shown)
            for shown, result in results
            if (before := (result.get("old") or {}).get(figure.name)) is not None
            and (after := result["new"][figure.name]) is not None
            and before != after
        ]
        if moved:
            largest, where = max(moved, key=lambda one: (abs(one[0]), one[1]))
            middle = median(delta for delta, _ in moved)
            found.append(Most(figure, len(moved), middle, largest, where))
    return sorted(found, key=lambda m: -m.runs)


def totals(
    results: Sequence[tuple[str, Mapping[str, Any]]], problems: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """The last JSON line: how many of each, hours of samples, cues, what changed, what failed."""
    count = dict.fromkeys(("same", "alike", "changed", "computed"), 0)
    cues = dict.fromkeys(CUES, 0)
    for _, result in results:
        count[result["status"]] += 1
        for kind in CUES:
            cues[kind] += result.get("cues", {}).get(kind, 0)
    return {
        "type": "summary",
        "recordings": len(results) + len(problems),
        **count,
        "failed": len(problems),
        "hours": sum(result["new"]["seconds"] for _, result in results) / 3600.0,
        "cues": cues,
        "changes": [
            {
                "figure": m.figure.name,
                "runs": m.runs,
                "median": m.median,
                "largest": m.largest,
                "where": m.where,
            }
            for m in most(results)
        ],
        "failures": [{"file": shown, "problem": problem} for shown, problem in problems],
    }


def summary(
    results: Sequence[tuple[str, Mapping[str, Any]]], problems: Sequence[tuple[str, str]]
) -> Iterator[str]:
    """The end of the list: how many of what, and a table of what changed."""
    last = totals(results, problems)
    counted = (
        ("same", "the same bit for bit"),
        ("alike", "alike to the last digits"),
        ("changed", "changed"),
        ("computed", "computed, with nothing to compare with"),
        ("failed", "failed"),
    )
    parts = [f"{last[key]} {words}" for key, words in counted if last[key]]
    n = last["recordings"]
    long = clock(3600.0 * last["hours"])
    head = f"{n} recording{'s' * (n != 1)}, {long} of samples: {', '.join(parts)}."
    yield from textwrap.wrap(head, WIDTH)
    yield from changes(most(results))
    if any(last["cues"][kind] for kind in ("moved", "gone", "new")):
        yield "cues       " + ", ".join(f"{last['cues'][k]} {k}" for k in CUES)


def changes(found: Iterable[Most]) -> Iterator[str]:
    """A line for each figure that changed."""
    first = True
    for m in found:
        if round(abs(m.largest), m.figure.digits + 1) == 0.0:
            continue  # less than is shown
        if first:
            yield f"{'changed':<11}{'runs':>5}{'median':>10}{'largest':>10}"
            first = False
        numbers = (f"{x:+.{m.figure.digits + 1}f}" for x in (m.median, m.largest))
        middle, largest = numbers
        yield plain(
            f"{m.figure.words:<11}{m.runs:>5}{middle:>10}{largest:>10} {m.figure.unit:<4}"
            f"{m.where[: WIDTH - 42]}"
        )
