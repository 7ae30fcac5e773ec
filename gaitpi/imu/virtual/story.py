"""What a simulated run consists of: phases, and the named stories made of them."""

import math
from dataclasses import dataclass, replace
from typing import Final, Literal

from gaitpi.errors import UsageError

Kind = Literal["stand", "walk", "run"]

TARGET_SPM: Final = 170.0
"""Cadence the stories hold, steps/min: a target 5 % above the ~160 spm recreational runners
choose at 2.4-2.9 m/s (PLoS ONE 0184273)."""

USUAL_LEAN_DEG: Final = 6.0
"""Forward lean the stories hold while running steadily, degrees."""

_RANGES: Final = {
    "cadence_spm": (60.0, 240.0),
    "cadence_end_spm": (60.0, 240.0),
    "speed_mps": (0.0, 8.0),
    "lean_deg": (-30.0, 45.0),
    "lean_end_deg": (-30.0, 45.0),
    "contact_s": (0.08, 0.5),
    "side_lean_deg": (-30.0, 30.0),
    "asymmetry": (-0.3, 0.3),
    "grade": (-0.3, 0.3),
    "turn_dps": (-60.0, 60.0),
    "looseness": (0.0, 1.0),
}


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the run.

    ``cadence_spm`` steps/min of both feet, drifting linearly to ``cadence_end_spm`` (None = no
    drift); ``speed_mps`` along the ground; ``lean_deg`` mean lean, forward positive, drifting to
    ``lean_end_deg``; ``side_lean_deg`` right positive; ``contact_s`` running contact time, None =
    from the speed; ``asymmetry`` how much longer the right foot's step and contact are than the
    left's, as a fraction of their mean; ``grade`` rise over run; ``turn_dps`` turning rate,
    positive to the left; ``looseness`` of the belt 0..1, None = that of the runner. Bounce is not
    a setting: it follows from cadence and contact time. Raises ValueError out of range.
    """

    kind: Kind
    duration_s: float
    cadence_spm: float = TARGET_SPM
    cadence_end_spm: float | None = None
    speed_mps: float = 2.8
    lean_deg: float = 0.0
    lean_end_deg: float | None = None
    side_lean_deg: float = 0.0
    contact_s: float | None = None
    asymmetry: float = 0.0
    grade: float = 0.0
    turn_dps: float = 0.0
    looseness: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no runner does."""
        if self.kind not in ("stand", "walk", "run"):
            raise ValueError(f"a phase is stand, walk or run, not {self.kind!r}")
        if not (math.isfinite(self.duration_s) and self.duration_s > 0):
            raise ValueError(f"duration_s must be positive, not {self.duration_s}")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name} must lie in {low}..{high}, not {value}")


_STAND = Phase("stand", 15.0)
_WALK = Phase("walk", 40.0, cadence_spm=110.0, speed_mps=1.4, lean_deg=2.0)
_EASY = Phase("run", 100.0, cadence_spm=165.0, cadence_end_spm=168.0, speed_mps=2.5, lean_deg=5.0)
_RUN = Phase("run", 150.0, lean_deg=USUAL_LEAN_DEG)
_SAG = replace(_RUN, duration_s=75.0, cadence_end_spm=160.0)
_STOOP = replace(_RUN, duration_s=60.0, lean_end_deg=13.0)
_HILL = replace(_RUN, duration_s=45.0, cadence_spm=166.0, speed_mps=2.4, grade=0.06)
_TIRED = replace(
    _RUN,
    duration_s=90.0,
    cadence_end_spm=161.0,
    speed_mps=2.6,
    lean_end_deg=10.0,
    contact_s=0.28,
    asymmetry=0.03,
)


def _run(seconds: float) -> Phase:
    return replace(_RUN, duration_s=seconds)


_START = (_STAND, _WALK, _EASY, _run(90.0))
_END = replace(_STAND, duration_s=20.0)

STORIES: Final[dict[str, tuple[Phase, ...]]] = {
    "steady": (*_START, _run(420.0), _END),
    "fade": (*_START, _SAG, _run(60.0), _run(120.0), _TIRED, _END),
    "lean": (*_START, _STOOP, _run(60.0), replace(_STOOP, lean_end_deg=-2.0), _run(60.0), _END),
    "hills": (*_START, _HILL, _run(60.0), replace(_HILL, grade=-0.06), _run(60.0), _HILL, _END),
    "stops": (*_START, _STAND, _run(90.0), _WALK, _run(90.0), _STAND, _run(60.0), _END),
    "full": (
        _STAND,
        _WALK,
        _EASY,
        _RUN,
        _SAG,
        _run(60.0),
        _STOOP,
        _run(45.0),
        _HILL,
        replace(_RUN, duration_s=6.0, turn_dps=15.0),
        _run(15.0),
        replace(_STAND, duration_s=20.0),
        _run(45.0),
        _WALK,
        _run(30.0),
        replace(_RUN, duration_s=25.0, looseness=0.7),
        _TIRED,
        _END,
    ),
}
"""The stories ``gaitpi simulate`` knows, by name; ``full`` is the demo (about 14 minutes)."""


def story(name: str = "full") -> tuple[Phase, ...]:
    """Phases of a named story. Raises UsageError for a name that is none."""
    try:
        return STORIES[name]
    except KeyError:
        raise UsageError(
            f"There is no story called {name!r}.", f"Choose one of {', '.join(STORIES)}."
        ) from None


def hold(duration_s: float, cadence_spm: float = TARGET_SPM) -> tuple[Phase, ...]:
    """Stand 15 s, then run ``duration_s`` seconds at one cadence: the soak story."""
    return (_STAND, replace(_run(duration_s), cadence_spm=cadence_spm))
