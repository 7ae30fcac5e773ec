"""The file of paired devices: what was paired, or nothing; the newest of a role wins."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi import pairedfile
from gaitpi.jsonlines import SIZE_LIMIT, pack
from gaitpi.pairedfile import KEPT, Devices, Paired, PairedFileError, add, forgotten, load, path_in

texts = st.text(max_size=20).filter(lambda t: t.encode("utf-8", "ignore").decode() == t)
records = st.builds(
    Paired,
    wall_s=st.floats(0, 4e9),
    role=st.sampled_from(["heart", "pod"]),
    address=st.integers(0, 2**48 - 1).map(
        lambda n: ":".join(f"{n >> 8 * i & 255:02X}" for i in range(6))
    ),
    on=st.booleans(),
    name=texts,
    adapter=st.sampled_from(["", "hci0", "hci12"]),
    services=st.lists(st.just("0000180d-0000-1000-8000-00805f9b34fb"), max_size=3).map(tuple),
    information=st.dictionaries(st.sampled_from(["maker", "model"]), texts),
    bonded=st.booleans(),
)


@settings(max_examples=25)
@given(st.lists(st.lists(records, min_size=1, max_size=3), max_size=4))
def test_what_is_paired_is_kept(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Paired]]
) -> None:
    path = path_in(tmp_path_factory.mktemp("p"))
    for batch in batches:
        assert add(path, batch) == load(path)
    every = [record for batch in batches for record in batch]
    assert load(path) == Devices(tuple(every))
    for role in pairedfile.ROLES:
        last = [record for record in every if record.role == role][-1:]
        assert load(path).of(role) == (last[0] if last and last[0].on else None)


@settings(max_examples=40)
@given(st.lists(records, min_size=1, max_size=4), st.data())
def test_a_torn_or_damaged_file_has_only_what_was_paired(
    tmp_path_factory: pytest.TempPathFactory, kept: list[Paired], data: st.DataObject
) -> None:
    path = path_in(tmp_path_factory.mktemp("p"))
    add(path, kept)
    raw = bytearray(path.read_bytes())
    least = 0
    if data.draw(st.booleans()):
        del raw[data.draw(st.integers(0, len(raw))) :]
    else:
        least = len(kept) - 2  # the end of a line may be hit
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    found = load(path)
    assert all(record in kept for record in found.records)
    assert len(found.records) >= least


@settings(max_examples=40)
@given(st.binary(max_size=300))
def test_any_bytes_are_no_device_or_one(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    path = path_in(tmp_path_factory.mktemp("p"))
    path.write_bytes(raw)
    assert load(path).in_force == ()


@pytest.mark.parametrize(
    "change",
    [
        {"address": "; reboot"},
        {"address": "f0:0d:00:00:00:01"},
        {"role": "brake"},
        {"adapter": "../hci0"},
        {"name": "x" * 81},
        {"more": 1},
    ],
)
def test_a_record_that_cannot_be_is_damaged(tmp_path: Path, change: dict[str, object]) -> None:
    """Its checksum is right, so another version or a person wrote it."""
    path = path_in(tmp_path)
    given = {"wall_s": 1.0, "role": "heart", "address": "F0:0D:00:00:00:01"}
    path.write_bytes(pack(given) + pack(given | change))
    assert (len(load(path).records), load(path).damaged) == (1, 1)


def test_forgetting_is_a_record_too(tmp_path: Path) -> None:
    path = path_in(tmp_path)
    device = Paired(wall_s=1.8e9, role="pod", address="F0:0D:00:00:00:02", name="\x1bpod")
    add(path, [device])
    assert load(path).in_force == (device,)
    assert device.called == "\\x1bpod"
    add(path, [forgotten(device, 1.9e9)])
    assert load(path).in_force == ()
    assert len(load(path).records) == 2


def test_the_file_does_not_grow_and_keeps_what_is_in_force(tmp_path: Path) -> None:
    path = path_in(tmp_path)
    pod = Paired(wall_s=1.0, role="pod", address="F0:0D:00:00:00:02")
    add(path, [pod])
    straps = [
        Paired(wall_s=float(n), role="heart", address="F0:0D:00:00:00:01") for n in range(KEPT + 5)
    ]
    add(path, straps)
    assert load(path).in_force == (straps[-1], pod)
    assert len(load(path).records) == KEPT + 1


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = path_in(tmp_path)
    path.mkdir()
    with pytest.raises(PairedFileError, match="cannot be read"):
        load(path)
    path.rmdir()
    path.write_bytes(b"x" * (SIZE_LIMIT + 1))
    with pytest.raises(PairedFileError, match="too large"):
        load(path)
