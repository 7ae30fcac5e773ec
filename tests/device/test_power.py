"""Switching off: asked of the system, and told when it refuses."""

from pathlib import Path

import pytest

from gaitpi.device.power import POWER_OFF, power_off
from gaitpi.errors import OutputError

ROOT = Path(__file__).parents[2]


def test_the_system_is_asked(tmp_path: Path) -> None:
    power_off(("touch", str(tmp_path / "off")))
    assert (tmp_path / "off").exists()
    assert POWER_OFF[:2] == ("systemctl", "poweroff")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("sh", "-c", "echo Access denied. >&2; exit 1"), r"\(Access denied\)"),
        (("sh", "-c", "exit 3"), "exit 3"),
        (("no-such-program",), "No such file"),
        (("sleep", "5"), "timed out"),
    ],
)
def test_a_refusal_is_told_and_the_run_is_safe(command: tuple[str, ...], why: str) -> None:
    with pytest.raises(OutputError, match=rf"cannot be switched off.*{why}.*safe.*README"):
        power_off(command, timeout_s=0.5)


def test_the_rule_names_the_user_of_the_service() -> None:
    rule = (ROOT / "systemd" / "50-gaitpi-poweroff.rules").read_text()
    unit = (ROOT / "systemd" / "gaitpi.service").read_text()
    assert 'subject.user == "gaitpi"' in rule
    assert "User=gaitpi" in unit
    assert "org.freedesktop.login1.power-off" in rule
