"""One recording computed once more: what is the same, what is said to have changed."""

import hashlib
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gaitpi.cli import main
from gaitpi.errors import ConfigError, InputFileError
from gaitpi.reanalysis import words
from gaitpi.reanalysis.sources import content_of, find, packed, task_of
from gaitpi.reanalysis.task import PACKAGE, Answer, Parameters, Task, code_name
from gaitpi.reanalysis.work import gait_params, work
from gaitpi.runs.reader import RunReader
from gaitpi.runs.schema import APPLICATION_ID, schema

from .conftest import SETTINGS, sql


def task(path: Path, **parameters: Any) -> Task:
    given = Parameters(**parameters)
    return task_of(path, lambda _: given, code_name())


def result(path: Path, **parameters: Any) -> dict[str, Any]:
    answer = msgspec.json.decode(work(task(path, **parameters)), type=Answer)
    assert answer.problem is None
    assert answer.result is not None
    return answer.result


def problem(task: Task) -> str:
    answer = msgspec.json.decode(work(task), type=Answer)
    assert answer.result is None
    assert answer.problem is not None
    assert "Traceback" not in answer.problem
    return answer.problem


def test_the_same_code_gives_the_same_run_bit_for_bit(recorded: list[Path]) -> None:
    found = result(recorded[0])
    assert found["status"] == "same"
    assert found["old"] == found["new"]
    for name in ("steps", "seconds"):
        table = found[name]
        assert table["old"] == table["new"] == table["same"] > 50
        assert not any((table["changed"], table["gone"], table["added"], table["columns"]))
    cues = found["cues"]
    assert cues["same"] > 0
    assert (cues["moved"], cues["gone"], cues["new"], cues["changes"]) == (0, 0, 0, [])
    with RunReader(recorded[0]) as run:
        totals = run.totals()
    assert found["id"] == recorded[0].stem
    assert found["new"]["steps"] == totals.steps
    assert found["new"]["running_s"] == totals.running_s
    assert found["new"]["cadence_spm"] == pytest.approx(totals.cadence_spm, rel=1e-12)


@pytest.mark.parametrize(
    ("statement", "table", "column"),
    [
        ("UPDATE step SET contact_s = contact_s + 1e-8 WHERE id = 50", "steps", "contact_s"),
        ("UPDATE step SET side = 3 WHERE id = 50", "steps", "side"),
        ("UPDATE step SET bounce_m = NULL WHERE id = 50", "steps", "bounce_m"),
        ("UPDATE second SET belt = 2 WHERE id = 40", "seconds", "belt"),
        ("UPDATE second SET grade = 0.5 WHERE id = 60", "seconds", "grade"),
    ],
)
def test_one_value_of_one_row_is_seen(
    runs: list[Path], statement: str, table: str, column: str
) -> None:
    found = result(sql(runs[0], statement))
    assert found["status"] == "changed"
    assert found[table]["changed"] == 1
    assert found[table]["same"] == found[table]["new"] - 1
    assert found[table]["columns"][column]["rows"] == 1
    assert list(found[table]["columns"]) == [column]
    assert column in words.change(found)


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        ("UPDATE step SET contact_s = contact_s * (1.0 + 1e-12)", "alike"),
        ("UPDATE step SET ic_s = ic_s + 1e-12, known_s = known_s - 1e-12", "alike"),
        ("UPDATE second SET lean_deg = lean_deg + 1e-12, grade_sd = grade_sd + 1e-14", "alike"),
        ("UPDATE cue SET value = value + 1e-11", "alike"),
        ("UPDATE withheld SET time_s = time_s + 1e-12", "alike"),
        ("UPDATE step SET contact_s = contact_s * (1.0 + 1e-8)", "changed"),
        ("UPDATE cue SET value = value + 1e-5", "changed"),
        ("UPDATE withheld SET rule = 'another'", "changed"),
        ("UPDATE step SET contact_s = NULL WHERE id = 50", "changed"),
        ("UPDATE step SET contact_s = 9e999 WHERE id = 50", "changed"),
        ("DELETE FROM second WHERE id = 50", "changed"),
    ],
)
def test_last_digits_are_told_apart_from_changes(
    runs: list[Path], statement: str, status: str
) -> None:
    """A belt and a PC differ in them."""
    assert result(sql(runs[0], statement))["status"] == status


