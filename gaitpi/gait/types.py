"""What the estimator gives: steps, traces, mountings."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

UNKNOWN: Final = 0
STILL: Final = 1
WALKING: Final = 2
RUNNING: Final = 3

STEP_DTYPE = np.dtype(
    [
        ("ic_s", np.float64),
        ("to_s", np.float64),
        ("contact_s", np.float64),
        ("flight_s", np.float64),
        ("step_s", np.float64),
        ("cadence_spm", np.float64),
        ("bounce_m", np.float64),
        ("impact_ms2", np.float64),
        ("side", np.int8),
        ("activity", np.uint8),
        ("lean_deg", np.float64),
        ("side_lean_deg", np.float64),
        ("known_s", np.float64),
        ("cadence_sd_spm", np.float64),
        ("contact_sd_s", np.float64),
        ("bounce_sd_m", np.float64),
        ("lean_sd_deg", np.float64),
    ]
)
"""One step, from its initial contact to the next one of the other foot.

``ic_s`` initial contact and ``to_s`` toe-off of the same foot, seconds; ``contact_s`` =
to_s - ic_s; ``step_s`` = next initial contact - ic_s; ``flight_s`` = step_s - contact_s;
``cadence_spm`` over the last (even number of) steps; ``bounce_m`` range of the vertical
displacement over the step; ``impact_ms2`` highest vertical acceleration during contact
(gravity taken off); ``side`` -1 left, +1 right, 0 unknown; ``activity`` the kind of its bout: 2
walking, 3 running (before the activity of the samples claims it);
``lean_deg``/``side_lean_deg`` mean over the step; ``known_s`` the time of the sample that
completed the knowledge of it. ``*_sd_*`` is the standard uncertainty of the value of that
name (docs/algorithms.md says what it covers and what not). What could not be known is NaN:
toe-off in walking; everything that needs the next contact in the last step of a bout.
"""

SAMPLE_FIELDS: Final = (
    "time_s",
    "up",
    "lean_deg",
    "side_lean_deg",
    "lean_sd_deg",
    "lean_from",
    "cadence_spm",
    "cadence_sd_spm",
    "yaw_rate",
    "activity",
)


V_UP: Final = 0
V_LEAN: Final = 3
V_SIDE_LEAN: Final = 4
V_LEAN_SD: Final = 5
V_CADENCE: Final = 6
V_CADENCE_SD: Final = 7
V_YAW: Final = 8
V_LEAN_FROM: Final = 9
V_ACTIVITY: Final = 10
VALUES: Final = 11
"""Rows of the estimates of samples as the kernel writes them: one array, so that a block of
four samples costs little more than its samples."""


class Trace:
    """Estimates of n samples and the steps that became known with them.

    ``time_s`` (n,) s; ``up`` (n, 3) unit vector pointing up in the sensor frame, NaN before the
    first sample with gravity; ``lean_deg``/``side_lean_deg`` (n,) forward and right positive,
    NaN until known and while too uncertain; ``lean_sd_deg`` (n,) standard uncertainty of either,
    given also while the lean itself is withheld, NaN without gyroscope; ``lean_from`` (n,) uint8
    what lean is measured from: 0 unknown, 1 the given mount, 2 the runner's own standing, 3 the
    runner's own mean in gait (so the lean is a change only); ``cadence_spm`` (n,) NaN when not
    stepping; ``cadence_sd_spm`` (n,) its standard uncertainty; ``yaw_rate`` (n,) rad/s about the
    vertical, positive to the left, NaN without gyroscope; ``activity`` (n,) uint8: 0 unknown,
    1 still, 2 walking, 3 running for long enough to be no flight of stairs; ``steps``
    structured array of ``STEP_DTYPE`` in order of time.
    """

    __slots__ = ("_codes", "_values", "steps", "time_s")

    def __init__(self, time_s: Floats, values: Floats, steps: NDArray[Any]) -> None:
        """``values`` (VALUES, n) with the rows named ``V_...``."""
        self.time_s = time_s
        self.steps = steps
        self._values = values
        self._codes: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.time_s)

    @property
    def values(self) -> Floats:
        """All estimates (VALUES, n), rows named ``V_...``: for kernels that go on from them."""
        return self._values

    @property
    def up(self) -> Floats:
        """Unit vector pointing up, (n, 3)."""
        out: Floats = self._values[V_UP : V_UP + 3].T
        return out

    @property
    def lean_deg(self) -> Floats:
        """Forward lean (n,), deg."""
        return self._row(V_LEAN)

    @property
    def side_lean_deg(self) -> Floats:
        """Lean to the right (n,), deg."""
        return self._row(V_SIDE_LEAN)

    @property
    def lean_sd_deg(self) -> Floats:
        """Standard uncertainty of both leans (n,), deg."""
        return self._row(V_LEAN_SD)

    @property
    def cadence_spm(self) -> Floats:
        """Steps per minute of both feet (n,)."""
        return self._row(V_CADENCE)

    @property
    def cadence_sd_spm(self) -> Floats:
        """Standard uncertainty of the cadence (n,), spm."""
        return self._row(V_CADENCE_SD)

    @property
    def yaw_rate(self) -> Floats:
        """Rate about the vertical (n,), rad/s."""
        return self._row(V_YAW)

    @property
    def lean_from(self) -> NDArray[np.uint8]:
        """What the lean is measured from, (n,)."""
        out: NDArray[np.uint8] = self._as_codes()[0]
        return out

    @property
    def activity(self) -> NDArray[np.uint8]:
        """What the runner does, (n,)."""
        out: NDArray[np.uint8] = self._as_codes()[1]
        return out

    def _row(self, k: int) -> Floats:
        out: Floats = self._values[k]
        return out

    def _as_codes(self) -> NDArray[np.uint8]:
        if self._codes is None:
            self._codes = self._values[V_LEAN_FROM:].astype(np.uint8)
        return self._codes

    @classmethod
    def join(cls, parts: "list[Trace]") -> Self:
        """Blocks of one stream, in order, as one trace."""
        return cls(
            np.concatenate([p.time_s for p in parts]),
            np.concatenate([p._values for p in parts], axis=1),
            np.concatenate([p.steps for p in parts]),
        )


@dataclass(frozen=True, slots=True)
class Start:
    """What is known of sensor and wearing before the first sample of a stream.

    ``gyro_bias`` (3,) rad/s and ``gyro_bias_sd`` the standard uncertainty of each component;
    ``up`` (3,) pointing up in the sensor frame while the runner stands upright and ``up_sd`` its
    uncertainty, rad; None = not known. ``stand_s`` when he stood so, s on the stream's clock (inf =
    it does not age); ``fixed``: measured on purpose, so no standing in the stream replaces it;
    ``front`` (3,) pointing forward in the sensor frame, measured: it is believed where gait agrees.
    Raises ValueError for numbers that cannot be.
    """

    gyro_bias: tuple[float, float, float] | None = None
    gyro_bias_sd: float = np.nan
    up: tuple[float, float, float] | None = None
    up_sd: float = np.nan
    stand_s: float = np.inf
    fixed: bool = False
    front: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        """Check that what is known are numbers, and that up is a direction."""
        if self.gyro_bias is not None:
            _check_known("gyro_bias", self.gyro_bias, self.gyro_bias_sd)
        for name, direction in (("up", self.up), ("front", self.front)):
            if direction is not None and not abs(np.linalg.norm(direction) - 1.0) <= 1e-6:
                raise ValueError(f"{name} must have length 1; found {direction}")
        if self.up is not None:
            _check_known("up", self.up, self.up_sd)
            if np.isnan(self.stand_s):
                raise ValueError("stand_s is not a number")


def _check_known(name: str, values: tuple[float, ...], sd: float) -> None:
    if len(values) != 3 or not np.isfinite(values).all():
        raise ValueError(f"{name} must be three numbers; found {values}")
    if not 0.0 < sd < np.inf:
        raise ValueError(f"{name}_sd must be positive; found {sd}")


@dataclass(frozen=True, slots=True)
class Mount:
    """Where the body's axes lie in the sensor: ``rotation @ v_sensor = v_body``.

    ``rotation`` (3, 3) proper orthonormal; body frame x forward, y left, z up when the runner
    stands upright. Raises ValueError when it is no rotation.
    """

    rotation: Floats

    def __post_init__(self) -> None:
        """Check that the matrix is a rotation."""
        r = np.asarray(self.rotation, dtype=np.float64)
        if r.shape != (3, 3) or not np.allclose(r @ r.T, np.eye(3), atol=1e-6):
            raise ValueError(f"a mount is a (3, 3) rotation matrix; found shape {r.shape}, {r}")
        if np.linalg.det(r) < 0:
            raise ValueError("this mount mirrors the sensor: one of its axes has the wrong sign")
        object.__setattr__(self, "rotation", r)

    @classmethod
    def from_axes(cls, text: str) -> Self:
        """Mount from the sensor axes that point forward, left and up, e.g. ``"x,y,z"``.

        Raises ValueError when the text names no three axes, one twice, or left-handed ones.
        """
        rows = []
        for name in text.replace(" ", "").split(","):
            if name.removeprefix("-") not in ("x", "y", "z"):
                raise ValueError(
                    f'axes are x, y or z, with a minus where reversed, like "x,-y,-z"; '
                    f"found {text!r}"
                )
            row = np.zeros(3)
            row["xyz".index(name[-1])] = -1.0 if name.startswith("-") else 1.0
            rows.append(row)
        return cls(np.array(rows))
