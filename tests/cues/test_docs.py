"""docs/sounds.md says what the code does."""

from pathlib import Path

from calibration.sounds import DOCUMENT, rhythms, waves, written
from gaitpi.cues.vocabulary import PATTERNS, RUNNING

TEXT = DOCUMENT.read_text(encoding="utf-8")


def test_the_table_of_rhythms_is_todays() -> None:
    assert written(TEXT, {"rhythms": rhythms()}) == TEXT


def test_the_table_of_waves_has_every_sound_as_it_is() -> None:
    """Name, notes, length and peak; the spectra's last decibel may differ between numpys."""
    begin, end = TEXT.index("<!-- waves: begin -->"), TEXT.index("<!-- waves: end -->")
    shown = [line.split("|")[1:5] for line in TEXT[begin:end].splitlines() if "|" in line]
    assert shown == [line.split("|")[1:5] for line in waves()]
    assert len(shown) == 2 + len(PATTERNS)


def test_every_sound_of_a_run_is_explained() -> None:
    for name in RUNNING:
        assert f"| `{name}`" in TEXT


def test_a_table_that_is_not_todays_is_seen(tmp_path: Path) -> None:
    assert written(TEXT, {"rhythms": ["| other |"]}) != TEXT
