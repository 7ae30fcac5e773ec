"""docs/files.md: its columns are those that are written, its queries run as they stand."""

import re
from pathlib import Path
from typing import Any

import pytest

from calibration.export import markdown
from gaitpi.config import CoachConfig
from gaitpi.review import fitexport, fitprofile, outside, season, tables
from tests.runs import sample

TEXT = (Path(__file__).parents[2] / "docs" / "files.md").read_text()


@pytest.mark.parametrize("name", tables.TABLES)
def test_columns_are_those_that_are_written(name: str) -> None:
    assert "\n".join(markdown(tables.TABLES[name])) in TEXT


def test_fields_of_a_record_are_those_that_are_written() -> None:
    table = TEXT.partition("| field of a record |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", "".join(row.split("|")[1] for row in table.split("\n")[2:])))
    assert named == {field.name for field in fitprofile.RECORD.fields} - {"timestamp"}
    assert f"{fitexport.BALANCE_S:.0f} s either way" in table
    assert f"{fitexport.BALANCE_STEPS} steps or more" in table
    assert f"{outside.SPEED_S:.0f} s either way" in table


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def my_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A season of three real runs and a simulated one."""
    pytest.importorskip("pyarrow")
    home = tmp_path_factory.mktemp("docs")
    runs = home / "runs"
    runs.mkdir()
    for k, virtual in enumerate((False, False, False, True)):
        sample.write_run(
            runs / f"2026112{k}-170200-0000-000001.gaitpi",
            seconds=[
                sample.second(float(s), cadence_spm=165.0 + k, lean_deg=4.0 + k) for s in range(100)
            ],
            cues=[sample.cue(20.0), sample.cue(60.0)],
            samples=sample.counts(208 * 100),
            coach=CoachConfig(target_spm=172.0),
            virtual=virtual,
            wall_s=sample.WALL_S + 7 * 86_400.0 * k,
        )
    assert len(season.export(runs, home / "my-runs").written) == 4
    return home


def _duckdb(query: str) -> list[dict[str, Any]]:
    duckdb = pytest.importorskip("duckdb")
    found = duckdb.sql(query)
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def test_every_query_runs_in_duckdb(my_runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(my_runs)
    months, weeks, feet = (_duckdb(query) for query in blocks("sql"))
    assert [(m["year"], m["month"], m["runs"], m["cadence_spm"]) for m in months] == [
        (2026, 11, 2, 171.4),
        (2026, 12, 1, 171.4),
    ]
    assert [(w["cues"], w["answered"]) for w in weeks] == [(2, 0.0)] * 3
    assert {(f["side"], f["minute"]) for f in feet} == {("right", k) for k in range(3)}
    assert sum(f["steps"] for f in feet) == 200


def test_the_polars_example_runs(
    my_runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("polars")
    monkeypatch.chdir(my_runs)
    (code,) = blocks("python")
    names: dict[str, Any] = {}
    exec(code, names)
    rows = names["lean"].to_dicts()
    assert [(row["lean_deg"], row["cadence_spm"]) for row in rows] == [
        (4.0 + k, 165.0 + k) for k in range(3)
    ]
    assert "lean_deg" in capsys.readouterr().out


def test_types_are_those_that_spark_reads(my_runs: Path) -> None:
    pq: Any = pytest.importorskip("pyarrow.parquet")
    for file in (my_runs / "my-runs").rglob("*.parquet"):
        parquet = pq.ParquetFile(file)
        columns = [parquet.schema.column(k) for k in range(len(parquet.schema.names))]
        assert {c.physical_type for c in columns} <= {"DOUBLE", "INT64", "BYTE_ARRAY", "BOOLEAN"}
        for column in columns:
            if "imestamp" in str(column.logical_type):
                assert "timeUnit=microseconds" in str(column.logical_type)
                assert "isAdjustedToUTC=true" in str(column.logical_type)
            assert not set(column.name) & set(" ,;{}()\n\t=")
