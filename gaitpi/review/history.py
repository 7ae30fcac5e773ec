"""The forms of a folder's runs, read once and kept beside them, so that a season is quick.

``forms.cache`` holds the form of every run that was read, each line behind its checksum, valid for
a file of that size and time and for this very code. It may be absent, damaged, deleted or not
writable: then runs are read again, which takes longer and gives the same.
"""

import contextlib
import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gaitpi import editfile, importfile, jsonlines
from gaitpi.errors import GaitpiError, RunFileError
from gaitpi.review.form import Block, Cell, Course, Form, read
from gaitpi.review.outside import imported
from gaitpi.runs.reader import RunReader, files_in
from gaitpi.runs.schema import SUFFIX
from gaitpi.runs.view import opened

NAME: Final = "forms.cache"
NEWEST: Final = 24
"""Runs that are read whole, the newest: enough for a usual. Of older ones only their header is."""
SEASON: Final = 100
"""The same for trends."""
COURSES: Final = 2
"""Runs whose minutes are kept too, the newest: they are what is looked at."""
_CODE: Final = (
    *("averages.py", "form.py", "history.py", "metrics.py", "outside.py", "quality.py"),
    *("steady.py", "uncertainty.py", "../ble/agreement.py", "../ble/readings.py"),
    *("../coach/ground.py", "../coach/slope.py", "../editfile.py", "../importfile.py"),
    *("../runs/header.py", "../runs/reader.py", "../runs/rows.py", "../runs/view.py"),
    "../units.py",
)
"""What a number of a form comes from, from here."""


class CacheError(GaitpiError, OSError):
    """The cache cannot be read or written: never told, since it is only slower then."""

    def __init__(self, found: str, todo: str = "") -> None:
        GaitpiError.__init__(self, found, todo)


_FILE: Final = jsonlines.Kind("the cache {path}", "a cache", CacheError)


