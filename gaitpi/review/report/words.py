"""What is said alike on every page."""

import math
from typing import Final

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
    el("p", el("strong", "When to see a clinician (a doctor or a physiotherapist)")),
    el(
        "ul",
        el("li", "pain at night or at rest that does not ease"),
        el("li", "numbness, tingling or weakness in a leg"),
        el("li", "pain after a fall or another injury"),
        el(
            "li",
            "pain that makes you limp, turns from dull to sharp, or is still there a day later",
        ),
        el("li", "fever, or weight lost for no reason, together with back pain"),
        el(
            "li",
            "at once: trouble holding or passing water or stool, or numbness between the legs,"
            " with back pain",
        ),
    ),
    el(
        "p",
        "gaitpi can tell none of these, and no number on this page says that something is wrong or"
        " that nothing is. It informs; it does not diagnose.",
    ),
    class_="care",
)
"""General advice on back and leg pain; the same for everybody, whatever was measured."""
