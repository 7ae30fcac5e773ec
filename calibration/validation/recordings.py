"""Recordings with truth, from the folder of them or, where it is absent, from the simulator.

A recording is one ``.npz``: int16 ``acc`` and ``gyr`` with their scale in ``meta``, the rate
``fs`` and whatever truth there is. A simulated one has the same fields in the same units.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibration.validation.metrics import Floats
from gaitpi.gait import Trace, estimate
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.units import G0, RAD_PER_DEG

ALCANTARA: Final = "alcantara_sacrum"
RBDS: Final = "rbds_semisynthetic"
ADEPT: Final = "adept_outdoor_run"
SISFALL: Final = "sisfall_waist"
IPOL: Final = "ipol_lowback_walk"
BROAD: Final = "broad"
REPOIMU: Final = "repoimu_tstick"
STATIC: Final = "mpu6050_static"

NAMES: Final = {
    ALCANTARA: "alcantara",
    RBDS: "rbds",
    ADEPT: "adept",
    SISFALL: "sisfall",
    IPOL: "ipol",
    BROAD: "broad",
    REPOIMU: "repoimu",
    STATIC: "static",
}
"""Folder -> what the tables call it."""

FORWARD: Final[dict[str, tuple[float, float, float]]] = {
    RBDS: (1.0, 0.0, 0.0),
    SISFALL: (0.0, 0.0, 1.0),
    IPOL: (0.0, 0.0, -1.0),
}
"""Where the wearer's front lies in the sensor as these data sets describe their mounting, in
standing; a belt may sit askew by some degrees."""

JOGGING: Final = ("D03", "D04")
NEITHER: Final = ("F05",)
"""A fall while jogging: neither running nor not."""


@dataclass
class Recording:
    """``acc`` (n, 3) m/s², ``gyr`` (n, 3) rad/s or None, and the truth by name.

    ``up`` (n, 3) unit vector, sensor frame; ``use`` (n,) where it counts; ``ic``, ``to`` (k,) s
    in order; ``foot`` (k,) -1 left, 1 right; ``height_m`` (n,); ``ankle`` (n,) m/s²;
    ``activity`` the code of sisfall; ``forward`` where the wearer's front lies; ``subject`` who.
    What there is not is None or "".
    """

    name: str
    rate_hz: float
    acc: Floats
    gyr: Floats | None
    subject: str
    activity: str = ""
    up: Floats | None = None
    use: NDArray[np.bool_] | None = None
    ic: Floats | None = None
    to: Floats | None = None
    foot: NDArray[Any] | None = None
    height_m: Floats | None = None
    ankle: Floats | None = None
    forward: tuple[float, float, float] | None = None
    simulated: bool = False
    meta: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def trace(self) -> Trace:
        """The estimator's answer, default parameters; computed once."""
        return estimate(self.acc, self.gyr, self.rate_hz)

    @property
    def seconds(self) -> float:
        """Length, s."""
        return len(self.acc) / self.rate_hz


@dataclass
class Source:
    """Where recordings come from: ``root`` (None = only simulated); ``small`` = a quick look."""

    root: Path | None = None
    small: bool = False
    _kept: dict[str, list[Recording]] = field(default_factory=dict)

    def get(self, folder: str) -> list[Recording]:
        """All recordings of a folder, by name; simulated ones where there are none."""
        if folder not in self._kept:
            paths = sorted((self.root / folder).glob("*.npz")) if self.root else []
            if self.small:
                # two recordings; of sisfall the first person, to have every activity
                paths = [p for p in paths if p.stem[:4] == "SA01"] or paths[:2]
            made = [load(path) for path in paths]
            self._kept[folder] = made or simulate(folder, self.small)
        return self._kept[folder]

    def label(self, folder: str) -> str:
        """What a table calls the data of a folder."""
        made = self.get(folder)[0].simulated
        return f"simulated {NAMES[folder]}" if made else NAMES[folder]


