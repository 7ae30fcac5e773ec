"""Text from a file, made fit for a terminal."""

from typing import Final

FORMULA: Final = frozenset("=+-@\t\r")
"""A text that begins with one of these is worked out by spreadsheets."""


def plain(text: str) -> str:
    """``text`` with every sign that is not printed (ESC, line ends, bidi marks ...) escaped.

    A file may come from anybody; what it says must not move the cursor, change colours or turn
    the line round.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def plain_lines(text: str) -> str:
    """The same for text of several lines: their ends stay."""
    return "\n".join(map(plain, text.split("\n")))
