"""What-if: which cues of one list come, go or move in another. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from gaitpi.coach.types import Cue, Withheld
from gaitpi.review.ledger import known

SAME_S: Final = 0.5
"""A cue within this time of the other is the same, s."""
MOVED_S: Final = 30.0
"""Within this time (half the floor between cues) it is the same cue at another time, s."""
NEAR_S: Final = 15.0
"""A withheld cue so near to one that is gone is why, s."""

Change = Literal["same", "moved", "new", "gone"]
SIGNS: Final[dict[Change, str]] = {"same": "=", "moved": "~", "new": "+", "gone": "-"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One cue of either list.

    ``cue`` as it would be (as it was, for one that is gone); ``was_s`` its time before, NaN for a
    new one; ``now`` why one that is gone did not come, "" where nothing near it was held back.
    """

    change: Change
    cue: Cue
    was_s: float
    now: str = ""

    def as_json(self) -> dict[str, Any]:
        """One JSON line."""
        cue = self.cue
        return {
            "type": "diff",
            "change": self.change,
            "time_s": cue.time_s if self.change != "gone" else None,
            "was_s": known(self.was_s),
            "cue": cue.cue,
            "metric": cue.metric,
            "value": known(cue.value),
            "band": [known(edge) for edge in cue.band],
            "rule": cue.rule,
            "reason": cue.reason,
            "kept_back": self.now or None,
        }


def compare(
    before: Sequence[Cue], after: Sequence[Cue], withheld: Sequence[Withheld] = ()
) -> list[Difference]:
    """Every cue of both lists once, in the order of time; ``withheld`` are those of ``after``.

    Cues pair by sound, nearest first, so that one that moved by seconds is not one less and one
    more.
    """
    pairs = _pairs(before, after)
    found = [_paired(before[i], after[k]) for i, k in pairs.items()]
    found += [
        Difference("gone", cue, cue.time_s, _why_gone(cue, withheld))
        for i, cue in enumerate(before)
        if i not in pairs
    ]
    taken = set(pairs.values())
    found += [Difference("new", cue, math.nan) for k, cue in enumerate(after) if k not in taken]
    return sorted(found, key=lambda d: (d.cue.time_s, d.change))


def _pairs(before: Sequence[Cue], after: Sequence[Cue]) -> dict[int, int]:
    """Number of a cue before -> number of the same cue after."""
    near = sorted(
        (abs(a.time_s - b.time_s), i, k)
        for i, b in enumerate(before)
        for k, a in enumerate(after)
        if (a.cue, a.metric) == (b.cue, b.metric) and abs(a.time_s - b.time_s) <= MOVED_S
    )
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, k in near:
        if i not in pairs and k not in taken:
            pairs[i] = k
            taken.add(k)
    return pairs


def _paired(before: Cue, after: Cue) -> Difference:
    same = abs(after.time_s - before.time_s) <= SAME_S
    return Difference("same" if same else "moved", after, before.time_s)


def _why_gone(cue: Cue, withheld: Sequence[Withheld]) -> str:
    near = [w for w in withheld if w.cue == cue.cue and abs(w.time_s - cue.time_s) <= NEAR_S]
    if not near:
        return ""
    nearest = min(near, key=lambda w: abs(w.time_s - cue.time_s))
    return f"{nearest.rule}: {nearest.reason.partition('; otherwise')[0]}"


def counts(found: Sequence[Difference]) -> dict[Change, int]:
    """How many of each change."""
    return {change: sum(d.change == change for d in found) for change in SIGNS}
