"""A line of the journal as people type it: words in any order, understood or refused in a sentence.

What is not known is refused with the nearest word that is, and with the right form: a journal that
takes anything holds typing errors for ever.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, cast

from gaitpi.errors import UsageError
from gaitpi.journal.entries import (
    LEVEL_MAX,
    MINUTES_MAX,
    MOMENTS,
    SETS_MAX,
    Moment,
    is_word,
)

PAIN_FORM: Final = "Say how much and where: gaitpi pain 3 lower-left morning"
STRENGTH_FORM: Final = "Say what and how long: gaitpi strength legs 30m"

SIDES: Final = ("left", "right", "both")
PARTS: Final = (
    *("lower", "upper", "mid", "middle", "inner", "outer", "front", "back", "side"),
    *("neck", "shoulder", "rib", "flank", "waist", "belly", "pelvis", "sacrum", "tailbone"),
    *("hip", "groin", "glute", "buttock", "thigh", "hamstring", "quad", "knee", "kneecap"),
    *("it-band", "shin", "calf", "achilles", "ankle", "heel", "foot", "arch", "toe", "toes"),
    *("leg", "arm"),
)
"""Words of a site: body words everybody has, none of them a finding."""
TRAINED: Final = (
    *("legs", "core", "back", "hips", "glutes", "calves", "feet", "upper-body", "full-body"),
    *("arms", "balance", "mobility", "plyometrics", "yoga", "pilates"),
)
"""What a strength session was for."""


def _same(text: str) -> dict[str, str]:
    """Other words for one: "legs: leg, thighs; ..."."""
    pairs = (line.split(":") for line in text.split(";"))
    return {word.strip(): one.strip() for one, words in pairs for word in words.split(",")}


_SAME_TRAINED: Final = _same(
    "legs: leg; hips: hip; glutes: glute; calves: calf; feet: foot; arms: arm; upper-body: upper;"
    "full-body: full, whole, all; core: abs, trunk"
)
_SAME_PARTS: Final = _same(
    "knee: knees; hip: hips; calf: calves; ankle: ankles; heel: heels; shin: shins; foot: feet;"
    "shoulder: shoulders; hamstring: hamstrings; glute: glutes; quad: quads; thigh: thighs;"
    "buttock: bottom; left: l; right: r; it-band: itb; rib: ribs; leg: legs"
)
_MOMENTS: Final = _same(
    "before: before, pre; during: during, while, running; after: after, post, afterwards;"
    "morning: morning, mornings, waking"
)
_NUMBERS: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_COUNTED: Final = {
    **dict.fromkeys(("none", "no", "zero", "nothing"), 0),
    **{word: number for number, word in enumerate(_NUMBERS, 1)},
}
_FILLERS: Final = frozenset(
    {"pain", "my", "the", "in", "of", "run", "a", "is", "was", "and", "for"}
)
_LEVEL: Final = re.compile(r"([0-9]{1,3})(?:/10)?")
_TIME: Final = re.compile(
    r"(?:([0-9]{1,3})h(?:rs?|ours?)?)?(?:([0-9]{1,4})(?:m(?:ins?|inutes?)?)?)?"
)
_SETS: Final = re.compile(r"([0-9]{1,4})(?:x(?:[0-9]{1,4})?|sets?)")


class PainSaid(NamedTuple):
    """A pain as it was typed; ``level`` None = none was said."""

    level: int | None
    site: str
    moment: Moment


class StrengthSaid(NamedTuple):
    """A strength session as it was typed; ``what`` "" = not said."""

    what: str
    minutes: float | None
    sets: int | None


def pain(words: Sequence[str], others: Iterable[str] = ()) -> PainSaid:
    """Level, site and moment in any order. Raises UsageError.

    ``others`` words that stood for something else at this place, to be offered for a typing error.
    """
    level: int | None = None
    moment: Moment = ""
    site: list[str] = []
    if re.search(r"(?:^| )-[0-9]", " ".join(words)):
        raise UsageError("Pain is not below 0.", PAIN_FORM)
    for word in _split(words):
        number = _COUNTED.get(word, _number(word, _LEVEL))
        if number is not None:
            if number > LEVEL_MAX:
                raise UsageError(
                    f"Pain goes from 0 (none) to {LEVEL_MAX}, not {number}.", PAIN_FORM
                )
            if level is not None and level != number:
                raise UsageError(f"Two levels are said, {level} and {number}.", PAIN_FORM)
            level = number
        elif word in _MOMENTS:
            if moment and moment != _MOMENTS[word]:
                raise UsageError(
                    f"{moment.capitalize()} and {word} are two entries.",
                    "Enter each: gaitpi pain 2 before, then gaitpi pain 4 after",
                )
            moment = cast("Moment", _MOMENTS[word])
        elif word not in _FILLERS:
            site += _site(word, (*MOMENTS, *others))
    return PainSaid(level, ordered(site), moment)


def strength(words: Sequence[str], others: Iterable[str] = ()) -> StrengthSaid:
    """What was trained, and minutes or sets, in any order. Raises UsageError."""
    what: list[str] = []
    minutes: float | None = None
    sets: int | None = None
    for word in _joined_units(words):
        if (number := _number(word, _SETS)) is not None:
            if sets is not None and sets != number:
                raise UsageError(f"Sets are said twice, {sets} and {number}.", STRENGTH_FORM)
            sets = number
        elif (length := _minutes(word)) is not None:
            if minutes is not None and minutes != length:
                raise UsageError(
                    f"Two lengths are said, {minutes:g} and {length:g} min.", STRENGTH_FORM
                )
            minutes = length
        elif word not in _FILLERS:
            what += _trained(word, others)
    if minutes is not None and not 0 < minutes <= MINUTES_MAX:
        raise UsageError("A session lasts from 1 minute to 24 hours.", STRENGTH_FORM)
    if sets is not None and not 1 <= sets <= SETS_MAX:
        raise UsageError(f"A session has from 1 to {SETS_MAX} sets.", STRENGTH_FORM)
    return StrengthSaid("-".join(one for one in TRAINED if one in what), minutes, sets)


def site(text: str) -> str:
    """A site in words of the runner's own, as it is kept. Raises UsageError."""
    return _own(text, "site", "lower-left, knee-right")


