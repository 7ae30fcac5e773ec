"""A release of gaitpi: what is in a wheel, an archive of the sources, or a checkout.

Only files of known places come out of it, and nothing in it is run: a release is unpacked, not
built. Nothing but Python's own library, for it is read before anything is installed.
"""

import hashlib
import lzma
import re
import tarfile
import tomllib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath
from typing import Final

from gaitpi.errors import InputFileError

FILES_LIMIT: Final = 5_000
SIZE_LIMIT: Final = 64 * 1024 * 1024
"""Of everything together, bytes; a release has less than two megabytes."""
PACKAGE: Final = "gaitpi"
SYSTEM: Final = "systemd"
README: Final = "README.md"
_VERSION: Final = re.compile(r'^__version__\s*=\s*"([0-9][0-9A-Za-z.+!-]{0,40})"', re.MULTILINE)
_BROKEN: Final = (
    *(OSError, EOFError, ValueError, RuntimeError, NotImplementedError),
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)
"""What tarfile and zipfile raise on archives cut short, packed in an unknown way, or made up."""
"""What Python's readers raise on files that are cut short, packed in an unknown way, or made up."""
_EXTRA: Final = re.compile(r"""\s*;\s*extra\s*==\s*["']ble["']\s*$""")
_NAME: Final = re.compile(r"[A-Za-z0-9_.@-]{1,80}")


@dataclass(frozen=True, slots=True)
class Release:
    """``files`` by name: ``gaitpi/...`` is the package, ``systemd/...`` what the system gets.

    ``requires`` the packages it needs, as pip is told them, sorted; ``extras`` those of the radio,
    which it can do without.
    """

    version: str
    files: Mapping[str, bytes]
    requires: tuple[str, ...]
    extras: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Version and the first digits of a digest of everything in it."""
        text = hashlib.sha256()
        for name, data in sorted(self.files.items()):
            text.update(f"{name}\0{len(data)}\0".encode() + data)
        text.update("\n".join((*self.requires, *self.extras)).encode())
        return f"{self.version}-{text.hexdigest()[:10]}"


def read(path: Path) -> Release:
    """The release in a wheel, a (packed) tar or a folder. Raises InputFileError."""
    try:
        if path.is_dir():
            return _release(_of_folder(path), path)
        if zipfile.is_zipfile(path):
            return _release(_of_wheel(path), path)
        if tarfile.is_tarfile(path):
            return _release(_of_tar(path), path)
    except FileNotFoundError as error:
        raise InputFileError(f"There is no file {error.filename or path}.") from error
    except InputFileError:
        raise
    except _BROKEN as error:
        raise InputFileError(
            f"{path.name} cannot be read: {error}.", "Copy it again; it may be cut short."
        ) from error
    raise _foreign(path, "it is neither a wheel nor a tar")


def _foreign(path: Path, why: str) -> InputFileError:
    return InputFileError(
        f"{path.name} is no release of gaitpi: {why}.",
        "Give the wheel, or an archive made with: git archive -o gaitpi.tar.gz HEAD",
    )


def _wanted(name: str) -> bool:
    """Whether a file of that name belongs to what is installed."""
    parts = PurePosixPath(name).parts
    if not parts or any(not _NAME.fullmatch(p) or p in (".", "..") for p in parts):
        return False
    if name in (README, "pyproject.toml", "LICENSE"):
        return True
    if parts[0] == SYSTEM:
        return len(parts) == 2
    return parts[0] == PACKAGE and "__pycache__" not in parts and not name.endswith(".pyc")


class _Taken:
    """Files taken so far, within the limits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        self.files: dict[str, bytes] = {}

    def may(self, size: int) -> int:
        """How many bytes may be read of a file said to have ``size``."""
        self._size += size
        if self._size > SIZE_LIMIT or len(self.files) >= FILES_LIMIT:
            raise _foreign(self._path, "it is far too large")
        return size

    def add(self, name: str, data: bytes, size: int) -> None:
        if len(data) != size:
            raise _foreign(self._path, f"{name} is not as long as it says")
        self.files[name] = data


def _of_folder(path: Path) -> _Taken:
    taken = _Taken(path)
    for one in sorted(_files(path)):
        name = one.relative_to(path).as_posix()
        if _wanted(name) and one.is_file() and not one.is_symlink():
            data = one.read_bytes()
            taken.add(name, data, taken.may(len(data)))
    return taken


