"""What counts as an answer: for the coach, and for those who read a run quickly afterwards."""

from typing import Final

ANSWER_S: Final = 30.0
"""A correction is answered when the metric is back in band within this time, s."""

GAP_S: Final = 0.25
"""Samples missing for this long make the last estimates stale, s."""
