"""Backup and restore: runs, journals and the configuration in one archive.

A zip file with a manifest of names, sizes and SHA-256 digests. What comes back in is untrusted:
every name, size and digest is checked before the first file is written, a file that differs is
never replaced unasked, and each is written at one stroke. No numpy.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Literal

import msgspec

from gaitpi import __version__, jsonlines
from gaitpi.errors import ConfigError, GaitpiError, InputFileError, UsageError
from gaitpi.journal import store
from gaitpi.runs.schema import SUFFIX

FORMAT: Final = "gaitpi-backup"
FORMAT_VERSION: Final = 1
MANIFEST: Final = "manifest.json"
CONFIG: Final = "config.toml"
RUNS: Final = "runs/"
JOURNAL: Final = ".jsonl"
DIARY: Final = store.NAME
"""The runner's own journal: a database, as the runs are."""

MANIFEST_LIMIT: Final = 8 * 1024 * 1024
FILES_LIMIT: Final = 20_000
FILE_LIMIT: Final = 2 * 1024**3
"""Bytes of one run: more than a week at 9 MB an hour."""
SMALL_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of a journal."""
CONFIG_LIMIT: Final = 64 * 1024
KEEP_FREE: Final = 64 * 1024 * 1024
"""Bytes that a restoration leaves for the run that is being recorded."""
_CHUNK: Final = 1 << 20
_SIDE: Final = "-journal"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_BROKEN: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What zipfile raises on archives that are cut short, packed in an unknown way, or made up."""

Fate = Literal["new", "same", "grown", "differs", "replaced"]
"""Of a file in a backup: not there yet; there, the same; there, with more lines at its end; there,
different; different, and replaced."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of a backup: ``name`` in it, ``size`` in bytes, ``sha256`` of its content in hex."""

    name: str
    size: int
    sha256: str


@dataclass(slots=True)
class Backup:
    """What was put into one: the files, and ``remarks`` in words about some of them."""

    files: list[Kept] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def count(self, suffix: str) -> int:
        """How many files have this ending."""
        return sum(one.name.endswith(suffix) for one in self.files)


def known(name: str) -> bool:
    """Whether a file of this name may be in the folder of the runs and in a backup."""
    return bool(_NAME.fullmatch(name)) and (name.endswith((SUFFIX, JOURNAL)) or name == DIARY)


def _is_database(path: Path) -> bool:
    return path.suffix == SUFFIX or path.name == DIARY


# ---------------------------------------------------------------------- out


