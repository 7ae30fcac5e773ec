"""The rows of the table, and the table: for a terminal, as Markdown, as JSON, into documents."""

import argparse
import json
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

WIDTH = 100

Sense = Literal["<=", ">="]
SIGNS: dict[Sense, str] = {"<=": "≤", ">=": "≥"}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: what, on which data, of how many, beside what peer, against which limit.

    ``value`` is ours and ``peer_value`` the peer's, in ``unit`` with ``digits``; NaN = there is
    none. ``limit`` None = there is none. ``parts`` are the figures of single trials or subjects,
    so that no mean hides a bad one; ``worst`` says which end of them is bad.
    """

    quantity: str
    data: str
    n: str
    value: float
    unit: str
    digits: int = 2
    peer: str = ""
    peer_value: float = float("nan")
    limit: float | None = None
    sense: Sense = "<="
    note: str = ""
    parts: tuple[tuple[str, float], ...] = field(default=())

    @property
    def verdict(self) -> str:
        """Whether the limit is kept: "ok" or "miss", "" where there is none."""
        if self.limit is None or not np.isfinite(self.limit):
            return ""
        if np.isnan(self.value):
            return "miss"
        good = self.value <= self.limit if self.sense == "<=" else self.value >= self.limit
        return "ok" if good else "miss"

    def number(self, value: float) -> str:
        """A value in this row's unit."""
        if np.isnan(value):
            return "–"
        space = "" if self.unit in ("°", "×") else " "
        return f"{value:.{self.digits}f}{space}{self.unit}".rstrip()

    @property
    def peer_text(self) -> str:
        """The peer by name with its figure, or only what is known of it."""
        if np.isnan(self.peer_value):
            return self.peer
        return f"{self.peer} {self.number(self.peer_value)}"

    @property
    def limit_text(self) -> str:
        """The limit with its sign."""
        if self.limit is None or not np.isfinite(self.limit):
            return ""
        return f"{SIGNS[self.sense]} {self.number(self.limit)}"

    @property
    def worst(self) -> tuple[str, float] | None:
        """Name and figure of the worst part by size (``<=``) or smallness (``>=``)."""
        known = [p for p in self.parts if np.isfinite(p[1])]
        if not known:
            return None
        bad = (lambda p: abs(p[1])) if self.sense == "<=" else (lambda p: -p[1])
        return max(known, key=bad)

    def as_json(self) -> dict[str, Any]:
        """For a file: numbers as they are, what is not known as null."""
        out = asdict(self) | {"verdict": self.verdict, "parts": dict(self.parts)}
        return {k: _plain(v) for k, v in out.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value


COLUMNS = ("quantity", "data", "n", "peer", "gaitpi", "limit", "")


def cells(row: Row) -> tuple[str, ...]:
    """The texts of one row, in the order of COLUMNS."""
    return (
        row.quantity,
        row.data,
        row.n,
        row.peer_text,
        row.number(row.value),
        row.limit_text,
        row.verdict,
    )


def terminal(rows: Sequence[Row], width: int = WIDTH) -> str:
    """A table at most ``width`` columns wide: long cells are broken, notes go below."""
    texts = [COLUMNS, *map(cells, rows)]
    sizes = [max(len(t[i]) for t in texts) for i in range(len(COLUMNS))]
    spare = width - sum(sizes) - 2 * (len(sizes) - 1)
    for column, least in ((3, 14), (0, 24), (1, 12), (2, 9), (3, 10), (0, 16), (1, 8), (2, 6)):
        if spare < 0:
            cut = min(-spare, max(0, sizes[column] - least))
            sizes[column] -= cut
            spare += cut
    lines = [*_lines(COLUMNS, sizes), "  ".join("-" * s for s in sizes)]
    for row, text in zip(rows, texts[1:], strict=True):
        lines += _lines(text, sizes)
        if row.note:
            lines += textwrap.wrap(row.note, width, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)


def _lines(text: Sequence[str], sizes: Sequence[int]) -> list[str]:
    wrapped = [textwrap.wrap(t, s) or [""] for t, s in zip(text, sizes, strict=True)]
    height = max(map(len, wrapped))
    return [
        "  ".join(
            (w[k] if k < len(w) else "").ljust(s) for w, s in zip(wrapped, sizes, strict=True)
        ).rstrip()
        for k in range(height)
    ]


def spread(rows: Iterable[Row], width: int = WIDTH) -> str:
    """Mean and worst over the single trials or subjects of each row that has some."""
    lines = []
    for row in rows:
        worst = row.worst
        if worst is None:
            continue
        values = np.array([v for _, v in row.parts])
        known = values[np.isfinite(values)]
        mean = float(np.mean(np.abs(known) if row.sense == "<=" else known))
        text = (
            f"{row.quantity}, {row.data}: mean {row.number(mean)} over {len(known)},"
            f" worst {row.number(worst[1])} ({worst[0]})"
        )
        if len(known) < len(values):
            text += f"; no figure in {len(values) - len(known)}"
        lines += textwrap.wrap(text, width, subsequent_indent="    ")
    return "\n".join(lines)


def every_part(rows: Iterable[Row]) -> str:
    """Each row with the figure of every trial or subject, one a line."""
    return "\n".join(
        "\n".join(
            [f"{row.quantity}, {row.data}", *(f"    {n:24} {row.number(v)}" for n, v in row.parts)]
        )
        for row in rows
        if row.parts
    )


def markdown(rows: Sequence[Row], *, notes: bool = True) -> str:
    """A Markdown table; with ``notes`` also the worst part and the note of each row."""
    head = ["quantity", "data", "n", "peer in the same run", "gaitpi", "limit"]
    if notes:
        head += ["worst", "note"]
    lines = [_md(head), _md(["---"] * len(head))]
    for row in rows:
        *texts, verdict = cells(row)
        texts[4] = f"**{texts[4]}**" if verdict == "miss" else texts[4]
        if notes:
            worst = row.worst
            texts += [f"{row.number(worst[1])} ({worst[0]})" if worst else "", row.note]
        lines.append(_md(texts))
    return "\n".join(lines)


def _md(texts: Iterable[str]) -> str:
    return "| " + " | ".join(t.replace("|", "\\|") or " " for t in texts) + " |"


def as_json(rows: Iterable[Row]) -> str:
    """All rows with their parts."""
    return json.dumps([row.as_json() for row in rows], indent=1, ensure_ascii=False)


def marks(name: str) -> tuple[str, str]:
    """The two comments in a document between which the table ``name`` stands."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def between(text: str, name: str, table: str) -> str:
    """``text`` with ``table`` between its marks. Raises ValueError where there are none."""
    begin, end = marks(name)
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(end) < text.index(begin):
        raise ValueError(f"the comments {begin} and {end} must stand there, once each")
    head, _, rest = text.partition(begin)
    return f"{head}{begin}\n{table}\n{end}{rest.partition(end)[2]}"


def into(path: Path, name: str, table: str) -> None:
    """Put ``table`` between its marks in the document at ``path``."""
    text = path.read_text(encoding="utf-8")
    path.write_text(between(text, name, table), encoding="utf-8")


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """Options for the files a table can go to."""
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write it as Markdown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write it with every part")
    parser.add_argument(
        "--documents", action="store_true", help="put it into README.md and docs/algorithms.md"
    )


def write_files(args: argparse.Namespace, rows: Sequence[Row]) -> None:
    """Write what :func:`add_outputs` was asked for, the documents left out."""
    if args.markdown:
        args.markdown.write_text(markdown(rows) + "\n", encoding="utf-8")
    if args.json:
        args.json.write_text(as_json(rows) + "\n", encoding="utf-8")
