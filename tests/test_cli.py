"""The front door: exit codes, help, what it imports, what it says when things go wrong."""

import importlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from gaitpi import __version__, cli
from gaitpi.ble.readings import STALE_S
from gaitpi.cli.status import _room
from gaitpi.config import Config
from gaitpi.device import status as device
from gaitpi.device.controls import FOR_GOOD_S
from gaitpi.device.radio import (
    AgreementStatus,
    HeartStatus,
    LinkStatus,
    PodStatus,
    RadioStatus,
)
from gaitpi.device.resume import WITHIN_S
from gaitpi.errors import InputFileError
from gaitpi.faults import FAULTS

ROOT = Path(__file__).parents[1]
HEAVY = ("numba", "numpy", "gpiozero", "lgpio", "smbus2")


def environment(home: Path, **more: str) -> dict[str, str]:
    """A user with nothing of ours and no service."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        "RUNTIME_DIRECTORY": str(home / "runtime"),
        "COLUMNS": "80",
        **more,
    }


def gaitpi(
    home: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the real command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "gaitpi", *arguments],
        env=environment(home, **(env or {})),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def status(**changes: object) -> device.Status:
    """A daemon that is this very process and has just spoken."""
    now = time.monotonic()
    fields: dict[str, object] = {
        "pid": os.getpid(),
        "version": __version__,
        "boot_id": device.boot_id(),
        "since_s": now - 600.0,
        "updated_s": now,
        "state": "running",
        "sensor": device.SensorStatus(
            chip="LSM6DSOX", address=0x6A, bus="/dev/i2c-1", identity="tested", rate_hz=208.0
        ),
        "rate_hz": 207.4,
        "activity": 3,
        "cadence_spm": 171.2,
        "lean_deg": float("nan"),
        "counters": {"nack": 3, "fifo_overflow": 0},
        "run_id": "one",
        "belt": 2,
    }
    return device.Status(**(fields | changes))  # type: ignore[arg-type]


def status_path(home: Path) -> Path:
    return home / "runtime" / "status.json"


# -- help --------------------------------------------------------------------------------


def test_bare_command_without_a_run_says_what_to_do(tmp_path: Path) -> None:
    done = gaitpi(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "No run yet in " in done.stdout
    assert all(f"gaitpi {word}" in done.stdout for word in ("doctor", "demo", "--help"))
    told = json.loads(gaitpi(tmp_path, "--json").stdout)
    assert told == {"id": None, "next": "gaitpi doctor"}


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in cli.COMMANDS)


ACTIONS = ("show", "get", "set", "check", "explain", "path")
HELPED = [
    *((name,) for name in cli.COMMANDS),
    *(("config", action) for action in ACTIONS),
    *(("target", action) for action in ("show", "propose", "accept", "set")),
]


@pytest.mark.parametrize("command", [(), *HELPED], ids=" ".join)
def test_help_has_an_example_and_fits_80_columns(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*command, "--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert max(map(len, out.splitlines())) <= 80
    assert re.search(rf"^.*\bgaitpi {' '.join(command)}", out.partition("\n\n")[2], re.MULTILINE)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_command_modules_keep_the_contract(name: str) -> None:
    module = importlib.import_module(cli.COMMANDS[name][0])
    assert module.HELP.strip().endswith(".")
    assert f"gaitpi {name}" in module.EPILOG
    assert callable(module.add_arguments)
    assert callable(module.run)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"gaitpi {__version__}\n"


# -- exit codes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["statsu"], 2, "Did you mean 'status'?"),
        (["xyzzy"], 2, "'gaitpi --help' lists the commands."),
        (["--nonsense"], 2, "unrecognized arguments: --nonsense"),
        (["config", "--nonsense"], 2, "'gaitpi config --help' shows how it is used."),
        (["config", "set", "cues.volume"], 2, "VALUE"),
        (["--config", "/nowhere/c.toml", "config", "show"], 78, "/nowhere/c.toml"),
        (["config", "show", "--config", "/nowhere/c.toml"], 78, "/nowhere/c.toml"),
        (["status", "--config=/nowhere/c.toml"], 78, "/nowhere/c.toml"),
        (["config", "get", "cues.volum"], 78, "did you mean cues.volume?"),
    ],
)
def test_exit_codes_and_one_sentence(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("gaitpi: ")
    assert err.count("\n") == 1
    assert words in err


@given(st.lists(st.text("-=abcdefghinosty", max_size=9), max_size=3))
def test_any_unknown_arguments_end_in_a_sentence(arguments: list[str]) -> None:
    code = cli.main(["config", "get", *arguments])
    assert code in (0, 2, 78)
    assert (code == 0) == any(word in ("-h", "--help") for word in arguments)


def test_file_name_no_system_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--config", "bad\0name", "status"]) == 78
    assert "cannot be read" in capsys.readouterr().err


BROKEN = """
import sys
from types import ModuleType
from gaitpi import cli
module = ModuleType("broken")
module.HELP, module.EPILOG = "Breaks.", "gaitpi broken"
module.add_arguments = lambda parser: None
def run(args):
    {body}
