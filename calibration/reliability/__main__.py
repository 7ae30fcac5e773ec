"""``python -m calibration.reliability [F3 F5 ...]``: inject the faults, print what is kept.

``--write`` puts the rows into docs/reliability.md; rows that were not run keep what stands there.
``--few`` injects as few as the tests do, ``--share`` less of the many. Exit code 1 when a promise
was broken.
"""

import argparse
import re
import secrets
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from calibration.reliability import Row
from calibration.reliability.rows import every_row, lacking

DOC: Final = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN: Final = "<!-- promises: begin -->"
END: Final = "<!-- promises: end -->"
HEAD: Final = (
    "| row | fault | injected | trials | worst seen | promise | told as |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)


def order(number: str) -> tuple[int, str]:
    """F2 before F10 before F10b."""
    found = re.fullmatch(r"F(\d+)(\w*)", number)
    return (int(found[1]), found[2]) if found else (999, number)


def line(row: Row, trials: int, worst: str, kept: bool) -> str:
    """A row of the table; bold where the promise was broken."""
    seen = worst if kept else f"**{worst}**"
    cells = (row.number, row.fault, row.injector, f"{trials:,}", seen, row.promise, row.counter)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def written(text: str, lines: Iterable[str]) -> str:
    """``text`` of the document with these lines in its table, in place of those of their row."""
    before, rest = text.split(BEGIN)
    table, after = rest.split(END)
    rows = {row.split("|")[1].strip(): row for row in table.splitlines() if row.startswith("| F")}
    rows |= {row.split("|")[1].strip(): row for row in lines}
    body = "\n".join(rows[number] for number in sorted(rows, key=order))
    return f"{before}{BEGIN}\n{HEAD}\n{body}\n{END}{after}"


def main() -> None:
    """Run the rows asked for."""
    parser = argparse.ArgumentParser(prog="reliability", description=__doc__)
    parser.add_argument("rows", nargs="*", help="rows, e.g. F3 F13a; F13 is all of its parts")
    parser.add_argument("--few", action="store_true")
    parser.add_argument("--share", type=float, default=1.0, help="of the many trials, e.g. 0.2")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    wanted = [
        row
        for row in every_row()
        if not args.rows or any(re.fullmatch(f"{name}[a-z]*", row.number) for name in args.rows)
    ]
    print(f"seed {args.seed}")
    lines, broken = [], False
    for row in sorted(wanted, key=lambda row: order(row.number)):
        if why := lacking(row.needs):
            print(f"{row.number:<5} not run: {why}", flush=True)
            continue
        began = time.monotonic()
        many = max(row.few, round(row.many * args.share))
        outcome = row.judge(row.few if args.few else many, args.seed)
        took = time.monotonic() - began
        verdict = "kept" if outcome.kept else f"BROKEN: {outcome.why}"
        print(
            f"{row.number:<5} {row.fault}\n      {outcome.trials} trials in {took:.0f} s, worst: "
            f"{outcome.worst}\n      promised: {row.promise}: {verdict}",
            flush=True,
        )
        lines.append(line(row, outcome.trials, outcome.worst, outcome.kept))
        broken |= not outcome.kept
        if args.write:
            DOC.write_text(written(DOC.read_text(encoding="utf-8"), lines), encoding="utf-8")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
