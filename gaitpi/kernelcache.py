"""Where the compiled kernels lie, for those who must know it without loading numba."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

KERNELS: Final = Path(__file__).parent / "gait"


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


def compiled(directory: Path) -> list[Path]:
    """The index files of the kernels kept there: one for each that was compiled."""
    return sorted(directory.glob("**/*.nbi"))
