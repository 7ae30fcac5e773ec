"""The recording source: what it gives, where it ends, what it refuses."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.errors import InputFileError
from gaitpi.imu.virtual.source import RecordingSource

N = 50
ACC = np.arange(3 * N, dtype=np.float64).reshape(N, 3)
GYR = -ACC


@given(first=st.integers(0, 2 * N), cuts=st.lists(st.integers(0, 40), max_size=6))
def test_pieces_equal_the_whole_and_the_end_is_held(first: int, cuts: list[int]) -> None:
    source = RecordingSource.from_si(ACC, GYR, 100.0)
    at = np.minimum(np.arange(first, first + sum(cuts)), N - 1)
    acc, gyr = source.samples(first, sum(cuts), 100.0)
    np.testing.assert_array_equal(acc, ACC[at])
    np.testing.assert_array_equal(gyr, GYR[at])
    start = first
    for cut in cuts:
        piece, _ = source.samples(start, cut, 100.0)
        np.testing.assert_array_equal(piece, acc[start - first : start - first + cut])
        start += cut


def test_length_and_rate() -> None:
    source = RecordingSource.from_counts(np.ones((30, 3), np.int16), None, 60.0, 0.5, 0.1)
    assert len(source) == 30
    assert source.rate_hz == 60.0
    assert source.duration_s == 0.5
    acc, gyr = source.samples(0, 2, 60.0)
    assert (acc == 0.5).all()
    assert not source.has_gyr
    # the noise of a gyroscope at rest, the same each time
    assert 0.0 < np.abs(gyr).max() < 0.01
    assert (gyr == source.samples(0, 2, 60.0)[1]).all()


def test_a_recording_is_not_resampled() -> None:
    source = RecordingSource.from_si(ACC, None, 100.0)
    with pytest.raises(ValueError, match="cannot be played at 104"):
        source.samples(0, 1, 104.0)


@pytest.mark.parametrize(
    ("acc", "gyr", "rate"),
    [
        (np.zeros((0, 3)), None, 100.0),
        (np.zeros(3), None, 100.0),
        (np.zeros((4, 2)), None, 100.0),
        (np.full((4, 3), math.nan), None, 100.0),
        (np.zeros((4, 3)), np.zeros((5, 3)), 100.0),
        (np.zeros((4, 3)), None, 0.0),
        (np.zeros((4, 3)), None, math.inf),
    ],
)
def test_what_makes_no_recording(
    acc: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    gyr: np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None,
    rate: float,
) -> None:
    with pytest.raises(ValueError):
        RecordingSource.from_si(acc, gyr, rate)


def _save(path: Path, **fields: object) -> Path:
    np.savez(path, **fields)  # type: ignore[arg-type]
    return path


META = json.dumps({"acc_lsb": 0.01, "gyr_lsb": 0.002})


def test_npz(tmp_path: Path) -> None:
    counts = np.arange(12, dtype=np.int16).reshape(4, 3)
    path = _save(tmp_path / "a.npz", acc=counts, gyr=counts, fs=100.0, meta=META)
    acc, gyr = RecordingSource.from_npz(path).samples(0, 4, 100.0)
    np.testing.assert_allclose(acc, counts * 0.01)
    np.testing.assert_allclose(gyr, counts * 0.002)


def test_bad_files_are_named(tmp_path: Path) -> None:
    counts = np.zeros((4, 3), dtype=np.int16)
    (tmp_path / "text.npz").write_text("not a recording")
    (tmp_path / "empty.npz").write_bytes(b"")
    whole = _save(tmp_path / "whole.npz", acc=counts, fs=100.0, meta=META).read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    _save(tmp_path / "no_meta.npz", acc=counts, fs=100.0)
    _save(tmp_path / "no_scale.npz", acc=counts, fs=100.0, meta="{}")
    _save(tmp_path / "list.npz", acc=counts, fs=100.0, meta="[]")
    names = ["text", "empty", "cut", "no_meta", "no_scale", "list", "absent"]
    for name in names:
        with pytest.raises(InputFileError, match=rf"{name}\.npz"):
            RecordingSource.from_npz(tmp_path / f"{name}.npz")
