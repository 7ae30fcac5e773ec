"""What is said alike on every page."""

import math
from typing import Final

from gaitpi.journal import texts
from gaitpi.review.report.html import el

NOT_KNOWN: Final = "not known"

OUTCOMES: Final = {
    "back": "in band again",
    "let-go": "cues rest for some minutes",
    "belt": "the belt was to be looked at",
    "ceiling": "the run was as long as its ceiling",
    "trouble": "something was wrong: see the quality of the data",
}
"""What a sound that asks for nothing means."""


def value_words(value: float, unit: str, digits: int, *, sign: bool = False) -> str:
    """A number with its unit; "not known" (in a table without unit: a dash) where it is not."""
    if not math.isfinite(value):
        return NOT_KNOWN if unit else "–"
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    if float(text) == 0.0:
        text = f"{0.0:.{digits}f}"
    return f"{text} {unit}".strip()


CARE: Final = el(
    "div",
    el("p", el("strong", texts.CLINICIAN)),
    el("ul", *(el("li", flag) for flag in texts.FLAGS)),
    el("p", texts.NONE_OF_THESE),
    class_="care",
)
"""General advice on back and leg pain; the same for everybody, whatever was measured."""
