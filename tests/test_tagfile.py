"""Tags of runs: the file beside them, and the command."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.cli import main
from gaitpi.tagfile import Tag, TagFileError, Tags, add, load, path_in

from .runs.sample import write_run

words = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["star", "race"]), st.booleans()), max_size=8
)


def tags_of(said: list[tuple[str, str, bool]]) -> list[Tag]:
    return [Tag(wall_s=1.0 * k, run=r, tag=t, on=on) for k, (r, t, on) in enumerate(said)]


@given(words)
def test_the_last_word_counts_and_stands_alone(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, str, bool]]
) -> None:
    path = path_in(tmp_path_factory.mktemp("t"))
    for record in tags_of(said):
        add(path, [record])
    tags, last = load(path), {(run, tag): on for run, tag, on in said}
    for run in "ab":
        assert set(tags.of(run)) == {t for (r, t), on in last.items() if r == run and on}
    assert len(tags.records) == len(last)
    assert tags.damaged == 0


@given(words.filter(bool), st.data())
def test_a_flipped_bit_is_noticed_and_stays_so(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, str, bool]], data: st.DataObject
) -> None:
    """A damaged line may have been a star: nothing said later hides that."""
    path = path_in(tmp_path_factory.mktemp("t"))
    add(path, tags_of(said))
    raw = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 2))  # the last line end may go
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(raw)
    assert load(path).damaged > 0
    assert set(load(path).records) <= set(tags_of(said))
    assert add(path, tags_of([("c", "star", True)])).damaged > 0
    assert load(path).of("c") == ("star",)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    assert load(path_in(tmp_path)) == Tags()
    path_in(tmp_path).mkdir()
    with pytest.raises(TagFileError, match="cannot be read"):
        load(path_in(tmp_path))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    folder = tmp_path / "gaitpi" / "runs"
    for day in range(3):
        run_id = f"2026112{day}-170200-3fa2-9c1be{day}"
        write_run(folder / f"{run_id}.gaitpi", wall_s=1_795_453_320.0 + 86400.0 * day)
    return folder


def test_the_command_stars_and_the_lists_show_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert main(["tag", "20261121", "star", "Race"]) == 0
    assert capsys.readouterr().out == "20261121-170200-3fa2-9c1be1: star, race\n"
    assert main(["tag", "last", "easy"]) == 0
    assert main(["tag", "last"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "20261122-170200-3fa2-9c1be2: easy"
    assert main(["runs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert ["*" in line for line in lines] == [False, False, True, False, True]
    assert main(["runs", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert [entry["tags"] for entry in entries] == [["easy"], ["star", "race"], []]
    assert main(["show", "20261121", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tags"] == ["star", "race"]
    assert main(["tag", "20261121", "--remove", "star", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tags"] == ["race"]
    assert before == {path: path.read_bytes() for path in before}  # never in the run file


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["zz", "star"], 2, "no run 'zz'"),
        (["2026112", "star"], 2, "beginning of 3 runs"),
        (["last", "two words"], 2, "is no tag"),
        (["last", "x" * 25], 2, "is no tag"),
        (["last", "--remove", "../x"], 2, "is no tag"),
    ],
)
def test_mistakes_are_worded(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    assert main(["tag", *arguments]) == code
    assert said in capsys.readouterr().err
    assert not path_in(folder).exists()


def test_a_damaged_file_is_said_with_what_follows(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path_in(folder).write_text("half a li")
    assert main(["tag", "last", "star"]) == 1
    said = capsys.readouterr()
    assert said.out.endswith(": star\n")
    assert "no run is deleted to make room" in said.err
    assert main(["runs"]) == 0
