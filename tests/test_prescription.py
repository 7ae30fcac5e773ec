"""A prescription: strict to read, and nothing a runner can do raises it."""

import hashlib
import json
import tomllib
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.coach.programme import faded
from gaitpi.config import Config, build
from gaitpi.errors import GaitpiError, UsageError
from gaitpi.prescription import (
    TEMPLATE,
    Prescription,
    PrescriptionError,
    check_new,
    check_target,
    clamp,
    in_force,
    latest,
    measured,
    parse,
    plan_of,
    read,
)
from gaitpi.programmefile import Journal, Prescribed, Record, Skipped, Started, Stopped
from gaitpi.review.programme import lay, standing

NOW_S = datetime(2026, 12, 1, 12).astimezone().timestamp()
BASE: dict[str, Any] = {
    "date": "2026-11-24",
    "expires": "2027-02-24",
    "focus": "cadence",
    "target_spm": 172,
    "baseline_spm": 164,
    "band_percent": 4,
    "max_per_hour": 6,
    "session": [{"minutes": 15, "share": 80}, {"minutes": 20, "share": 25}],
    "test": [{"after_days": 1, "minutes": 15}],
}


def made(**changes: Any) -> Prescription:
    return parse(json.dumps({k: v for k, v in (BASE | changes).items() if v is not None}), "json")


def record(found: Prescription, text: str, kind: str = "json") -> Prescribed:
    return Prescribed(
        wall_s=NOW_S,
        sha256=found.sha256,
        text=text,
        kind=kind,
        baseline_spm=found.baseline_spm,
        baseline_from=found.baseline_from,
    )


def journal(*others: Record, **changes: Any) -> Journal:
    text = json.dumps({k: v for k, v in (BASE | changes).items() if v is not None})
    return Journal((record(parse(text, "json"), text), *others))


def test_the_template_is_one() -> None:
    found = parse(TEMPLATE, "toml")
    assert found.sha256 == hashlib.sha256(TEMPLATE.encode()).hexdigest()
    assert found.plan is not None
    assert len(found.plan.sessions) == 3
    assert max(map(len, TEMPLATE.splitlines())) <= 80
    # what is commented out in it is right too
    whole = [line.removeprefix("# ") if "= " in line else line for line in TEMPLATE.splitlines()]
    lines = [line for line in whole if not line.startswith(("percent", "focus"))]
    parse('focus = "cadence"\n' + "\n".join(lines), "toml")


def test_toml_and_json_are_the_same() -> None:
    text = "\n".join(
        ["date = 2026-11-24", "expires = 2027-02-24", 'focus = "cadence"', "percent = 5"]
    )
    data = {**tomllib.loads(text), "date": "2026-11-24", "expires": "2027-02-24"}
    one, two = parse(text, "toml"), parse(json.dumps(data), "json")
    assert (one.day, one.expires, one.percent) == (two.day, two.expires, two.percent)
    assert one.day == date(2026, 11, 24)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"foo": 1}, "no key 'foo'"),
        ({"date": None}, "date is missing"),
        ({"date": "soon"}, "date must be a date"),
        ({"expires": "2026-11-01"}, "in the year after"),
        ({"expires": "2028-11-01"}, "in the year after"),
        ({"focus": "pace"}, "focus must be"),
        ({"target_spm": None}, "needs target_spm or percent"),
        ({"percent": 5}, "not both"),
        ({"target_spm": True}, "target_spm must be a number"),
        ({"target_spm": float("nan")}, "target_spm must be a number"),
        ({"target_spm": 10**400}, "target_spm must be a number"),
        ({"max_per_hour": 21}, "from 0 to 20"),
        ({"max_per_hour": 2.5}, "a whole number"),
        ({"name": "two\nlines"}, "one line of text"),
        ({"above_cap": " "}, "must say why"),
        ({"session": []}, "1 to 40"),
        ({"session": [1]}, "list of tables"),
        ({"session": [{"minutes": 15}]}, "share is missing"),
        ({"session": [{"minutes": 15, "share": 101}]}, "from 0 to 100"),
        ({"session": [{"minutes": 15, "share": 1, "x": 1}]}, "no key 'x'"),
        ({"session": None}, "sessions before it"),
        ({"focus": "lean"}, "take target_spm"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, Any], words: str) -> None:
    with pytest.raises(PrescriptionError, match=words):
        made(**change)


def test_the_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(TEMPLATE.replace("share = 50", "share = 500"), encoding="utf-8")
    line = TEMPLATE.splitlines().index("share = 50") + 1
    with pytest.raises(PrescriptionError, match=rf"p\.toml, line {line}: share must be"):
        read(path)
    path.write_bytes(b"date = 1\n\xff")
    with pytest.raises(PrescriptionError, match="line 2: not UTF-8"):
        read(path)
    with pytest.raises(PrescriptionError, match="cannot be read"):
        read(tmp_path / "none")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    for kind in ("toml", "json"):
        with pytest.raises(PrescriptionError):
            parse(text, kind)


def test_above_the_cap_only_with_the_files_own_reason() -> None:
    with pytest.raises(PrescriptionError, match=r"at most 180\.4"):
        measured(made(target_spm=181), None)
    assert measured(made(target_spm=181, above_cap="tested"), None).ceiling_spm == 181
    with pytest.raises(PrescriptionError, match="not known"):
        measured(made(baseline_spm=None), None)
    found = measured(made(baseline_spm=None, target_spm=None, percent=5), 164.0)
    assert (found.ceiling_spm, found.baseline_from) == (172.0, "runs")


