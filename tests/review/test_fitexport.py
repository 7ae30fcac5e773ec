"""FIT activities: what is written is what three decoders read, and what importers ask for."""

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import fitdecode
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from calibration.madeup import pod, strap
from gaitpi.coach import programme
from gaitpi.config import CoachConfig
from gaitpi.errors import InputFileError
from gaitpi.importfile import NOTHING, Imported, Imports, Points
from gaitpi.review import fitexport, fitfile
from gaitpi.review import fitprofile as fit
from gaitpi.review.fitwriter import FitWriter, Value, crc16, raw
from gaitpi.review.outside import facts, outside
from gaitpi.runs.header import utc_offset_s
from gaitpi.runs.reader import RunReader
from gaitpi.runs.writer import RunWriter
from tests import fitwriter
from tests.fitreaders import READERS, Message, by_fitdecode
from tests.runs import sample

START = int(sample.WALL_S) - fit.EPOCH_S
MESSAGES = (
    fit.FILE_ID,
    fit.FILE_CREATOR,
    fit.DEVICE_INFO,
    fit.EVENT,
    fit.RECORD,
    fit.HRV,
    fit.LAP,
    fit.SESSION,
    fit.ACTIVITY,
)
Decoder = Callable[[bytes], list[Message]]
each_reader = pytest.mark.parametrize("reader", READERS.values(), ids=READERS)


# The writer.


def _values(message: fit.Message) -> st.SearchStrategy[dict[str, Value]]:
    def of(field: fit.Field) -> st.SearchStrategy[Value]:
        if field.kind is fit.STRING:
            return st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
        if field.kind is fit.FLOAT32:
            odd = st.sampled_from((math.nan, math.inf, -math.inf, 1e300))
            return st.floats(-1e6, 1e6, width=32) | odd
        most = field.kind.invalid
        numbers = st.integers(0, most - 1) | st.integers(-5, 5) | st.integers(most - 2, most + 99)
        return numbers.map(lambda n: n / field.scale)

    # by these some readers give other fields another name
    names = {f.name for f in message.fields}
    fixed = {k: v for k, v in {"sport": 1, "manufacturer": 255}.items() if k in names}
    fixed |= {"event": fit.MARKER} if message is fit.EVENT else {}
    fields = {f.name: st.none() | of(f) for f in message.fields if f.name not in fixed}
    return st.fixed_dictionaries(fields).map(lambda found: found | fixed)


def _expected(message: fit.Message, values: Mapping[str, Value]) -> dict[str, Any]:
    """What a reader must find, worked out another way than the writer does."""
    found: dict[str, Any] = {}
    for field in message.fields:
        value = values[field.name]
        if isinstance(value, str):
            text = value
            while len(text.encode()) > field.size - 1:
                text = text[:-1]
            if text:
                found[field.name] = text
        elif value is None or isinstance(value, bytes) or not math.isfinite(value):
            continue
        elif field.kind is fit.FLOAT32:
            if abs(value) < 1e38:
                found[field.name] = value
        elif 0 <= round(value * field.scale) < field.kind.invalid:
            found[field.name] = round(value * field.scale) / field.scale
    return found


@each_reader
@given(
    st.lists(
        st.sampled_from(MESSAGES).flatmap(
            lambda message: _values(message).map(lambda values: (message, values))
        ),
        max_size=20,
    )
)
@settings(max_examples=30, phases=(Phase.explicit, Phase.generate))
def test_every_field_is_read_as_it_was_given(
    reader: Decoder, messages: list[tuple[fit.Message, dict[str, Value]]]
) -> None:
    out = FitWriter()
    out.put(fit.FILE_ID, {"type": fit.FILE_ACTIVITY, "time_created": START})
    out.put(fit.DEVELOPER_DATA_ID, {"application_id": bytes(range(16)), "developer_data_index": 0})
    for message in (fit.EVENT, fit.RECORD, fit.LAP):
        for field in message.fields:
            if field.developer:
                out.put(fit.FIELD_DESCRIPTION, fitexport.description(message, field))
    for message, values in messages:
        out.put(message, values)
    found = reader(out.whole())[8:]
    assert [name for name, _ in found] == [message.name for message, _ in messages]
    for (_, got), (message, values) in zip(found, messages, strict=True):
        wanted = _expected(message, values)
        assert got.keys() == wanted.keys()
        for name, value in wanted.items():
            text = isinstance(value, str)
            assert got[name] == value if text else math.isclose(got[name], value, rel_tol=1e-12)


