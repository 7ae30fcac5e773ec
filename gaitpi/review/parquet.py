"""Tables as Parquet, by pyarrow (the optional extra ``parquet``), which is loaded only here.

Every column carries its unit, meaning and source as metadata, the file what run it is of. Times are
microseconds UTC and whole numbers have 64 bits, since Spark reads those. Rows go out in groups,
so that an hour of raw samples takes no more memory than a minute.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from gaitpi.errors import UsageError
from gaitpi.review.tables import RAW, Kind, Row, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROUP: Final = 65_536
"""Rows of a group: five minutes of raw samples."""
KEY: Final = b"gaitpi"
"""Of the JSON object in a file's metadata."""


def arrow() -> Any:
    """The module pyarrow, and pyarrow.parquet loaded. Raises UsageError where it is missing."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UsageError(
            "writing Parquet needs the package pyarrow.",
            "Install it: pip install 'gaitpi[parquet]'. CSV needs nothing.",
        ) from None
    return pyarrow


def schema(table: Table, about: Mapping[str, Any], first: Mapping[str, Kind] = {}) -> Any:
    """The Arrow schema of ``table``, with columns ``first`` before its own."""
    pa = arrow()
    kinds = {
        "real": pa.float64(),
        "whole": pa.int64(),
        "text": pa.string(),
        "truth": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
    }
    fields = [pa.field(name, kinds[kind]) for name, kind in first.items()]
    for column in table.columns:
        about_column = {
            k: v for k, v in column._asdict().items() if k not in ("name", "kind") and v
        }
        fields.append(pa.field(column.name, kinds[column.kind], metadata=about_column))
    text = json.dumps({"table": table.name, "row": table.row, **about})
    return pa.schema(fields, metadata={KEY: text})


def write(
    file: BinaryIO | Path,
    table: Table,
    rows: Iterable[Row],
    about: Mapping[str, Any],
    before: Mapping[str, str] = {},
) -> int:
    """Write ``rows`` with ``about`` as metadata; returns how many. Raises OSError.

    ``before`` are texts that stand in columns of their own before every row (the run's id).
    """
    pa = arrow()
    kinds = schema(table, about, dict.fromkeys(before, "text"))
    lead = tuple(before.values())
    n = 0
    with pa.parquet.ParquetWriter(file, kinds, compression="zstd") as out:
        for part in _groups(rows):
            columns = zip(*((*lead, *row) for row in part), strict=True)
            arrays = [pa.array(c, f.type) for c, f in zip(columns, kinds, strict=True)]
            out.write_table(pa.table(arrays, schema=kinds))
            n += len(part)
    return n


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    left = iter(rows)
    while part := list(itertools.islice(left, GROUP)):
        yield part


def write_raw(
    file: BinaryIO,
    blocks: "Iterable[tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]]",
    about: Mapping[str, Any],
) -> int:
    """Write raw blocks of (time_s, acc, gyr or None) as :data:`RAW`; returns how many samples.

    A group is put together from blocks of a second and then let go.
    """
    import numpy as np

    pa = arrow()
    kinds = schema(RAW, about)
    n = 0
    with pa.parquet.ParquetWriter(file, kinds, compression="zstd") as out:
        for part in _filled(blocks):
            samples = np.concatenate([_seven(*block) for block in part])
            columns = [pa.array(samples[:, k], from_pandas=True) for k in range(7)]
            out.write_table(pa.table(columns, schema=kinds))
            n += len(samples)
    return n


def _filled(blocks: Iterable[Any]) -> Iterator[list[Any]]:
    part, size = [], 0
    for block in blocks:
        part.append(block)
        size += len(block[0])
        if size >= GROUP:
            yield part
            part, size = [], 0
    if part:
        yield part


def _seven(time_s: "NDArray[Any]", acc: "NDArray[Any]", gyr: "NDArray[Any] | None") -> Any:
    import numpy as np

    turning = np.full_like(acc, np.nan) if gyr is None else gyr
    return np.column_stack([time_s, acc, turning])


def about_in(path: Path) -> dict[str, Any]:
    """What the metadata of a file of ours say; empty for any other, or a damaged one."""
    pa = arrow()
    try:
        found = json.loads((pa.parquet.read_schema(path).metadata or {}).get(KEY, b"{}"))
    except (OSError, ValueError, pa.ArrowException):
        return {}
    return found if isinstance(found, dict) else {}