def load(path: Path) -> Recording:
    """One ``.npz``."""
    data = np.load(path, allow_pickle=False)
    meta = json.loads(str(data["meta"]))
    n = len(data["acc"])
    folder = path.parent.name

    def given(name: str) -> Any:
        return np.asarray(data[name]) if name in data else None

    ic, foot = given("ic"), given("foot")
    if ic is not None:
        order = np.argsort(ic, kind="stable")
        ic, foot = ic[order], None if foot is None else np.where(foot[order] > 0, 1, -1)
    to = given("to")
    up = given("up")
    if up is not None:
        up = up / 32767.0
        up = up / np.linalg.norm(up, axis=1, keepdims=True)
    use = np.ones(n, bool)
    for name in ("up_valid", "movement"):
        if name in data:
            use &= np.unpackbits(data[name])[:n].astype(bool)
    height, ankle = given("pz_0p1mm"), given("ankle")
    return Recording(
        name=path.stem,
        rate_hz=float(data["fs"]),
        acc=data["acc"] * meta["acc_lsb"],
        gyr=data["gyr"] * meta["gyr_lsb"] if "gyr" in data else None,
        subject=_subject(folder, path.stem, meta),
        activity=meta.get("activity", ""),
        up=up,
        use=use,
        ic=ic,
        to=None if to is None else np.sort(to),
        foot=foot,
        height_m=None if height is None else height * 1e-4,
        ankle=None if ankle is None else np.linalg.norm(ankle * meta["acc_lsb"], axis=1),
        forward=FORWARD.get(folder),
        meta=meta,
    )


def _subject(folder: str, stem: str, meta: dict[str, Any]) -> str:
    if folder == RBDS:
        return stem.partition("_")[0]
    if folder == ALCANTARA:
        return "one"
    return str(meta.get("subject", stem))


# ------------------------------------------------------------------ simulated stand-ins


def from_runner(
    name: str,
    phases: tuple[Phase, ...],
    rate_hz: float,
    params: RunnerParams,
    *,
    skip_s: float = 0.0,
    gyro: bool = True,
    activity: str = "",
) -> Recording:
    """A simulated run as a recording with every truth; ``skip_s`` are cut off its beginning."""
    runner = SimulatedRunner(phases, params)
    first = int(skip_s * rate_hz)
    n = int(runner.duration_s * rate_hz) - first
    acc, gyr = runner.samples(first, n, rate_hz)
    t = (first + np.arange(n)) / rate_hz
    steps = runner.truth.steps
    inside = (steps["ic_s"] > skip_s) & (steps["ic_s"] < t[-1])
    steps = steps[inside]
    return Recording(
        name=name,
        rate_hz=rate_hz,
        acc=acc,
        gyr=gyr if gyro else None,
        subject=name,
        activity=activity,
        up=runner.truth.up(t),
        use=np.ones(n, bool),
        ic=steps["ic_s"] - skip_s,
        to=steps["to_s"][np.isfinite(steps["to_s"])] - skip_s,
        foot=steps["side"],
        height_m=runner.truth.height(t),
        forward=tuple(params.mount[:, 0]),
        simulated=True,
    )


def _person(seed: int, **changes: Any) -> RunnerParams:
    """A runner with a pack worn any way round and a gyroscope of ±1 °/s turn-on bias."""
    rng = np.random.default_rng(seed)
    bias = tuple(float(x) for x in rng.uniform(-1.0, 1.0, 3) * RAD_PER_DEG)
    return RunnerParams(seed=seed, gyr_bias=(bias[0], bias[1], bias[2]), **changes)


_STAND = Phase("stand", 5.0)
_WALK = Phase("walk", 12.0, cadence_spm=110.0, speed_mps=1.4, lean_deg=2.0)
_RUN = Phase("run", 30.0, lean_deg=6.0)


def _runs(speeds: tuple[float, ...], seconds: float) -> list[tuple[Phase, ...]]:
    """Standing, then running at each speed."""
    return [
        (_STAND, replace(_RUN, duration_s=seconds, speed_mps=v, cadence_spm=155.0 + 6.0 * v))
        for v in speeds
    ]