def backup(target: Path, runs: Path, config: Path, *, overwrite: bool = False) -> Backup:
    """Write everything known in ``runs``, and ``config``, into the archive ``target``.

    Runs are copied as they are at one moment, also while one is being recorded. The archive
    appears under its name when it is whole and synced. Raises GaitpiError.
    """
    if target.exists() and not overwrite:
        raise UsageError(f"{target} is there already.", "Choose another name, or add --overwrite.")
    made = Backup()
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with scratch.open("wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                for path in _known_files(runs):
                    _put(archive, RUNS + path.name, path, made, scratch.parent)
                if config.is_file():
                    _put(archive, CONFIG, config, made, scratch.parent)
                archive.writestr(zipfile.ZipInfo(MANIFEST, _NO_TIME), _manifest_text(made))
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(target)
        _sync(target.parent)
    except OSError as error:
        why = error.strerror or error
        raise GaitpiError(
            f"{target} cannot be written: {why}.", "Nothing is changed; try another place."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
    return made


def _known_files(runs: Path) -> list[Path]:
    if not runs.is_dir():
        return []
    return sorted(p for p in runs.iterdir() if known(p.name) and p.is_file() and not p.is_symlink())


def _manifest_text(made: Backup) -> str:
    files = [{"name": k.name, "size": k.size, "sha256": k.sha256} for k in made.files]
    about = {"format": FORMAT, "version": FORMAT_VERSION, "gaitpi": __version__, "files": files}
    return json.dumps(about, indent=1)


def _put(archive: zipfile.ZipFile, name: str, path: Path, made: Backup, scratch: Path) -> None:
    """One file into the archive, with its digest; one that cannot be read is told of."""
    try:
        with _settled(path, made, scratch) as source:
            digest, size = hashlib.sha256(), 0
            with archive.open(zipfile.ZipInfo(name, _NO_TIME), "w", force_zip64=True) as out:
                while part := source.read(_CHUNK):
                    digest.update(part)
                    size += len(part)
                    out.write(part)
    except PermissionError:
        made.remarks.append(f"{path.name} may not be read and is left out: try sudo.")
        return
    made.files.append(Kept(name, size, digest.hexdigest()))


_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)
"""The content says when it was; the same runs make the same archive."""


@contextlib.contextmanager
def _settled(path: Path, made: Backup, scratch: Path) -> Iterator[IO[bytes]]:
    """The content of ``path`` as it is at one moment."""
    side = path.with_name(path.name + _SIDE)
    if not _is_database(path) or not side.exists():
        with _shared(path), path.open("rb") as file:
            yield file
        return
    # being recorded, or cut short: SQLite alone knows what of it counts
    with tempfile.TemporaryDirectory(dir=scratch, prefix=".gaitpi-backup-") as folder:
        copy = Path(folder) / path.name
        try:
            try:
                _copy_live(path, copy)
            except sqlite3.OperationalError:
                _copy_cut(path, side, copy)
        except sqlite3.Error as error:
            made.remarks.append(f"{path.name} is damaged ({error}); it is kept as it is.")
            shutil.copyfile(path, copy)
        else:
            if path.suffix == SUFFIX:
                made.remarks.append(f"{path.name} is not finished: what was recorded is in it.")
        with copy.open("rb") as file:
            yield file


@contextlib.contextmanager
def _shared(path: Path) -> Iterator[None]:
    """Meanwhile nobody changes the run: SQLite's own lock, where it is a run at all."""
    with contextlib.ExitStack() as held:
        if _is_database(path):
            uri = f"{path.absolute().as_uri()}?mode=ro"
            with contextlib.suppress(sqlite3.Error):
                db = sqlite3.connect(uri, uri=True, timeout=10.0, isolation_level=None)
                held.callback(db.close)
                db.execute("BEGIN")
                db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _copy_live(path: Path, copy: Path) -> None:
    """By SQLite's own backup, beside whoever writes it."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with (
        contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10.0)) as source,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)


def _copy_cut(path: Path, side: Path, copy: Path) -> None:
    """A power cut left it half written: SQLite takes the half back in a copy."""
    for suffix in ("", _SIDE):
        copy.with_name(copy.name + suffix).unlink(missing_ok=True)
    shutil.copyfile(path, copy)
    shutil.copyfile(side, copy.with_name(copy.name + _SIDE))
    with contextlib.closing(sqlite3.connect(copy)) as db:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()


# ---------------------------------------------------------------------- in


class Restore:
    """An archive that was found to be whole and harmless. Raises InputFileError.

    ``config`` is the text of the configuration in it, None where there is none. ``damaged`` has
    the lines of each journal that are none of ours, where there are any; ``foreign`` the names of
    those without a single line of ours, which are no journals and not among the ``files``.
    ``salvage`` leaves out files whose content is damaged, and has their names in ``spoilt``: an old
    stick may be all that is left.
    """

    def __init__(self, path: Path, *, salvage: bool = False) -> None:
        self.path = path
        self._archive = self._opened(path)
        try:
            self.files = self._listed()
            self.spoilt = [one.name for one in self.files if not self._is_whole(one)]
            if self.spoilt and not salvage:
                others = len(self.files) - len(self.spoilt)
                raise InputFileError(
                    f"{path.name} cannot be restored: {self.spoilt[0]} in it is damaged.",
                    f"Nothing was written. --salvage takes the {others} files that are whole."
                    if others
                    else "Nothing was written.",
                )
            self.files = [one for one in self.files if one.name not in self.spoilt]
            self.damaged: dict[str, int] = {}
            self.foreign: list[str] = []
            self._diary: store.Journal | None = None
            for one in self.files:
                if one.name.endswith(JOURNAL):
                    self._look_into(one)
                elif one.name == RUNS + DIARY:
                    self._read_diary(one)
            self.files = [one for one in self.files if one.name not in self.foreign]
            self.config = self._text() if any(k.name == CONFIG for k in self.files) else None
        except BaseException:
            self._archive.close()
            raise

    def close(self) -> None:
        """Close the archive."""
        self._archive.close()

    def _opened(self, path: Path) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(path)
        except FileNotFoundError as error:
            raise InputFileError(f"There is no file {path}.") from error
        except (*_BROKEN, OSError, ValueError) as error:
            raise self._foreign("it is no zip file, or it is cut short") from error

    def _foreign(self, why: str) -> InputFileError:
        return InputFileError(
            f"{self.path.name} cannot be restored: {why}.", "Nothing was written."
        )

    def _listed(self) -> list[Kept]:
        """The manifest, which must name every file of the archive, and no other."""
        members = self._archive.infolist()
        names = [member.filename for member in members]
        if MANIFEST not in names:
            raise self._foreign("it is no backup of gaitpi")
        if len(names) > FILES_LIMIT or len(set(names)) != len(names):
            raise self._foreign("it names files twice, or too many")
        try:
            found = json.loads(self._read(MANIFEST, MANIFEST_LIMIT))
            if found["format"] != FORMAT:
                raise self._foreign("it is no backup of gaitpi")
            if type(found["version"]) is not int or found["version"] > FORMAT_VERSION:
                raise self._foreign("a newer gaitpi made it; update this one")
            files = [Kept(f["name"], f["size"], f["sha256"]) for f in found["files"]]
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            if isinstance(error, InputFileError):
                raise
            raise self._foreign("its manifest makes no sense") from error
        for one in files:
            self._allowed(one)
        if sorted(one.name for one in files) != sorted(set(names) - {MANIFEST}):
            raise self._foreign("its manifest names other files than are in it")
        return files

    def _allowed(self, one: Kept) -> None:
        """Only names that gaitpi gives, of a size they may have."""
        name = one.name if isinstance(one.name, str) else ""
        inner = name.removeprefix(RUNS)
        if name != CONFIG and not (name.startswith(RUNS) and known(inner)):
            raise self._foreign(f"{name[:60]!r} does not belong into a backup")
        limit = {CONFIG: CONFIG_LIMIT, RUNS + DIARY: store.MAX_BYTES}.get(
            name, FILE_LIMIT if name.endswith(SUFFIX) else SMALL_LIMIT
        )
        if type(one.size) is not int or not 0 <= one.size <= limit:
            raise self._foreign(f"{name} would be far too large")
        if not isinstance(one.sha256, str) or not re.fullmatch(r"[0-9a-f]{64}", one.sha256):
            raise self._foreign("its manifest makes no sense")
        info = self._archive.NameToInfo.get(name)
        if info is not None and (info.external_attr >> 28) not in (0, 0o10):
            raise self._foreign(f"{name} is no ordinary file in it")

    def _read(self, name: str, limit: int) -> bytes:
        try:
            with self._archive.open(name) as file:
                data = file.read(limit + 1)
        except (*_BROKEN, OSError, ValueError) as error:
            raise self._foreign(f"{name} in it is damaged") from error
        if len(data) > limit:
            raise self._foreign(f"{name} would be far too large")
        return data

    def _parts(self, one: Kept) -> Iterator[bytes]:
        """The content, never more than it is said to be."""
        left = one.size + 1
        try:
            with self._archive.open(one.name) as file:
                while left > 0 and (part := file.read(min(_CHUNK, left))):
                    left -= len(part)
                    yield part
        except (*_BROKEN, OSError, ValueError) as error:
            raise self._foreign(f"{one.name} in it is damaged") from error

    def _is_whole(self, one: Kept) -> bool:
        digest, size = hashlib.sha256(), 0
        try:
            for part in self._parts(one):
                digest.update(part)
                size += len(part)
        except InputFileError:
            return False
        return size == one.size and digest.hexdigest() == one.sha256

    def _look_into(self, one: Kept) -> None:
        """Whether it is a journal: a torn line may be in it, but lines of ours must be."""
        ours = damaged = 0
        for line in self._lines(one):
            if jsonlines.unpack(line, dict[str, msgspec.Raw]) is not None:
                ours += 1
            else:
                damaged += 1
        if damaged and not ours:
            self.foreign.append(one.name)
        elif damaged:
            self.damaged[one.name] = damaged

    def _read_diary(self, one: Kept) -> None:
        """The runner's own journal in it: read in a copy, which must be one."""
        with tempfile.TemporaryDirectory(prefix="gaitpi-") as folder:
            copy = Path(folder) / DIARY
            copy.write_bytes(b"".join(self._parts(one)))
            try:
                self._diary = store.load(copy)
            except GaitpiError:
                self.foreign.append(one.name)
                return
        if self._diary.damaged:
            self.damaged[one.name] = self._diary.damaged

    def _has_grown(self, path: Path) -> bool:
        """Whether the runner's own journal at ``path`` has all rows of the one in it, and more."""
        if self._diary is None:
            return False
        with contextlib.suppress(GaitpiError):
            rows = store.load(path).rows
            return rows[: len(self._diary.rows)] == self._diary.rows
        return False

    def _lines(self, one: Kept) -> Iterator[bytes]:
        """The lines that are not empty; one that is longer than a journal may be, in pieces."""
        rest = b""
        for part in self._parts(one):
            *lines, rest = (rest + part).split(b"\n")
            yield from filter(None, lines)
            if len(rest) > jsonlines.SIZE_LIMIT:
                yield rest
                rest = b""
        if rest:
            yield rest

    def _text(self) -> str:
        try:
            return self._read(CONFIG, CONFIG_LIMIT).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise self._foreign("the configuration in it is no text") from error

    def fates(self, runs: Path, config: Path) -> dict[str, Fate]:
        """What would become of each file, by its name in the archive. Raises GaitpiError."""
        return {one.name: self._fate(one, self._where(one, runs, config)) for one in self.files}

    @staticmethod
    def _where(one: Kept, runs: Path, config: Path) -> Path:
        return config if one.name == CONFIG else runs / one.name.removeprefix(RUNS)

    def _fate(self, one: Kept, path: Path) -> Fate:
        if not os.path.lexists(path):
            return "new"
        try:
            if path.is_symlink() or not path.is_file():
                return "differs"
            size = path.stat().st_size
            if size >= one.size and _digest(path, one.size) == one.sha256:
                if size == one.size:
                    return "same"
                if one.name.endswith(JOURNAL):
                    return "grown"
        except OSError as error:
            raise GaitpiError(f"{path} cannot be read: {error.strerror}.", "Try sudo.") from error
        return "grown" if one.name == RUNS + DIARY and self._has_grown(path) else "differs"

    def write(
        self,
        runs: Path,
        config: Path,
        *,
        overwrite: bool = False,
        said: Callable[[str], None] = lambda _text: None,
    ) -> dict[str, Fate]:
        """Put back what is not there; with ``overwrite`` also what differs. What became of each.

        Raises GaitpiError.
        """
        fates = self.fates(runs, config)
        due = [
            k for k in self.files if fates[k.name] == "new" or _replaces(fates[k.name], overwrite)
        ]
        self._room(sum(one.size for one in due), runs)
        for one in due:
            path = self._where(one, runs, config)
            if fates[one.name] == "differs":
                if _has_content(path.with_name(path.name + _SIDE)):
                    said(f"{path.name} is being recorded or was cut short: left alone.")
                    continue
                fates[one.name] = "replaced"
            try:
                self._place(one, path, replace=fates[one.name] == "replaced")
            except FileExistsError:
                fates[one.name] = "differs"  # somebody was quicker
            except OSError as error:
                raise GaitpiError(
                    f"{path} cannot be written: {error.strerror or error}.",
                    "What was written before is whole; do it again when that is put right.",
                ) from error
        return fates

    def _room(self, size: int, runs: Path) -> None:
        there = next(path for path in (runs, *runs.absolute().parents) if path.exists())
        free = shutil.disk_usage(there).free
        if size and size + KEEP_FREE > free:
            raise GaitpiError(
                f"{size / 1e6:.0f} MB are to be written, {free / 1e6:.0f} MB are free.",
                "Nothing was written.",
            )

    def _place(self, one: Kept, path: Path, *, replace: bool) -> None:
        """One file, at one stroke, owned by whoever owns its folder."""
        path.parent.mkdir(parents=True, exist_ok=True)
        owner = path.parent.stat()
        scratch = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with scratch.open("xb") as file:
                for part in self._parts(one):
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
                if os.geteuid() == 0:
                    os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
                    os.fchmod(file.fileno(), 0o660 if known(path.name) else 0o644)
            if replace or not _linked(scratch, path):
                scratch.replace(path)
        finally:
            with contextlib.suppress(OSError):
                scratch.unlink(missing_ok=True)
        _sync(path.parent)


def check_config(text: str) -> str:
    """Why this gaitpi cannot use the configuration ``text``; empty when it can."""
    from gaitpi import config

    try:
        config.build(config.parse(text, "the backup"), "the backup", text)
    except ConfigError as error:
        return str(error)
    return ""


def _linked(scratch: Path, path: Path) -> bool:
    """Give it its name, which nobody may have; False where the card knows no links (FAT).

    Raises FileExistsError.
    """
    try:
        os.link(scratch, path)
    except FileExistsError:
        raise
    except OSError:
        if os.path.lexists(path):
            raise FileExistsError(path) from None
        return False
    return True


def _replaces(fate: Fate, overwrite: bool) -> bool:
    return overwrite and fate == "differs"


def _digest(path: Path, size: int) -> str:
    """SHA-256 of the first ``size`` bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while size > 0 and (part := file.read(min(_CHUNK, size))):
            digest.update(part)
            size -= len(part)
    return digest.hexdigest()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
