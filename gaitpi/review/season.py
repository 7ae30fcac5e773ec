"""All runs as a dataset of Parquet files that DuckDB, Polars and Spark read as it is.

``DIR/<table>/year=2026/month=11/<id>.parquet``: the tables runs, steps, seconds and cues, by the
local day a run began. Each file is replaced at one stroke. The one of ``runs`` is written last and
says in its metadata what it was made of, so a run that has not changed is not read again, and one
whose export was cut off is exported anew. A run that cannot be read is told of and the next one is
taken. What is no longer among the runs stays in the dataset: it may have been deleted to make room.
"""

import contextlib
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gaitpi import tagfile
from gaitpi.errors import GaitpiError, UsageError
from gaitpi.review import parquet, tables
from gaitpi.review.outside import outside
from gaitpi.review.tables import CUES, RUNS, SECONDS, STEPS
from gaitpi.runs.reader import files_in
from gaitpi.runs.schema import SUFFIX
from gaitpi.runs.view import opened

FORMAT: Final = 1
"""Of the dataset. When it or a column changes, every run is written anew."""
PARTS: Final = (STEPS, SECONDS, CUES, RUNS)
"""In the order in which they are written."""
ENDING: Final = ".parquet"
_SCRATCH: Final = ".part"

Index = dict[tuple[str, str], list[Path]]
"""The dataset's files by table and run."""


@dataclass(slots=True)
class Season:
    """What an export did, as ids of runs, and problems in words.

    ``kept`` are as they were; those ``going_on`` are left for the next time.
    """

    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    going_on: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def export(runs: Path, target: Path) -> Season:
    """Bring ``target`` up to the runs in the folder ``runs``.

    Raises UsageError without pyarrow, or when ``target`` cannot be written at all; RunFileError
    when this user may not look into ``runs``.
    """
    parquet.arrow()
    files = files_in(runs)
    season = Season()
    _claim(target)
    tags = _tags(runs, season)
    index, beside = _index(target), _beside(runs)
    for path in sorted(files):
        name = path.name.removesuffix(SUFFIX)
        try:
            source = _source(name, beside.get(name.partition(".")[0], []), tags.of(name))
            _one(path, source, target, index, season)
        except GaitpiError as error:
            season.problems.append(str(error))
        except OSError as error:
            # a full card or a folder that may not be written stops every run alike
            reason = error.strerror or str(error)
            raise UsageError(
                f"{target} cannot be written: {reason}.",
                "What is there already is whole; call it again to go on.",
            ) from error
    return season


def _claim(target: Path) -> None:
    """Make the folder; refuse one that holds something else."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        strange = [p.name for p in target.iterdir() if p.name not in tables.TABLES]
    except OSError as error:
        raise UsageError(
            f"{target} cannot be a folder: {error.strerror}.", "Name another one."
        ) from error
    visible = [name for name in strange if not name.startswith(".")]
    if visible:
        raise UsageError(
            f"{target} holds other things already ({visible[0]}).", "Name an empty or a new folder."
        )


def _tags(runs: Path, season: Season) -> tagfile.Tags:
    try:
        return tagfile.load(tagfile.path_in(runs))
    except GaitpiError as error:
        season.problems.append(str(error))
        return tagfile.Tags()


def _index(target: Path) -> Index:
    """What is there already; what an export that was cut off left behind is removed."""
    index: Index = {}
    for table in PARTS:
        for file in (target / table.name).glob("year=*/month=*/*"):
            if file.suffix == _SCRATCH:
                with contextlib.suppress(OSError):
                    file.unlink()
            elif file.suffix == ENDING:
                index.setdefault((table.name, file.name.removesuffix(ENDING)), []).append(file)
    return index


def _beside(runs: Path) -> dict[str, list[Path]]:
    """The files of the folder by the beginning of their name: a run and what lies beside it."""
    found: dict[str, list[Path]] = {}
    for path in sorted(runs.glob("*")):
        found.setdefault(path.name.partition(".")[0], []).append(path)
    return found


def _source(name: str, beside: Sequence[Path], tags: Sequence[str]) -> dict[str, Any]:
    """What a run looks like from outside: sizes and times of its files, its tags; this format."""
    files = {}
    for path in beside:
        if path.name.startswith(f"{name}."):
            with contextlib.suppress(FileNotFoundError):
                found = path.stat()
                files[path.name.removeprefix(name)] = [found.st_size, found.st_mtime_ns]
    columns = zlib.crc32(repr([table.columns for table in PARTS]).encode())
    return {"format": FORMAT, "columns": columns, "tags": list(tags), "files": files}


def _one(path: Path, source: dict[str, Any], target: Path, index: Index, season: Season) -> None:
    name = path.name.removesuffix(SUFFIX)
    old = [index.get((table.name, name), []) for table in PARTS]
    if _same(old, source):
        season.kept.append(name)
        return
    with opened(path) as run:
        if run.going_on:
            season.going_on.append(name)
            return
        found = tables.beside(path)
        season.problems += [one for one in found.problems if one not in season.problems]
        # whatever is damaged shows before anything is replaced
        around = outside(run, found.imports)
        rows = {
            STEPS: list(tables.steps(run, around)),
            SECONDS: list(tables.seconds(run, around)),
            CUES: list(tables.cues(run)),
            RUNS: [tables.whole_run(run, around, found.tags)],
        }
        started = run.started
    where = Path(f"year={started.year}", f"month={started.month}")
    about = {"run_id": name, "source": source}
    for table, others in zip(PARTS, old, strict=True):
        file = target / table.name / where / f"{name}{ENDING}"
        with _replaced(file) as scratch:
            parquet.write(scratch, table, rows[table], about, {"run_id": name})
        for other in others:
            if other != file:  # its date was learned later
                other.unlink(missing_ok=True)
    season.written.append(name)


def _same(old: Sequence[Sequence[Path]], source: dict[str, Any]) -> bool:
    """Whether every table has its one file, all in one month, the run's made of just this."""
    if any(len(files) != 1 for files in old) or len({f[0].parent.parts[-2:] for f in old}) != 1:
        return False
    return bool(parquet.about_in(old[PARTS.index(RUNS)][0]).get("source") == source)


@contextlib.contextmanager
def _replaced(file: Path) -> Iterator[Path]:
    """A path to write to that takes the place of ``file`` when it is whole. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_name(f".{file.name}.{os.getpid()}{_SCRATCH}")  # no reader takes it for data
    try:
        yield scratch
        with scratch.open("rb+") as written:
            os.fsync(written.fileno())
        scratch.replace(file)
    finally:
        scratch.unlink(missing_ok=True)