def trained(text: str) -> str:
    """What was trained, in words of the runner's own, as it is kept. Raises UsageError."""
    return _own(text, "kind of session", "legs, core")


def _own(text: str, kind: str, examples: str) -> str:
    made = "-".join(re.split(r"[\s_/-]+", text.strip().lower()))
    if not is_word(made):
        raise UsageError(
            f"{text[:40]!r} is no {kind}.", f"Up to 40 letters and digits, as {examples}."
        )
    return made


def ordered(parts: Sequence[str]) -> str:
    """The words of a site with its side last, so that "left knee" and "knee left" are one."""
    once = list(dict.fromkeys(parts))
    sides = [part for part in once if part in SIDES]
    return "-".join([*(part for part in once if part not in SIDES), *sides])


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, "" where none is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return near[0] if near else ""


def _site(word: str, others: Iterable[str]) -> list[str]:
    """The parts of one word of a site. Raises UsageError."""
    if word in PARTS:
        return [word]
    found = []
    for part in word.split("-"):
        one = _SAME_PARTS.get(part, part)
        if one not in PARTS and one not in SIDES:
            raise _unknown(word, part, (*PARTS, *SIDES, *others), PAIN_FORM, "--site")
        found.append(one)
    return found


def _trained(word: str, others: Iterable[str]) -> list[str]:
    if word in ("body", "workout", "session", "training"):
        return []
    one = _SAME_TRAINED.get(word, word)
    if one in TRAINED:
        return [one]
    parts = [_SAME_TRAINED.get(part, part) for part in word.split("-")]
    for part in parts:
        if part not in TRAINED:
            raise _unknown(word, part, (*TRAINED, *others), STRENGTH_FORM, "--what")
    return parts


def _unknown(word: str, part: str, known: Iterable[str], form: str, option: str) -> UsageError:
    near = nearest(part, known)
    meant = f"Did you mean {near!r}?" if near else f"Words of your own: {option} {part[:20]}."
    return UsageError(f"{word[:40]!r} is not understood.", f"{meant} {form}")


def _split(words: Sequence[str]) -> list[str]:
    """Small words without commas, also of one quoted text."""
    return [word for text in words for word in text.lower().replace(",", " ").split()]


def _number(word: str, form: "re.Pattern[str]") -> int | None:
    found = form.fullmatch(word)
    return int(found[1]) if found and found[1].isascii() else None


def _minutes(word: str) -> float | None:
    """Minutes of "30m", "1h", "1h30", "30"; None for what is no time."""
    found = _TIME.fullmatch(word)
    if not word.isascii() or found is None or not (found[1] or found[2]):
        return None
    return 60.0 * int(found[1] or 0) + float(found[2] or 0)


def _joined_units(words: Sequence[str]) -> list[str]:
    """Numbers and their units as one word each, as "30 min" or "3 sets"."""
    out: list[str] = []
    for word in _split(words):
        unit = re.fullmatch(r"m|mins?|minutes?|h|hrs?|hours?|sets?|x", word)
        if unit and out and out[-1].isdecimal():
            out[-1] += word
        else:
            out.append(word)
    for k in range(len(out) - 1, 0, -1):  # an hour and minutes are one length
        if re.fullmatch(r"[0-9]+h\w*", out[k - 1]) and re.fullmatch(r"[0-9]{1,2}m\w*", out[k]):
            out[k - 1 : k + 1] = [out[k - 1] + out[k]]
    return out
