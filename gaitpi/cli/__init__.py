"""The front door: finds the command, loads only that one, words every error.

A command is a module with ``HELP`` (one or two sentences), ``EPILOG`` (an example),
``add_arguments(parser)`` and ``run(args) -> int``; ``args.config`` is the file named by
``--config`` or None.
"""

import argparse
import codecs
import contextlib
import errno
import gc
import importlib
import io
import json
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn

from gaitpi import __version__
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM, GaitpiError, UsageError
from gaitpi.plaintext import plain_lines

if TYPE_CHECKING:
    from gaitpi.config import Config
    from gaitpi.runs.reader import RunReader

EXIT_INTERRUPTED: Final = 130

COMMANDS: Final = {
    "run": ("gaitpi.cli.run", "measure, coach and record: what the service runs"),
    "demo": ("gaitpi.cli.demo", "a simulated runner; needs no hardware"),
    "replay": ("gaitpi.cli.replay", "a recording through the same code"),
    "reanalyse": ("gaitpi.cli.reanalyse", "recorded runs with today's code: what changes"),
    "simulate": ("gaitpi.cli.simulate", "write a simulated recording with its truth"),
    "export": ("gaitpi.cli.export", "a run as FIT, CSV or Parquet; all runs as a dataset"),
    "import": ("gaitpi.cli.import_", "heart rate and distance from a watch's FIT file"),
    "runs": ("gaitpi.cli.runs", "list the recorded runs"),
    "show": ("gaitpi.cli.show", "one run in numbers"),
    "load": ("gaitpi.cli.load", "how long the next run may be, and why"),
    "back": ("gaitpi.cli.back", "weeks of load, strength, shoes and pain in one table"),
    "compare": ("gaitpi.cli.compare", "a run and your own usual, or two runs"),
    "report": ("gaitpi.cli.report", "a run, or weeks of them, as a page for a browser"),
    "tag": ("gaitpi.cli.tag", "star a run, so that it is never deleted; other tags"),
    "note": ("gaitpi.cli.note", "a few words on a run or on a day"),
    "pain": ("gaitpi.cli.pain", "how much, where and when, in one line"),
    "strength": ("gaitpi.cli.strength", "a strength session in one line"),
    "shoe": ("gaitpi.cli.shoe", "the pairs, and which a run was run in"),
    "journal": ("gaitpi.cli.journal", "what was noted, by day; undo, history, CSV"),
    "trim": ("gaitpi.cli.trim", "leave the walk home out of a run; nothing is lost"),
    "split": ("gaitpi.cli.split", "cut a run into parts; nothing is lost"),
    "cues": ("gaitpi.cli.cues", "every cue of a run, and every one kept back"),
    "why": ("gaitpi.cli.why", "explain a cue, or a silence"),
    "calibrate": ("gaitpi.cli.calibrate", "stand still once, so that upright is known"),
    "target": ("gaitpi.cli.target", "your own cadence, and the target made of it"),
    "program": ("gaitpi.cli.program", "sessions whose cues fade, and what is kept"),
    "status": ("gaitpi.cli.status", "what the running daemon is doing"),
    "live": ("gaitpi.cli.live", "what the pack hears now, and why it is silent"),
    "ble": ("gaitpi.cli.ble", "heart-rate strap and foot pod: pair, try, see"),
    "mute": ("gaitpi.cli.mute", "no cues for a while"),
    "mark": ("gaitpi.cli.mark", "a mark in the run that is being recorded"),
    "record": ("gaitpi.cli.record", "begin or close a run now"),
    "doctor": ("gaitpi.cli.doctor", "every part looked at: what is wrong, what to do"),
    "warmup": ("gaitpi.cli.warmup", "compile the estimator now, so that starts are quick"),
    "sounds": ("gaitpi.cli.sounds", "hear, learn and test the sounds"),
    "silence": ("gaitpi.cli.silence", "buzzer, motor and LED off, whatever left them on"),
    "backup": ("gaitpi.cli.backup", "runs, journals and settings into one file"),
    "restore": ("gaitpi.cli.restore", "what a backup has and this machine has not"),
    "update": ("gaitpi.cli.update", "another version of the service, and the way back"),
    "config": ("gaitpi.cli.config", "show, explain, check and change settings"),
}
"""Name -> (module, one-line help)."""

