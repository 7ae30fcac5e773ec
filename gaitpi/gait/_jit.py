"""The one place that touches numba.

Kernels are compiled once and cached on disk; ``NUMBA_DISABLE_JIT=1`` leaves them plain
Python with the same numbers. No fastmath: NaN must stay NaN.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import numba
from numba.core import event

from gaitpi.kernelcache import cache_directory, compiled

F = TypeVar("F", bound=Callable[..., Any])


def is_cached() -> bool:
    """Whether the kernels of this version have been compiled on this machine before."""
    disabled = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
    return disabled or bool(compiled(cache_directory()))


@contextlib.contextmanager
def compilations() -> Iterator[list[str]]:
    """Names of the kernels compiled within the ``with`` block; loading one is no compiling."""
    names: list[str] = []
    with event.install_recorder("numba:compile") as recorder:
        yield names
        names += [e.data["dispatcher"].py_func.__name__ for _, e in recorder.buffer if e.is_start]


numba.config.CACHE_DIR = str(cache_directory())  # type: ignore[attr-defined]


def kernel(fn: F) -> F:
    """Compile ``fn`` with numba (cached, IEEE arithmetic), keeping its type for checkers."""
    return cast(F, numba.njit(cache=True, error_model="numpy", fastmath=False)(fn))
