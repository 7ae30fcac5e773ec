"""The pages in a real browser: what is asked for, what is read out, keys, colours, phone, paper.

They skip where there is no Chromium, unless ``GAITPI_CHROMIUM=required``.
"""

import os
import re
import select
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gaitpi import editfile
from gaitpi.review.history import history
from gaitpi.review.report import data
from gaitpi.review.report.physio import Dossier, physio_page, told
from gaitpi.review.report.runpage import run_page
from tests.chromium import Chromium, find
from tests.review.report import made

pytestmark = pytest.mark.chromium

PHONE = (390, 844)
DESK = (1100, 900)
PAGES = ("run", "physio", "empty")
ZOOMED = (
    "[...document.querySelectorAll('.pane[data-end] .plot')].map(p => p.getAttribute('viewBox'))"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    program = find()
    if program is None:
        why = "there is no Chromium here (apt install chromium, or CHROMIUM=/path/to/it)"
        if os.environ.get("GAITPI_CHROMIUM") == "required":
            pytest.fail(why)
        pytest.skip(why)
    with Chromium(program) as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run with everything in it, a season for a physiotherapist, and a run of nothing."""
    folder = tmp_path_factory.mktemp("pages")
    runs = [*made.season(folder, 7, start=163.0, end=171.0), made.eventful(folder / "x.gaitpi")]
    forms = history(folder).forms
    kept = [told(data.read(path)) for path in runs]
    dossier = Dossier(kept, "8 runs", history=forms, beside=made.noted(kept))
    texts = {
        "run": run_page(data.read(runs[-1]), forms),
        "physio": physio_page(dossier),
        "empty": run_page(data.read(made.write(folder / "empty.gaitpi"))),
    }
    cut = editfile.Split(wall_s=1.0, cuts=(500.0,))
    editfile.add(editfile.path_of(runs[-1]), [cut])
    texts["part"] = run_page(data.read(runs[-1], part=2), forms)
    found = {}
    for name, text in texts.items():
        found[name] = folder / f"{name}.html"
        found[name].write_text(text, encoding="utf-8")
    return found


@pytest.fixture
def desk(browser: Chromium) -> Chromium:
    browser.prefer()
    browser.window(*DESK)
    return browser


@pytest.mark.parametrize("name", PAGES)
def test_no_request_and_no_word_on_the_console(
    desk: Chromium, pages: dict[str, Path], name: str
) -> None:
    desk.open(pages[name])
    desk.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    desk.run("document.querySelectorAll('button').forEach(one => one.click())")
    desk.prefer(dark=True)
    desk.pdf()
    assert desk.requests == [pages[name].as_uri()]
    assert desk.console == []


def test_what_got_through_the_escaping_could_do_nothing(
    desk: Chromium, pages: dict[str, Path], tmp_path: Path
) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    there = f"http://127.0.0.1:{server.getsockname()[1]}"
    bad = (
        f"<img src='{there}/x.png'><script>document.title = 'taken'</script>"
        "<p id=hit onclick=\"document.title = 'taken'\" style='color: red'>x</p>"
        f"<style>body {{ background: url({there}/y.png) }}</style>"
    )
    path = tmp_path / "bad.html"
    path.write_text(pages["run"].read_text().replace("</main>", f"{bad}</main>"))
    desk.open(path)
    desk.run("document.getElementById('hit').click()")
    assert desk.run("document.title") != "taken"
    assert desk.run("getComputedStyle(document.getElementById('hit')).color") != "rgb(255, 0, 0)"
    with server:
        asked, _, _ = select.select([server], [], [], 0.3)
    assert not asked
    # each of the five was refused: picture, script, handler, attribute, sheet
    assert sum("Content Security Policy" in line for line in desk.console) == 5


# What is read out.


def value(node: dict[str, Any], part: str) -> str:
    """Role, name or description of a node."""
    return str(node.get(part, {}).get("value", ""))


@pytest.mark.parametrize("name", PAGES)
def test_everything_has_a_name_and_a_place(
    desk: Chromium, pages: dict[str, Path], name: str
) -> None:
    desk.open(pages[name])
    desk.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    desk.settle()
    nodes = desk.tree()
    roles = [value(node, "role") for node in nodes]
    for landmark in ("banner", "navigation", "main", "contentinfo"):
        assert roles.count(landmark) == 1, landmark
    assert value(nodes[0], "name") == desk.run("document.title")
    named = {"link", "button", "image", "img", "table", "region", "navigation", "toolbar"}
    for node in nodes:
        if value(node, "role") in named | {"heading", "DisclosureTriangle"}:
            assert value(node, "name").strip(), node
    pictures = [node for node in nodes if value(node, "role") in ("image", "img")]
    assert len(pictures) == {"run": 6, "physio": 5, "empty": 0}[name]
    assert all(len(value(node, "description")) > 20 for node in pictures)
    heads = [value(n, "role") for n in nodes if value(n, "role") in ("columnheader", "rowheader")]
    if name != "empty":
        assert {"columnheader", "rowheader"} <= set(heads)
    # what can be done, can be reached: nothing that takes the focus is without a role
    focusable = [n for n in nodes if any(p["name"] == "focusable" for p in n.get("properties", []))]
    assert not {value(node, "role") for node in focusable} & {"generic", "none", ""}


def test_language_and_title(desk: Chromium, pages: dict[str, Path]) -> None:
    desk.open(pages["run"])
    assert desk.run("document.documentElement.lang") == "en"
    assert desk.run("document.title").startswith("Run of Monday 23 November 2026")


# Keys and pointer.


def test_keys_alone_are_enough(desk: Chromium, pages: dict[str, Path]) -> None:
    desk.open(pages["run"])
    whole = desk.run(ZOOMED)
    assert len(whole) == 6
    desk.press("Tab")
    assert desk.run("document.activeElement.textContent") == "To the content"
    assert desk.run("document.activeElement.getBoundingClientRect().left") >= 0
    desk.press("Enter")
    assert desk.run("document.activeElement.id") == "content"
    label = "document.activeElement.getAttribute('aria-label')"
    seen = []
    for _ in range(12):
        desk.press("Tab")
        seen.append(desk.run(f"{label} || document.activeElement.textContent"))
        ring = desk.run("getComputedStyle(document.activeElement).outlineStyle")
        assert ring == "solid", seen[-1]
        if seen[-1] == "Zoom in":
            desk.press("Enter")
            assert desk.run(ZOOMED) != whole
    assert seen[:2] == ["Zoom in", "Zoom out"]
    assert any(one.startswith("Cadence, steps/min: plus and minus zoom") for one in seen)
    assert "Cadence as a table" in seen


def test_keys_on_a_chart(desk: Chromium, pages: dict[str, Path]) -> None:
    desk.open(pages["run"])
    whole = desk.run(ZOOMED)
    desk.run("document.querySelector('.pane').focus()")
    desk.press("+")
    inner = desk.run(ZOOMED)
    assert len(set(inner)) == 1  # all together
    start, _, span, height = map(float, inner[0].split())
    end = float(whole[0].split()[2])
    assert (start, span, height) == (end / 4, end / 2, 1000.0)
    desk.press("ArrowRight")
    assert float(desk.run(ZOOMED)[0].split()[0]) == end / 2
    desk.press("-")
    desk.press("0")
    assert desk.run(ZOOMED) == whole
    for _ in range(20):
        desk.press("+")
    assert float(desk.run(ZOOMED)[0].split()[2]) == 10.0
    assert "to" in desk.run("document.querySelector('output').textContent")


def test_a_later_part_is_zoomed_within_its_own_time(desk: Chromium, pages: dict[str, Path]) -> None:
    desk.open(pages["part"])
    whole = desk.run(ZOOMED)
    start, _, span, _ = map(float, whole[0].split())
    assert start == 500.0
    told_ = "document.querySelector('output').textContent"
    assert desk.run(told_).startswith("08:20 to ")
    assert desk.run("document.querySelector('.xlabels').textContent").startswith("09:00")
    desk.run("document.querySelector('.pane').focus()")
    desk.press("+")
    for _ in range(9):
        desk.press("ArrowLeft")
    assert desk.run(ZOOMED)[0].split()[:3] == ["500", "0", f"{span / 2:g}"]
    desk.press("0")
    assert desk.run(ZOOMED) == whole


def test_a_drag_zooms_and_a_pointer_reads_values(desk: Chromium, pages: dict[str, Path]) -> None:
    desk.open(pages["run"])
    desk.run("document.querySelector('.pane').scrollIntoView({block: 'center'})")
    box = desk.run(
        "(b => [b.left, b.top, b.width, b.height])"
        "(document.querySelector('.plot').getBoundingClientRect())"
    )
    end = float(desk.run(ZOOMED)[0].split()[2])
    at = [(box[0] + share * box[2], box[1] + box[3] / 2) for share in (0.25, 0.5)]
    desk.ask("Input.dispatchMouseEvent", type="mouseMoved", x=at[0][0], y=at[0][1])
    desk.settle()
    told_ = desk.run("document.querySelector('.readout').textContent")
    time, number, unit = told_.split()
    assert unit == "steps/min"
    assert 160.0 < float(number) < 180.0
    assert time.startswith("05:")
    desk.drag(*at)
    start, _, span, _ = map(float, desk.run(ZOOMED)[0].split())
    assert start == pytest.approx(end / 4, rel=0.02)
    assert span == pytest.approx(end / 4, rel=0.02)
    assert desk.run("document.querySelectorAll('.select').length") == 0
    labels = desk.run("document.querySelector('.xlabels').textContent")
    assert "00:00" not in labels
    desk.drag(at[0], at[0])
    assert float(desk.run(ZOOMED)[0].split()[2]) == span  # a click is no drag


def test_without_script_the_charts_are_there(desk: Chromium, pages: dict[str, Path]) -> None:
    desk.open(pages["run"], script=False)
    assert desk.run("document.querySelectorAll('button').length") == 0
    lines = "[...document.querySelectorAll('.plot .line')]"
    heights = desk.run(f"{lines}.map(line => line.getBoundingClientRect().height)")
    assert len(heights) == 6
    assert min(heights) > 20
    assert desk.run("document.querySelector('.xlabels').textContent").startswith("00:00")


# Colours, phone, paper.


@pytest.mark.parametrize("name", PAGES)
def test_light_and_dark(desk: Chromium, pages: dict[str, Path], name: str) -> None:
    desk.open(pages[name])
    ground = "getComputedStyle(document.body).backgroundColor"
    ink = "getComputedStyle(document.body).color"
    light = desk.run(ground), desk.run(ink)
    desk.prefer(dark=True)
    dark = desk.run(ground), desk.run(ink)
    assert light == ("rgb(255, 255, 255)", "rgb(26, 31, 36)")
    assert dark == ("rgb(20, 23, 27)", "rgb(232, 234, 237)")


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_never_scrolls_sideways(desk: Chromium, pages: dict[str, Path], name: str) -> None:
    desk.window(*PHONE, phone=True)
    desk.open(pages[name])
    desk.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    desk.settle()
    assert desk.run("document.documentElement.scrollWidth") <= PHONE[0]
    beyond = desk.run(
        "[...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll')"
        f" && e.getBoundingClientRect().right > {PHONE[0]} + 1).map(e => e.outerHTML.slice(0, 99))"
    )
    assert beyond == []
    small = desk.run(
        "[...document.querySelectorAll('button, summary, nav a')].filter(e =>"
        " e.getBoundingClientRect().height < 24).map(e => e.textContent)"
    )
    assert small == []
    # labels of the time axis do not run into each other
    gaps = desk.run(
        "[...document.querySelectorAll('.xlabels')].flatMap(x => [...x.children].slice(1)"
        ".map((t, k) => t.getBoundingClientRect().left"
        " - x.children[k].getBoundingClientRect().right))"
    )
    assert all(gap > 2 for gap in gaps)


@pytest.mark.parametrize(("name", "most"), [("run", 3), ("physio", 3), ("empty", 1)])
def test_it_prints_on_few_sheets_of_a4(
    desk: Chromium, pages: dict[str, Path], name: str, most: int
) -> None:
    desk.open(pages[name])
    desk.prefer(dark=True)  # paper is white all the same
    pdf = desk.pdf()
    sheets = len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))
    assert 1 <= sheets <= most
    boxes = set(re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", pdf))
    assert [(round(float(w)), round(float(h))) for w, h in boxes] == [(595, 842)]


def test_print_has_no_buttons_and_black_on_white(desk: Chromium, pages: dict[str, Path]) -> None:
    desk.open(pages["run"])
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    desk.ask("Emulation.setEmulatedMedia", media="print", features=dark)
    try:
        desk.settle()
        assert desk.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        shown = desk.run(
            "[...document.querySelectorAll('nav, .tools, details, .skip')].filter(e =>"
            " getComputedStyle(e).display !== 'none').length"
        )
        assert shown == 0
    finally:
        desk.ask("Emulation.setEmulatedMedia", media="")
