"""How far two machines' numbers are apart."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LIMIT: Final = 1e-9
"""Of a field's largest value: more than different roundings of libm leave, and 30,000 times less
than one count of a 16-bit sensor. What is no real number (steps, codes, NaN) must be the same."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Of a field's ``values``, how many ``differ``, the ``largest`` value (absolute) and the
    ``apart``: the largest difference. ``problem`` is "" where the machines agree."""

    values: int
    differ: int
    largest: float
    apart: float
    problem: str = ""

    def joined(self, other: "Difference") -> "Difference":
        """Of both together."""
        return Difference(
            self.values + other.values,
            self.differ + other.differ,
            max(self.largest, other.largest),
            max(self.apart, other.apart),
            self.problem or other.problem,
        )


def arrays(here: NDArray[Any], there: NDArray[Any]) -> Difference:
    """Compare two arrays of one field."""
    if here.dtype != there.dtype or here.shape != there.shape:
        kinds = f"{here.dtype}{here.shape} and {there.dtype}{there.shape}"
        return Difference(here.size, here.size, np.nan, np.nan, f"are {kinds}")
    if here.dtype.kind != "f":
        differ = int((here != there).sum())
        largest = float(np.abs(here.astype(float)).max(initial=0.0))
        apart = float(np.abs(here.astype(float) - there.astype(float)).max(initial=0.0))
        return Difference(here.size, differ, largest, apart, f"{differ} differ" if differ else "")
    # infinities too must be the same ones
    real = np.isfinite(here) & np.isfinite(there)
    odd = int((~real & ~((here == there) | (np.isnan(here) & np.isnan(there)))).sum())
    off = np.abs(here[real] - there[real])
    largest, apart = np.abs(here[real]).max(initial=0.0), off.max(initial=0.0)
    problem = f"{odd} are known on one machine only" if odd else ""
    if not problem and apart > LIMIT * largest:
        problem = f"are up to {apart:.1e} apart, of {largest:.3g}"
    return Difference(here.size, int((off > 0).sum()) + odd, float(largest), float(apart), problem)


def fields(
    here: Mapping[str, NDArray[Any]], there: Mapping[str, NDArray[Any]]
) -> dict[str, Difference]:
    """Compare every field of ``CASE.FIELD``, over all cases together."""
    if set(here) != set(there):
        raise ValueError(f"other fields: {sorted(set(here) ^ set(there))}")
    found: dict[str, Difference] = {}
    for key in here:
        name = key.partition(".")[2]
        one = arrays(here[key], there[key])
        found[name] = found[name].joined(one) if name in found else one
    return found


def texts(here: Any, there: Any, besides: Collection[str] = (), where: str = "") -> list[str]:
    """What differs between two values read from JSON, in words; not the keys ``besides``.

    Real numbers may be as far apart as ``LIMIT`` allows, everything else must be the same.
    """
    if isinstance(here, dict) and isinstance(there, dict) and set(here) == set(there):
        return [
            words
            for key in here
            if key not in besides
            for words in texts(here[key], there[key], besides, f"{where}.{key}")
        ]
    if isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        return [
            words
            for i, (a, b) in enumerate(zip(here, there, strict=True))
            for words in texts(a, b, besides, f"{where}[{i}]")
        ]
    if isinstance(here, float) and isinstance(there, float):
        same = abs(here - there) <= LIMIT * max(1.0, abs(here))
    else:
        same = type(here) is type(there) and here == there
    return [] if same else [f"{where or 'value'}: {here!r} here, {there!r} there"]