def test_a_target_above_it_is_refused_and_no_reason_lifts_that() -> None:
    check_target(made(), 172.0)
    check_target(None, 200.0)
    with pytest.raises(UsageError, match="above what is prescribed: at most 172"):
        check_target(made(), 172.5)


def test_an_older_one_never_replaces_a_newer() -> None:
    with pytest.raises(PrescriptionError, match="very file"):
        check_new(journal(), made(), NOW_S)
    with pytest.raises(PrescriptionError, match="later date"):
        check_new(journal(), made(target_spm=175), NOW_S)
    with pytest.raises(PrescriptionError, match="later date"):
        check_new(journal(), made(date="2026-11-20"), NOW_S)
    with pytest.raises(PrescriptionError, match="later than today"):
        check_new(journal(), made(date="2026-12-24"), NOW_S)
    with pytest.raises(PrescriptionError, match="ended"):
        check_new(Journal(), made(expires="2026-11-25"), NOW_S)
    check_new(journal(), made(date="2026-11-25"), NOW_S)
    # one that ended does not give way to an older one either
    with pytest.raises(PrescriptionError, match="later date"):
        check_new(journal(expires="2026-11-25"), made(date="2026-11-20"), NOW_S)


def test_a_damaged_one_forbids_until_it_is_read_in_again() -> None:
    whole = journal()
    spoilt = msgspec.structs.replace(whole.records[0], text="focus = 1")
    for damaged in (Journal((spoilt,)), Journal((), 1, prescription_lost=True)):
        with pytest.raises(PrescriptionError, match="damaged"):
            in_force(damaged, NOW_S)
        check_new(damaged, made(), NOW_S)


def test_it_ends_by_itself_after_its_last_day() -> None:
    last = datetime(2027, 2, 24, 12).astimezone().timestamp()
    assert in_force(journal(), last) is not None
    assert in_force(journal(), last + 86_400.0) is None
    assert in_force(journal(), 0.0) is not None  # a clock that was never set ends nothing
    assert latest(journal()) is not None


def test_another_focus_is_not_run() -> None:
    assert plan_of(None, "lean") == faded("lean")
    assert plan_of(made(), "cadence") == made().plan
    assert plan_of(made(session=None, test=None), "cadence") == faded("cadence")
    with pytest.raises(GaitpiError, match="cadence is prescribed"):
        plan_of(made(), "lean")


# Whatever the runner does.

coaches = st.fixed_dictionaries(
    {"gate_spm": st.just(120.0)},  # below every band here
    optional={
        "focus": st.sampled_from(["cadence", "lean"]),
        "target_spm": st.one_of(st.none(), st.floats(155, 240)),
        "usual_lean_deg": st.one_of(st.none(), st.floats(0, 10)),
        "band_low": st.floats(0.02, 0.2),
        "max_per_hour": st.integers(0, 20),
        "programme": st.just("own-x"),
        "programme_part": st.sampled_from(["", "session"]),
        "programme_share": st.floats(0, 1),
        "programme_minutes": st.floats(0, 300),
    },
)
own = faded("cadence")
commands = st.lists(
    st.one_of(
        st.builds(
            Started,
            wall_s=st.just(NOW_S),
            id=st.sampled_from(["own-x", made().id]),
            plan=st.sampled_from([own, faded("lean"), made().plan or own]),
        ),
        st.builds(Stopped, wall_s=st.just(NOW_S), id=st.just("own-x")),
        st.builds(
            Skipped,
            wall_s=st.just(NOW_S),
            id=st.sampled_from(["own-x", made().id]),
            part=st.sampled_from(["session", "test"]),
            number=st.integers(1, 8),
        ),
    ),
    max_size=6,
)


@given(settings=coaches, after=commands, plan=st.booleans())
def test_nothing_the_runner_sets_or_starts_raises_it(
    settings: dict[str, Any], after: list[Record], plan: bool
) -> None:
    more = {} if plan else {"session": None, "test": None}
    found = journal(*after, **more)
    prescribed = in_force(found, NOW_S)
    config = build({"coach": settings}, "the runner")
    coach = lay(config, standing(found, ()), prescribed, NOW_S).config.coach
    if not coach.enabled:
        return
    assert coach.focus == "cadence"
    assert coach.target_spm is None or coach.target_spm <= 172.0
    assert coach.band_low >= 0.04
    assert coach.max_per_hour <= 6
    assert coach.programme_share <= config.coach.programme_share
    if plan and coach.target_spm is not None and coach.programme_part == "session":
        wanted = (0.8, 15.0) if coach.programme_number == 1 else (0.25, 20.0)
        assert (coach.programme_share, coach.programme_minutes) <= wanted
        assert coach.programme_minutes == wanted[1]
    elif plan and coach.target_spm is not None:
        assert coach.programme_part in ("test", "rest")


@given(settings=coaches)
def test_staying_under_it_is_the_runners_choice(settings: dict[str, Any]) -> None:
    config = build({"coach": settings | {"focus": "cadence"}}, "the runner")
    coach = clamp(config, made())[0].coach
    if coach.enabled:
        if config.coach.target_spm is not None:
            assert coach.target_spm == min(config.coach.target_spm, 172.0)
        assert coach.max_per_hour == min(config.coach.max_per_hour, 6)
        assert coach.band_low == max(config.coach.band_low, 0.04)


def test_what_is_brought_down_is_said() -> None:
    config = build({"coach": {"target_spm": 180.0, "max_per_hour": 20}}, "the runner")
    laid = lay(config, None, made(session=None, test=None), NOW_S)
    assert any("coach.target_spm 180 -> 172" in words for words in laid.clamped)
    assert any("coach.max_per_hour 20 -> 6" in words for words in laid.clamped)
    assert lay(Config(), None, None, NOW_S).config == Config()
