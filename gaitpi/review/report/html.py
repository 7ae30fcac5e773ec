"""HTML that cannot be broken by what stands in it: every text is escaped unless it is HTML.

Elements are made by :func:`el` and nothing else, so that there is one place where signs are
escaped, and none where it can be forgotten.
"""

import html
import math
import re
from collections.abc import Iterable
from typing import Final

from gaitpi.plaintext import plain

_EMPTY: Final = frozenset({"meta", "br", "col", "link", "path", "line", "rect", "circle", "use"})
_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9:-]*")


class Html(str):
    """Text that is HTML already: made by this module, or by us from nothing but constants."""

    __slots__ = ()


Content = str | Html | int | float | None | Iterable["Content"]
Value = str | int | float | bool | None


def el(tag: str, *content: Content, **attributes: Value) -> Html:
    """An element. ``content`` is escaped unless it is Html; None is left out.

    Attribute names: ``class_`` is class, an underscore within is a hyphen; None and False leave
    an attribute out, True gives one without a value. Raises ValueError for a name that is none.
    """
    if not _NAME.fullmatch(tag):
        raise ValueError(f"{tag!r} is no element")
    words = [tag]
    for name, value in attributes.items():
        name = name.rstrip("_").replace("_", "-")
        if value is None or value is False:
            continue
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no attribute")
        words.append(name if value is True else f'{name}="{escaped(value)}"')
    start = " ".join(words)
    if tag in _EMPTY and not content:
        return Html(f"<{start}/>")  # SVG wants the stroke, HTML does not mind it
    return Html(f"<{start}>{join(content)}</{tag}>")


def join(content: Content) -> Html:
    """Pieces of content one after the other."""
    if content is None:
        return Html("")
    if isinstance(content, Html):
        return content
    if isinstance(content, str | int | float):
        return Html(escaped(content))
    return Html("".join(map(join, content)))


def escaped(value: str | float) -> str:
    """A value as text within HTML, also between quotes: no sign in it means anything.

    What is not printed (control signs, turned writing) is shown by its number.
    """
    if isinstance(value, Html):
        value = str(value)
    return html.escape(plain(number(value) if isinstance(value, float) else str(value)))


def number(value: float, digits: int = 3) -> str:
    """A number of a drawing in as few signs as it needs."""
    if not math.isfinite(value):
        raise ValueError("a drawing has no place for what is not a number")
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"
    return "0" if text in ("-0", "") else text
