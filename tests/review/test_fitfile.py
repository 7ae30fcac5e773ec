"""FIT files read: what a watch wrote, what is refused, and a second decoder's opinion."""

import contextlib
import json
import math
import struct
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi import importfile
from gaitpi.cli import main
from gaitpi.errors import InputFileError
from gaitpi.review import fitfile
from tests import fitwriter
from tests.runs import sample

START_S = sample.WALL_S
RATE_HZ = sample.RATE_HZ


def rows(n: int, first: int = 0) -> Iterator[tuple[int, ...]]:
    """One a second: bpm, cm, mm/s, strides and 1/128 of one (85.5 strides are 171 steps)."""
    for k in range(first, first + n):
        yield k, 140 + k % 20, 280 * k, 2800, 85, 64


@pytest.fixture
def evening(tmp_path: Path) -> Path:
    path = tmp_path / "evening.fit"
    path.write_bytes(fitwriter.activity(START_S, rows(61)))
    return path


def test_what_the_watch_wrote_comes_out_in_si_and_steps(evening: Path) -> None:
    found = fitfile.read(evening)
    assert (found.start_s, found.end_s, len(found.records)) == (START_S, START_S + 60, 61)
    one = found.records[2]
    assert one == fitfile.Record(START_S + 2, 142.0, 5.6, 2.8, 171.0)
    assert found.sessions == found.laps == (fitfile.Span(START_S, START_S + 60),)


def test_the_tests_files_are_fit_by_another_decoder(evening: Path) -> None:
    from fit_tool.fit_file import FitFile
    from fit_tool.profile.messages.record_message import RecordMessage

    theirs = [
        message
        for record in FitFile.from_file(str(evening)).records
        if isinstance(message := record.message, RecordMessage)
    ]
    ours = fitfile.read(evening).records
    assert len(theirs) == len(ours)
    for his, mine in zip(theirs, ours, strict=True):
        assert his.timestamp / 1000 == mine.time_s
        assert his.heart_rate == mine.heart_rate_bpm
        assert his.distance == pytest.approx(mine.distance_m)
        assert his.speed == pytest.approx(mine.speed_ms)
        assert 2 * (his.cadence + his.fractional_cadence) == mine.cadence_spm


def test_what_no_runner_has_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "odd.fit"
    path.write_bytes(fitwriter.activity(START_S, [(0, 255, 2**32 - 1, 65535, 255, 255)]))
    one = fitfile.read(path).records[0]
    assert one.time_s == START_S
    assert all(map(math.isnan, one[1:]))
    path.write_bytes(fitwriter.activity(START_S, [(0, 9, 200_000_000, 60_000, 151, 0)]))
    assert all(map(math.isnan, fitfile.read(path).records[0][1:]))


def _refused(path: Path, **limits: int) -> str:
    with pytest.raises(InputFileError) as caught:
        fitfile.read(path, **limits)
    assert caught.value.todo
    return str(caught.value)


def test_each_damage_has_its_words(evening: Path, tmp_path: Path) -> None:
    whole = evening.read_bytes()
    assert "larger than 0 MiB" in _refused(evening, max_bytes=len(whole) - 1)
    assert fitfile.read(evening, max_bytes=len(whole))
    assert "more than 60 messages" in _refused(evening, max_messages=60)
    cut = tmp_path / "cut.fit"
    cut.write_bytes(whole[:-30])
    assert "damaged FIT file" in _refused(cut)
    cut.write_bytes(whole[:100] + bytes((whole[100] ^ 1,)) + whole[101:])
    assert "damaged FIT file" in _refused(cut)
    cut.write_bytes(b"time_s,ax,ay,az\n" * 9)
    assert "is not a FIT file" in _refused(cut)
    cut.write_bytes(fitwriter.activity(START_S, rows(3), kind=6))
    assert "no activity (course)" in _refused(cut)
    cut.write_bytes(fitwriter.activity(START_S, ()))
    assert "no moments with a time" in _refused(cut)
    cut.write_bytes(fitwriter.activity(START_S, [*rows(2), (8 * 86_400, 1, 1, 1, 1, 1)]))
    assert "goes from" in _refused(cut)
    assert "is not a file" in _refused(tmp_path)
    assert "No such file" in _refused(tmp_path / "none.fit")


@given(st.binary(max_size=200), st.integers(0, 170))
@settings(max_examples=60, deadline=None)
def test_any_bytes_give_an_activity_or_words(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int
) -> None:
    path = tmp_path_factory.mktemp("fit") / "x.fit"
    body = fitwriter.activity(START_S, rows(3))[14:-2]
    path.write_bytes(fitwriter.whole(body[:at] + junk + body[at:]))
    with contextlib.suppress(InputFileError):
        assert fitfile.read(path).records