def test_what_a_field_cannot_hold_is_not_known() -> None:
    cadence = next(f for f in fit.RECORD.fields if f.name == "cadence")
    assert raw(cadence, 254) == b"\xfe"
    for value in (255, 256, -1, math.nan, math.inf, None, "85"):
        assert raw(cadence, value) is None
    with pytest.raises(KeyError):
        FitWriter().put(fit.RECORD, {"cadense": 85})


def test_the_checksum_is_the_published_one() -> None:
    assert crc16(b"123456789") == 0xBB3D
    assert crc16(b"6789", crc16(b"12345")) == 0xBB3D
    data = bytes(range(256)) * 3
    assert crc16(data) == fitwriter.crc16(data)


def test_fields_have_the_numbers_types_and_scales_of_the_profile() -> None:
    """As the profile in another decoder has them."""
    from fitdecode.profile import MESSAGE_TYPES

    for message in (*MESSAGES, fit.DEVELOPER_DATA_ID, fit.FIELD_DESCRIPTION):
        theirs = MESSAGE_TYPES[message.number]
        assert theirs.name == message.name
        for field in message.fields:
            if field.developer:
                continue
            known = theirs.fields[field.number]
            assert (known.name, known.scale or 1) == (field.name, field.scale)
            base = getattr(known.type, "base_type", known.type)
            assert base.identifier == field.kind.number, field.name
            if field.unit:
                assert known.units == field.unit


# A run.


def _write(
    path: Path,
    *,
    seconds: list[dict[str, Any]],
    steps: list[dict[str, Any]],
    coach: CoachConfig | None = None,
    virtual: bool = False,
    wall_s: float = sample.WALL_S,
    more: Callable[[RunWriter], None] = lambda _writer: None,
) -> Path:
    from gaitpi.config import Config

    config = Config(coach=coach or CoachConfig())
    writer = RunWriter(path, sample.header(config=config, virtual=virtual, wall_s=wall_s))
    writer.seconds(seconds)
    writer.steps(steps)
    if seconds:
        # samples of the last second, so that the run ends with it
        last = sample.counts(208)
        for batch in sample.batches(last, size=208, time_s=seconds[-1]["time_s"]):
            writer.batch(batch)
    more(writer)
    writer.close({})
    return path


def _activity(path: Path, imports: Imports = NOTHING) -> list[Message]:
    with RunReader(path) as run:
        data = fitexport.activity(run, imports)
    found = {name: reader(data) for name, reader in READERS.items()}
    assert found["fitdecode"] == found["fitparse"] == found["fit_tool"]
    return found["fitdecode"]


def _all(messages: list[Message], name: str) -> list[dict[str, Any]]:
    return [values for kind, values in messages if kind == name]


def _steps(length_s: float, **other: float) -> list[dict[str, Any]]:
    """Left and right in turn, 171 a minute."""
    step_s = 60.0 / 171.0
    return [
        sample.step(
            k * step_s,
            step_s=step_s,
            side=-1 if k % 2 else 1,
            contact_s=0.26 if k % 2 else 0.24,
            bounce_m=0.08,
            **other,
        )
        for k in range(int(length_s / step_s))
    ]


def _seconds(length_s: int, **other: Any) -> list[dict[str, Any]]:
    return [sample.second(float(k), cadence_spm=171.0, **other) for k in range(length_s)]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return _write(
        tmp_path / "20261123-170200-0000-000001.gaitpi",
        seconds=_seconds(120, lean_deg=5.5, side_lean_deg=-1.25, lean_sd_deg=0.5),
        steps=_steps(120.0),
    )


def test_a_record_has_native_dynamics_and_lean_of_our_own(run: Path) -> None:
    messages = _activity(run)
    records = _all(messages, "record")
    assert [r["timestamp"] for r in records] == [START + k for k in range(120)]
    assert records[60] == {
        "timestamp": START + 60,
        "cadence": 85,
        "fractional_cadence": 0.5,
        "vertical_oscillation": 80.0,
        "stance_time": pytest.approx(250.0, abs=1.5),
        "stance_time_percent": pytest.approx(100 * 0.25 / (120 / 171), abs=0.3),
        "stance_time_balance": pytest.approx(52.0, abs=0.01),
        "activity_type": 1,
        "belt_lean": 5.5,
        "side_lean": -1.25,
        "lean_sd": 0.5,
    }
    described = {d["field_name"]: d for d in _all(messages, "field_description")}
    assert set(described) == {"belt_lean", "side_lean", "lean_sd", "cue", "reason", "phase"}
    assert described["belt_lean"]["units"] == "deg"
    assert described["belt_lean"]["fit_base_type_id"] == 0x88


