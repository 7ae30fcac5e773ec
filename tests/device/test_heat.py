"""Hot: quiet. Too hot: the run is closed while it can be."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.device.heat import COOL_C, HOT_C, STOP_C, STOP_S, Heat, Thermometer
from gaitpi.runs.reader import RunReader
from tests.device.bench import Bench, recorded, replayed


def test_the_warmest_zone_counts_and_unreadable_ones_do_not(tmp_path: Path) -> None:
    for name, text in (("0", "48312\n"), ("1", "71000\n"), ("2", "nonsense")):
        (tmp_path / f"thermal_zone{name}").mkdir()
        (tmp_path / f"thermal_zone{name}" / "temp").write_text(text)
    thermometer = Thermometer(tmp_path)
    assert thermometer.celsius() == pytest.approx(71.0)
    (tmp_path / "thermal_zone1" / "temp").unlink()
    assert thermometer.celsius() == pytest.approx(48.312)
    assert math.isnan(Thermometer(tmp_path / "none").celsius())


def test_quiet_when_hot_and_closed_when_it_stays_too_hot() -> None:
    heat = Heat()
    course = [60.0, 72.0, 69.0, 65.0, 75.0, *[82.0] * 9, 60.0, *[82.0] * 7]
    changes = [heat.update(c, 5.0 * k) for k, c in enumerate(course)]
    assert changes[:5] == ["none", "hot", "none", "cool", "hot"]
    assert changes[5:14] == ["none"] * 6 + ["stop"] + ["none"] * 2
    assert changes[14] == "cool"
    assert changes[15] == "hot"
    assert changes[-1] == "stop"


@given(st.lists(st.one_of(st.floats(-40.0, 130.0), st.just(math.nan)), max_size=80))
def test_whatever_the_temperature_does(course: list[float]) -> None:
    heat = Heat()
    hot = False
    above = 0
    for k, celsius in enumerate(course):
        change = heat.update(celsius, 5.0 * k)
        if change == "hot":
            assert not hot
            assert celsius >= HOT_C
        elif change == "cool":
            assert hot
            assert celsius < COOL_C
        elif change == "stop":
            assert above * 5.0 >= STOP_S
        hot = hot if change in ("none", "stop") else change == "hot"
        assert heat.hot == hot
        if math.isfinite(celsius):
            above = above + 1 if celsius >= STOP_C else 0
        else:
            above += above > 0


def _zone(base: Path, celsius: float) -> None:
    (base / "thermal_zone0").mkdir(parents=True, exist_ok=True)
    (base / "thermal_zone0" / "temp").write_text(f"{round(1000 * celsius)}\n")


def test_a_hot_machine_is_quiet_and_a_too_hot_one_closes_the_run(tmp_path: Path) -> None:
    cool = Bench(tmp_path / "cool")
    cool.run({}, until_s=150.0)
    first = recorded(cool.paths()[0])[0][0]
    base = tmp_path / "zones"
    _zone(base, 55.0)
    hot = Bench(tmp_path / "hot", thermometer=Thermometer(base))
    course = {
        first - 20.0: lambda: _zone(base, 74.0),
        first + 60.0: lambda: _zone(base, 50.0),
        250.0: lambda: _zone(base, 84.0),
    }
    # a double press while it is hot mutes and unmutes for the runner, not for the heat
    taps = hot.taps(first - 8.0, 2) | hot.taps(first - 4.0, 2)
    hot.run(course | taps, until_s=300.0)
    (path,) = hot.paths()
    cues = recorded(path)
    assert [(c.time_s, c.cue, c.value) for c in replayed(path)] == cues
    assert cues
    assert not [t for t, _, _ in cues if first - 20.0 + 5.0 <= t <= first + 60.0]
    with RunReader(path) as run:
        assert run.finished
        assert run.seconds()[-1].time_s == pytest.approx(284.0, abs=8.0)
        kinds = [event.kind for event in run.events()]
    assert kinds.count("heat") >= 3
    assert "cooler" in kinds
    assert "stopped" in [name for _, name in hot.heard.sounds]
    assert "the run is closed" in " ".join(hot.said)
