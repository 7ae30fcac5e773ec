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


def pain(level: int, *, rests: bool = True, sure: bool = True) -> list[str]:
    """What is said to a level that was entered, a sentence each; nothing up to 3.

    Not ``rests``: it was long ago, or a lower one of later was entered before. Not ``sure``: of a
    day that was taken from a wrong clock.
    """
    if level >= STOP_LEVEL and rests:
        end = _end(sure)
        return [f"Cues rest until you enter a pain below {STOP_LEVEL}{end}.", RULE, SEE]
    return [RULE, SEE] if level >= EASE_LEVEL else []


def marks(number: int) -> list[str]:
    """What is said to so many marks of the button in one run."""
    if number < MARKS_MANY:
        return []
    return [f"You felt it {number} times in one run: cues rested from the second on.", RULE, SEE]


RESTED: Final = "No pain has cues rest any more: the next run has them again."
"""What is said when that is over."""


def resting_not_known(problem: str) -> str:
    """That cues rest in a run of now, since it is not known whether they should."""
    return f"Cues rest: whether a pain asks for it is not known. {problem}"


def _end(sure: bool) -> str:
    """When rest ends by itself."""
    return f", for {REST_DAYS} days at most" if sure else " (its day is not sure: no days count)"


def rests(level: int, site: str, day: str, sure: bool = True) -> str:
    """Why cues rest in a run: kept in its file, and told by ``why``."""
    where = f" ({site})" if site else ""
    return f"pain {level}{where} was entered for {day}{'' if sure else '?'}"


NOT_KNOWN: Final = "the journal cannot be read, so whether a pain asks for it is not known"
"""Why cues rest in a run where that is so."""


def resting(level: int, site: str, day: str, sure: bool = True) -> str:
    """That they would rest in a run of now."""
    where = f" ({site})" if site else ""
    return (
        f"Cues rest, because of pain {level}{where} of {day}{'' if sure else '?'}: until you enter"
        f" one below {STOP_LEVEL} of that place{_end(sure)}."
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


# Load and shoes.

LOAD_STUDY: Final = (
    "5,205 runners: injuries were more frequent after a run beyond this ceiling (hazard 1.6 times"
    " from 1.10 to 1.30 of the longest run, 2.3 times beyond double). Weekly totals did not"
    " predict. That is said of many, not of you."
)
LOAD_STAND_IN: Final = (
    "The study is about distance, which is not known here: steps and minutes stand in for it."
)
LOAD_FIRST: Final = "No run yet: no ceiling. The first ones are where it will come from."
LOAD_BREAK: Final = (
    "The study says nothing about a first run after a break; begin shorter than you used to."
)
LOAD_BRING: Final = "A foot pod, or 'gaitpi import' of a watch's file, brings it."
LOAD_SIMULATED: Final = "These runs are simulated: nobody ran them."
LANDINGS: Final = "a trend, no force"
BACK_NO_PAIN: Final = "No pain was noted in these weeks, none and 0 neither: it is not known."
BACK_READING: Final = (
    "- is not known or not noted, never 0. What stands in a line went together; what came of what"
    " it cannot say."
)
BACK_FIRST: Final = "In your first 30 days a ceiling rests on the few runs there are."
BACK_FEW: Final = "Too few to say more."
BACK_COUNTED: Final = "Counted, not explained."
SHOES_NONE: Final = "No run in a pair that is known. Say which: gaitpi shoe run last NAME"


def shoe_trial(a: str, b: str) -> list[str]:
    """What has to be said below a plan to try the pairs ``a`` and ``b``."""
    return [
        "The same route, surface and kind of run for both, at an easy pace, the belt in the same"
        " place; nothing else new meanwhile, and no run beyond 'gaitpi load'. Stop where it hurts.",
        "Before each run: gaitpi shoe use NAME. On the next morning: gaitpi pain LEVEL morning. At"
        f" the end: gaitpi shoe compare {a} {b}",
    ]


def shoes(*, by_speed: bool) -> list[str]:
    """What has to be said below a comparison of pairs."""
    found = [
        "± holds for all comparisons together. A difference is larger than that and than the"
        " smallest real one; it is one of these runs, and no advice what to wear."
    ]
    if not by_speed:
        found.append(
            "Speed is not known: where one pair is worn on faster days, cadence says that and not"
            " the shoe."
        )
    return found
