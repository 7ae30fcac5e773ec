"""Whatever stands in a file, it stays text."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.plaintext import plain
from gaitpi.review.report.html import Html, el, escaped, join, number


class Seen(HTMLParser):
    """What a browser sees: elements with attributes, and text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, attrs))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def seen(html: str) -> Seen:
    parser = Seen()
    parser.feed(html)
    parser.close()
    return parser


HOSTILE = st.one_of(
    st.text(),
    st.sampled_from(
        ["</script>", "<img src=x onerror=alert(1)>", "\" onload='x", "&lt;b&gt;", "]]>", "--><!--"]
    ),
    st.text("<>&\"'/=! abc"),
)


@given(HOSTILE, HOSTILE)
def test_text_and_attributes_stay_what_they_are(text: str, title: str) -> None:
    found = seen(el("p", text, title=title))
    assert found.elements == [("p", [("title", plain(title))])]
    assert found.text == plain(text)


@given(HOSTILE)
def test_html_in_an_attribute_is_escaped_again(text: str) -> None:
    inner = el("b", text)
    assert seen(el("p", title=inner)).elements == [("p", [("title", plain(str(inner)))])]


def test_elements_nest_and_lists_are_joined() -> None:
    made = el("ul", *(el("li", k) for k in range(2)), None, ["<", Html("<br/>")], class_="a")
    assert made == '<ul class="a"><li>0</li><li>1</li>&lt;<br/></ul>'
    assert el("path", d="M0 0") == '<path d="M0 0"/>'
    assert el("input", disabled=True, hidden=False, name=None) == "<input disabled></input>"
    assert join(None) == ""


@pytest.mark.parametrize("name", ["on load", "x=y", "a>b", ""])
def test_names_are_ours_alone(name: str) -> None:
    with pytest.raises(ValueError):
        el("p", **{name: "x"})
    with pytest.raises(ValueError):
        el(name)


def test_signs_that_turn_or_hide_text_are_shown_by_number() -> None:
    assert escaped("a\u202eb\x1b[0m\x00") == "a\\u202eb\\x1b[0m\\x00"


@given(st.floats(-1e9, 1e9), st.integers(0, 6))
def test_numbers_are_short_and_right(value: float, digits: int) -> None:
    text = number(value, digits)
    assert abs(float(text) - value) <= 0.5 * 10.0**-digits + 1e-9 * abs(value)
    assert re.fullmatch(r"-?\d+(\.\d*[1-9])?", text)
    assert text != "-0"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_not_drawn(value: float) -> None:
    with pytest.raises(ValueError):
        number(value)