def _files(path: Path) -> Iterator[Path]:
    for name in (PACKAGE, SYSTEM):
        yield from (path / name).rglob("*")
    yield from (path / name for name in (README, "pyproject.toml", "LICENSE"))


def _of_tar(path: Path) -> _Taken:
    """``git archive``, with or without a folder around it, or an sdist."""
    taken = _Taken(path)
    with tarfile.open(path) as tar:
        for seen, member in enumerate(tar):
            if seen > 20 * FILES_LIMIT:
                raise _foreign(path, "it has far too many files")
            if not member.isfile():
                continue
            for name in _names(member.name):
                if _wanted(name) and name not in taken.files:
                    size = taken.may(member.size)
                    file = tar.extractfile(member)
                    data = file.read(size) if file else b""
                    taken.add(name, data, size)
    return taken


def _names(name: str) -> Iterator[str]:
    """A member's name without ``./``, or without the folder around it."""
    parts = PurePosixPath(name).parts
    plain = name.removeprefix("./")
    inner = "/".join(parts[1:])
    if plain.split("/")[0] in (PACKAGE, SYSTEM) or "/" not in plain:
        yield plain
    elif inner.split("/")[0] in (PACKAGE, SYSTEM) or inner in (README, "pyproject.toml"):
        yield inner


def _of_wheel(path: Path) -> _Taken:
    taken = _Taken(path)
    with zipfile.ZipFile(path) as wheel:
        for member in wheel.infolist():
            parts = PurePosixPath(member.filename).parts
            name = member.filename
            if len(parts) == 2 and parts[0].endswith(".dist-info") and parts[1] == "METADATA":
                name = "METADATA"
            elif len(parts) == 6 and parts[1:5] == ("data", "share", PACKAGE, SYSTEM):
                name = f"{SYSTEM}/{parts[5]}"
            elif len(parts) == 5 and parts[1:4] == ("data", "share", PACKAGE):
                name = parts[4]
            if member.is_dir() or not (name == "METADATA" or _wanted(name)):
                continue
            size = taken.may(member.file_size)
            with wheel.open(member) as file:
                taken.add(name, file.read(size + 1), size)
    return taken


def _release(taken: _Taken, path: Path) -> Release:
    """What the files are, if they are a whole release."""
    files = taken.files
    init = files.get(f"{PACKAGE}/__init__.py", b"").decode(errors="replace")
    version = _VERSION.search(init)
    if version is None:
        raise _foreign(path, "there is no gaitpi in it")
    if f"{SYSTEM}/gaitpi.service" not in files:
        raise _foreign(path, "the service's unit is missing")
    requires, extras = _requires(files, path)
    kept = {n: d for n, d in files.items() if n not in ("METADATA", "pyproject.toml", "LICENSE")}
    return Release(version[1], kept, requires, extras)


def _requires(files: Mapping[str, bytes], path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What it needs, and what the radio does."""
    if "METADATA" in files:
        head = HeaderParser().parsestr(files["METADATA"].decode(errors="replace"))
        needs = [str(one) for one in head.get_all("Requires-Dist", [])]
        found = [one for one in needs if "extra ==" not in one]
        ends = [_EXTRA.search(one) for one in needs]
        extras = [one[: e.start()] for one, e in zip(needs, ends, strict=True) if e is not None]
    else:
        try:
            project = tomllib.loads(files["pyproject.toml"].decode())["project"]
            found = [str(one) for one in project["dependencies"]]
            extras = [str(one) for one in project.get("optional-dependencies", {}).get("ble", [])]
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise _foreign(path, "it does not say what it needs") from error
    if not all(re.match(r"[A-Za-z0-9]", one) and len(one) < 200 for one in (*found, *extras)):
        raise _foreign(path, "it does not say properly what it needs")
    return tuple(sorted(map(_plain, found))), tuple(sorted(map(_plain, extras)))


def _plain(need: str) -> str:
    """A requirement written in one way: builders differ in quotes and spaces."""
    what, _, marker = need.replace("'", '"').partition(";")
    what = re.sub(r"[\s()]", "", what)
    name = re.match(r"[A-Za-z0-9_.-]*(\[[^\]]*\])?", what)
    at = name.end() if name else 0
    bounds = what[:at] + ",".join(sorted(what[at:].split(",")))
    return f"{bounds}; {' '.join(marker.split())}" if marker else bounds