QUICK: Final = frozenset({"runs", "show", "compare", "cues"})
"""Commands that end before collecting garbage would pay."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are UsageError and whose help is 80 columns wide."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", _Help)
        settings.setdefault("allow_abbrev", False)
        super().__init__(**settings)

    def error(self, message: str) -> NoReturn:
        """Raise UsageError instead of printing the usage."""
        raise UsageError(f"{message.rstrip('.')}.", f"'{self.prog} --help' shows how it is used.")


class _Help(argparse.RawDescriptionHelpFormatter):
    """Examples keep their lines; nothing is wider than 80 columns."""

    def __init__(self, prog: str, **settings: Any) -> None:
        settings["width"] = min(80, _columns()) - 2
        super().__init__(prog, **settings)


def _columns() -> int:
    """Columns of the terminal; shutil tells the same, and takes long to load."""
    with contextlib.suppress(ValueError):
        if (named := int(os.environ.get("COLUMNS", "0"))) > 0:
            return named
    with contextlib.suppress(AttributeError, ValueError, OSError):  # no stdout, or no terminal
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    return 80


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (None = the process's own); returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _tolerate_any_terminal()
    debug = "--debug" in arguments or bool(os.environ.get("GAITPI_DEBUG"))
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except SystemExit as end:  # argparse, after --help or --version
        return end.code if isinstance(end.code, int) else EXIT_OK
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _abandon_stdout()
        return EXIT_PROBLEM
    except GaitpiError as error:
        if debug:
            _print_traceback()
        complain(str(error))
        return error.exit_code
    except Exception as error:
        if debug:
            _print_traceback()
        _abandon_stdout_if_broken()
        if isinstance(error, OSError) and error.errno in _FULL:
            complain(f"What is printed cannot be written: {os.strerror(error.errno)}.")
        else:
            complain(_unexpected(error, arguments, debug))
        return EXIT_PROBLEM
    return code


def complain(sentence: str) -> None:
    """Say ``sentence`` on stderr, as gaitpi."""
    print(f"gaitpi: {plain_lines(sentence)}", file=sys.stderr)


def print_json(data: Any) -> None:
    """Print ``data`` (structs, dicts, lists) as JSON in plain ASCII; NaN becomes null."""
    import msgspec

    try:
        text = msgspec.json.encode(data)
    except UnicodeEncodeError:  # the name of a file that is not UTF-8
        text = msgspec.json.encode(_as_text(msgspec.to_builtins(data)))
    print(json.dumps(json.loads(text), indent=2))


def _as_text(data: Any) -> Any:
    """Builtins with what is no text in them written with backslashes."""
    if isinstance(data, dict):
        return {_as_text(key): _as_text(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_as_text(one) for one in data]
    return data.encode(errors="backslashreplace").decode() if isinstance(data, str) else data


def add_set_argument(parser: argparse.ArgumentParser) -> None:
    """Give a command ``--set KEY=VALUE``, laid over the configuration by :func:`load_config`."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="use another setting this once, e.g. coach.target_spm=172; may be repeated",
    )


def add_untrimmed_argument(parser: argparse.ArgumentParser) -> None:
    """Give a command ``--untrimmed``, which :func:`opened` obeys."""
    parser.add_argument("--untrimmed", action="store_true", help="with what 'gaitpi trim' left out")


def opened(args: argparse.Namespace, name: str) -> "RunReader":
    """The run of that name as it was edited, to be closed; ``ID.2`` is the second part of one.

    What is wrong with its edits is said. Raises UsageError, RunFileError or ConfigError.
    """
    from gaitpi import config
    from gaitpi.runs import view

    path, part = view.find(config.runs_directory(load_config(args)), name)
    untrimmed = getattr(args, "untrimmed", False)
    return view.opened(path, part, untrimmed=untrimmed, said=complain)


def load_config(args: argparse.Namespace) -> "Config":
    """The configuration a command was called with. Raises ConfigError or UsageError."""
    from gaitpi import config

    return config.apply(config.load(args.config), getattr(args, "set", []))


def fixed_keys(args: argparse.Namespace) -> frozenset[str]:
    """Names of the keys that the configuration file or ``--set`` fixes. Raises ConfigError."""
    from gaitpi import config

    path, text = config.read(args.config)
    tables = config.parse(text, path)
    written = {f"{name}.{key}" for name, body in tables.items() for key in body}
    given = {one.partition("=")[0].strip() for one in getattr(args, "set", [])}
    return frozenset(written | given)


def load_with_targets(args: argparse.Namespace) -> "Config":
    """:func:`load_config` with the accepted targets where the configuration fixes none.

    What is wrong with them is said, and the coach listens: a run must start all the same.
    """
    from gaitpi import config, targetfile

    given = load_config(args)
    try:
        targets = targetfile.load(targetfile.path_in(config.runs_directory(given)))
    except GaitpiError as error:
        complain(str(error))
        return given
    force = targetfile.lay_under(given, fixed_keys(args), targets)
    for problem in force.problems:
        complain(problem)
    return force.config


def _dispatch(arguments: list[str]) -> int:
    """Split ``arguments`` at the command, load its module and run it."""
    at = _command_index(arguments)
    top = _top_parser()
    args = top.parse_args(arguments[:at])
    gc.disable()  # what is loaded stays, so looking for what does not only takes time
    try:
        return _run_command(arguments, at, args)
    finally:
        gc.enable()