def test_rows_that_come_and_go_are_counted(runs: list[Path]) -> None:
    found = result(
        sql(
            runs[0],
            "DELETE FROM step WHERE id BETWEEN 20 AND 24",
            "UPDATE step SET ic_s = ic_s + 0.15 WHERE id = 60",
            "DELETE FROM second WHERE id = 10",
        )
    )
    steps = found["steps"]
    assert (steps["gone"], steps["added"], steps["changed"]) == (1, 6, 0)
    assert found["seconds"]["added"] == 1
    assert found["old"]["steps"] == found["new"]["steps"] - 5
    assert f"steps {found['old']['steps']} -> {found['new']['steps']}" in words.change(found)


def test_cues_same_moved_gone_and_new(runs: list[Path]) -> None:
    with RunReader(runs[0]) as run:
        times = [cue.time_s for cue in run.cues()]
    assert len(times) >= 2
    found = result(
        sql(
            runs[0],
            "UPDATE cue SET time_s = time_s - 5.0 WHERE id = 1",
            "DELETE FROM cue WHERE id = 2",
            "INSERT INTO cue (id, time_s, cue, metric, value, low, high, rule, reason)"
            " VALUES (99, 80.0, 'tall', 'lean', 9.0, 1.0, 2.0, 'lean.high', 'made up')",
        )
    )
    cues = found["cues"]
    assert (cues["moved"], cues["new"], cues["gone"]) == (1, 1, 1)
    assert {c["change"] for c in cues["changes"]} == {"moved", "new", "gone"}
    assert "cues: " in words.change(found)


def test_other_words_are_no_other_result(runs: list[Path]) -> None:
    assert result(sql(runs[0], "UPDATE cue SET reason = 'said otherwise'"))["status"] == "same"


def test_sounds_of_the_system_are_not_thought_again(runs: list[Path]) -> None:
    other = "INSERT INTO cue (id, time_s, cue, metric, rule, reason) VALUES"
    found = result(sql(runs[0], f"{other} (99, 70.0, 'trouble', 'system', 'sensor', 'lost')"))
    assert found["status"] == "same"


