"""The report: each scenario, what was injected, what the observer outside saw."""

from typing import NamedTuple


class Row(NamedTuple):
    """A line of the report."""

    scenario: str
    injected: str
    seen: str


class Report:
    """Takes what the observer outside saw."""

    def __init__(self, rows: list[Row], scenario: str) -> None:
        self._rows = rows
        self._scenario = scenario

    def __call__(self, injected: str, seen: str) -> None:
        """Say what was injected and what was seen."""
        self._rows.append(Row(self._scenario, injected, seen))


def markdown(rows: list[Row]) -> str:
    """The rows as a table."""
    head = ["| scenario | injected | seen from outside |", "|---|---|---|"]
    return "\n".join(head + [f"| {row.scenario} | {row.injected} | {row.seen} |" for row in rows])
