"""The file of accepted targets: what was accepted, or nothing; and who wins."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.config import Config, MountConfig, apply
from gaitpi.jsonlines import SIZE_LIMIT
from gaitpi.targetfile import (
    Accepted,
    TargetFileError,
    Targets,
    add,
    lay_under,
    load,
    path_in,
)

records = st.builds(
    Accepted,
    wall_s=st.floats(0, 4e9),
    metric=st.sampled_from(["cadence", "lean", "line"]),
    at_ms=st.none() | st.floats(1.0, 6.0),
    off=st.booleans(),
    value=st.floats(-30, 240),
    how=st.sampled_from(["accept", "set"]),
    session=st.sampled_from(["", "easy", "long"]),
    reason=st.text(max_size=12).filter(lambda t: t.encode("utf-8", "ignore").decode() == t),
    own=st.one_of(st.none(), st.floats(100, 200)),
    runs=st.lists(st.text("0123456789-", max_size=6), max_size=3).map(tuple),
)


def accepted(value: float, **more: object) -> Accepted:
    given = {"wall_s": 1.8e9, "metric": "cadence", "value": value, "how": "accept"} | more
    return Accepted(**given)  # type: ignore[arg-type]


@given(st.lists(st.lists(records, min_size=1, max_size=3), max_size=4))
def test_what_is_added_is_kept(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Accepted]]
) -> None:
    path = path_in(tmp_path_factory.mktemp("t"))
    for batch in batches:
        add(path, batch)
    assert load(path) == Targets(tuple(r for batch in batches for r in batch))
    assert [p.name for p in path.parent.iterdir()] == ([path.name] if batches else [])


@given(st.lists(records, min_size=1, max_size=4), st.data())
def test_a_torn_write_leaves_the_targets_before_it(
    tmp_path_factory: pytest.TempPathFactory, kept: list[Accepted], data: st.DataObject
) -> None:
    """Wherever the file is cut, what is read was accepted, and in the same order."""
    path = path_in(tmp_path_factory.mktemp("t"))
    add(path, kept)
    raw = path.read_bytes()
    cut = data.draw(st.integers(0, len(raw)))
    path.write_bytes(raw[:cut])
    found = load(path)
    assert found.records == tuple(kept[: len(found.records)])
    assert len(found.records) >= raw[:cut].count(b"\n")
    add(path, [accepted(150.0)])
    assert load(path).records == (*found.records, accepted(150.0))
    assert load(path).damaged == 0


@given(st.lists(records, min_size=1, max_size=4), st.data())
def test_a_spoilt_byte_never_makes_another_target(
    tmp_path_factory: pytest.TempPathFactory, kept: list[Accepted], data: st.DataObject
) -> None:
    path = path_in(tmp_path_factory.mktemp("t"))
    add(path, kept)
    raw = bytearray(path.read_bytes())
    # a digit that became another one is the worst: all is well-formed still
    digits = [k for k, byte in enumerate(raw) if chr(byte).isdigit()]
    at = data.draw(st.one_of(st.sampled_from(digits), st.integers(0, len(raw) - 1)))
    raw[at] ^= data.draw(st.sampled_from([1, 1, 2, 32, 64, 128]))
    path.write_bytes(raw)
    found = load(path)
    left = iter(kept)
    assert all(record in left for record in found.records)  # some of them, in order
    assert len(found.records) >= len(kept) - 2


def test_a_scratch_file_of_a_power_cut_does_not_matter(tmp_path: Path) -> None:
    path = path_in(tmp_path)
    add(path, [accepted(168.0)])
    (tmp_path / f".{path.name}.99").write_text("[")
    assert load(path).records == (accepted(168.0),)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TargetFileError, match="cannot be"):
        add(tmp_path / "file" / "targets.jsonl", [accepted(168.0)])
    with pytest.raises(TargetFileError, match="cannot be read"):
        load(tmp_path)
    large = tmp_path / "large"
    large.write_bytes(b"\n" * (SIZE_LIMIT + 1))
    with pytest.raises(TargetFileError, match="too large"):
        load(large)


def test_who_wins() -> None:
    targets = Targets((accepted(165.0), accepted(168.0), accepted(176.0, session="tempo")))
    force = lay_under(Config(), (), targets)
    assert (force.config.coach.target_spm, force.cadence_from) == (168.0, "accepted")
    config = apply(Config(), ["coach.target_spm=172"])
    force = lay_under(config, ["coach.target_spm"], targets)
    assert (force.config.coach.target_spm, force.cadence_from) == (172.0, "config")
    # "none" in the configuration is a decision too: only listen
    force = lay_under(Config(), ["coach.target_spm"], targets)
    assert (force.config.coach.target_spm, force.cadence_from) == (None, "config")
    tempo = lay_under(apply(Config(), ["coach.session=tempo"]), (), targets)
    assert tempo.config.coach.target_spm == 176.0
    easy = lay_under(apply(Config(), ["coach.session=easy"]), (), targets)
    assert (easy.config.coach.target_spm, easy.cadence_from) == (None, "none")


def test_lean_is_used_only_as_it_was_measured() -> None:
    lean = accepted(6.0, metric="lean", lean_from=2, segment="pelvis")
    force = lay_under(Config(), (), Targets((lean,)))
    coach = force.config.coach
    assert (coach.usual_lean_deg, coach.usual_lean_from, force.lean_from) == (6.0, 2, "accepted")
    chest = msgspec.structs.replace(Config(), mount=MountConfig(segment="thorax"))
    force = lay_under(chest, (), Targets((lean,)))
    assert (force.config.coach.usual_lean_deg, force.lean_from) == (None, "none")
    assert "mounted otherwise" in force.problems[0]
    fixed = lay_under(apply(chest, ["coach.usual_lean_deg=3"]), ["coach.usual_lean_deg"], Targets())
    assert fixed.config.coach.usual_lean_deg == 3.0


def test_a_target_that_does_not_fit_is_left_out_and_said() -> None:
    config = apply(Config(), ["coach.gate_spm=170"])
    force = lay_under(config, (), Targets((accepted(168.0),), damaged=2))
    assert force.config == config
    assert force.cadence_from == "none"
    assert "2 damaged lines" in force.problems[0]
    assert "coach.gate_spm" in force.problems[1]
