"""Lines as people type them: any order, and a typing error is refused with what was meant."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.errors import UsageError
from gaitpi.journal import days, words
from gaitpi.journal.entries import is_word


def test_pain_in_any_order() -> None:
    for line in itertools.permutations(["3", "lower-left", "morning"]):
        assert words.pain(line) == words.PainSaid(3, "lower-left", "morning")
    for line in itertools.permutations(["left", "knee", "4/10"]):
        assert words.pain(line) == words.PainSaid(4, "knee-left", "")
    assert words.pain(["none", "in", "the", "morning"]) == words.PainSaid(0, "", "morning")
    assert words.pain(["three", "knee"]) == words.PainSaid(3, "knee", "")
    assert words.pain(["2 lower back, after"]) == words.PainSaid(2, "lower-back", "after")


def test_strength_in_any_order() -> None:
    for line in itertools.permutations(["30", "min", "core", "legs"]):
        if line.index("min") == line.index("30") + 1:
            assert words.strength(line) == words.StrengthSaid("legs-core", 30.0, None)
    assert words.strength(["3x10", "leg"]) == words.StrengthSaid("legs", None, 3)
    for text in ("1h 30m yoga", "yoga 1 h 30 min", "1 hour 30 minutes yoga", "1h30m yoga"):
        assert words.strength(text.split()) == words.StrengthSaid("yoga", 90.0, None)
    assert words.strength(["1h30", "yoga"]) == words.StrengthSaid("yoga", 90.0, None)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("3 lowr-left", "'lower'"),
        ("3 mornin", "'morning'"),
        ("3 knee yesterdy", "'yesterday'"),
        ("3 befor knee", "'before'"),
        ("3 hamstrng", "'hamstring'"),
        ("3 xyzzy", "--site"),
        ("12", "0 \\(none\\) to 10"),
        ("-3 knee", "below 0"),
        ("3 4 knee", "Two levels"),
        ("3 before after", "Enter each"),
    ],
)
def test_a_wrong_line_says_what_is_meant_and_the_right_form(line: str, meant: str) -> None:
    with pytest.raises(UsageError, match=meant) as refused:
        words.pain(line.split(), days.WORDS)
    assert "gaitpi pain" in refused.value.todo


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("lges 30m", "'legs'"),
        ("zzz", "--what"),
        ("legs 30m 40m", "Two lengths"),
        ("legs 3 sets 4 sets", "Sets are said twice"),
    ],
)
def test_a_wrong_session_too(line: str, meant: str) -> None:
    with pytest.raises(UsageError, match=meant) as refused:
        words.strength(line.split(), days.WORDS)
    assert words.STRENGTH_FORM in refused.value.todo


@given(st.lists(st.text(max_size=12), max_size=5))
def test_any_words_are_understood_or_refused_in_a_sentence(line: list[str]) -> None:
    for does in (words.pain, words.strength):
        try:
            said = does(line)
        except UsageError:
            continue
        kept = said.site if isinstance(said, words.PainSaid) else said.what
        assert not kept or is_word(kept)


@given(st.text(max_size=50))
def test_words_of_ones_own_are_kept_as_words_or_refused(text: str) -> None:
    try:
        kept = words.site(text)
    except UsageError:
        return
    assert is_word(kept)


@given(st.lists(st.sampled_from((*words.PARTS, *words.SIDES)), min_size=1, max_size=4))
def test_a_site_is_one_wherever_its_side_stands(parts: list[str]) -> None:
    once = words.ordered(parts)
    body = [part for part in parts if part not in words.SIDES]
    sides = [part for part in parts if part in words.SIDES]
    assert words.ordered([*sides, *body]) == once == words.ordered([*body, *sides])
