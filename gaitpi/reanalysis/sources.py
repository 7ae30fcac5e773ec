"""Which recordings are meant, and each as a task: no numpy.

What is wrong with a file is found here where that is quick: foreign, empty, newer, being recorded.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec import structs

from gaitpi.errors import GaitpiError, InputFileError, UsageError
from gaitpi.reanalysis.task import Kind, Parameters, Task
from gaitpi.runs.kind import is_run
from gaitpi.runs.reader import MAX_BYTES, RunReader, files_in, resolve
from gaitpi.runs.schema import SUFFIX

ALL: Final = "all"
"""Stands for every run in the folder of the runs."""
SEND_MAX: Final = 64 * 1024**2
"""Largest recording that is sent to a cluster, bytes: some ten hours."""
_PIECE: Final = 1024**2


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was asked for; ``shown`` as it is named to the reader, a run by its id."""

    path: Path
    shown: str


def find(names: Iterable[str], directory: Path) -> list[Source]:
    """The recordings meant by ``names``, each once, in the order of their file names.

    A name is a file, a folder (all run files in it and below; links to folders are not followed),
    "all", "last", an id or the beginning of one in ``directory``. Raises UsageError when one means
    nothing, RunFileError where this user may not look into a folder.
    """
    found: dict[Path, Source] = {}
    for name in names:
        for path in _meant(name, directory):
            real = path.resolve()  # by whichever of its names it was asked for
            found[real] = Source(real, real.name.removesuffix(SUFFIX))
    return sorted(found.values(), key=lambda source: (source.path.name, str(source.path)))


def _meant(name: str, directory: Path) -> list[Path]:
    if not name:
        raise UsageError("An empty PATH means nothing.", "'.' is this folder, 'all' all runs.")
    path = Path(name).expanduser()
    try:
        if name == ALL and not path.exists():
            if not (runs := list(_below(directory))):
                raise UsageError(
                    f"There is no run in {directory} yet.", "Record one with gaitpi run."
                )
            return runs
        if path.is_dir():
            if not (runs := list(_below(path))):
                raise UsageError(
                    f"There is no run in {path.absolute()}.", f"Run files end in {SUFFIX}."
                )
            return runs
        return [path] if path.exists() else [_resolved(directory, name)]
    except (OSError, ValueError) as error:
        if isinstance(error, GaitpiError):
            raise
        raise UsageError(f"{name!r} cannot be looked at: {error}.", "Check the path.") from error


def _resolved(directory: Path, name: str) -> Path:
    path = resolve(directory, name)
    if not path.exists():
        raise UsageError(f"There is no file {path}.", "Check the path.")
    return path


def _below(folder: Path) -> Iterator[Path]:
    """Run files in a folder and those below it; hidden ones are somebody's scratch."""
    files_in(folder)  # what may not be looked into is not empty
    for inside, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.endswith(SUFFIX) and not name.startswith("."):
                yield Path(inside) / name


def task_of(path: Path, parameters: Callable[[Kind], Parameters], code: str) -> Task:
    """A recording as a task to be done on this machine, with the ``parameters`` for its kind.

    Raises GaitpiError when it cannot be: it is damaged at first sight, or is still being recorded.
    """
    kind: Kind = "run" if is_run(path) else "csv"
    if kind == "run":
        with RunReader(path) as run:
            if run.going_on:
                raise InputFileError(
                    f"{path.name} is being recorded, or may be gone on with.",
                    "Reanalyse it when it has ended, or after the next restart of this machine.",
                )
    try:
        before = path.stat()
        if before.st_size > MAX_BYTES:
            raise InputFileError(f"{path.name} is larger than {MAX_BYTES // 1024**2} MiB.")
        sha256 = content_of(path)
    except OSError as error:
        raise InputFileError(
            f"{path.name} cannot be read: {error.strerror}.", "Check the path."
        ) from error
    return Task(
        file=path.name,
        kind=kind,
        sha256=sha256,
        parameters=parameters(kind),
        code=code,
        path=str(path.absolute()),
        size=before.st_size,
        changed_ns=before.st_mtime_ns,
    )


def content_of(path: Path) -> str:
    """The SHA-256 of a recording; with what half a commit left beside it. Raises OSError."""
    text = hashlib.sha256()
    for part in (path, *filter(None, [journal_of(path)])):
        with part.open("rb") as file:
            while piece := file.read(_PIECE):
                text.update(piece)
    return text.hexdigest()


def journal_of(path: Path) -> Path | None:
    """What SQLite left beside a run file that was cut off in a commit; None mostly."""
    journal = path.with_name(f"{path.name}-journal")
    try:
        return journal if journal.stat().st_size > 0 else None
    except OSError:
        return None


def packed(task: Task) -> Task:
    """The task with its recording in it, for a machine that does not see the file.

    Raises InputFileError when it is too large to be sent, or was changed since it was looked at.
    """
    assert task.path is not None
    path = Path(task.path)
    try:
        if path.stat().st_size > SEND_MAX:
            raise InputFileError(
                f"{path.name} is larger than {SEND_MAX // 1024**2} MiB: it is not sent to a"
                " cluster.",
                "Reanalyse it on this machine, without --scheduler.",
            )
        data = path.read_bytes()
        journal = journal_of(path)
        extra = None if journal is None else journal.read_bytes()
    except OSError as error:
        raise InputFileError(f"{path.name} cannot be read: {error.strerror}.") from error
    if hashlib.sha256(data + (extra or b"")).hexdigest() != task.sha256:
        raise changed(path.name)
    return structs.replace(task, path=None, size=None, changed_ns=None, data=data, journal=extra)


def changed(name: str) -> InputFileError:
    """That a file is another one than was looked at."""
    return InputFileError(f"{name} was changed while it was read.", "Reanalyse it once more.")
