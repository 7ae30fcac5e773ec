"""The typed configuration: one TOML file, every key with unit, range and meaning.

Unknown keys, wrong types and values out of range are refused before any hardware is
touched, with file, line and the key's full name (``imu.rate_hz``). A missing file means
the defaults. TOML has no null, so a key that may be absent takes the text ``"none"``.
"""

import functools
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import msgspec.inspect
from msgspec import Meta, Struct, structs

from gaitpi.errors import ConfigError, UsageError

SIZE_LIMIT: Final = 64 * 1024
"""Largest configuration file read, bytes."""

Pin = Annotated[int, Meta(ge=0, le=27)]


class ImuConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The sensor."""

    bus: Annotated[int, Meta(ge=0, le=64, description="I2C bus number: /dev/i2c-N")] = 1
    address: Annotated[
        Annotated[int, Meta(ge=0x08, le=0x77)] | None,
        Meta(description="I2C address; none = look at the known ones"),
    ] = None
    chip: Annotated[str, Meta(description='chip family, or "auto"')] = "auto"
    rate_hz: Annotated[float, Meta(ge=100, le=1000, description="wanted sample rate, Hz")] = 208.0
    poll_s: Annotated[float, Meta(ge=0.01, le=0.2, description="FIFO read interval, s")] = 0.05
    allow_unknown: Annotated[
        bool, Meta(description="use a chip whose WHO_AM_I is not known (needs chip set)")
    ] = False
    power_pin: Annotated[
        Pin | None,
        Meta(description="load switch in the sensor's supply (high = on), BCM number; none = none"),
    ] = None


class MountConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the pack is worn."""

    segment: Annotated[
        Literal["pelvis", "thorax"], Meta(description="body segment the pack sits on")
    ] = "pelvis"
    axes: Annotated[
        str,
        Meta(
            pattern=r"^$|^-?[xyz], ?-?[xyz], ?-?[xyz]$",
            description='sensor axes that point forward, left, up, e.g. "x,y,z"; empty = learn',
        ),
    ] = ""


class CoachConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When to cue. Defaults and reasons: docs/architecture.md, "The coach"."""

    enabled: Annotated[bool, Meta(description="false: record only, never cue")] = True
    focus: Annotated[
        Literal["cadence", "lean"], Meta(description="the one metric that may speak")
    ] = "cadence"
    target_spm: Annotated[
        Annotated[float, Meta(ge=120, le=240)] | None,
        Meta(description="cadence target, steps/min; none = only listen"),
    ] = None
    band_low: Annotated[
        float, Meta(ge=0.005, le=0.2, description="cadence is low below target x (1 - this)")
    ] = 0.03
    band_return: Annotated[
        float, Meta(ge=0.0, le=0.2, description="back in band above target x (1 - this)")
    ] = 0.015
    window_steps: Annotated[
        int, Meta(ge=4, le=64, description="steps in the mean that is shown, and that must be back")
    ] = 16
    hold_s: Annotated[
        float, Meta(ge=2, le=120, description="low at least this long before a cue, s")
    ] = 8.0
    false_alarm_h: Annotated[
        float,
        Meta(
            ge=1,
            le=10_000,
            description="hours at the target between two cues that are only chance; more = surer",
        ),
    ] = 30.0
    floor_s: Annotated[
        float, Meta(ge=60, le=3600, description="least time between cadence cues, s")
    ] = 60.0
    backoff: Annotated[
        float, Meta(ge=1, le=4, description="floor grows by this after an unanswered cue")
    ] = 1.5
    unanswered_max: Annotated[
        int, Meta(ge=1, le=10, description="unanswered cues before a rest")
    ] = 3
    rest_s: Annotated[float, Meta(ge=60, le=3600, description="length of the rest, s")] = 300.0
    warmup_s: Annotated[
        float, Meta(ge=0, le=3600, description="no cue this long after the first running, s")
    ] = 180.0
    gate_s: Annotated[
        float, Meta(ge=30, le=600, description="running this long before any cue, s")
    ] = 30.0
    gate_spm: Annotated[
        float, Meta(ge=100, le=200, description="below this cadence nothing is cued, spm")
    ] = 140.0
    usual_lean_deg: Annotated[
        Annotated[float, Meta(ge=-30, le=60)] | None,
        Meta(description="the runner's usual lean, deg; none = only listen"),
    ] = None
    lean_band_deg: Annotated[
        float, Meta(ge=1, le=30, description="lean band each side of the usual, deg")
    ] = 4.0
    lean_hold_s: Annotated[
        float, Meta(ge=5, le=300, description="out of band at least this long before a cue, s")
    ] = 20.0
    lean_floor_s: Annotated[
        float, Meta(ge=60, le=3600, description="least time between lean cues, s")
    ] = 120.0
    max_per_hour: Annotated[int, Meta(ge=0, le=20, description="cue budget an hour")] = 20
    usual_lean_from: Annotated[
        int,
        Meta(
            ge=0,
            le=3,
            description="what the usual lean was measured from: 1 given mount, 2 own standing, "
            "3 own mean of this run; 0 = 1 or 2. Lean measured from elsewhere is not judged",
        ),
    ] = 0
    metronome: Annotated[
        Literal["off", "adaptive", "plain"],
        Meta(
            description="adaptive: a cadence cue ticks on until you are back in band, 30 s at "
            "most; plain: ticks at the target all the way, and no cadence cues; off: short cues"
        ),
    ] = "off"
    ceiling_sound: Annotated[
        bool, Meta(description="one sound when a run reaches the ceiling of 'gaitpi load'")
    ] = False
    ceiling_m: Annotated[
        Annotated[float, Meta(ge=0, le=1_000_000)] | None,
        Meta(
            description="the ceiling in metres, where a foot pod knows them; none = filled in "
            "when a run begins, like the next two"
        ),
    ] = None
    ceiling_steps: Annotated[
        Annotated[float, Meta(ge=0, le=1_000_000)] | None,
        Meta(description="the ceiling in running steps, where the distance is not known"),
    ] = None
    ceiling_s: Annotated[
        Annotated[float, Meta(ge=0, le=360_000)] | None,
        Meta(description="the same in time of running, s"),
    ] = None
    follow_speed: Annotated[
        bool,
        Meta(
            description="the cadence target follows a foot pod's speed along your own line; "
            "'gaitpi target line accept' fills that in (the next six)"
        ),
    ] = False
    follow_slope: Annotated[
        Annotated[float, Meta(ge=0, le=40)] | None,
        Meta(description="how your own cadence rises with speed, steps/min per m/s"),
    ] = None
    follow_at_ms: Annotated[
        Annotated[float, Meta(ge=0.5, le=8)] | None,
        Meta(description="speed to which the accepted target belongs, m/s"),
    ] = None
    follow_low_ms: Annotated[
        Annotated[float, Meta(ge=0.5, le=8)] | None,
        Meta(description="slowest speed of the line, m/s: below it is not continued"),
    ] = None
    follow_high_ms: Annotated[
        Annotated[float, Meta(ge=0.5, le=8)] | None,
        Meta(description="quickest speed of the line, m/s"),
    ] = None
    follow_own_spm: Annotated[
        Annotated[float, Meta(ge=100, le=240)] | None,
        Meta(description="your own cadence at that speed, steps/min"),
    ] = None
    follow_most_spm: Annotated[
        Annotated[float, Meta(ge=100, le=264)] | None,
        Meta(description="a target that follows goes no higher, steps/min"),
    ] = None
    session: Annotated[
        str,
        Meta(
            pattern=r"^$|^[a-z0-9][a-z0-9-]{0,19}$",
            description='type of session, e.g. "easy": each has its own target; empty = the usual',
        ),
    ] = ""
    programme: Annotated[
        str,
        Meta(
            pattern=r"^$|^[a-z0-9][a-z0-9-]{0,39}$",
            description="the programme a run belongs to; 'gaitpi program' fills in this and the "
            "next five",
        ),
    ] = ""
    programme_part: Annotated[
        Literal["", "session", "test", "rest"],
        Meta(description="what this run is in the programme; test and rest are without cues"),
    ] = ""
    programme_number: Annotated[
        int, Meta(ge=0, le=99, description="which session or test of the programme")
    ] = 0
    programme_of: Annotated[int, Meta(ge=0, le=99, description="how many sessions it has")] = 0
    programme_minutes: Annotated[
        float, Meta(ge=0, le=300, description="coached running in this session, minutes")
    ] = 0.0
    programme_share: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="at most this share of minutes is with cues, also in a programme",
        ),
    ] = 1.0
    quiet_hours: Annotated[
        str,
        Meta(
            pattern=r"^$|^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$",
            description='no cues between these local times, e.g. "22:00-07:00"',
        ),
    ] = ""


class CuesConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Sounds and lights. Pins are BCM numbers; none = not fitted."""

    buzzer: Annotated[
        Literal["passive", "active", "none"], Meta(description="kind of buzzer fitted")
    ] = "passive"
    buzzer_pin: Annotated[Pin, Meta(description="buzzer, BCM number")] = 18
    pwm: Annotated[
        Literal["auto", "hardware", "software"],
        Meta(description="what makes a passive buzzer's tone; auto = hardware where it is on"),
    ] = "auto"
    led_pin: Annotated[
        Pin | None, Meta(description="single LED, or the red of an RGB LED, BCM number")
    ] = 17
    green_pin: Annotated[Pin | None, Meta(description="green of an RGB LED, BCM number")] = None
    blue_pin: Annotated[Pin | None, Meta(description="blue of an RGB LED, BCM number")] = None
    led_common: Annotated[
        Literal["cathode", "anode"],
        Meta(description="what the LED's colours share: cathode (ground) or anode (3.3 V)"),
    ] = "cathode"
    vibration_pin: Annotated[Pin | None, Meta(description="vibration motor, BCM number")] = None
    button_pin: Annotated[Pin | None, Meta(description="push button to ground, BCM number")] = 27
    volume: Annotated[int, Meta(ge=0, le=100, description="loudness, percent")] = 60


class RunsConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where runs are kept."""

    directory: Annotated[
        str, Meta(description="folder of the run files; empty = XDG state directory")
    ] = ""
    auto: Annotated[
        Literal["on", "off"],
        Meta(description="on: a run begins and ends by itself; off: with the first sample"),
    ] = "on"
    start_spm: Annotated[
        float, Meta(ge=100, le=200, description="a run begins by running at least this fast, spm")
    ] = 140.0
    start_s: Annotated[
        float, Meta(ge=5, le=20, description="a run begins by running for this long, s")
    ] = 10.0
    stop_s: Annotated[
        float, Meta(ge=60, le=3600, description="a run ends this long after the last running, s")
    ] = 240.0
    keep_free_mb: Annotated[
        Annotated[float, Meta(ge=20, le=1_000_000)] | None,
        Meta(
            description="old runs without a star are deleted to keep so much free on the card, MB;"
            " none = never delete"
        ),
    ] = None


class BleConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Heart-rate strap and foot pod by Bluetooth; pairing is 'gaitpi ble pair'."""

    enabled: Annotated[bool, Meta(description="false: paired devices are left alone")] = True
    adapter: Annotated[
        str, Meta(pattern=r"^(hci[0-9]{1,3})?$", description='e.g. "hci0"; empty = the first')
    ] = ""
    out: Annotated[
        bool, Meta(description="be a foot pod for watches and treadmills: cadence, by Bluetooth")
    ] = False
    relay_heart_rate: Annotated[
        bool, Meta(description="with out: pass the strap's heart rate on as well")
    ] = False
    out_one_foot: Annotated[
        bool, Meta(description="with out: count one foot, for apps that double what they get")
    ] = False
    out_name: Annotated[
        str, Meta(pattern=r"^[!-~]([ -~]{0,14}[!-~])?$", description="with out: what watches show")
    ] = "gaitpi"


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All of it."""

    imu: ImuConfig = ImuConfig()
    mount: MountConfig = MountConfig()
    coach: CoachConfig = CoachConfig()
    cues: CuesConfig = CuesConfig()
    runs: RunsConfig = RunsConfig()
    ble: BleConfig = BleConfig()


class Key(Struct, frozen=True, kw_only=True):
    """One key of the configuration, as the annotations above describe it.

    ``kind`` in words; ``unit`` empty where the meaning says it all; ``low``/``high`` inclusive,
    None for text; ``choices`` of a text with few values; ``optional`` may be ``"none"``.
    """

    name: str
    kind: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    optional: bool
    default: bool | int | float | str | None
    meaning: str

    @property
    def expected(self) -> str:
        """What a value of this key must be, in words."""
        if self.choices:
            words = "one of " + ", ".join(f'"{choice}"' for choice in self.choices)
        elif self.low is not None and self.high is not None:
            low, high = (format_value(self.name, limit) for limit in (self.low, self.high))
            words = f"{self.kind} from {low} to {high}"
        elif self.kind == "text":
            words = f"text ({self.meaning})"
        else:
            words = self.kind
        return words + (' or "none"' if self.optional else "")


_UNITS = {"_hz": "Hz", "_s": "s", "_spm": "steps/min", "_deg": "deg", "_pin": "BCM number"}
_KINDS: dict[type[msgspec.inspect.Type], str] = {
    msgspec.inspect.BoolType: "true or false",
    msgspec.inspect.IntType: "a whole number",
    msgspec.inspect.FloatType: "a number",
}


def _key(section: str, field: msgspec.inspect.Field) -> Key:
    """Read one field's annotation."""
    name = f"{section}.{field.name}"
    annotated = field.type
    assert isinstance(annotated, msgspec.inspect.Metadata), f"{name} has no description"
    kind = annotated.type
    optional = isinstance(kind, msgspec.inspect.UnionType)
    if isinstance(kind, msgspec.inspect.UnionType):
        kind = next(one for one in kind.types if not isinstance(one, msgspec.inspect.NoneType))
    ranged = isinstance(kind, msgspec.inspect.IntType | msgspec.inspect.FloatType)
    literal = isinstance(kind, msgspec.inspect.LiteralType)
    return Key(
        name=name,
        kind=_KINDS.get(type(kind), "text"),
        unit=next((unit for end, unit in _UNITS.items() if name.endswith(end)), ""),
        low=getattr(kind, "ge", None) if ranged else None,
        high=getattr(kind, "le", None) if ranged else None,
        choices=tuple(getattr(kind, "values", ())) if literal else (),
        optional=optional,
        default=field.default,
        meaning=(annotated.extra_json_schema or {})["description"],
    )


