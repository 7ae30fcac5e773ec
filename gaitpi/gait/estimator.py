"""The estimator: the only way in to the kernels, streaming or offline."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gaitpi.gait.kernel import block
from gaitpi.gait.params import GaitParams, coeffs
from gaitpi.gait.state import STATE, new_state
from gaitpi.gait.types import STEP_DTYPE, VALUES, Floats, Mount, Start, Trace

RATE_MIN_HZ = 25.0
RATE_MAX_HZ = 1200.0

_NO_STEPS = np.empty(0, STEP_DTYPE)


def _ready(values: ArrayLike) -> Floats:
    """Values as the kernel takes them, untouched where they are so already."""
    if type(values) is np.ndarray and values.dtype == np.float64 and values.flags.carray:
        return values
    # writeable as well: a read-only array would be another type to numba and compile anew
    return np.require(values, np.float64, ["C", "W"])


def _rows(name: str, values: ArrayLike) -> Floats:
    out = _ready(values)
    if out.ndim != 2 or out.shape[1] != 3:
        raise ValueError(f"{name} must have shape (n, 3); found {out.shape}")
    return out


class GaitEstimator:
    """Streaming estimate of attitude, activity, cadence, lean and steps.

    ``rate_hz`` the sample rate (25 to 1200 Hz); ``mount`` a :class:`Mount`, a (3, 3) rotation
    sensor to body, or None to learn it; ``params`` a :class:`GaitParams`; ``start`` what is known
    before the first sample (its upright counts only where the mount is learned). Whether there is a
    gyroscope is decided by the first block. Any cutting of the samples into blocks gives the
    same bits. Raises ValueError for shapes, rates and mounts that cannot be.
    """

    def __init__(
        self,
        rate_hz: float,
        mount: "Mount | ArrayLike | None" = None,
        params: GaitParams | None = None,
        start: Start | None = None,
    ) -> None:
        if not RATE_MIN_HZ <= rate_hz <= RATE_MAX_HZ:
            raise ValueError(
                f"a sample rate of {rate_hz:g} Hz cannot be used; "
                f"{RATE_MIN_HZ:g} to {RATE_MAX_HZ:g} Hz can"
            )
        self.rate_hz = float(rate_hz)
        self.params = params or GaitParams()
        self._coeffs = coeffs(self.params, self.rate_hz)
        self._state = new_state()
        self._count = 0
        self._gyro: bool | None = None
        self._steps = np.empty(0, STEP_DTYPE)
        self._index = np.empty(0, np.int64)
        if mount is not None:
            given = mount if isinstance(mount, Mount) else Mount(np.asarray(mount, np.float64))
            rec = self._state[0]
            rec["mount"][:] = given.rotation
            rec["zero"][:] = given.rotation[2]
            rec["lean_from"] = 1
            rec["axes_known"] = 1
        if start is not None:
            self._begin_from(start)

    def _begin_from(self, start: Start) -> None:
        rec = self._state[0]
        if start.gyro_bias is not None:
            rec["bias"][:] = start.gyro_bias
            for i in range(6, 9):
                rec["att_p"][i, i] = start.gyro_bias_sd**2
        if start.up is not None:
            rec["stand_up"][:] = start.up
            rec["stand_sd"] = start.up_sd
            rec["stand_t"] = start.stand_s
            rec["stand_fixed"] = start.fixed
        if start.front is not None:
            rec["front"][:] = start.front
            rec["front_given"] = 1

    def update(
        self, acc: ArrayLike, gyr: ArrayLike | None, time_s: ArrayLike | None = None
    ) -> Trace:
        """Take the next block and give its estimates.

        ``acc`` (n, 3) specific force m/s²; ``gyr`` (n, 3) rad/s, or None for accelerometer only
        (for the whole stream); ``time_s`` (n,) sample times in s, strictly increasing over the
        stream; None = equally spaced from 0. Where time jumps by more than a few samples a gap
        is taken as such. Rows that are not finite are skipped. Raises ValueError for shapes that
        do not fit and for a gyroscope that comes or goes within a stream.
        """
        a = _rows("acc", acc)
        n = len(a)
        if gyr is None:
            g = np.zeros((n, 3))
        else:
            g = _rows("gyr", gyr)
            if len(g) != n:
                raise ValueError(f"acc has {n} rows but gyr has {len(g)}")
        if self._gyro is None:
            self._gyro = gyr is not None
        elif self._gyro != (gyr is not None):
            raise ValueError("a stream has a gyroscope from its first block on, or never")
        if time_s is None:
            if len(self._index) != n:
                self._index = np.arange(n)
            t = (self._count + self._index) / self.rate_hz
        else:
            t = _ready(time_s)
            if t.shape != (n,):
                raise ValueError(f"time_s must have shape ({n},); found {t.shape}")
        self._count += n
        values = np.empty((VALUES, n))
        # no step is shorter than 0.15 s; a gap or a new bout can release those that waited
        room = 40 + int(8 * n / self.rate_hz)
        if len(self._steps) < room:
            self._steps = np.empty(room, STEP_DTYPE)
        k = block(self._coeffs, self._state, t, a, g, self._gyro, values, self._steps)
        return Trace(t, values, self._steps[:k].copy() if k else _NO_STEPS)

    @property
    def gyro_bias(self) -> Floats:
        """Gyro bias as estimated now, (3,) rad/s."""
        return np.array(self._state[0]["bias"])

    @property
    def known(self) -> Start:
        """What an estimator that begins anew on the same clock may start from: bias and standing.

        Only with a gyroscope; the standing is the last one, ``fixed`` as it was given.
        """
        rec = self._state[0]
        if not rec["has_gyro"] or not rec["att_known"]:
            return Start()
        bias_sd = float(np.sqrt(max(rec["att_p"][i, i] for i in range(6, 9))))
        bias = tuple(rec["bias"].tolist())
        front = tuple(rec["front"].tolist()) if rec["front_given"] else None
        if rec["stand_t"] == -np.inf or not rec["stand_sd"] > 0.0:
            return Start(bias, bias_sd, front=front)
        up = tuple(rec["stand_up"].tolist())
        stood, fixed = float(rec["stand_t"]), bool(rec["stand_fixed"])
        return Start(bias, bias_sd, up, float(rec["stand_sd"]), stood, fixed, front)

    @property
    def front_differs(self) -> bool:
        """Whether the front that was given is not that of gait: then there are no axes."""
        return bool(self._state[0]["front_differs"])

    @property
    def learned_mount(self) -> Mount | None:
        """The mounting in use, given or learned; None until known."""
        rec = self._state[0]
        return Mount(np.array(rec["mount"])) if rec["axes_known"] else None

    @property
    def skipped(self) -> int:
        """Samples left out because they were not finite or not later than the one before."""
        return int(self._state[0]["skipped"])

    def state(self) -> dict[str, Any]:
        """Everything needed to go on later: plain values and one copied structured array."""
        return {
            "rate_hz": self.rate_hz,
            "params": self.params,
            "count": self._count,
            "gyro": self._gyro,
            "state": self._state.copy(),
        }

    @classmethod
    def restore(cls, state: dict[str, Any]) -> Self:
        """An estimator that goes on exactly where ``state`` was taken."""
        est = cls(state["rate_hz"], params=state["params"])
        saved: NDArray[Any] = state["state"]
        if saved.dtype != STATE:
            raise ValueError("this estimator state was saved by another version of gaitpi")
        est._state = saved.copy()
        est._count = state["count"]
        est._gyro = state["gyro"]
        return est


def estimate(
    acc: ArrayLike,
    gyr: ArrayLike | None,
    rate_hz: float,
    *,
    mount: "Mount | ArrayLike | None" = None,
    params: GaitParams | None = None,
    time_s: ArrayLike | None = None,
) -> Trace:
    """Run the streaming estimator over a whole recording (same kernel, same bits).

    Arguments as for :class:`GaitEstimator` and its ``update``. Steps still open at the end are
    not reported: the device would not know them either.
    """
    return GaitEstimator(rate_hz, mount, params).update(acc, gyr, time_s)