module.run = run
sys.modules["broken"] = module
cli.COMMANDS["broken"] = ("broken", "breaks")
sys.exit(cli.main(["broken", *sys.argv[1:]]))
"""


def broken(
    home: Path,
    body: str,
    *arguments: str,
    stdout: int = subprocess.PIPE,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command whose ``run`` is ``body``."""
    return subprocess.run(
        [sys.executable, "-c", BROKEN.format(body=body), *arguments],
        env=environment(home, **(env or {})),
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def test_unforeseen_error_is_a_sentence_and_a_file(tmp_path: Path) -> None:
    done = broken(tmp_path, "return 1 // 0")
    details = tmp_path / ".local" / "state" / "gaitpi" / "last-error.txt"
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("gaitpi: unexpected ZeroDivisionError")
    assert str(details) in done.stderr
    assert "Traceback" in details.read_text()
    shown = broken(tmp_path, "return 1 // 0", "--debug")
    assert "Traceback" in shown.stderr


def test_unforeseen_error_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / ".local").write_text("in the way")
    done = broken(tmp_path, "return 1 // 0")
    assert done.returncode == 1
    assert "Add --debug" in done.stderr


def test_interrupt_is_silent(tmp_path: Path) -> None:
    done = broken(tmp_path, "raise KeyboardInterrupt")
    assert (done.returncode, done.stderr) == (130, "")