@functools.cache
def keys() -> dict[str, Key]:
    """Every key by its full name (``coach.target_spm``), in the order of the file."""
    found = {}
    for section in structs.fields(Config):
        body = msgspec.inspect.type_info(section.type)
        assert isinstance(body, msgspec.inspect.StructType)
        for field in body.fields:
            key = _key(section.name, field)
            found[key.name] = key
    return found


def explain(name: str) -> Key:
    """Kind, unit, range, default and meaning of the key ``name``; ConfigError if unknown."""
    try:
        return keys()[name]
    except KeyError:
        raise ConfigError(_unknown(name), "'gaitpi config explain' lists all keys.") from None


def get(config: Config, name: str) -> Any:
    """Value of the key ``name``; ConfigError if there is no such key."""
    explain(name)
    section, _, key = name.partition(".")
    return getattr(getattr(config, section), key)


def format_value(name: str, value: bool | float | str | None) -> str:
    """``value`` as it is written in the file; an absent value is ``"none"``."""
    if value is None:
        return '"none"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON and TOML strings differ in DEL only
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if name.endswith(".address") and isinstance(value, int):
        return f"{value:#04x}"
    return repr(value)


def _unknown(name: str) -> str:
    """Say that there is no key ``name`` and which ones may have been meant."""
    import difflib

    bare = name.rpartition(".")[2]
    near = [known for known in keys() if known.endswith(f".{bare}")]
    near = near or difflib.get_close_matches(name, list(keys()), n=1, cutoff=0.9)
    near = near[:1] or difflib.get_close_matches(name, list(keys()), n=3)
    return f"there is no key {name}" + (f"; did you mean {' or '.join(near)}?" if near else ".")