def _simulated_running(gyro: bool, seconds: float, small: bool, rate_hz: float) -> list[Recording]:
    speeds = (2.5, 3.5) if small else (2.5, 3.0, 3.5, 4.0, 4.5)
    out = []
    for k, (v, phases) in enumerate(zip(speeds, _runs(speeds, seconds + 10.0), strict=True)):
        made = from_runner(f"run at {v} m/s", phases, rate_hz, _person(k), skip_s=12.0, gyro=gyro)
        out.append(made)
    return out


def _simulated_outdoor(small: bool) -> list[Recording]:
    run = replace(_RUN, duration_s=40.0 if small else 150.0, cadence_spm=166.0)
    phases = (_STAND, run, _WALK, replace(run, cadence_spm=174.0), _STAND, run)
    return [from_runner("outdoor", phases, 100.0, _person(11, looseness=0.3), gyro=False)]


def _simulated_activities(small: bool) -> list[Recording]:
    length = 30.0 if small else 100.0
    jog = (replace(_RUN, duration_s=length + 15.0, speed_mps=2.4, cadence_spm=160.0),)
    walk = (_STAND, replace(_WALK, duration_s=length), _STAND)
    fast = (_STAND, replace(_WALK, duration_s=length, cadence_spm=135.0, speed_mps=2.1), _STAND)
    return [
        from_runner("jog", jog, 200.0, _person(21), skip_s=10.0, activity="D03"),
        from_runner("walk", walk, 200.0, _person(22), activity="D01"),
        from_runner("fast walk", fast, 200.0, _person(23), activity="D02"),
    ]


def _simulated_walks(small: bool) -> list[Recording]:
    turn = replace(_WALK, duration_s=4.0, turn_dps=45.0, speed_mps=0.8, cadence_spm=90.0)
    out = []
    for k, spm in enumerate((100.0, 112.0) if small else (90.0, 100.0, 108.0, 116.0, 124.0)):
        walk = replace(_WALK, cadence_spm=spm, speed_mps=spm / 80.0)
        phases = (_STAND, walk, turn, walk, _STAND)
        out.append(from_runner(f"walk at {spm:.0f} spm", phases, 100.0, _person(31 + k)))
    return out


def _simulated_hands(small: bool) -> list[Recording]:
    """No hand: a loose pack while standing, walking and running, mounted askew."""
    out = []
    for k in range(1 if small else 3):
        rng = np.random.default_rng(40 + k)
        person = _person(40 + k, looseness=0.3 * k, mount=rotation(rng))
        phases = (_STAND, _WALK, _RUN, _WALK, _STAND)
        out.append(from_runner(f"loose {k}", phases, 200.0, person))
    return out


def _simulated_rest(small: bool) -> list[Recording]:
    rng = np.random.default_rng(50)
    n = 100 * (30 if small else 600)
    acc = rng.normal(0.0, 0.004 * G0, (n, 3)) + np.array([0.0, 0.0, 1.037 * G0])
    gyr = rng.normal(0.0, 0.1 * RAD_PER_DEG, (n, 3)) + np.array([0.0, 4.5 * RAD_PER_DEG, 0.0])
    return [Recording("table", 100.0, acc, gyr, "table", simulated=True)]


SIMULATED: Final[dict[str, Callable[[bool], list[Recording]]]] = {
    ALCANTARA: lambda small: _simulated_running(False, 10.0, small, 500.0),
    RBDS: lambda small: _simulated_running(True, 20.0 if small else 30.0, small, 200.0),
    ADEPT: _simulated_outdoor,
    SISFALL: _simulated_activities,
    IPOL: _simulated_walks,
    BROAD: _simulated_hands,
    REPOIMU: _simulated_hands,
    STATIC: _simulated_rest,
}


def simulate(folder: str, small: bool) -> list[Recording]:
    """What stands in for a folder of recordings."""
    return SIMULATED[folder](small)


def rotation(rng: np.random.Generator) -> Floats:
    """A rotation (3, 3), all equally likely."""
    q, r = np.linalg.qr(rng.standard_normal((3, 3)))
    q = q * np.sign(np.diag(r))
    return np.asarray(q * np.linalg.det(q))