def _run_command(arguments: list[str], at: int, args: argparse.Namespace) -> int:
    """Load the command at ``at``, none = the last run, and run it."""
    if at == len(arguments):
        from gaitpi.cli import home

        return home.run(args)
    name = arguments[at]
    if name not in COMMANDS:
        raise UsageError(f"there is no command '{name}'.", _nearest(name))
    command = importlib.import_module(COMMANDS[name][0])
    parser = Parser(
        prog=f"gaitpi {name}",
        description=textwrap.fill(command.HELP, 78),
        epilog=command.EPILOG,
        parents=[common_options(argparse.SUPPRESS)],
    )
    command.add_arguments(parser)
    parsed = parser.parse_args(arguments[at + 1 :], args)
    if name not in QUICK:
        gc.enable()
    code: int = command.run(parsed)
    return code


def _command_index(arguments: list[str]) -> int:
    """Where the command stands: the first argument that is no option nor one's value."""
    skip = False
    for index, argument in enumerate(arguments):
        if not skip and not argument.startswith("-"):
            return index
        skip = argument == "--config"
    return len(arguments)


def _top_parser() -> Parser:
    """Parser of what stands before the command; its help lists the commands."""
    lines = [f"  {name:<10}{line}" for name, (_, line) in COMMANDS.items()]
    parser = Parser(
        prog="gaitpi",
        usage="gaitpi [--config PATH] [COMMAND ...]",
        description="A belt pack for runners that cues cadence and lean, and keeps the log.\n"
        "Without a command: the last run in six lines, and what to do next.",
        epilog="\n".join(
            ["commands:", *lines, "", "'gaitpi COMMAND --help' explains one. Try: gaitpi demo"]
        ),
        parents=[common_options(None)],
    )
    parser.add_argument("--json", action="store_true", help="print the last run as JSON")
    parser.add_argument("--version", action="version", version=f"gaitpi {__version__}")
    return parser


def actions_of(
    parser: argparse.ArgumentParser, common: argparse.ArgumentParser
) -> Callable[[str, Any, str, str], argparse.ArgumentParser]:
    """What adds an action to a command that has several: (name, function, line, example).

    The function is left in ``args.action``; options of ``common`` may stand after the action.
    """
    actions = parser.add_subparsers(metavar="ACTION", title="actions")

    def add(name: str, function: Any, line: str, example: str) -> argparse.ArgumentParser:
        sub = actions.add_parser(
            name,
            help=line,
            description=f"{line[0].upper()}{line[1:]}.",
            epilog=f"example:\n  {parser.prog} {example}",
            parents=[common],
        )
        sub.set_defaults(action=function)
        return sub

    return add


def common_options(default: str | None) -> Parser:
    """Options that may stand before or after the command."""
    from pathlib import Path

    common = Parser(add_help=False)
    common.add_argument(
        "--config",
        type=Path,
        metavar="PATH",
        default=default,
        help="configuration file ('gaitpi config path' shows the usual one)",
    )
    common.add_argument(
        "--debug",
        action="store_true",
        default=default or False,
        help="show where in the program an error came from",
    )
    return common


def _nearest(name: str) -> str:
    """What to try instead of an unknown command."""
    import difflib

    near = difflib.get_close_matches(name, COMMANDS, n=1)
    return f"Did you mean '{near[0]}'?" if near else "'gaitpi --help' lists the commands."


def _tolerate_any_terminal() -> None:
    """Print ``+-`` for ``±`` where the terminal's encoding lacks that, ``?`` for most others."""
    codecs.register_error("gaitpi", _instead)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="gaitpi")


_INSTEAD: Final = {"±": "+-", "…": "...", "−": "-", "×": "x"}


def _instead(error: UnicodeError) -> tuple[str, int]:
    """What is printed for signs that an encoding does not have."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(_INSTEAD.get(sign, "?") for sign in signs), error.end


def _abandon_stdout() -> None:
    """Nobody reads stdout any more: keep the interpreter from complaining about it at exit."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _abandon_stdout_if_broken() -> None:
    """The same, where stdout takes no more (disk full)."""
    try:
        sys.stdout.flush()
    except OSError:
        _abandon_stdout()


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()


def _unexpected(error: Exception, arguments: list[str], debug: bool) -> str:
    """A sentence for an error nobody foresaw; the traceback goes into a file."""
    what = f"unexpected {type(error).__name__}: {error}".splitlines()[0].rstrip(".")
    if debug:
        return f"{what}."
    try:
        return f"{what}. Details are in {_write_crash(arguments)}; this is a fault of gaitpi."
    except OSError:
        return f"{what}. Add --debug to see where; this is a fault of gaitpi."


def _write_crash(arguments: list[str]) -> str:
    """Write the traceback in flight into the state folder; returns the path."""
    import traceback

    from gaitpi.config import state_directory

    path = state_directory() / "last-error.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"gaitpi {__version__}, Python {sys.version}\n{arguments!r}\n{traceback.format_exc()}"
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
    return str(path)
