"""Tables as CSV: a line of names, then a row a line; an empty field is not known."""

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from typing import BinaryIO

from gaitpi.plaintext import FORMULA
from gaitpi.review.tables import Cell, Row, Table


def cell(value: Cell) -> str:
    """A field: numbers with every digit, true and false in small letters, times in ISO 8601.

    Text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, str):
        return f"'{value}" if value[:1] in FORMULA else value
    return repr(value)


def write(file: BinaryIO, table: Table, rows: Iterable[Row]) -> int:
    """Write ``rows`` under the names of ``table``; returns how many. Raises OSError."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(table.names)
        n = 0
        for row in rows:
            writer.writerow([cell(value) for value in row])
            n += 1
        text.flush()
    finally:
        text.detach()  # the file is its owner's to close
    return n