def test_a_run_whose_samples_did_not_reach_the_card_is_not_called_changed(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    sql(runs[0], "DELETE FROM block")
    assert "holds no raw samples" in problem(task(runs[0]))
    for arguments in (["replay"], ["replay", "--diff"], ["replay", "--json"]):
        assert main([*arguments, str(runs[0])]) == 1
        out, err = capsys.readouterr()
        assert not out
        assert "gaitpi show" in err
    assert main(["show", str(runs[0])]) == 0


def test_another_setting_changes_the_cues_and_not_the_steps(recorded: list[Path]) -> None:
    found = result(recorded[0], sets=("coach.enabled=false",))
    assert found["status"] == "changed"
    assert found["cues"]["gone"] == found["old"]["cues"] > 0
    assert found["new"]["cues"] == 0
    assert found["steps"]["same"] == found["steps"]["new"] == found["steps"]["old"]


def test_another_gait_parameter_changes_the_steps(recorded: list[Path]) -> None:
    usual = result(recorded[0])
    found = result(recorded[0], gait={"smooth_s": 0.02})
    assert found["status"] == "changed"
    assert found["steps"]["changed"] > 100
    assert found["digest"] != usual["digest"]
    assert found["steps"]["columns"]["contact_s"]["rows"] > 100


def test_against_today_leaves_out_what_the_code_changed(runs: list[Path]) -> None:
    path = sql(runs[0], "DELETE FROM step WHERE id > 20")
    assert result(path)["status"] == "changed"
    assert result(path, against="today")["status"] == "same"
    found = result(path, against="today", sets=("coach.enabled=false",))
    assert found["status"] == "changed"
    assert found["steps"]["same"] == found["steps"]["old"] > 100


def test_a_run_that_was_cut_off_is_compared_as_far_as_it_goes(runs: list[Path]) -> None:
    """Rows and samples are not on the card at the same moment; nothing is made of it."""
    path = sql(
        runs[0],
        "DELETE FROM finish",
        "UPDATE run SET boot_id = 'another'",
        "DELETE FROM step WHERE known_s > 60.0",
        "DELETE FROM second WHERE time_s > 62.0",
        "DELETE FROM withheld WHERE time_s > 62.0",
        "DELETE FROM cue WHERE time_s > 62.0",
    )
    _sign(path)
    found = result(path)
    assert found["status"] == "same"
    assert any("cut off" in note for note in found["notes"])
    assert result(sql(path, "UPDATE step SET side = 3 WHERE id = 9"))["status"] == "changed"


def _sign(path: Path) -> None:
    """Make the header's checksum fit again."""
    from gaitpi.runs.header import header_crc
    from gaitpi.runs.schema import HEADER_COLUMNS

    db = sqlite3.connect(path)
    names = ", ".join(HEADER_COLUMNS)
    (values,) = db.execute(f"SELECT {names} FROM run").fetchall()
    db.execute("UPDATE run SET crc32 = ?", (header_crc(list(values)),))
    db.commit()
    db.close()


@pytest.mark.parametrize("version", [1, 2, 3])
def test_older_formats_are_compared_in_what_they_have(
    recorded: list[Path], tmp_path: Path, version: int
) -> None:
    old = tmp_path / "old.gaitpi"
    db = sqlite3.connect(old, isolation_level=None)
    db.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version};")
    db.executescript(schema(version))
    db.execute("ATTACH ? AS new", (str(recorded[0]),))
    tables = db.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'").fetchall()
    for (table,) in tables:
        names = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_info({table})"))
        db.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM new.{table}")
    db.close()
    found = result(old)
    assert found["status"] == "same"
    assert found["format"] == version
    assert any(f"format {version}" in note for note in found["notes"])


