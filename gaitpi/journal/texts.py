"""What the runner is told of pain, strength and load: every such sentence, in one place.

gaitpi informs; it does not diagnose, prevent or treat, and it never asks anybody to run on. What is
said here was held against the list of claims not to make (docs/journal.md), and a test holds every
other text of the package against it.

What the sentences rest on:

- Levels of pain in use by physiotherapists who treat runners: 0 to 3 of 10 accepted, 4 and 5 a
  reason to do less, more than 5 a reason to stop, and no more of it on the next day (POGO
  Physio, pain during running guide; Allied Health Professionals Suffolk, returning to activity).
  Reduce or stop when pain rises during a run, turns from dull to sharp, lasts 24 h, or makes one
  limp (Curr Sports Med Rep 2017;16:122).
  Rules of practice, agreed and not tested as such.
- Legs before backs: 84 recreational runners with chronic low back pain, 8 weeks; exercises of the
  legs improved running ability and knee strength more than exercises of the lumbar extensors or
  stabilisation; in all three groups less pain came with running (Cai, Yang & Kong 2017, Med Sci
  Sports Exerc 49:2374, doi 10.1249/MSS.0000000000001396). One trial, of people who had such pain.
"""

from typing import Final

STOP_LEVEL: Final = 6
"""From this level on the rule in use says to stop, and cues rest."""
EASE_LEVEL: Final = 4
"""From this level on it says to do less."""
MARKS_MANY: Final = 2
"""So many marks of the button in a run, and cues rest."""

RULE: Final = (
    f"A rule in use among physiotherapists, of 10: at {EASE_LEVEL} or 5 do less, at {STOP_LEVEL}"
    " and more stop. Stop as well when pain rises during the run, turns from dull to sharp, makes"
    " you limp, or is still there after 24 hours."
)
"""The pain rule: of practice, and said to be one."""

CLINICIAN: Final = "When to see a clinician (a doctor or a physiotherapist)"
FLAGS: Final = (
    "pain at night or at rest that does not ease",
    "numbness, tingling or weakness in a leg",
    "pain after a fall or another injury",
)
"""What to see a clinician for: general advice, the same for everybody, whatever was entered."""
NONE_OF_THESE: Final = (
    "gaitpi can tell none of these, and no number on this page says that something is wrong or"
    " that nothing is. It informs; it does not diagnose."
)
SEE: Final = f"See a clinician if there is {FLAGS[0]}, {FLAGS[1]}, or {FLAGS[2]}."
"""The same, in one sentence."""

REST_DAYS: Final = 7
"""So long cues rest after a level of ``STOP_LEVEL`` when no lower one is entered, days."""


def pain(level: int) -> list[str]:
    """What is said to a level that was entered, a sentence each; nothing up to 3."""
    if level >= STOP_LEVEL:
        return [
            f"Cues rest until you enter a pain below {STOP_LEVEL}, for {REST_DAYS} days at most.",
            RULE,
            SEE,
        ]
    return [RULE, SEE] if level >= EASE_LEVEL else []


def marks(number: int) -> list[str]:
    """What is said to so many marks of the button in one run."""
    if number < MARKS_MANY:
        return []
    return [f"You felt it {number} times in one run: cues rested from the second on.", RULE, SEE]


def rests(level: int, site: str, day: str) -> str:
    """Why cues rest in a run: kept in its file, and told by ``why``."""
    where = f" ({site})" if site else ""
    return f"pain {level}{where} was entered for {day}"


NOT_KNOWN: Final = "the journal cannot be read, so whether a pain asks for it is not known"
"""Why cues rest in a run where that is so."""


def resting(level: int, site: str, day: str) -> str:
    """That they would rest in a run of now."""
    where = f" ({site})" if site else ""
    return (
        f"Cues rest, because of pain {level}{where} of {day}: until you enter one below"
        f" {STOP_LEVEL} of that place, for {REST_DAYS} days at most."
    )


ASK_MORNING: Final = "you felt it; how is it in the morning:  gaitpi pain 3 morning"
"""The next step after a run in which the button was pressed three times."""


def strength(drifted: str) -> str:
    """What may be tried where that metric drifted late in a run."""
    return (
        f"{drifted} drifted late in the run. Strong legs are one thing to try: in a trial of 84"
        " runners with chronic back pain, leg exercises helped their running more than back"
        " exercises (Cai 2017)."
    )
