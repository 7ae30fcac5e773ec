"""The configuration: every key refused where it should be, comments kept."""

import math
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi import config as settings
from gaitpi.config import Config
from gaitpi.errors import EXIT_CONFIG, ConfigError, UsageError

KEYS = list(settings.keys().values())
RANGED = [key for key in KEYS if key.low is not None]


def names(keys: list[settings.Key]) -> list[str]:
    return [key.name for key in keys]


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def toml_for(name: str, value: str) -> str:
    section, _, key = name.partition(".")
    return f"# mine\n[{section}]\n{key} = {value}\n"


def refused(path: Path, name: str) -> str:
    """The message of the ConfigError that names file and key."""
    with pytest.raises(ConfigError) as caught:
        settings.load(path)
    message = str(caught.value)
    assert name in message
    assert str(path) in message
    assert caught.value.exit_code == EXIT_CONFIG
    return message


def complaint(assignments: list[str]) -> str:
    """What is said against ``assignments``; empty if they are taken."""
    try:
        settings.apply(Config(), assignments)
    except ConfigError as error:
        return str(error)
    return ""


# -- every field -------------------------------------------------------------------------


def test_every_numeric_key_has_both_bounds_and_every_key_a_meaning() -> None:
    assert len(KEYS) > 30
    for key in KEYS:
        assert key.meaning
        assert (key.low is None) == (key.high is None)
        assert (key.low is not None) == (key.kind in ("a number", "a whole number"))


@pytest.mark.parametrize("key", KEYS, ids=names(KEYS))
def test_unknown_neighbour_names_the_key_meant(key: settings.Key, tmp_path: Path) -> None:
    wrong = key.name + "q"
    message = refused(write(tmp_path / "c.toml", toml_for(wrong, "1")), wrong)
    assert "did you mean" in message
    assert "line 3" in message


@pytest.mark.parametrize("key", KEYS, ids=names(KEYS))
@pytest.mark.parametrize("value", ["[1, 2]", "{ a = 1 }", "2025-01-01"])
def test_wrong_type(key: settings.Key, value: str, tmp_path: Path) -> None:
    message = refused(write(tmp_path / "c.toml", toml_for(key.name, value)), key.name)
    assert "expected" in message
    assert "line 3" in message


@pytest.mark.parametrize("key", KEYS, ids=names(KEYS))
def test_text_for_a_number_and_number_for_a_text(key: settings.Key, tmp_path: Path) -> None:
    value = "1.5" if key.kind == "text" else '"much"'
    refused(write(tmp_path / "c.toml", toml_for(key.name, value)), key.name)


@pytest.mark.parametrize("key", RANGED, ids=names(RANGED))
def test_beyond_each_bound(key: settings.Key, tmp_path: Path) -> None:
    assert key.low is not None
    assert key.high is not None
    whole = key.kind == "a whole number"
    below = key.low - 1 if whole else math.nextafter(key.low, -math.inf)
    above = key.high + 1 if whole else math.nextafter(key.high, math.inf)
    values = [repr(below), repr(above), "nan", "inf", "-inf", "99999999999999999999999", "true"]
    for value in values:
        refused(write(tmp_path / "c.toml", toml_for(key.name, value)), key.name)


@pytest.mark.parametrize("key", RANGED, ids=names(RANGED))
def test_each_bound_itself_is_taken(key: settings.Key) -> None:
    for limit in (key.low, key.high):
        problem = complaint([f"{key.name}={limit}"])
        # a bound may still clash with another key; then it is the clash that is told
        assert "expected" not in problem
        if not problem:
            config = settings.apply(Config(), [f"{key.name}={limit}"])
            assert settings.get(config, key.name) == limit


@pytest.mark.parametrize("key", [key for key in KEYS if key.choices], ids=lambda key: key.name)
def test_choices(key: settings.Key, tmp_path: Path) -> None:
    for choice in key.choices:
        assert settings.get(settings.apply(Config(), [f"{key.name}={choice}"]), key.name) == choice
    message = refused(write(tmp_path / "c.toml", toml_for(key.name, '"other"')), key.name)
    assert all(choice in message for choice in key.choices)


