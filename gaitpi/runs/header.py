"""Who, when, with what: the header of a run file."""

import json
import math
import platform
import secrets
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import metadata
from typing import Any, Final

from gaitpi import __version__
from gaitpi.hostclock import boot_id as boot_id  # a header's, wherever it is asked for
from gaitpi.imu.batch import SensorInfo
from gaitpi.runs.rows import Anchor, real
from gaitpi.runs.schema import HEADER_COLUMNS, SCHEMA_VERSION

Value = str | int | float | None


def new_run_id(wall_s: float, boot: str) -> str:
    """A name for a run: UTC time, boot and 24 random bits, e.g. 20261123-170200-3fa2-9c1be0.

    A machine without a clock battery can start twice at the same wall time: the boot and the
    random part keep its runs apart. ``wall_s`` seconds since 1970; an impossible time gives
    the name of time zero.
    """
    try:
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(wall_s))
    except (OverflowError, ValueError, OSError):
        stamp = "00000000-000000"
    return f"{stamp}-{boot[:4]}-{secrets.token_hex(3)}"


def utc_offset_s(wall_s: float) -> float:
    """Seconds local time is ahead of UTC at ``wall_s``; 0 for an impossible time."""
    try:
        return float(time.localtime(wall_s).tm_gmtoff)
    except (OverflowError, ValueError, OSError):
        return 0.0


def _version(package: str) -> str:
    """Version of an installed package, without importing it; "" when it is not there."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """What has to be known to read a run years later.

    ``anchor`` ties run time 0 (its ``mono_s``) to the wall clock. ``virtual`` is True when time
    was virtual (demo, simulate, replay); ``source`` says where samples came from and
    ``recording`` the story or file played, a bare name. ``segment`` and ``mount`` are as
    configured (mount "" = learned). ``config`` is the JSON text of the whole configuration,
    ``calibration`` JSON text or None. ``design_rate_hz`` is the rate the estimator was made for.

    Raises ValueError when ``recording`` is a path or a text is not JSON.
    """

    run_id: str
    boot_id: str
    anchor: Anchor
    sensor: SensorInfo
    config: str
    calibration: str | None
    segment: str
    mount: str
    design_rate_hz: float
    has_gyro: bool
    virtual: bool
    source: str
    recording: str = ""
    gaitpi: str = __version__
    schema_version: int = SCHEMA_VERSION
    python: str = platform.python_version()
    numpy: str = _version("numpy")
    numba: str = _version("numba")

    def __post_init__(self) -> None:
        if "/" in self.recording or "\\" in self.recording:
            raise ValueError("recording is a name, not a path")
        for text in (self.config, self.calibration):
            if text is not None:
                json.loads(text)

    @classmethod
    def new(
        cls,
        *,
        mono_s: float,
        wall_s: float,
        sensor: SensorInfo,
        config: str,
        calibration: str | None,
        segment: str,
        mount: str,
        design_rate_hz: float,
        has_gyro: bool,
        virtual: bool,
        source: str,
        recording: str = "",
    ) -> "RunHeader":
        """The header of a run that starts now: ``mono_s`` and ``wall_s`` read together."""
        boot = boot_id()
        return cls(
            run_id=new_run_id(wall_s, boot),
            boot_id=boot,
            anchor=Anchor(mono_s, wall_s, utc_offset_s(wall_s)),
            sensor=sensor,
            config=config,
            calibration=calibration,
            segment=segment,
            mount=mount,
            design_rate_hz=design_rate_hz,
            has_gyro=has_gyro,
            virtual=virtual,
            source=source,
            recording=recording,
        )


RATES_HZ: Final = (10.0, 4000.0)
"""Rates of a sensor that a run file may name."""

_SENSOR = {f.name for f in fields(SensorInfo)} - {"virtual"}
_REALS = {"design_rate_hz"} | {f.name for f in fields(SensorInfo) if f.type in (float, "float")}


def _plain(holder: object, name: str) -> Value:
    """The field ``name`` of ``holder`` as the type its column stores, so that the CRC holds."""
    value = getattr(holder, name)
    if name in _REALS:
        return real(value)
    return value if isinstance(value, str) else int(value)


def header_crc(values: list[Value]) -> int:
    """CRC-32 of a header's stored values: of their JSON array, UTF-8, no spaces."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return zlib.crc32(text.encode())


def header_values(header: RunHeader) -> list[Value]:
    """The values of the table ``run`` in the order of ``HEADER_COLUMNS``."""
    special: dict[str, Value] = {
        "sensor_virtual": int(header.sensor.virtual),
        "calibration": header.calibration,
    }
    return [
        special[name]
        if name in special
        else _plain(header.sensor if name in _SENSOR else header, name)
        for name in HEADER_COLUMNS
    ]


def header_of(values: list[Value], anchor: Anchor) -> RunHeader:
    """The header that ``header_values`` stored. Raises ValueError when a value cannot be one."""
    row: dict[str, Any] = dict(zip(HEADER_COLUMNS, values, strict=True))
    sensor = {name: row.pop(name) for name in _SENSOR}
    for name in ("gyr_scale", "gyr_range"):
        sensor[name] = math.nan if sensor[name] is None else sensor[name]
    sensor["virtual"] = bool(row.pop("sensor_virtual"))
    for name in ("virtual", "has_gyro"):
        row[name] = bool(row[name])
    try:
        header = RunHeader(**row, anchor=anchor, sensor=SensorInfo(**sensor))
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    _judge(header)
    return header


_TYPES: Final[Mapping[Any, tuple[type, ...]]] = {str: (str,), int: (int,), float: (int, float)}


def _judge(header: RunHeader) -> None:
    """Raise ValueError where a value of a header has another type, or makes no sense.

    It may come from anybody, and memory is taken by its rate.
    """
    for holder in (header, header.sensor):
        for field in fields(holder):
            value = getattr(holder, field.name)
            wanted = _TYPES.get(field.type)
            if wanted is not None and not isinstance(value, wanted):
                raise ValueError(f"{field.name} is a {type(value).__name__}")
    sensor = header.sensor
    scales = [sensor.acc_scale, *([sensor.gyr_scale] if header.has_gyro else [])]
    if not (
        RATES_HZ[0] <= header.design_rate_hz <= RATES_HZ[1]
        and all(0.0 < scale < 1.0 for scale in scales)
        and all(map(math.isfinite, header.anchor))
    ):
        raise ValueError("a rate, a scale or a clock makes no sense")
