"""What is done is kept, whatever happens to the file or the process."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.errors import UsageError
from gaitpi.reanalysis.store import Record, Store, StoreError


def result(n: int) -> dict[str, Any]:
    """As a CSV gives it; ``n`` steps."""
    figures = dict.fromkeys(("seconds", "samples", "running_steps", "running_s", "cues"), 0)
    unknown = dict.fromkeys(("cadence_spm", "lean_deg", "contact_ms", "bounce_mm"))
    return {
        "kind": "csv",
        "against": "recorded",
        "status": "computed",
        "digest": "",
        "notes": [],
        "new": figures | unknown | {"steps": n},
    }


def record(n: int, code: str = "c") -> Record:
    file = f"{n}.gaitpi"
    return Record(sha256=f"{n:04d}", code=code, parameters="p", file=file, result=result(n))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("store") / "out.jsonl"
    with Store(path) as store:
        for n in range(6):
            store.add(record(n))
    return path.read_bytes()


def test_what_was_added_is_there_by_its_whole_name(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with Store(path) as store:
        store.add(record(1))
    with Store(path) as store:
        assert store.get(record(1).key) == result(1)
        assert store.get(("0001", "c", "other")) is None
        assert store.get(("0001", "d", "p")) is None
        store.add(record(1, "d"))
        assert len(store) == 2


@settings(max_examples=80)
@given(share=st.floats(0, 1))
def test_cut_anywhere_the_whole_lines_are_there_and_it_goes_on(
    whole: bytes, tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    path = tmp_path_factory.mktemp("cut") / "out.jsonl"
    cut = whole[: int(share * len(whole))]
    path.write_bytes(cut)
    # a line is whole without its end too
    good = sum(line in cut for line in whole.split(b"\n")[1:-1])
    with Store(path) as store:
        assert len(store) == good
        for n in range(good, 6):
            store.add(record(n))
    with Store(path) as store:
        assert [store.get(record(n).key) for n in range(6)] == [result(n) for n in range(6)]
        store.sort()
    assert path.read_bytes() == whole


@settings(max_examples=80)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_costs_records_and_makes_no_false_one(
    whole: bytes, tmp_path_factory: pytest.TempPathFactory, place: float, bit: int
) -> None:
    path = tmp_path_factory.mktemp("bit") / "out.jsonl"
    data = bytearray(whole)
    data[int(place * len(data))] ^= 1 << bit
    path.write_bytes(data)
    try:
        with Store(path) as store:
            found = [store.get(record(n).key) for n in range(6)]
    except UsageError:
        return  # its first line: then it is no such file
    assert all(value in (None, result(n)) for n, value in enumerate(found))
    assert found.count(None) <= 2


def test_sorted_it_depends_on_what_is_in_it_alone(tmp_path: Path) -> None:
    texts = []
    for name, order in (("a", (3, 1, 2)), ("b", (2, 3, 1))):
        with Store(tmp_path / name) as store:
            for n in order:
                store.add(record(n))
            store.sort()
        texts.append((tmp_path / name).read_bytes())
    assert texts[0] == texts[1]


@pytest.mark.parametrize("text", [b"my notes\n", b"SQLite format 3\0" * 99, b"[]\n", b"\xff\n"])
def test_another_file_is_not_touched(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(text)
    with pytest.raises(UsageError, match="holds no results"):
        Store(path)
    assert path.read_bytes() == text


def test_a_newer_one_is_refused(tmp_path: Path) -> None:
    from gaitpi import jsonlines

    path = tmp_path / "out.jsonl"
    path.write_bytes(jsonlines.pack({"holds": "gaitpi reanalyse", "format": 2}))
    with pytest.raises(UsageError, match="newer"):
        Store(path)


def test_two_at_once_are_one_too_many(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with Store(path), pytest.raises(UsageError, match="in use"):
        Store(path)
    with Store(path) as store:
        store.add(record(1))


def test_where_nothing_can_be_written_it_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "none" / "out.jsonl", tmp_path):
        with pytest.raises(StoreError, match="cannot be written"):
            Store(path)


@pytest.mark.parametrize(
    "change",
    [
        {"new": {}},
        {"new": result(1)["new"] | {"steps": -1}},
        {"new": result(1)["new"] | {"steps": 10**400}},
        {"new": result(1)["new"] | {"cadence_spm": "fast"}},
        {"status": "same"},
        {"status": ["computed"]},
        {"notes": "text"},
    ],
)
def test_what_has_a_checksum_and_no_sense_is_no_result(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    path = tmp_path / "out.jsonl"
    with Store(path) as store:
        store.add(record(1))
        bad = record(2)
        bad.result.update(change)
        store.add(bad)
    with Store(path) as store:
        assert (len(store), store.damaged) == (1, 1)
