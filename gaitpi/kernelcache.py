"""Where the compiled kernels lie, for those who must know it without loading numba."""

import hashlib
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

KERNELS: Final = Path(__file__).parent / "gait"
FOLDERS: Final = (KERNELS.name, "device")
"""Where there are kernels: the estimator's call each other, the other one stands by itself."""
CPUINFO: Final = Path("/proc/cpuinfo")
_CPU: Final = ("model name", "flags", "Features", "CPU implementer", "CPU part", "CPU variant")
"""Lines of /proc/cpuinfo that decide what machine code is made."""


def cache_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Folder of the compiled kernels.

    Numba notices a change of a kernel's own file but not of the files it calls into, so the
    folder is named by the text of them all: no stale kernel can survive an update.
    """
    text = hashlib.sha256()
    for path in sorted(KERNELS.glob("*.py")):
        text.update(path.read_bytes())
    named = environ.get("NUMBA_CACHE_DIR") or environ.get("CACHE_DIRECTORY")
    base = environ.get("XDG_CACHE_HOME")
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    root = Path(named) if named else (Path(base) if base else home / ".cache") / "gaitpi"
    return root / f"kernels-{text.hexdigest()[:16]}"


def warm_mark(directory: Path, kernels: Path = KERNELS, cpuinfo: Path = CPUINFO) -> Path:
    """The file that says that all of ``kernels`` was compiled, by this numba and for this CPU.

    Numba tells its files apart by just that, so that a card that moves to another Pi, and another
    folder, are cold again.
    """
    from importlib import metadata

    try:
        lines = cpuinfo.read_text(errors="replace").partition("\n\n")[0].splitlines()
    except OSError:
        lines = []
    cpu = [line for line in lines if line.startswith(_CPU)]
    about = [metadata.version("numba"), sys.version, str(kernels), *cpu]
    return directory / f"warm-{hashlib.sha256(chr(0).join(about).encode()).hexdigest()[:16]}"


def adopt(directory: Path, old: Path, new: Path = KERNELS) -> bool:
    """Take over what was compiled of the same kernels when they lay in ``old``; whether it was.

    Numba keeps the kernels of each folder apart by its path. Where it should come to do so in
    another way, nothing is found, and they are compiled.
    """
    taken = [_adopt(directory, old.parent / name, new.parent / name) for name in FOLDERS]
    return any(taken)


def _adopt(directory: Path, old: Path, new: Path) -> bool:
    source, target = (directory / f"{p.name}_{_sha1(str(p))}" for p in (old, new))
    if not source.is_dir() or (target.is_dir() and any(target.iterdir())):
        return False
    scratch = target.with_name(f".{target.name}")
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(source, scratch)
    scratch.rename(target)
    return True


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def compiled(directory: Path) -> list[Path]:
    """The index files of the kernels kept there: one for each that was compiled."""
    return sorted(directory.glob("**/*.nbi"))