def test_a_csv_is_computed_and_compared_with_today_only(
    recorded: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.csv"
    assert main(["export", str(recorded[0]), "--csv", str(path)]) == 0
    capsys.readouterr()
    with RunReader(recorded[0]) as run:
        config = msgspec.json.encode(run.config).decode()
    found = result(path, config=config)
    assert found["status"] == "computed"
    assert found["kind"] == "csv"
    assert "old" not in found
    by_run = result(recorded[0])
    assert found["digest"] == by_run["digest"]
    off = config.replace('"enabled":true', '"enabled":false')
    assert off != config
    found = result(path, config=off, base=config, against="today")
    assert found["status"] == "changed"
    assert found["cues"]["gone"] > 0


def test_a_run_with_a_configuration_of_another_version_is_not_guessed_at(
    runs: list[Path],
) -> None:
    path = sql(runs[0], 'UPDATE run SET config = \'{"coach": {"new_key": 1}}\'')
    _sign(path)
    assert "another version" in problem(task(path))
    from gaitpi.config import Config, apply

    config = msgspec.json.encode(apply(Config(), SETTINGS)).decode()
    assert result(path, config=config)["status"] == "same"


def test_sent_or_read_the_answer_is_the_same(recorded: list[Path]) -> None:
    here = task(recorded[1])
    sent = packed(here)
    assert sent.path is None
    assert sent.data == recorded[1].read_bytes()
    assert sent.key == here.key
    assert work(sent) == work(here)


def test_sent_names_lead_nowhere(recorded: list[Path], tmp_path: Path) -> None:
    sent = packed(task(recorded[0]))
    for name in ("../run.gaitpi", "/tmp/run.gaitpi", ".hidden.gaitpi", ""):
        bad = msgspec.structs.replace(sent, file=name)
        assert "is no name of a file" in problem(bad)


def test_a_file_that_changes_under_the_work_is_told(runs: list[Path]) -> None:
    was = task(runs[0])
    sql(runs[0], "UPDATE step SET side = 3 WHERE id = 50")
    assert "was changed while it was read" in problem(was)
    with pytest.raises(InputFileError, match="was changed"):
        packed(was)


def test_a_worker_with_another_code_does_nothing(recorded: list[Path]) -> None:
    other = msgspec.structs.replace(task(recorded[0]), code="0" * 64)
    assert "another gaitpi" in problem(other)


def test_content_is_what_sha256sum_says(recorded: list[Path], tmp_path: Path) -> None:
    data = recorded[0].read_bytes()
    assert content_of(recorded[0]) == hashlib.sha256(data).hexdigest()
    copy = tmp_path / "copy.gaitpi"
    copy.write_bytes(data)
    assert content_of(copy) == content_of(recorded[0])
    (tmp_path / "copy.gaitpi-journal").write_bytes(b"half a commit")
    assert content_of(copy) != content_of(recorded[0])


def test_code_is_named_by_all_that_computes(tmp_path: Path) -> None:
    """A change in any module counts, in the commands it does not."""
    import shutil

    package = tmp_path / "gaitpi"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, package, ignore=ignore)
    name = code_name(package)
    assert name == code_name()
    for module, counts in (
        ("cli/show.py", False),
        ("gait/bouts.py", True),
        ("coach/policy.py", True),
        ("runs/schema.sql", True),
        ("units.py", True),
    ):
        path = package / module
        text = path.read_text()
        path.write_text(text + "\n# changed\n")
        code_name.cache_clear()
        assert (code_name(package) != name) == counts, module
        path.write_text(text)
    code_name.cache_clear()


def test_no_module_of_the_commands_computes(recorded: list[Path]) -> None:
    """What names the code leaves out the commands: no number may come from there."""
    import subprocess
    import sys

    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from gaitpi.reanalysis.sources import task_of\n"
        "from gaitpi.reanalysis.task import Parameters, code_name\n"
        "from gaitpi.reanalysis.work import work\n"
        "assert 'numpy' not in sys.modules\n"
        "task = task_of(Path(sys.argv[1]), lambda _: Parameters(), code_name())\n"
        "assert b'\"same\"' in work(task)\n"
        "print([m for m in sys.modules if m.startswith('gaitpi.cli')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(recorded[0])],
        capture_output=True,
        text=True,
        check=False,
        cwd=PACKAGE.parent,
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"smooth": 0.01}, "Did you mean gait.smooth_s"),
        ({"smooth_s": 0.0}, "expected 0.006 to 0.024"),
        ({"smooth_s": -0.012}, "expected"),
        ({"smooth_s": float("nan")}, "expected"),
        ({"bout_steps": float("inf")}, "expected 2 to 8"),
    ],
)
def test_gait_parameters_are_names_that_are_and_values_that_can_be(
    given: dict[str, float], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        gait_params(given)


def test_no_gait_parameter_is_the_usual_ones() -> None:
    assert gait_params({}) is None


def test_find_gives_each_file_once_in_the_order_of_names(runs: list[Path], tmp_path: Path) -> None:
    folder = runs[0].parent
    below = folder / "2025"
    below.mkdir()
    moved = runs[2].rename(below / runs[2].name)
    (folder / "link.gaitpi").symlink_to(runs[0])
    (folder / "round").symlink_to(folder)
    names = [str(runs[1]), str(folder), str(folder / ".." / folder.name), str(runs[0])]
    for given in (names, names[::-1]):
        found = [source.path.resolve() for source in find(given, tmp_path / "none")]
        assert found == [runs[0].resolve(), runs[1].resolve(), moved.resolve()]