def test_importers_get_what_they_ask_for(run: Path) -> None:
    messages = _activity(run)
    names = [name for name, _ in messages]
    assert (names[0], names[-1]) == ("file_id", "activity")
    assert (names.count("lap"), names.count("session"), names.count("activity")) == (1, 1, 1)
    assert names.index("lap") < names.index("session")
    assert _all(messages, "file_id") == [
        {
            "type": 4,
            "manufacturer": 255,
            "product": 1,
            "time_created": START,
            "product_name": "gaitpi",
        }
    ]
    stamps = [v["timestamp"] for n, v in messages if n in ("record", "event")]
    assert stamps == sorted(stamps)
    timer = [e for e in _all(messages, "event") if e["event"] == fit.TIMER]
    assert [e["event_type"] for e in timer] == [fit.START, fit.STOP_ALL]
    session = _all(messages, "session")[0]
    assert session["start_time"] == START
    assert session["total_elapsed_time"] == session["total_timer_time"] == 120.0
    assert (session["sport"], session["sub_sport"]) == (1, 0)
    steps = len(_steps(120.0))
    assert 2 * (session["total_cycles"] + session["total_fractional_cycles"]) == steps
    assert session["avg_cadence"] + session["avg_fractional_cadence"] == 85.5
    assert session["max_cadence"] + session["max_fractional_cadence"] == 85.5
    end = _all(messages, "activity")[0]
    # the runner's clock is an hour ahead of UTC
    assert end["local_timestamp"] - end["timestamp"] == 3600
    assert "total_distance" not in session
    assert "avg_step_length" not in session