def load(path: Path | None = None) -> Config:
    """Read, check and return the configuration in ``path`` (None = :func:`default_path`).

    A missing default file means the defaults. Raises ConfigError, naming file, line and key,
    when a named file is missing or any file cannot be used.
    """
    path, text = read(path)
    return build(parse(text, path), path, text)


def read(path: Path | None) -> tuple[Path, str]:
    """The path used and its text, empty for a missing default file. Raises ConfigError."""
    where = path or default_path()
    try:
        with where.open("rb") as file:
            raw = file.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        if path is None and not os.environ.get("GAITPI_CONFIG"):
            return where, ""
        raise ConfigError(f"there is no configuration file {where}.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"the configuration file {where} cannot be read: {reason}.") from error
    if len(raw) > SIZE_LIMIT:
        raise ConfigError(
            f"{where} is larger than {SIZE_LIMIT // 1024} KiB.",
            "It does not look like a gaitpi configuration.",
        )
    try:
        return where, raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{where}, line {line}: not UTF-8 text.", "Save it as UTF-8.") from error


def _toml(text: str) -> dict[str, Any]:
    """The TOML tables of ``text``. Raises ValueError."""
    if not text:
        return {}
    import tomllib  # where there is no file, nobody waits for it

    return tomllib.loads(text)


def parse(text: str, where: Path | str) -> dict[str, Any]:
    """The TOML tables of ``text``, keys not yet checked. Raises ConfigError with the line."""
    try:
        return _toml(text)
    except RecursionError:
        raise ConfigError(f"{where} is not valid TOML: nested too deeply.") from None
    except ValueError as error:
        raise ConfigError(f"{where} is not valid TOML: {error}.") from error


def apply(config: Config, assignments: Iterable[str]) -> Config:
    """``config`` with ``assignments`` such as ``"coach.target_spm=172"`` laid over it.

    Raises UsageError without an equals sign and ConfigError for anything the file would not
    be allowed to hold.
    """
    data: dict[str, dict[str, Any]] = msgspec.to_builtins(config)
    for assignment in assignments:
        section, key, value = _assigned(assignment)
        data.setdefault(section, {})[key] = value
    return build(data, "--set")


def check(assignments: Iterable[str]) -> None:
    """Raise UsageError or ConfigError for an assignment that no configuration could take."""
    for assignment in assignments:
        section, key, value = _assigned(assignment)
        for _, problem in _section_problems(section, {key: value}):
            raise ConfigError(
                f"--set: {problem}", "'gaitpi config explain KEY' says what a key means."
            )


def _assigned(assignment: str) -> tuple[str, str, Any]:
    """Section, key and value of ``"coach.target_spm=172"``."""
    name, equals, text = assignment.partition("=")
    if not equals:
        raise UsageError(f"'{assignment}' sets nothing.", "Write it as KEY=VALUE.")
    section, _, key = name.strip().partition(".")
    return section, key, _value_of(name.strip(), text.strip())


def _value_of(name: str, text: str) -> Any:
    """``text`` as a person types it, read the way TOML would; text needs no quotes."""
    key = explain(name)
    try:
        value = _toml(f"value = {text}")
        if value.keys() == {"value"} and (key.kind != "text" or isinstance(value["value"], str)):
            return value["value"]
    except (ValueError, RecursionError):
        pass
    return text


def build(data: dict[str, Any], where: Path | str, text: str = "") -> Config:
    """Check every key of ``data`` and then what must fit together."""
    lines = text.split("\n")
    problems = [
        (_at(lines, where, name), problem)
        for section, body in data.items()
        for name, problem in _section_problems(section, body)
    ]
    if not problems:
        clean = {
            section: {key: _none(keys()[f"{section}.{key}"], value) for key, value in body.items()}
            for section, body in data.items()
        }
        config = msgspec.convert(clean, Config)
        problems = [(str(where), problem) for problem in _conflicts(config)]
        if not problems:
            return config
    raise ConfigError(
        "\n".join(f"{place}: {problem}" for place, problem in problems),
        "'gaitpi config explain KEY' says what a key means.",
    )


def _section_problems(section: str, body: Any) -> Iterator[tuple[str, str]]:
    """(key, what is wrong with it) for one table of the file."""
    sections = Config.__struct_fields__
    if section not in sections:
        if isinstance(body, dict):
            import difflib  # for mistakes only: what is right need not wait for it

            near = difflib.get_close_matches(section, sections, n=1)
            hint = f"; did you mean [{near[0]}]?" if near else "."
            yield section, f"there is no section [{section}]{hint}"
        else:
            yield section, _unknown(section)
    elif not isinstance(body, dict):
        yield section, f"{section} is {_shown(body)}, expected a section [{section}]."
    else:
        for key, value in body.items():
            name = f"{section}.{key}"
            if name not in keys():
                yield name, _unknown(name)
            elif not _fits(section, key, value):
                yield name, f"{name} is {_shown(value)}, expected {keys()[name].expected}."


def _fits(section: str, key: str, value: Any) -> bool:
    """Whether the annotation of the key takes ``value``."""
    value = _none(keys()[f"{section}.{key}"], value)
    try:
        msgspec.convert({section: {key: value}}, Config)
    except msgspec.ValidationError:
        return False
    return True


def _none(key: Key, value: Any) -> Any:
    """TOML has no null: the text "none" is the absent value of a key that may be absent."""
    return None if key.optional and value == "none" else value


def _shown(value: Any) -> str:
    """``value`` for a message, cut short."""
    if isinstance(value, bool):
        return "true" if value else "false"
    words = f'"{value}"' if isinstance(value, str) else str(value)
    return words if len(words) <= 40 else words[:37] + "..."


def _at(lines: list[str], where: Path | str, name: str) -> str:
    """File and, where it can be told, line of the key ``name``."""
    index = _locate(lines, name)[0]
    return str(where) if index is None else f"{where}, line {index + 1}"


def _conflicts(config: Config) -> Iterator[str]:
    """What is wrong although each key alone is right."""
    imu, coach, cues = config.imu, config.coach, config.cues
    if imu.allow_unknown and imu.chip == "auto":
        yield "imu.allow_unknown needs imu.chip to name a chip family instead of auto."
    if config.mount.axes and not _right_handed(config.mount.axes):
        yield (
            f'mount.axes "{config.mount.axes}" cannot be: forward, left, up must be three '
            "different axes and make a right-handed frame; check the signs."
        )
    if coach.band_return >= coach.band_low:
        yield (
            f"coach.band_return ({coach.band_return}) must be below coach.band_low "
            f"({coach.band_low}), or the cue would flutter at the edge of the band."
        )
    if (coach.follow_low_ms or 0.0) > (coach.follow_high_ms or math.inf):
        yield (
            f"coach.follow_low_ms ({coach.follow_low_ms}) must not be above coach.follow_high_ms "
            f"({coach.follow_high_ms})."
        )
    if coach.target_spm is not None:
        edge = coach.target_spm * (1.0 - coach.band_low)
        if edge <= coach.gate_spm:
            yield (
                f"coach.gate_spm ({coach.gate_spm}) must be below {edge:.1f}, where the cadence "
                "band begins (target x (1 - band_low)), or no cue could ever come."
            )
    colours = (cues.led_pin, cues.green_pin, cues.blue_pin)
    if None in colours and colours[1:] != (None, None):
        yield "an RGB LED needs all of cues.led_pin (its red), cues.green_pin and cues.blue_pin."
    yield from _pin_conflicts(imu, cues)


def _pin_conflicts(imu: ImuConfig, cues: CuesConfig) -> Iterator[str]:
    """Pins used twice, and pins of the sensor's own bus (BCM 2, 3: I2C 1; 0, 1: I2C 0)."""
    used = {0: {0: "I2C bus 0", 1: "I2C bus 0"}, 1: {2: "I2C bus 1", 3: "I2C bus 1"}}
    owner: dict[int, str] = dict(used.get(imu.bus, {}))
    wanted = {
        "cues.buzzer_pin": cues.buzzer_pin if cues.buzzer != "none" else None,
        "cues.led_pin": cues.led_pin,
        "cues.green_pin": cues.green_pin,
        "cues.blue_pin": cues.blue_pin,
        "cues.vibration_pin": cues.vibration_pin,
        "cues.button_pin": cues.button_pin,
        "imu.power_pin": imu.power_pin,
    }
    for name, pin in wanted.items():
        if pin is None:
            continue
        if pin in owner:
            yield f"{name} is {pin}, a pin {owner[pin]} uses already; each needs its own pin."
        owner[pin] = name


def _right_handed(axes: str) -> bool:
    """Whether ``axes`` such as "-y,x,z" is a proper rotation (determinant +1)."""
    names = [axis.strip() for axis in axes.split(",")]
    order = "".join(axis[-1] for axis in names)
    minus = sum(axis.startswith("-") for axis in names)
    even = order in ("xyz", "yzx", "zxy")
    odd = order in ("xzy", "zyx", "yxz")
    return (even and minus % 2 == 0) or (odd and minus % 2 == 1)


def set_value(path: Path | None, name: str, text: str) -> tuple[Path, Config]:
    """Write ``name = text`` into the file, keeping everything else in it as it is.

    The result is checked as a whole before the file is replaced at one stroke. Returns the
    path written and the new configuration. Raises ConfigError; then the file is untouched.
    """
    value = _value_of(name, text)
    where = path or default_path()
    old = read(where)[1] if _exists(where) else ""
    data = parse(old, where)
    section, _, key = name.partition(".")
    body = data.setdefault(section, {})
    if isinstance(body, dict):
        body[key] = value
    config = build(data, where)
    new = edited(old, name, format_value(name, value))
    # the edit works on lines; the parser has the last word on whether it did what was asked
    try:
        done = _toml(new) == data
    except ValueError:
        done = False
    if not done:
        raise ConfigError(
            f"{where} is written in a way that gaitpi cannot edit safely.",
            f"Put '{key} = {format_value(name, value)}' under [{section}] in an editor.",
        )
    replace_file(where, new)
    return where, config


_HEADER = re.compile(r"\s*\[([^\[\]]+)\]\s*(#.*)?$")
_ASSIGNMENT = re.compile(r"(\s*([^=#\[\]]+?)\s*=\s*)(.*)$", re.DOTALL)


def _locate(lines: list[str], name: str) -> tuple[int | None, int | None]:
    """(line of the key, line after which it would belong); None where there is none."""
    section, last = "", None
    for index, line in enumerate(lines):
        if header := _HEADER.match(line):
            section = _plain(header[1])
        elif found := _ASSIGNMENT.match(line):
            if ".".join(filter(None, (section, _plain(found[2])))) == name:
                return index, None
        else:
            continue
        if section == name.partition(".")[0]:
            last = index
    return None, last


def _plain(key: str) -> str:
    """A key without quotes and spaces."""
    return re.sub(r"[\s\"']", "", key)


def edited(text: str, name: str, value: str) -> str:
    """``text`` with the key set: its line changed, or a line added to its section."""
    section, _, key = name.partition(".")
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.split("\n")
    at, after = _locate(lines, name)
    if at is not None:
        found = _ASSIGNMENT.match(lines[at])
        assert found is not None
        lines[at] = found[1] + value + _after_value(found[3])
        return "\n".join(lines)
    if after is not None:
        lines[after] = lines[after].rstrip("\r") + end + f"{key} = {value}" + end.rstrip("\n")
        return "\n".join(lines)
    start = text.rstrip("\r\n") + end * 2 if text.strip() else ""
    return f"{start}[{section}]{end}{key} = {value}{end}"


def _after_value(rest: str) -> str:
    """Spaces, comment and line end that follow a value on its line."""
    for mark in re.finditer("#", rest):
        value = rest[: mark.start()]
        try:
            _toml(f"value = {value}")
        except ValueError:
            continue  # this # stands inside a string
        return value[len(value.rstrip()) :] + rest[mark.start() :]
    return rest[len(rest.rstrip()) :]


def sync_folder(path: Path) -> None:
    """Make the names in ``path`` survive a power cut. Raises OSError."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def make_folder(path: Path) -> None:
    """Create ``path`` and its parents, each synced into the one above. Raises OSError."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for new in reversed(missing):
        sync_folder(new.parent)


def replace_file(path: Path, text: str | bytes) -> None:
    """Replace ``path`` so that a power cut leaves the old text or the new, never a mixture."""
    path = path.resolve()
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        make_folder(path.parent)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        try:
            with scratch.open("wb") as file:
                file.write(text if isinstance(text, bytes) else text.encode())
                os.fchmod(file.fileno(), mode)
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)
        sync_folder(path.parent)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        todo = "Try it with sudo." if isinstance(error, PermissionError) else ""
        raise ConfigError(f"{path} cannot be written: {reason}.", todo) from error


