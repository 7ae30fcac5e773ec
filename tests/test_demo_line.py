"""The demo's line of where the run is."""

from hypothesis import given
from hypothesis import strategies as st

from gaitpi.cli.demo import within

WORDS = st.lists(st.text("abc0123456789%,;:", min_size=1, max_size=12), min_size=1, max_size=30)


@given(WORDS, st.integers(20, 120))
def test_a_line_that_is_too_long_ends_with_a_whole_word_and_says_so(
    words: list[str], width: int
) -> None:
    text = " ".join(words)
    found = within(text, width)
    assert len(found) <= width
    if len(text) <= width:
        assert found == text
    else:
        assert found.endswith(" ..")
        kept = found[:-3].rstrip(" ")
        # what was left off begins at the end of a word, or is only its mark
        assert text.startswith(kept)
        assert text[len(kept)] in " ,;:"
