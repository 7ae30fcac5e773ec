"""What was done to a run afterwards, as it is told: trimmed, split, noted. No numpy."""

from dataclasses import dataclass
from typing import Any, Final

from gaitpi.plaintext import plain
from gaitpi.runs.reader import RunReader, clock
from gaitpi.runs.rows import RUNNING, SecondRow
from gaitpi.runs.view import Cut, Window, cut, edits_of

WIDTH: Final = 80
BOUT_S: Final = 30
"""Running that is no dash for a bus, s."""
BREAK_S: Final = 10
"""A break that does not end it, s."""
LEAD_S: Final = 10.0
"""What is left before the first and after the last step of it, s."""
WORTH_S: Final = 30.0
"""Less than this is not worth cutting off, s."""


@dataclass(frozen=True, slots=True)
class Edited:
    """What of a run is shown: ``start_s`` to ``end_s`` of ``duration_s``, and its ``notes``.

    ``part`` the number of the part that is shown, ``parts`` begin and end of all of them.
    """

    start_s: float
    end_s: float
    duration_s: float
    part: int
    parts: tuple[tuple[float, float], ...]
    notes: tuple[str, ...]

    @property
    def trimmed(self) -> bool:
        """Whether anything is left out of what is shown."""
        return (self.start_s, self.end_s) != (0.0, self.duration_s)

    def as_json(self) -> dict[str, Any]:
        """Fields of ``show --json``: times of the recording, s."""
        kept = {"start_s": self.start_s, "end_s": self.end_s, "of_s": self.duration_s}
        return {
            "kept": kept if self.trimmed else None,
            "part": self.part or None,
            "parts": [{"start_s": a, "end_s": b} for a, b in self.parts],
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """Lines below the verdict, at most 80 columns; none where nothing was done."""
        found = []
        kept = f"{clock(self.start_s)} to {clock(self.end_s)} of {clock(self.duration_s)}"
        if self.part:
            found.append(f"part       {self.part} of {len(self.parts)}: {kept}")
        else:
            if self.trimmed:
                found.append(f"trimmed    {kept} kept; --untrimmed shows all")
            if self.parts:
                at = ", ".join(clock(a) for a, _ in self.parts[1:])
                found.append(f"split      at {at}: the parts are ID.1 to ID.{len(self.parts)}")
        found += [f"note       {note}" for note in self.notes]
        rows = [plain(row) for row in found]
        return [row if len(row) <= WIDTH else row[: WIDTH - 1] + "…" for row in rows]


def of_run(run: RunReader) -> Edited:
    """What was done to the run that is read. Raises RunFileError when it is damaged."""
    edits = edits_of(run.path)
    duration_s = run.whole.totals().duration_s
    found = cut(edits, duration_s)
    return Edited(
        start_s=run.start_s,
        end_s=run.end_s,
        duration_s=duration_s,
        part=run.part,
        parts=tuple(spans(found, duration_s)),
        notes=tuple(note.text for note in edits.notes.values()),
    )


def spans(found: Cut, duration_s: float) -> list[tuple[float, float]]:
    """Begin and end of each part, s."""
    return [span(part, duration_s) for part in found.parts]


def span(window: Window, duration_s: float) -> tuple[float, float]:
    """Begin and end of a window in a run of that length, s."""
    return max(0.0, window.start_s), min(window.end_s, duration_s)


def running_part(seconds: list[SecondRow]) -> tuple[float, float] | None:
    """From when to when there is running in a run, s: walk breaks within it are left in it.

    Only bouts of ``BOUT_S`` count, so that a dash on the way home does not; None without one.
    """
    bouts: list[list[float]] = []
    for second in seconds:
        if second.activity != RUNNING:
            continue
        if bouts and second.time_s - bouts[-1][1] <= BREAK_S:
            bouts[-1][1] = second.time_s + 1.0
            bouts[-1][2] += 1.0
        else:
            bouts.append([second.time_s, second.time_s + 1.0, 1.0])
    long = [bout for bout in bouts if bout[2] >= BOUT_S]
    return (long[0][0], long[-1][1]) if long else None


def proposal(seconds: list[SecondRow], duration_s: float) -> tuple[float | None, float | None]:
    """What a trim of the ways there and home would keep; None = nothing to cut on that side."""
    found = running_part(seconds)
    if found is None:
        return None, None
    start_s = float(int(max(0.0, found[0] - LEAD_S)))
    end_s = float(int(found[1] + LEAD_S))
    return (
        start_s if start_s >= WORTH_S else None,
        end_s if duration_s - end_s >= WORTH_S else None,
    )
