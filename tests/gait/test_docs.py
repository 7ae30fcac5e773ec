"""The table of parameters in docs/algorithms.md is the code's."""

import re
from dataclasses import fields
from pathlib import Path

from gaitpi.gait import STEP_DTYPE, GaitParams
from gaitpi.gait.types import SAMPLE_FIELDS

DOC = (Path(__file__).parents[2] / "docs" / "algorithms.md").read_text(encoding="utf-8")


def test_every_parameter_is_in_the_table() -> None:
    section = DOC.split("## Parameters")[1].split("\n## ")[0]
    table = re.findall(r"^\| `(\w+)` \| (\S+) \| ([^|]+) \| ([^|]+) \|$", section, re.MULTILINE)
    code = [
        (f.name, f"{getattr(GaitParams(), f.name):.4g}", f.metadata["unit"], f.metadata["meaning"])
        for f in fields(GaitParams)
    ]
    assert table == code


def test_every_name_exists() -> None:
    """Names in code type are parameters, outputs or a few others, so none is out of date."""
    text = re.sub(r"^```.*?^```", "", DOC, flags=re.MULTILINE | re.DOTALL)
    names = {n for n in re.findall(r"`(\w+)`", text) if "_" in n}
    known = {f.name for f in fields(GaitParams)} | set(SAMPLE_FIELDS)
    known |= set(STEP_DTYPE.names or ())
    assert names - known == {"test_latency", "test_activity"}
    for name in ("test_latency", "test_activity"):
        assert f"def {name}(" in (Path(__file__).parent / "test_truth.py").read_text("utf-8")


def test_every_output_says_when_it_is_unknown() -> None:
    section = DOC.split("## What is NaN, and when")[1].split("\n## ")[0]
    outputs = set(SAMPLE_FIELDS) | set(STEP_DTYPE.names or ())
    always_there = {"time_s", "ic_s", "known_s"}
    assert {n for n in outputs - always_there if f"`{n}`" not in section} == set()