def _exists(path: Path) -> bool:
    """Whether there is such a file, also where a folder on the way may not be entered."""
    try:
        return path.exists()
    except OSError:
        return False


def default_path(environ: Mapping[str, str] = os.environ) -> Path:
    """The configuration file used when none is named.

    ``$GAITPI_CONFIG``, else ``$XDG_CONFIG_HOME/gaitpi/config.toml`` (or ``~/.config``), else
    ``/etc/gaitpi/config.toml`` when that is the one that exists.
    """
    named = environ.get("GAITPI_CONFIG")
    if named:
        return Path(named)
    base = environ.get("XDG_CONFIG_HOME")
    own = (Path(base) if base else _home(environ) / ".config") / "gaitpi" / "config.toml"
    system = Path("/etc/gaitpi/config.toml")
    return system if not _exists(own) and _exists(system) else own


def state_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Folder for what gaitpi keeps: systemd's ``$STATE_DIRECTORY``, else the XDG one."""
    given = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    base = environ.get("XDG_STATE_HOME")
    return (Path(base) if base else _home(environ) / ".local" / "state") / "gaitpi"


def runs_directory(config: Config, environ: Mapping[str, str] = os.environ) -> Path:
    """Folder of the run files: configured, else ``runs`` in the state directory."""
    if config.runs.directory:
        return Path(os.path.expanduser(config.runs.directory))  # noqa: PTH111
    return state_directory(environ) / "runs"


def _home(environ: Mapping[str, str]) -> Path:
    """The home folder, by the password file where ``$HOME`` is not set."""
    return Path(environ.get("HOME") or os.path.expanduser("~"))  # noqa: PTH111
