"""The page itself: one HTML file that holds all it needs and may ask for nothing.

Its Content-Security-Policy forbids every request and every style and script but the two in it,
known by their hashes. So what stands in a run file could do nothing even if it got through the
escaping.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from gaitpi import __version__
from gaitpi.review.report.html import Content, Html, el, join

MARK: Final = "gaitpi-report"
"""Name of the meta element by which a report is known as one."""
_BEGINNING: Final = "<!doctype html>\n"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page; ``key`` is its id."""

    key: str
    title: str
    content: Content


@dataclass(frozen=True, slots=True)
class Page:
    """A page: ``lead`` stands below its title; ``notes`` are said first of all."""

    kind: str
    title: str
    lead: str
    notes: Sequence[str]
    sections: Sequence[Section]


@cache
def _asset(name: str) -> Html:
    """A file that lies beside this one, as it is put into the page."""
    return Html(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def document(page: Page) -> str:
    """The page as the text of a file."""
    style, script = _asset("report.css"), _asset("report.js")
    policy = (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src {_hash(style)};"
        f" script-src {_hash(script)}"
    )
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="referrer", content="no-referrer"),
        el("meta", name="generator", content=f"gaitpi {__version__}"),
        el("meta", name=MARK, content=page.kind),
        el("title", page.title),
        el("style", style),
    )
    links = (el("li", el("a", s.title, href=f"#{s.key}")) for s in page.sections)
    sections = (
        el(
            "section",
            el("h2", s.title, id=f"{s.key}-h"),
            s.content,
            id=s.key,
            aria_labelledby=f"{s.key}-h",
        )
        for s in page.sections
    )
    body = el(
        "body",
        el("a", "To the content", href="#content", class_="skip"),
        el(
            "header",
            el("h1", page.title),
            el("p", page.lead, class_="lead"),
            el("nav", el("ul", *links), aria_label="Parts of this page"),
        ),
        el(
            "main",
            *(el("p", note, class_="note") for note in page.notes),
            *sections,
            id="content",
            tabindex="-1",
        ),
        el(
            "footer",
            el(
                "p",
                f"Made by gaitpi {__version__} on the runner's own machine. It informs about how"
                " somebody ran; it does not diagnose, and it compares with nobody else. This file"
                " holds all it shows and asks for nothing from anywhere.",
            ),
        ),
        el("script", script),
    )
    return f"{_BEGINNING}{el('html', head, body, lang='en')}\n"


def is_report(beginning: str) -> bool:
    """Whether a file that begins so was made here."""
    return beginning.startswith(_BEGINNING) and f'name="{MARK}"' in beginning


# What pages are made of.


def table(
    caption: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[Content]],
    *,
    key: str,
    numbers: Iterable[int] = (),
    whole: Iterable[int] = (),
    wide: bool = False,
) -> Html:
    """A table with a caption; the first cell of a row is its head.

    ``numbers`` are columns aligned right, ``whole`` those not broken into lines. ``wide`` keeps it
    as wide as it needs: then it scrolls by itself, also by keys.
    """
    right, unbroken = frozenset(numbers), frozenset(whole)

    def side(k: int) -> str | None:
        return "n" if k in right else "k" if k in unbroken else None

    head = (el("th", words, scope="col", class_=side(k)) for k, words in enumerate(heads))
    body = (
        el(
            "tr",
            *(
                el("td" if k else "th", cell, class_=side(k), scope=None if k else "row")
                for k, cell in enumerate(row)
            ),
        )
        for row in rows
    )
    made = el(
        "table",
        el("caption", caption, id=f"{key}-c"),
        el("thead", el("tr", *head)),
        el("tbody", *body),
    )
    return el(
        "div",
        made,
        class_="scroll wide" if wide else "scroll",
        tabindex="0",
        role="region",
        aria_labelledby=f"{key}-c",
    )


def facts(items: Iterable[tuple[str, str, str]]) -> Html:
    """A few facts at a glance: (what, value, more about it)."""
    groups = (
        el(
            "div",
            el("dt", what),
            el("dd", value, class_="big"),
            el("dd", more, class_="more") if more else None,
        )
        for what, value, more in items
    )
    return el("dl", *groups, class_="facts")


def paragraphs(texts: Iterable[str]) -> Html:
    """A paragraph a text."""
    return join([el("p", text) for text in texts])


def bullets(texts: Iterable[Content]) -> Html:
    """A list."""
    return el("ul", *(el("li", text) for text in texts))


def folded(words: str, content: Content) -> Html:
    """Something that is opened when wanted."""
    return el("details", el("summary", words), content)