# The command.


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a run of 100 s that began at START_S."""
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("GAITPI_CONFIG", raising=False)
    folder = tmp_path / "XDG_STATE_HOME" / "gaitpi" / "runs"
    folder.mkdir(parents=True)
    counts = sample.counts(int(100 * RATE_HZ))
    seconds = [sample.second(float(k)) for k in range(100)]
    sample.write_run(folder / "20261123-170200-0000-000001.gaitpi", samples=counts, seconds=seconds)
    return folder


def _import(path: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, Any]:
    code = main(["import", str(path), "--json", *more])
    said = json.loads(capsys.readouterr().out)
    assert len(said) == 1
    return code, said[0]


def test_it_is_kept_beside_the_run_once(
    runs: Path, evening: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = next(runs.glob("*.gaitpi"))
    before = run.read_bytes()
    evening.write_bytes(fitwriter.activity(START_S + 5, rows(61)))
    code, said = _import(evening, capsys, "--dry-run")
    assert code == 0
    assert [one["state"] for one in said["runs"]] == ["not kept: --dry-run"]
    assert list(runs.iterdir()) == [run]

    code, said = _import(evening, capsys)
    one = said["runs"][0]
    assert (code, one["id"], one["state"]) == (0, run.stem, "kept")
    assert one["imported"]["distance_m"] == pytest.approx(168.0)
    assert one["imported"]["share"] == pytest.approx(0.6, abs=0.01)
    kept = importfile.load(importfile.path_of(run))
    assert kept.points[0].time_s[0] == pytest.approx(5.0)
    assert kept.points[0].heart_rate_bpm[:2] == (140.0, 141.0)

    code, said = _import(evening, capsys)
    assert (code, said["runs"][0]["state"]) == (0, "kept already")
    assert importfile.load(importfile.path_of(run)) == kept
    assert run.read_bytes() == before

    assert main(["show", run.stem]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2] == (
        "imported   distance 0.17 km, heart rate 149 mean (evening.fit, 60% of the run)"
    )
    assert all(len(line) <= 80 for line in lines)
    assert main(["show", run.stem, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["imported"]["file"] == "evening.fit"
    assert main(["import", str(evening)]) == 0
    assert "kept already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("shift", "fits"), [(0, True), (-29, True), (-32, False), (69, True), (72, False)]
)
def test_half_of_the_shorter_must_overlap(
    runs: Path, evening: Path, capsys: pytest.CaptureFixture[str], shift: int, fits: bool
) -> None:
    evening.write_bytes(fitwriter.activity(START_S + shift, rows(61)))
    code, said = _import(evening, capsys)
    assert (code, bool(said["runs"])) == ((0, True) if fits else (1, False))
    assert bool(list(runs.glob("*.jsonl"))) == fits


def test_no_run_of_that_time_is_said(
    runs: Path, evening: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evening.write_bytes(fitwriter.activity(START_S + 86_400, rows(61)))
    (runs / "broken.gaitpi").write_bytes(b"x")
    assert main(["import", str(evening)]) == 1
    out = capsys.readouterr().out
    assert "There is no run of that time." in out
    assert f"{datetime.fromtimestamp(START_S):%d %b %Y}" in out
    assert "1 damaged" in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_moments_that_were_damaged_are_told_of_and_taken_once_more(
    runs: Path, evening: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _import(evening, capsys)
    (run,) = runs.glob("*.gaitpi")
    beside = importfile.path_of(run)
    beside.write_bytes(beside.read_bytes().replace(b"140.0", b"190.0", 1))
    words = f"gaitpi: 1 damaged line in {beside.name}: heart rate or distance of a watch may be"
    for command in (["show"], ["export", "--csv", "-", "--table", "seconds"]):
        assert main(command) == 0
        out, err = capsys.readouterr()
        assert err.startswith(words)
        assert "190" not in out
    _, said = _import(evening, capsys)
    assert said["runs"][0]["state"] == "kept"
    assert main(["show", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["outside"]
    assert told["distance_m"] == pytest.approx(168.0, abs=6.0)


def test_a_torn_import_does_not_count(
    runs: Path, evening: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _import(evening, capsys)[0] == 0
    beside = importfile.path_of(next(runs.glob("*.gaitpi")))
    beside.write_bytes(beside.read_bytes()[:-20])
    torn = importfile.load(beside)
    assert (len(torn.files), len(torn.points), torn.damaged) == (0, 1, 1)
    assert _import(evening, capsys)[1]["runs"][0]["state"] == "kept"
    assert len(importfile.load(beside).files) == 1


def test_without_the_extra_it_says_how_to_get_it(
    runs: Path,
    evening: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fitdecode", None)
    assert main(["import", str(evening)]) == 2
    said = capsys.readouterr().err
    assert "pip install 'gaitpi[fit]'" in said
    assert len(said.splitlines()) == 1


def test_the_writer_here_knows_the_checksum() -> None:
    assert fitwriter.crc16(b"123456789") == 0xBB3D  # CRC-16/ARC, as published
    assert struct.unpack("<H", fitwriter.whole(b"")[12:14])[0] == fitwriter.crc16(
        fitwriter.whole(b"")[:12]
    )