@pytest.mark.parametrize("key", [key for key in KEYS if key.optional], ids=lambda key: key.name)
def test_none_is_the_absent_value(key: settings.Key, tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", toml_for(key.name, '"none"'))
    assert settings.get(settings.load(path), key.name) is None


# -- the file as a whole -----------------------------------------------------------------


def test_missing_named_file(tmp_path: Path) -> None:
    assert "there is no configuration file" in refused(tmp_path / "named.toml", "named.toml")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", "[imu]\nbuss = 1\nrate_hz = 5\n[couch]\nx = 1\n")
    message = refused(path, "imu.buss")
    assert "line 2: there is no key imu.buss; did you mean imu.bus?" in message
    assert "line 3: imu.rate_hz is 5, expected a number from 100 to 1000." in message
    assert "did you mean [coach]?" in message


def test_key_outside_its_section_is_sent_home(tmp_path: Path) -> None:
    assert "did you mean coach.target_spm?" in refused(
        write(tmp_path / "c.toml", "target_spm = 172\n"), "target_spm"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[imu\n", "line 1"),
        ("[imu]\nbus = \n", "line 2"),
        ("[imu]\nbus = 1\nbus = 2\n", "line 3"),
        ("imu = 5\n", "expected a section [imu]"),
        ("x = " + "[" * 20_000, "nested too deeply"),
        ("#" * (settings.SIZE_LIMIT + 1), "larger than 64 KiB"),
    ],
)
def test_broken_files(text: str, words: str, tmp_path: Path) -> None:
    assert words in refused(write(tmp_path / "c.toml", text), "c.toml")


def test_file_that_is_no_text_and_folder(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(b"[imu]\nbus = 1 # \xff\n")
    assert "line 2: not UTF-8" in refused(path, "c.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        settings.load(tmp_path)


@given(st.binary(max_size=200) | st.text("[]=\"'.#\n imusbcoachtarget_spm0172", max_size=80))
def test_any_bytes_give_a_config_or_a_config_error(raw: bytes | str) -> None:
    text = raw if isinstance(raw, str) else raw.decode("latin-1")
    try:
        config = settings.build(settings.parse(text, "any"), "any", text)
    except ConfigError as error:
        message = str(error)
    else:
        message = "any"
        assert settings.build(msgspec.to_builtins(config), "again") == config
    assert "any" in message


# -- what must fit together --------------------------------------------------------------


@pytest.mark.parametrize(
    ("assignments", "words"),
    [
        (["coach.band_return=0.03"], "coach.band_return"),
        (["cues.led_pin=18"], "cues.buzzer_pin"),
        (["cues.vibration_pin=17"], "cues.led_pin"),
        (["cues.led_pin=2"], "I2C bus 1"),
        (["cues.vibration_pin=27"], "cues.button_pin"),
        (["cues.green_pin=5"], "an RGB LED needs all of"),
        (["cues.led_pin=none", "cues.green_pin=5", "cues.blue_pin=6"], "an RGB LED needs all of"),
        (["cues.green_pin=5", "cues.blue_pin=5"], "cues.green_pin"),
        (["imu.bus=0", "cues.led_pin=1"], "I2C bus 0"),
        (["imu.power_pin=27"], "cues.button_pin"),
        (["imu.power_pin=3"], "I2C bus 1"),
        (["coach.target_spm=140"], "coach.gate_spm"),
        (["imu.allow_unknown=true"], "imu.chip"),
        (["mount.axes=x,x,z"], "mount.axes"),
        (["mount.axes=-x,y,z"], "mount.axes"),
    ],
)
def test_conflicts(assignments: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words.replace(".", r"\.")):
        settings.apply(Config(), assignments)


def test_pins_of_a_part_that_is_not_fitted_are_free() -> None:
    config = settings.apply(Config(), ["cues.buzzer=none", "cues.led_pin=18"])
    assert config.cues.led_pin == 18


def test_axes_taken_are_the_24_rotations() -> None:
    signs = ("", "-")
    taken = 0
    for a in "xyz":
        for b in "xyz":
            for c in "xyz":
                for n in range(8):
                    axes = f"{signs[n & 1]}{a},{signs[n >> 1 & 1]}{b},{signs[n >> 2]}{c}"
                    taken += not complaint([f"mount.axes={axes}"])
    assert taken == 24


# -- --set and set -----------------------------------------------------------------------


def test_apply_keeps_the_rest_and_reads_as_a_person_types() -> None:
    base = settings.apply(Config(), ["cues.led_pin=none", "imu.address=0x6a"])
    config = settings.apply(base, [" coach.target_spm = 172 ", "imu.chip=mpu6050", "cues.volume=5"])
    assert (config.cues.led_pin, config.imu.address) == (None, 0x6A)
    assert (config.coach.target_spm, config.imu.chip, config.cues.volume) == (172, "mpu6050", 5)
    with pytest.raises(UsageError):
        settings.apply(base, ["coach.target_spm"])
    for wrong in ("coach.target_spm=172\nx=1", "coach=1", "=1", "coach.target_spm=", "a.b.c=1"):
        with pytest.raises(ConfigError):
            settings.apply(base, [wrong])


MINE = """# my belt
title_of_nothing = 1
"""

KEPT = """# my belt
[coach]   # how it speaks
# target_spm = 165 was too slow
target_spm = 170   # since May
quiet_hours = "22:00-07:00"  # "#" of the night

# the parts
[cues]
volume = 40
"""


def test_set_changes_one_line_and_keeps_every_comment(tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", KEPT)
    path.chmod(0o640)
    settings.set_value(path, "coach.target_spm", "172.5")
    assert path.read_text() == KEPT.replace("170   #", "172.5   #")
    settings.set_value(path, "coach.quiet_hours", "23:00-06:00")
    assert 'quiet_hours = "23:00-06:00"  # "#" of the night\n\n# the parts' in path.read_text()
    settings.set_value(path, "coach.hold_s", "10")
    assert '"#" of the night\nhold_s = 10\n\n# the parts' in path.read_text()
    settings.set_value(path, "imu.address", "0x6b")
    assert path.read_text().endswith("volume = 40\n\n[imu]\naddress = 0x6b\n")
    config = settings.load(path)
    assert (config.coach.target_spm, config.coach.hold_s, config.cues.volume) == (172.5, 10, 40)
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_set_makes_the_file_and_follows_a_link(tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(tmp_path / "deep" / "real.toml")
    settings.set_value(link, "cues.led_pin", "none")
    assert link.is_symlink()
    assert (tmp_path / "deep" / "real.toml").read_text() == '[cues]\nled_pin = "none"\n'
    assert settings.load(link).cues.led_pin is None


@pytest.mark.parametrize(
    ("old", "name", "value"),
    [
        (KEPT, "coach.target_spm", "300"),
        (KEPT, "coach.target", "170"),
        (KEPT, "cues.led_pin", "18"),
        (MINE, "cues.volume", "10"),
        ("coach = { hold_s = 9 }\n", "coach.hold_s", "10"),
        ("coach = { hold_s = 9 }\n", "coach.rest_s", "100"),
        ("[imu\n", "imu.bus", "1"),
        (KEPT, "runs.directory", "\udcff"),
    ],
)
def test_set_that_is_refused_leaves_the_file_alone(
    old: str, name: str, value: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "c.toml", old)
    with pytest.raises(ConfigError):
        settings.set_value(path, name, value)
    assert path.read_text() == old
    assert list(tmp_path.iterdir()) == [path]


def test_set_mends_the_very_key_that_was_wrong(tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", "[cues]\r\nvolume = 400 # loud\r\n")
    settings.set_value(path, "cues.volume", "100")
    assert path.read_bytes() == b"[cues]\r\nvolume = 100 # loud\r\n"


def good_values(key: settings.Key) -> st.SearchStrategy[Any]:
    """Values of the key's own range."""
    if key.choices:
        return st.sampled_from(key.choices)
    if key.kind == "true or false":
        return st.booleans()
    if key.low is not None and key.high is not None:
        if key.kind == "a number":
            return st.floats(key.low, key.high)
        return st.integers(int(key.low), int(key.high))
    return st.sampled_from(["", "x,y,z", "22:00-07:00", "auto"]) | st.text(max_size=12)


@given(st.data())
def test_set_then_load_gives_the_value_and_changes_nothing_else(data: st.DataObject) -> None:
    text = KEPT
    for _ in range(3):
        key = data.draw(st.sampled_from(KEYS), label="key")
        value = data.draw(good_values(key), label="value")
        old = tomllib.loads(text)
        edited = settings.edited(text, key.name, settings.format_value(key.name, value))
        section, _, name = key.name.partition(".")
        old.setdefault(section, {})[name] = value
        assert tomllib.loads(edited) == old
        comments = [line.partition("# ")[2] for line in text.split("\n") if "# " in line]
        assert all(comment in edited for comment in comments)
        text = edited


# -- explain -----------------------------------------------------------------------------


def test_explain() -> None:
    key = settings.explain("coach.target_spm")
    assert (key.unit, key.low, key.high, key.default) == ("steps/min", 120, 240, None)
    assert key.expected == 'a number from 120 to 240 or "none"'
    assert settings.explain("imu.address").expected.startswith("a whole number from 0x08 to 0x77")
    with pytest.raises(ConfigError, match=r"did you mean coach\.target_spm"):
        settings.explain("coach.targetspm")


def test_the_defaults_pass_their_own_check() -> None:
    assert settings.apply(Config(), []) == Config()
    assert msgspec.convert(msgspec.to_builtins(Config()), Config) == Config()


def test_directories(tmp_path: Path) -> None:
    assert settings.runs_directory(Config(), {"HOME": "/h"}) == Path("/h/.local/state/gaitpi/runs")
    desktop = {"XDG_STATE_HOME": "/state"}
    assert settings.runs_directory(Config(), desktop) == Path("/state/gaitpi/runs")
    service = {**desktop, "STATE_DIRECTORY": "/var/lib/gaitpi:/other"}
    assert settings.runs_directory(Config(), service) == Path("/var/lib/gaitpi/runs")
    named = settings.apply(Config(), [f"runs.directory={tmp_path}"])
    assert settings.runs_directory(named, service) == tmp_path


def test_default_path(tmp_path: Path) -> None:
    own = tmp_path / ".config" / "gaitpi" / "config.toml"
    own.parent.mkdir(parents=True)
    write(own, "")
    assert settings.default_path({"HOME": str(tmp_path)}) == own
    assert settings.default_path({"XDG_CONFIG_HOME": str(tmp_path / ".config")}) == own
    assert settings.default_path({"GAITPI_CONFIG": "/x.toml", "HOME": "/h"}) == Path("/x.toml")
