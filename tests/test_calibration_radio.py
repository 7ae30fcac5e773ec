"""calibration.radio: what is lost in any pair is lost in all, and a broken promise is said."""

from typing import Any

from calibration import load, radio


def figures(late_s: float, **other: Any) -> load.Figures:
    """A measurement of a hundred ticks that are all so late."""
    counts = {"gaps": 0, "dropouts": 0, "samples": 100, "read": 100, "missing": 0}
    late = {"ticks": [late_s] * 100, "first": [late_s], "step": [late_s]}
    return {**late, "finished": True, "problems": [], **counts, **other}


def test_what_any_of_them_lost_is_lost() -> None:
    well = figures(0.001)
    assert not load.lost(radio.together([well, well]))
    for ill, words in (
        (figures(0.001, gaps=1), "1 gaps"),
        (figures(0.001, samples=99), "199 of 200 recorded"),
        (figures(0.001, missing=2), "2 ticks"),
        (figures(0.001, finished=False), "the end of the run"),
        (figures(0.001, problems=["it fell"]), "it fell"),
    ):
        assert words in "; ".join(load.lost(radio.together([well, ill])))


def test_a_promise_that_is_not_kept_is_said() -> None:
    well = figures(0.001)
    assert radio.broken(well, figures(0.0019)) == []
    (late,) = radio.broken(well, figures(0.0031))
    assert late == "p99 grew by 2.10 ms, 1 are promised"
    assert radio.broken(well, figures(0.001, missing=3)) == ["lost: 3 ticks"]
