"""The metrics that runs are compared by: unit, digits, and the smallest real difference known."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    ``key`` with its unit, as in JSON; ``words`` for people; ``unit`` and ``digits`` (after the
    point) as shown. ``least`` is the published smallest real difference or error of measurement,
    in the unit, or a share of the value where ``relative``; 0 where none is known, ``source`` says
    whose. ``by_cadence``: it changes with cadence, so only runs of like cadence are compared;
    ``by_speed``: with speed, so runs that are known to be of unlike speed are not. ``outside``: it
    comes from a strap, a pod or an imported file (:mod:`gaitpi.review.outside`), and nothing is
    said of it where no run has it. ``chosen``: the runner chose it, so what his runs differ by is
    no error of it. ``meaning`` is one sentence on what it is.
    """

    key: str
    words: str
    unit: str
    digits: int
    meaning: str
    least: float = 0.0
    relative: bool = False
    source: str = ""
    by_cadence: bool = False
    by_speed: bool = False
    outside: bool = False
    chosen: bool = False

    def smallest(self, value: float) -> float:
        """The published smallest real difference at ``value``, in the unit; 0 = none known."""
        return self.least * abs(value) if self.relative else self.least


_PATOZ: Final = "Patoz et al. 2022, Sensors 22:784 (PMC8838733)"
_LAMBERTS: Final = "1.96 √2 of 1.4 % (Lamberts et al. 2004, J Strength Cond Res 18:641)"
_PELVIS: Final = "error of a pelvis angle by one sacral IMU, 2 deg RMSE"

METRICS: Final[Mapping[str, Metric]] = {
    m.key: m
    for m in (
        Metric(
            "cadence_spm",
            "cadence",
            "spm",
            1,
            "steps a minute of both feet",
            0.011,
            relative=True,
            source="step rate of a trunk IMU, 1.1 % at worst (ISBS 2021, 39:41)",
            by_speed=True,
        ),
        Metric("lean_deg", "belt lean", "deg", 1, "forward lean of the belt", 2.0, source=_PELVIS),
        Metric(
            "side_lean_deg",
            "side lean",
            "deg",
            1,
            "lean of the belt to the right",
            2.0,
            source=_PELVIS,
        ),
        Metric(
            "contact_ms",
            "contact time",
            "ms",
            0,
            "time a foot is on the ground",
            32.0,
            source=_PATOZ,
            by_cadence=True,
            by_speed=True,
        ),
        Metric(
            "flight_ms",
            "flight time",
            "ms",
            0,
            "time between two contacts",
            32.0,
            source=_PATOZ,
            by_cadence=True,
            by_speed=True,
        ),
        Metric(
            "bounce_mm",
            "bounce",
            "mm",
            0,
            "vertical oscillation over a step",
            7.0,
            source="Gullstrand et al. 2009, Gait Posture 30:71 (7 mm within a person)",
            by_cadence=True,
            by_speed=True,
        ),
        Metric(
            "impact_g",
            "impact",
            "g",
            2,
            "blow of the landing as the belt feels it: a trend, not a force",
            by_cadence=True,
            by_speed=True,
        ),
        Metric(
            "stride_cv_pct",
            "stride variability",
            "%",
            2,
            "scatter of stride times within a minute, as a share: regular is small",
            0.525,
            source="Jones et al. 2025, J Biomech 112515 (19 runners, a week apart)",
        ),
        Metric(
            "contact_symmetry_pct",
            "contact right - left",
            "%",
            1,
            "contact time of the right foot less that of the left, as a share of both",
        ),
        Metric(
            "step_symmetry_pct",
            "step right - left",
            "%",
            1,
            "step time from the right foot on less that from the left, as a share of both",
        ),
        Metric("speed_kmh", "speed", "km/h", 2, "speed of running", outside=True, chosen=True),
        Metric(
            "step_length_m",
            "step length",
            "m",
            2,
            "way from one contact to the next of the other foot: speed over cadence",
            by_speed=True,
            outside=True,
        ),
        Metric(
            "heart_rate_bpm",
            "heart rate",
            "bpm",
            0,
            "beats a minute",
            0.039,
            relative=True,
            source=_LAMBERTS,
            by_speed=True,
            outside=True,
        ),
    )
}
"""By key, in the order they are shown."""
