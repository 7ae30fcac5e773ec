"""What a check says, and what can be done about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["pass", "warn", "fail", "skip"]
Figure = float | int | str | bool | None
Fix = Callable[[], str]
"""Mends something, reversibly, and says what it did. Raises OSError or GaitpiError."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor.

    ``status``: "pass"; "warn", it works but not as it should; "fail", it will not work; "skip",
    not looked at, and ``evidence`` says why. ``todo`` the next step, empty where none is needed;
    ``fix`` does it, where it is safe; ``figures`` what was measured, units in the names.
    """

    name: str
    status: Verdict
    evidence: str
    todo: str = ""
    fix: Fix | None = None
    figures: Mapping[str, Figure] = field(default_factory=dict)

    @property
    def ill(self) -> bool:
        """Whether there is something to mend."""
        return self.status in ("warn", "fail")