class Kept(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One file. ``form`` as builtins with None for NaN; None when the file was not read whole.

    ``edits`` names what was trimmed of it (:mod:`gaitpi.runs.view`) and what was imported for it.
    ``blocks`` of the newest ones.
    """

    file: str
    size: int
    mtime_ns: int
    code: str
    started: datetime
    virtual: bool
    edits: int = 0
    form: dict[str, Any] | None = None
    blocks: list[tuple[int, int, dict[str, tuple[int, float, float]]]] | None = None


@dataclass(frozen=True, slots=True)
class History:
    """The newest runs of a folder, newest first.

    ``problems`` what is wrong with a file, by id; ``others`` how many older runs were not read;
    ``courses`` of the newest ones, by id.
    """

    forms: tuple[Form, ...]
    problems: Mapping[str, str]
    others: int = 0
    courses: Mapping[str, Course] = field(default_factory=dict)


@cache
def _code() -> str:
    """Names the code that made a form: another code, another form."""
    texts = [(Path(__file__).parent / name).read_bytes() for name in _CODE]
    return f"{zlib.crc32(b''.join(texts)):08x}"


def history(directory: Path, *, like: Form | None = None, newest: int = NEWEST) -> History:
    """The forms of the ``newest`` runs of a folder. A damaged file is named, not fatal.

    With ``like`` only that run and those before it that are real, or simulated, as it is. Raises
    RunFileError when this user may not look into the folder.
    """
    path = directory / NAME
    before = _load(path)
    found: dict[str, Kept] = {}
    passing: set[str] = set()
    problems: dict[str, str] = {}
    for file in files_in(directory):
        try:
            found[file.name], lasts = _begun(file, before.get(file.name))
        except RunFileError as error:
            problems[file.name.removesuffix(SUFFIX)] = str(error)
            continue
        if not lasts:
            passing.add(file.name)
    dated = sorted(found, key=lambda name: (found[name].started.timestamp(), name), reverse=True)
    if like is not None:
        key = like.virtual, like.started.timestamp()
        dated = [n for n in dated if _fits(found[n], *key)]
    forms: list[Form] = []
    courses: dict[str, Course] = {}
    for number, name in enumerate(dated[:newest]):
        form = _form_of(found[name])
        if form is not None and number < COURSES and (blocks := found[name].blocks) is not None:
            courses[form.run_id] = Course(form, tuple(map(_block, blocks)))
        elif number >= COURSES and found[name].blocks is not None and like is None:
            found[name] = replace(found[name], blocks=None)
        if form is None:
            try:
                with opened(directory / name) as run:
                    course = read(run, imported(directory / name))
            except RunFileError as error:
                problems[name.removesuffix(SUFFIX)] = str(error)
                passing.add(name)
                continue
            form = course.form
            found[name] = replace(found[name], form=_plain(msgspec.to_builtins(form)))
            if number < COURSES:
                courses[form.run_id] = course
                kept = [(b.minute, b.seconds, dict(b.cells)) for b in course.blocks]
                found[name] = replace(found[name], blocks=kept)
        forms.append(form)
    keep = {name: kept for name, kept in found.items() if name not in passing}
    if keep != before:
        _save(path, keep.values())
    return History(tuple(forms), problems, len(dated[newest:]), courses)


def known(directory: Path) -> dict[str, Form]:
    """The forms of a folder's runs by file name without its ending: of the newest, and all kept.

    What is not kept of an older run is not read: it has none here.
    """
    history(directory)
    kept = _load(directory / NAME).values()
    forms = {one.file.removesuffix(SUFFIX): _form_of(one) for one in kept}
    return {name: form for name, form in forms.items() if form is not None}


def _fits(kept: Kept, virtual: bool, until_s: float) -> bool:
    return kept.virtual == virtual and kept.started.timestamp() <= until_s


def _begun(file: Path, before: Kept | None) -> tuple[Kept, bool]:
    """A file as kept, or as its header has it; and whether that is worth keeping."""
    try:
        now = file.stat()
    except OSError as error:
        raise RunFileError(f"{file} cannot be read: {error.strerror}.") from error
    edits = _edits(file)
    if before and (before.size, before.mtime_ns) == (now.st_size, now.st_mtime_ns):
        # trimmed otherwise since: another form
        return before if before.edits == edits else _again(before, edits), True
    with RunReader(file) as run:
        kept = Kept(
            file=file.name,
            size=now.st_size,
            mtime_ns=now.st_mtime_ns,
            code=_code(),
            started=run.started,
            virtual=run.virtual,
            edits=edits,
        )
        return kept, not run.going_on


def _again(before: Kept, edits: int) -> Kept:
    """The same file, of which something else is kept now."""
    return replace(before, edits=edits, form=None, blocks=None)


def _block(kept: tuple[int, int, Mapping[str, tuple[int, float, float]]]) -> Block:
    minute, seconds, cells = kept
    return Block(minute, seconds, {key: Cell(*cell) for key, cell in cells.items()})


def _edits(file: Path) -> int:
    """Names what was trimmed of a run and imported for it; 0 where there is neither."""
    found = 0
    for beside in (editfile.path_of(file), importfile.path_of(file)):
        with contextlib.suppress(OSError):
            found = zlib.crc32(beside.read_bytes(), found)
    return found


def _plain(value: Any) -> Any:
    """NaN as None, at any depth."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _form_of(kept: Kept) -> Form | None:
    """The form that was kept; None where none was, or it is not one."""
    if kept.form is None:
        return None
    try:
        measures = {
            key: [math.nan if value is None else value for value in values]
            for key, values in kept.form["measures"].items()
        }
        facts = {
            key: math.nan if value is None else value for key, value in kept.form["facts"].items()
        }
        return msgspec.convert(kept.form | {"measures": measures, "facts": facts}, Form)
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError):
        return None


def _load(path: Path) -> dict[str, Kept]:
    """What is kept and was made by this code, by file name."""
    try:
        lines = _FILE.read(path)
    except CacheError:
        return {}
    found: list[Kept | None] = [jsonlines.unpack(line, Kept) for line in lines]
    return {one.file: one for one in found if one is not None and one.code == _code()}


def _save(path: Path, kept: Iterable[Kept]) -> None:
    """Write the cache anew; where that cannot be, nothing happens."""
    lines = [jsonlines.pack(one) for one in kept]
    while lines and sum(map(len, lines)) > jsonlines.SIZE_LIMIT:
        lines = lines[len(lines) // 2 :]
    with contextlib.suppress(CacheError):
        _FILE.replace(path, lines)