def test_an_odd_number_of_steps_is_no_stride_less(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.gaitpi", seconds=_seconds(10), steps=_steps(10.0)[:27])
    session = _all(_activity(path), "session")[0]
    assert (session["total_cycles"], session["total_fractional_cycles"]) == (13, 0.5)


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    seconds = [sample.second(float(k), activity=1, cadence_spm=math.nan) for k in range(20)]
    path = _write(tmp_path / "a.gaitpi", seconds=seconds, steps=[])
    messages = _activity(path)
    assert _all(messages, "record")[3] == {"timestamp": START + 3, "activity_type": 8}
    lap = _all(messages, "lap")[0]
    assert lap["total_cycles"] == 0
    assert not [name for name in lap if name.startswith(("avg", "max"))]


def test_balance_needs_both_feet(tmp_path: Path) -> None:
    steps = [s | {"side": 0} for s in _steps(60.0)]
    path = _write(tmp_path / "a.gaitpi", seconds=_seconds(60), steps=steps)
    messages = _activity(path)
    assert not any("stance_time_balance" in r for r in _all(messages, "record"))
    assert "avg_stance_time_balance" not in _all(messages, "session")[0]


def test_speed_makes_step_length_and_vertical_ratio(run: Path) -> None:
    times = tuple(float(k) for k in range(10, 71))
    points = Points(
        sha256="0",
        time_s=times,
        heart_rate_bpm=tuple(140.0 + k % 3 for k in range(61)),
        distance_m=tuple(1000.0 + 2.85 * k for k in range(61)),
    )
    imported = Imported(wall_s=0.0, file="w.fit", sha256="0", start_s=0.0, end_s=1.0, share=0.5)
    messages = _activity(run, Imports((imported,), (points,)))
    records = _all(messages, "record")
    assert records[40]["enhanced_speed"] == pytest.approx(2.85, abs=0.001)
    assert records[40]["step_length"] == pytest.approx(1000.0, abs=0.5)
    assert records[40]["vertical_ratio"] == pytest.approx(8.0, abs=0.01)
    assert records[40]["distance"] == pytest.approx(2.85 * 30.5, abs=0.01)
    assert 140 <= records[40]["heart_rate"] <= 142
    for beyond in (records[3], records[90]):
        assert not {"heart_rate", "distance", "enhanced_speed", "step_length"} & set(beyond)
    session = _all(messages, "session")[0]
    assert session["total_distance"] == pytest.approx(2.85 * 60, abs=0.01)
    assert session["avg_heart_rate"] == 141
    assert session["max_heart_rate"] == 142
    assert session["avg_step_length"] == pytest.approx(1000.0, abs=1.0)


def test_a_programme_has_a_lap_a_phase(tmp_path: Path) -> None:
    coach = CoachConfig(
        target_spm=172.0,
        warmup_s=60.0,
        programme="faded-1",
        programme_part="session",
        programme_number=5,
        programme_of=8,
        programme_share=0.5,
        programme_minutes=4.0,
    )
    path = _write(tmp_path / "a.gaitpi", seconds=_seconds(400), steps=_steps(400.0), coach=coach)
    messages = _activity(path)
    laps = _all(messages, "lap")
    cued = ["cued" if programme.cued(k, 0.5) else "silent" for k in range(4)]
    assert [lap["phase"] for lap in laps] == ["warm-up", *cued, "after"]
    assert [lap["total_elapsed_time"] for lap in laps] == [60.0] * 5 + [100.0]
    assert [lap["message_index"] for lap in laps] == list(range(6))
    assert [lap["intensity"] for lap in laps] == [2, 0, 0, 0, 0, 0]
    starts = [lap["start_time"] for lap in laps]
    assert starts[1:] == [lap["timestamp"] for lap in laps][:-1]
    session = _all(messages, "session")[0]
    assert session["num_laps"] == 6
    strides = sum(lap["total_cycles"] + lap["total_fractional_cycles"] for lap in laps)
    assert strides == session["total_cycles"] + session["total_fractional_cycles"]


def test_cues_and_marks_are_events(tmp_path: Path) -> None:
    silent = replace(sample.cue(40.0), cue="back")

    def more(writer: RunWriter) -> None:
        writer.cue(sample.cue(30.0), 30.2)
        writer.cue(silent, None)
        writer.cue(sample.cue(50.0, "tall", "lean"), 50.1)
        writer.event(20.0, "mark", "button")
        writer.event(25.0, "pain", "pain", where="knee")
        writer.event(26.0, "fault", "nack")

    path = _write(tmp_path / "a.gaitpi", seconds=_seconds(60), steps=_steps(60.0), more=more)
    events = [e for e in _all(_activity(path), "event") if e["event"] != fit.TIMER]
    said = [(e["timestamp"] - START, e["event"], e["cue"], e.get("data")) for e in events]
    low = round(166.8 / 2.0)  # FIT's alert is in strides
    assert said == [
        (20, fit.MARKER, "mark", None),
        (25, fit.MARKER, "pain", None),
        (30, fit.CADENCE_LOW, "step-up", low),
        (50, fit.MARKER, "tall", None),
    ]
    assert events[2]["reason"] == "low 8 s"
    assert all(e["event_type"] == fit.MARKED for e in events)


def test_missing_seconds_stop_the_timer(tmp_path: Path) -> None:
    seconds = [s for s in _seconds(100) if not 30 <= s["time_s"] < 50]
    path = _write(tmp_path / "a.gaitpi", seconds=seconds, steps=_steps(20.0))
    messages = _activity(path)
    timer = [
        (e["timestamp"] - START, e["event_type"])
        for e in _all(messages, "event")
        if e["event"] == fit.TIMER
    ]
    assert timer == [(0, fit.START), (30, fit.STOP_ALL), (50, fit.START), (100, fit.STOP_ALL)]
    session = _all(messages, "session")[0]
    assert (session["total_elapsed_time"], session["total_timer_time"]) == (100.0, 80.0)


def test_a_simulated_run_says_so(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.gaitpi", seconds=_seconds(20), steps=_steps(20.0), virtual=True)
    messages = _activity(path)
    assert _all(messages, "file_id")[0]["product_name"] == "gaitpi simulated"
    assert _all(messages, "device_info")[0]["product_name"] == "gaitpi simulated"
    assert _all(messages, "session")[0]["sub_sport"] == fit.VIRTUAL_SUB


def test_the_clock_that_was_set_later_counts(tmp_path: Path) -> None:
    def more(writer: RunWriter) -> None:
        writer.anchor(110.0, sample.WALL_S + 3610.0)

    path = _write(tmp_path / "a.gaitpi", seconds=_seconds(20), steps=[], more=more)
    messages = _activity(path)
    assert _all(messages, "record")[0]["timestamp"] == START + 3600
    end = _all(messages, "activity")[0]
    assert end["local_timestamp"] - end["timestamp"] == utc_offset_s(sample.WALL_S)


def test_no_date_and_no_second_are_said(tmp_path: Path) -> None:
    early = _write(tmp_path / "a.gaitpi", seconds=_seconds(5), steps=[], wall_s=1000.0)
    none = _write(tmp_path / "b.gaitpi", seconds=[], steps=[])
    for path, words in ((early, "clock was never set"), (none, "no whole second")):
        with RunReader(path) as run, pytest.raises(InputFileError, match=words) as caught:
            fitexport.activity(run)
        assert caught.value.todo


def test_next_to_nothing_divides_nothing(tmp_path: Path) -> None:
    """The least numbers there are: no minute can be divided by such a cadence, or such a step."""
    tiny = 5e-324
    seconds = [sample.second(float(k), activity=3, cadence_spm=tiny) for k in range(12)]
    steps = [sample.step(5.0, known_s=5.1, activity=3, step_s=tiny, side=1)]
    path = _write(tmp_path / "a.gaitpi", seconds=seconds, steps=steps)
    assert all("step_length" not in record for record in _all(_activity(path), "record"))


@given(st.data())
@settings(max_examples=40, phases=(Phase.explicit, Phase.generate))
def test_any_run_is_read_the_same_by_all_and_keeps_its_cadence(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    n = data.draw(st.integers(1, 40))
    cadence = st.floats(0.0, 400.0) | st.just(math.nan)
    number = st.floats(-1e4, 1e4) | st.just(math.nan)
    seconds = [
        sample.second(
            float(k),
            activity=data.draw(st.integers(0, 3)),
            cadence_spm=data.draw(cadence),
            lean_deg=data.draw(number),
            lean_sd_deg=data.draw(number),
        )
        for k in range(n)
        if k == 0 or data.draw(st.integers(0, 5))
    ]
    steps = [
        sample.step(
            data.draw(st.floats(-2.0, n + 2.0) | st.just(math.nan)),
            known_s=data.draw(st.floats(0.0, n)),
            activity=data.draw(st.integers(0, 3)),
            contact_s=data.draw(st.floats(0.0, 1.0) | st.just(math.nan)),
            step_s=data.draw(st.floats(0.0, 2.0) | st.just(math.nan)),
            bounce_m=data.draw(st.floats(-1.0, 1.0) | st.just(math.nan)),
            side=data.draw(st.integers(-1, 1)),
        )
        for _ in range(data.draw(st.integers(0, 40)))
    ]
    path = _write(tmp_path_factory.mktemp("fit") / "a.gaitpi", seconds=seconds, steps=steps)
    records = {r["timestamp"] - START: r for r in _all(_activity(path), "record")}
    assert len(records) == len(seconds)
    for second in seconds:
        row = records[int(second["time_s"])]
        spm = second["cadence_spm"]
        if math.isnan(spm):
            assert not {"cadence", "fractional_cadence"} & set(row)
        else:
            back = 2.0 * (row["cadence"] + row["fractional_cadence"])
            assert back == pytest.approx(spm, abs=1 / 128 + 1e-9)


def test_means_are_those_of_the_steps(run: Path) -> None:
    """By another way than the sums: every record from the steps around it."""
    with RunReader(run) as reader:
        steps = reader.steps()
    for k, record in enumerate(_all(_activity(run), "record")):
        near = [s for s in steps if k - 1 <= s.ic_s < k + 2]
        assert record["stance_time"] == pytest.approx(
            1000 * fmean(s.contact_s for s in near), abs=0.051
        )


def test_our_own_reader_reads_it(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.fit"
    with RunReader(run) as reader:
        path.write_bytes(fitexport.activity(reader))
    found = fitfile.read(path)
    assert [r.cadence_spm for r in found.records] == [171.0] * 120
    assert found.start_s == sample.WALL_S
    assert [s.end_s - s.start_s for s in found.sessions] == [120.0]


def test_a_flipped_bit_is_found_by_the_checksum(run: Path) -> None:
    with RunReader(run) as reader:
        data = bytearray(fitexport.activity(reader))
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 16
    data[len(data) // 2] ^= 4
    with pytest.raises(fitdecode.FitError):
        by_fitdecode(bytes(data))


def test_long_and_hostile_text_is_cut_and_escaped(tmp_path: Path) -> None:
    def more(writer: RunWriter) -> None:
        writer.event(1.0, "mark", "a\x1b[2Jb" + "é" * 200)

    path = _write(tmp_path / "a.gaitpi", seconds=_seconds(20), steps=[], more=more)
    event = next(e for e in _all(_activity(path), "event") if e["event"] == fit.MARKER)
    assert "\x1b" not in event["reason"]
    assert len(event["reason"].encode()) <= 79


# Strap and pod.


def _with_strap_and_pod(path: Path, drops: list[tuple[float, float]]) -> Path:
    def readings(writer: RunWriter) -> None:
        for heart in strap(120.0, lambda t: 140.0 + t / 10.0, drops):
            writer.reading(heart)
        for row in pod(120.0, lambda _t: 3.0, drops):
            writer.reading(row)

    return _write(
        path,
        seconds=[sample.second(float(k), cadence_spm=171.0) for k in range(120)],
        steps=_steps(120.0),
        more=readings,
    )


def test_a_mean_step_is_that_of_the_time_whose_speed_is_known(tmp_path: Path) -> None:
    """As ``show`` has it: the pod was heard in the fast half alone."""

    def readings(writer: RunWriter) -> None:
        for row in pod(120.0, lambda _t: 4.0, [(60.0, 120.0)], spm=lambda _t: 180.0):
            writer.reading(row)

    cadences = [180.0 if k < 60 else 150.0 for k in range(120)]
    path = _write(
        tmp_path / "half.gaitpi",
        seconds=[sample.second(float(k), cadence_spm=spm) for k, spm in enumerate(cadences)],
        steps=_steps(120.0),
        more=readings,
    )
    (session,) = _all(_activity(path), "session")
    with RunReader(path) as run:
        shown = facts(outside(run), run.seconds())
    assert session["avg_step_length"] == pytest.approx(1000.0 * shown.step_m, abs=0.06)
    assert shown.step_m == pytest.approx(4.0 * 60.0 / 178.0, abs=0.01)


def test_what_strap_and_pod_sent_is_in_the_records(tmp_path: Path) -> None:
    """As the three readers have it; nothing out of a hole of the link."""
    messages = _activity(_with_strap_and_pod(tmp_path / "r.gaitpi", [(40.0, 60.0)]))
    records = _all(messages, "record")
    assert len(records) == 120
    known = [record["timestamp"] - START for record in records if "heart_rate" in record]
    assert known == [*range(44), *range(60, 120)]
    assert [r["timestamp"] - START for r in records if "enhanced_speed" in r] == [
        *range(1, 45),
        *range(61, 120),
    ]
    ways = [r["timestamp"] - START for r in records if "distance" in r]
    assert ways == [*range(1, 40), *range(61, 120)]
    metres = [record["distance"] for record in records if "distance" in record]
    assert metres == sorted(metres)
    assert records[30]["heart_rate"] == 143
    assert records[30]["enhanced_speed"] == 3.0
    assert records[30]["step_length"] == pytest.approx(1000.0 * 3.0 * 60.0 / 171.0, abs=0.06)
    assert records[30]["vertical_ratio"] == pytest.approx(7.6, abs=0.01)
    (session,) = _all(messages, "session")
    assert session["total_distance"] == pytest.approx(357.0, abs=1.5)
    assert session["enhanced_avg_speed"] == 3.0
    assert session["max_heart_rate"] == 152


def test_rr_intervals_are_as_they_were_told(tmp_path: Path) -> None:
    path = _with_strap_and_pod(tmp_path / "r.gaitpi", [(40.0, 60.0)])
    found = [message["time"] for message in _all(_activity(path), "hrv")]
    with RunReader(path) as run:
        told = [rr_s for row in run.hearts() for rr_s in row.intervals_s]
    assert len(told) > 200
    assert found == pytest.approx(told, abs=0.0006)


def test_intervals_without_skin_are_none(tmp_path: Path) -> None:
    def readings(writer: RunWriter) -> None:
        for row in strap(20.0, lambda _t: 140.0):
            writer.reading(row._replace(contact=0.0))

    path = _write(
        tmp_path / "r.gaitpi",
        seconds=[sample.second(float(k)) for k in range(20)],
        steps=[],
        more=readings,
    )
    messages = _activity(path)
    assert not _all(messages, "hrv")
    assert all("heart_rate" not in record for record in _all(messages, "record"))
