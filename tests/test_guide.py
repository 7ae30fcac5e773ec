"""Transcripts say what the program prints now, and the guide leads somewhere."""

import re
from pathlib import Path

import pytest

from calibration import terminalpicture
from calibration.transcripts import (
    ROOT,
    alike,
    blocks,
    cut,
    differing,
    printed,
    rewritten,
    with_transcripts,
)
from gaitpi import cli

GUIDE = ROOT / "docs" / "guide.md"


@pytest.mark.parametrize("path", with_transcripts(), ids=lambda path: path.name)
def test_the_transcripts_say_what_is_printed_now(path: Path) -> None:
    """``python -m calibration.transcripts --write`` puts in what is."""
    assert differing(path) == []


def test_every_transcript_of_the_guide_is_looked_at() -> None:
    text = GUIDE.read_text()
    assert GUIDE in with_transcripts()
    assert text.count("```console") == len(blocks(text)) > 10
    for block in blocks(text):
        assert all(len(line) <= 80 or "/home/pi/" in line for line in block.lines), block.first


def test_the_guide_leads_somewhere() -> None:
    text = GUIDE.read_text()
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in headings}
    links = re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", text)
    assert links
    for file, anchor in links:
        assert not file or (GUIDE.parent / file).exists(), file
        assert file or anchor in anchors, anchor
    commands = set(
        re.findall(r"gaitpi ([a-z]+)", re.sub(r"```sh.*?```", "", text, flags=re.DOTALL))
    )
    commands -= {"answered", "makes", "only", "alone", "does"}  # where it is the subject
    assert commands <= set(cli.COMMANDS), commands - set(cli.COMMANDS)


FENCED = """a line
<!-- transcript scene=empty head=1 tail=2 -->
```console
$ gaitpi runs
old
$ gaitpi --version
```
more
<!-- transcript code=2 -->
```console
$ gaitpi show last | cat; exit 2
```
"""


def test_a_file_is_written_anew_and_then_differs_in_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(FENCED)
    first, second = blocks(FENCED)
    assert first.commands == ["gaitpi runs", "gaitpi --version"]
    assert first.outputs() == [["old"], []]
    assert (first.head, first.tail, first.code, second.code) == (1, 2, 0, 2)
    found = differing(path)
    assert len(found) == 3
    assert "a.md, line 3: $ gaitpi runs\nNo runs in /home/pi/.local/state/gaitpi/runs" in found[0]
    path.write_text(rewritten(path))
    text = path.read_text()
    assert text.startswith("a line\n<!-- transcript scene=empty head=1 tail=2 -->\n```console\n$ ")
    assert "\nmore\n" in text
    assert "old" not in text
    assert "gaitpi: There is no run" in text
    assert differing(path) == []
    path.write_text(text.replace("No runs", "Some runs"))
    assert len(differing(path)) == 1


def test_a_command_that_ends_otherwise_is_no_transcript() -> None:
    wrong = blocks(FENCED.replace("code=2", "code=1"))
    with pytest.raises(RuntimeError, match="ended with 2"):
        printed(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "<!-- transcript scene -->\n```console\n$ gaitpi\n```",
        "<!-- transcript depth=1 -->\n```console\n$ gaitpi\n```",
        "<!-- transcript -->\n\n```console\n$ gaitpi\n```",
        "<!-- transcript -->\n```console\n$ gaitpi\n",
        "<!-- transcript -->\n```console\nno command\n```",
    ],
)
def test_what_is_no_transcript_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"line|in list"):
        blocks(text)


def test_a_long_output_is_cut_in_the_middle() -> None:
    lines = [str(k) for k in range(9)]
    assert cut(lines, 0, 0) == lines
    assert cut(lines, 2, 1) == ["0", "1", "...", "8"]
    assert cut(lines, 3, 0) == ["0", "1", "2", "..."]
    assert cut(lines, 5, 3) == lines
    assert cut(["a  ", ""], 0, 0) == ["a", ""]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("cadence 168.1 spm", "cadence 168.2 spm", True),
        ("cadence 168.1 spm", "cadence 168.3 spm", False),
        ("cadence 168.1 spm", "cadence 168 spm", False),
        ("2,256 steps", "2,257 steps", True),
        ("2,256 steps", "2,356 steps", False),
        ("last run", "last runs", False),
    ],
)
def test_another_processor_may_add_up_otherwise(one: str, other: str, same: bool) -> None:
    assert alike([one], [other]) == same
    assert not alike([one], [one, other])


def test_the_picture_of_a_terminal_is_of_the_guide() -> None:
    """After ``python -m calibration.transcripts --write``: ``calibration.terminalpicture`` too."""
    (shown,) = (
        block.lines
        for block in blocks((ROOT / "docs/guide.md").read_text())
        if terminalpicture.COMMAND in block.commands
    )
    assert (ROOT / "docs/terminal.svg").read_text() == terminalpicture.picture(shown)