def test_reader_that_went_away_is_silent(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = broken(tmp_path, "print('x' * 100_000); return 0", stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_full_disk_is_a_sentence(tmp_path: Path) -> None:
    words = "gaitpi: What is printed cannot be written: No space left on device.\n"
    for unbuffered in ("", "1"):
        env = {"PYTHONUNBUFFERED": unbuffered}
        with Path("/dev/full").open("w") as full:
            done = broken(tmp_path, "print('x'); return 0", stdout=full.fileno(), env=env)
        assert (done.returncode, done.stderr) == (1, words)  # and no fault of ours


def test_terminal_without_utf8(tmp_path: Path) -> None:
    (tmp_path / "größe.toml").write_text("[coach]\ntarget_spm = 172\n")
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    env = {**plain, "PYTHONIOENCODING": "ascii:strict"}
    done = gaitpi(tmp_path, "--config", str(tmp_path / "größe.toml"), "config", "show", env=env)
    assert done.returncode == 0
    assert "target_spm = 172.0" in done.stdout
    assert done.stdout.isascii()
    spoken = broken(tmp_path, "print(chr(0xb1), chr(0x2026), chr(0x2580)); return 0", env=env)
    assert spoken.stdout == "+- ... ?\n"


# -- what the quick commands import ------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        *(
            [name]
            for name in (
                "config",
                "status",
                "runs",
                "show",
                "compare",
                "live",
                "cues",
                "why",
                "target",
                "program",
                "tag",
            )
        ),
        *([name] for name in ("mute", "mark")),
        ["record", "stop"],
    ],
    ids=" ".join,
)
def test_quick_commands_import_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    program = (
        "import sys; from gaitpi import cli; "
        f"cli.main({arguments!r}); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(tmp_path),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert "unexpected" not in done.stderr
    assert done.stderr.splitlines()[-1] == "[]"


def test_help_of_all_loads_no_command() -> None:
    program = (
        "import sys; from gaitpi import cli; cli.main(['--help']); "
        "print([m for m in sys.modules if m.startswith('gaitpi.cli.') or m == 'msgspec'],"
        "file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    assert done.stderr.strip() == "[]"


# -- config ------------------------------------------------------------------------------


def test_config_show_is_a_file_that_loads_to_the_same(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text("[coach]\ntarget_spm = 172\n[cues]\nled_pin = 'none'\n[imu]\naddress = 0x6b\n")
    shown = gaitpi(tmp_path, "--config", str(mine), "config")
    copy = tmp_path / "copy.toml"
    copy.write_text(shown.stdout)
    both = [
        json.loads(gaitpi(tmp_path, "config", "show", "--json", "--config", str(path)).stdout)
        for path in (mine, copy)
    ]
    assert both[0]["config"] == both[1]["config"]
    assert both[0]["set"] == ["coach.target_spm", "cues.led_pin", "imu.address"]
    assert shown.stdout.count("# set in the file") == 3


def test_config_set_get_check_explain_path(tmp_path: Path) -> None:
    where = tmp_path / ".config" / "gaitpi" / "config.toml"
    assert gaitpi(tmp_path, "config", "path").stdout == f"{where}\n"
    assert "no such file" in gaitpi(tmp_path, "config", "check").stdout
    assert gaitpi(tmp_path, "config", "set", "coach.usual_lean_deg", "-5").returncode == 0
    assert where.read_text() == "[coach]\nusual_lean_deg = -5\n"
    assert gaitpi(tmp_path, "config", "get", "coach.usual_lean_deg").stdout == "-5.0\n"
    assert gaitpi(tmp_path, "config", "check").stdout.endswith(": good.\n")
    where.write_text("[coach]\nhold = 5\n")
    bad = gaitpi(tmp_path, "config", "check")
    assert bad.returncode == 78
    assert "line 2: there is no key coach.hold; did you mean coach.hold_s?" in bad.stderr


def test_config_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config", "explain"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    for section in Config.__struct_fields__:
        assert f"{section}." in text
    assert cli.main(["config", "explain", "coach.target_spm", "--json"]) == 0
    key = json.loads(capsys.readouterr().out)
    assert (key["unit"], key["low"], key["high"], key["default"]) == ("steps/min", 120, 240, None)


# -- status ------------------------------------------------------------------------------


def test_status_without_a_daemon(tmp_path: Path) -> None:
    done = gaitpi(tmp_path, "status")
    assert done.returncode == 1
    assert done.stderr.startswith("gaitpi: gaitpi is not running. Start it with 'gaitpi run'")
    assert "GB free" in done.stdout
    told = json.loads(gaitpi(tmp_path, "status", "--json").stdout)
    assert (told["running"], told["status"], told["last_run"]) == (False, None, None)
    assert told["storage"]["free_bytes"] >= 0


def test_status_of_strap_and_pod(tmp_path: Path) -> None:
    """Values with their age; what is stale by now is not known, whatever the file says."""
    file = device.StatusFile(status_path(tmp_path))
    link = LinkStatus(role="heart", state="connected", for_s=300.0, name="HRM\x1b", battery=83)
    lost = LinkStatus(role="pod", state="lost", for_s=30.0, words="It is out of reach.")
    radio = RadioStatus(
        heart=HeartStatus(bpm=152, age_s=0.4, contact=True),
        pod=PodStatus(speed_ms=2.81, cadence_rpm=85, running=True, age_s=STALE_S - 0.01),
        agreement=AgreementStatus(state="one foot", words="The foot pod counts one foot."),
        links=(link, lost),
    )
    file.write(status(radio=radio))
    time.sleep(0.02)
    said = gaitpi(tmp_path, "status").stdout
    assert "\nheart     152 beats/min (" in said
    assert "\nspeed     not known (" in said
    assert "\ncadences  The foot pod counts one foot.\n" in said
    assert '\nlink      heart-rate strap "HRM\\x1b": connected for 5 min, battery 83 %\n' in said
    # as old as the file by now: on a busy machine a second or few more
    assert re.search(r"\nlink      foot pod: lost for 3[0-9] s\. It is out of reach\.\n", said)
    told = json.loads(gaitpi(tmp_path, "status", "--json").stdout)["status"]["radio"]
    assert told["heart"]["bpm"] == 152
    off = structs.replace(radio, heart=HeartStatus(bpm=None, age_s=0.1, contact=False))
    file.write(status(radio=off))
    assert "\nheart     no skin contact (" in gaitpi(tmp_path, "status").stdout


def test_status_of_a_running_daemon(tmp_path: Path) -> None:
    file = device.StatusFile(status_path(tmp_path))
    file.write(status())
    done = gaitpi(tmp_path, "status")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(len(x) <= 80 for x in done.stdout.splitlines() if str(tmp_path) not in x)
    unwrapped = done.stdout.replace("\n" + " " * 10, " ")
    rows = dict(line.split(None, 1) for line in unwrapped.splitlines())
    assert rows["gaitpi"] == f"running (process {os.getpid()}, for 10 min)"
    assert rows["sensor"].endswith(
        "0x6a on /dev/i2c-1 (maker's own id), 207.4 Hz of 208 Hz nominal"
    )
    assert (rows["cadence"], rows["lean"]) == ("171 steps/min", "not known")
    assert (rows["activity"], rows["faults"]) == (
        "running",
        "3 transfers not acknowledged: look at plug and wires",
    )
    assert (rows["belt"], rows["worn"][:9]) == ("loose", "not known")
    told = json.loads(gaitpi(tmp_path, "status", "--json").stdout)
    assert (told["running"], told["status"]["lean_deg"]) == (True, None)
    file.write(status(state="waiting for a run", run_id=None, waiting=True))
    done = gaitpi(tmp_path, "status")
    assert done.returncode == 0
    assert "waiting for a run" in done.stdout
    assert "not recording" not in done.stdout
    many = {name: 3 * n + 1 for n, name in enumerate(FAULTS)} | {"from a newer gaitpi": 1}
    broken = {"write_errors": 99, "dropped_rows": 0}
    file.write(status(counters=many, recorder=broken, muted_s=5000.0, control="no socket"))
    done = gaitpi(tmp_path, "status")
    lines = done.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines if str(tmp_path) not in line)
    words = " ".join(done.stdout.split())
    refused = FAULTS["write_errors"]
    first = words.index(f"99 {refused.words}, ")  # the most frequent first, with its advice
    assert first < words.index("transfer not acknowledged")
    assert ", 1 from a newer gaitpi" in words
    assert f": {refused.todo}" in words
    assert "muted for another 1 h 23 min; 'gaitpi mute off' ends it" in words
    assert "control no socket" in words
    file.write(status(muted_s=FOR_GOOD_S - 60.0, counters={}))
    done = gaitpi(tmp_path, "status")
    assert "muted     for the rest of this run" in done.stdout
    file.write(status(muted_s=FOR_GOOD_S - 60.0, resting="it hurt twice in this run", counters={}))
    done = gaitpi(tmp_path, "status")
    assert "muted     for the rest of this run: it hurt twice in this run" in done.stdout
    assert "faults    none" in done.stdout
    file.write(status(recorder_problem="the card is full", sensor=None))
    done = gaitpi(tmp_path, "status")
    assert done.returncode == 1
    assert "the card is full" in done.stdout
    file.remove()
    file.remove()
    assert device.read(status_path(tmp_path)) is None
    assert list(status_path(tmp_path).parent.iterdir()) == []


def test_status_of_a_daemon_that_starts(tmp_path: Path) -> None:
    file = device.StatusFile(status_path(tmp_path))
    file.starting("compiling the estimator: a minute or so on a Pi")
    found = device.read(status_path(tmp_path))
    assert found is not None
    file.write(
        structs.replace(found, updated_s=found.updated_s - 100.0, since_s=found.since_s - 60)
    )
    done = gaitpi(tmp_path, "status")
    assert (done.returncode, done.stderr) == (1, "")  # it does not record yet
    words = " ".join(done.stdout.split())
    assert "gaitpi starting: compiling the estimator: a minute or so on a Pi (process" in words
    assert f"(process {os.getpid()}, for 6" in words
    assert "cadence" not in words
    assert "gaitpi is starting: compiling" in gaitpi(tmp_path, "mute").stderr
    file.write(structs.replace(found, updated_s=found.updated_s - device.STARTING_S - 1.0))
    assert "said nothing for" in gaitpi(tmp_path, "status").stderr


def test_a_start_that_comes_to_nothing_leaves_no_status(tmp_path: Path) -> None:
    path = status_path(tmp_path)
    file = device.StatusFile(path)
    file.starting("loading")
    file.never_begun()
    assert device.read(path) is None
    # a run that was cut off goes on, so it keeps its name; what has begun stays
    file.write(status(pid=2**31 - 1, run_id="cut off"))
    file.starting("loading")
    found = device.read(path)
    assert found is not None
    assert (found.starting, found.run_id) == ("loading", "cut off")
    long_ago = time.monotonic() - device.GOES_ON_S - 1.0
    file.write(status(pid=2**31 - 1, run_id="cut off", updated_s=long_ago))
    file.starting("loading")
    found = device.read(path)
    assert found is not None
    assert (found.starting, found.run_id) == ("loading", None)
    assert device.GOES_ON_S == WITHIN_S
    file.write(status())
    file.never_begun()
    assert device.read(path) is not None
    # one that lives there keeps its place
    file.write(status(pid=1))
    file.starting("loading")
    file.never_begun()
    kept = device.read(path)
    assert kept is not None
    assert (kept.pid, kept.starting) == (1, "")
    # of another boot nothing lives and nothing goes on
    file.write(status(pid=1, boot_id="another"))
    file.starting("loading")
    anew = device.read(path)
    assert anew is not None
    assert (anew.run_id, anew.starting) == (None, "loading")
    path.write_text("nonsense")
    file.starting("loading")
    assert device.read(path) is not None


def test_little_room_is_told_in_small_units() -> None:
    """A card with 40 MB is not full, and one with none is."""
    assert [_room(n) for n in (0, 40_000_000, 1_500_000_000)] == ["0 MB", "40 MB", "1.5 GB"]


def test_status_names_the_last_run(tmp_path: Path) -> None:
    folder = tmp_path / ".local" / "state" / "gaitpi" / "runs"
    folder.mkdir(parents=True)
    for name in ("20260102-090000-ab-1.gaitpi", "20260103-080000-ab-2.gaitpi", "notes.txt"):
        (folder / name).touch()
    told = json.loads(gaitpi(tmp_path, "status", "--json").stdout)
    assert told["last_run"] == "20260103-080000-ab-2"


def test_status_of_a_daemon_that_is_gone(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    device.StatusFile(status_path(tmp_path)).write(status(pid=ended.pid))
    done = gaitpi(tmp_path, "status")
    assert done.returncode == 1
    assert "has ended without saying so" in done.stderr
    assert "cadence" not in done.stdout


@pytest.mark.parametrize(
    ("age", "boot", "alive", "words"),
    [
        (0.0, "a", True, ""),
        (device.STALE_S, "a", True, ""),
        (device.STALE_S + 1.0, "a", True, "said nothing for 6 s"),
        (0.0, "a", False, "has ended"),
        (0.0, "b", True, "reboot"),
    ],
)
def test_which_status_is_believed(age: float, boot: str, alive: bool, words: str) -> None:
    one = status(boot_id="a", updated_s=100.0)
    told = device.not_running(one, now_s=100.0 + age, boot=boot, alive=alive)
    assert words in told
    assert bool(told) == bool(words)


@given(st.binary(max_size=60))
def test_a_foreign_status_file_is_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "foreign.json"
    path.write_bytes(raw)
    with pytest.raises(InputFileError, match="status file"):
        device.read(path)


def test_processes() -> None:
    assert device.process_lives(os.getpid())
    assert device.process_lives(1)
    assert not device.process_lives(2**40)


def test_where_the_status_file_is() -> None:
    service = {"RUNTIME_DIRECTORY": "/run/gaitpi", "XDG_RUNTIME_DIR": "/run/user/1000"}
    assert device.own_path(service) == Path("/run/gaitpi/status.json")
    assert device.own_path({"XDG_RUNTIME_DIR": "/run/user/1000"}) == Path(
        "/run/user/1000/gaitpi/status.json"
    )
    assert device.own_path({"XDG_STATE_HOME": "/s"}) == Path("/s/gaitpi/status.json")
    assert device.paths(service) == [Path("/run/gaitpi/status.json")]
    assert device.paths({"XDG_STATE_HOME": "/s"}) == [
        Path("/s/gaitpi/status.json"),
        Path("/run/gaitpi/status.json"),
    ]
