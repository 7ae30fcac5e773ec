"""The blind test: fair questions, honest marks, kept results."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.cues.blindtest import EXPOSURES, PASS, Score, load, questions, save
from gaitpi.cues.vocabulary import RUNNING
from gaitpi.errors import InputFileError, OutputError


@given(st.integers(0, 2**32), st.integers(2, 20))
def test_each_is_asked_as_often_and_never_twice_running(seed: int, n: int) -> None:
    names = [str(k) for k in range(n)]
    order = questions(names, seed)
    assert Counter(order) == dict.fromkeys(names, EXPOSURES)
    assert Counter(order[:n]) == dict.fromkeys(names, 1)  # a whole round before the next
    assert all(a != b for a, b in pairwise(order))
    assert order == questions(names, seed)


def test_the_order_is_not_always_the_same() -> None:
    assert len({tuple(questions(RUNNING, seed)) for seed in range(20)}) == 20


@pytest.mark.parametrize(("right", "passed"), [(18, True), (15, True), (14, False), (0, False)])
def test_four_in_five_pass(right: int, passed: bool) -> None:
    score = Score()
    for k, name in enumerate(questions(RUNNING, 1)):
        score.answers.append((name, name if k < right else "mark"))
    assert len(score.answers) == 18  # nine sounds, each twice
    assert score.right == right
    assert score.passed is passed is (right / 18 >= PASS)


def test_what_was_confused_is_told() -> None:
    score = Score([("tall", "sink"), ("tall", "sink"), ("back", "mark"), ("belt", "belt")])
    assert score.confused == [("tall", "sink", 2), ("back", "mark", 1)]
    assert score.never == ["back", "tall"]
    assert not Score().passed


def test_results_are_kept_in_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "tests.jsonl"
    assert load(path) == []
    for share in (0.5, 0.9):
        save(path, {"share": share})
    assert [one["share"] for one in load(path)] == [0.5, 0.9]
    path.write_text("not json\n")
    with pytest.raises(InputFileError, match="cannot be read"):
        load(path)
    with pytest.raises(OutputError, match="cannot be written"):
        save(path / "x", {})
