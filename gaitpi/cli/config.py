"""``gaitpi config``: show, explain, check and change settings."""

import argparse
import textwrap
from pathlib import Path

import msgspec

from gaitpi import config as settings
from gaitpi.cli import actions_of, common_options, print_json
from gaitpi.errors import EXIT_OK
from gaitpi.plaintext import plain

HELP = "Show, explain, check and change the settings. Without an action: show."
EPILOG = """examples:
  gaitpi config explain coach.target_spm
  gaitpi config set coach.target_spm 172
  gaitpi config check belt.toml"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    parser.set_defaults(action=_show, json=False)
    common = common_options(argparse.SUPPRESS)
    common.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    parser.add_argument("--json", action="store_true", help="print JSON")
    action = actions_of(parser, common)
    action("show", _show, "all settings in force, as a file to start from", "show")
    get = action("get", _get, "one value", "get coach.target_spm")
    get.add_argument("key", metavar="KEY")
    change = action("set", _set, "write one value into the file", "set coach.target_spm 172")
    change.add_argument("key", metavar="KEY")
    change.add_argument("value", metavar="VALUE", help='"none" for an absent value')
    check = action("check", _check, "say whether a file can be used", "check belt.toml")
    check.add_argument("file", nargs="?", type=Path, metavar="FILE")
    explain = action("explain", _explain, "what the keys mean", "explain coach.hold_s")
    explain.add_argument("key", nargs="?", metavar="KEY", help="default: all")
    action("path", _path, "which file is used", "path")


def run(args: argparse.Namespace) -> int:
    """Do the action; 0, or 78 by ConfigError."""
    args.action(args)
    return EXIT_OK


def _show(args: argparse.Namespace) -> None:
    path, text = settings.read(args.config)
    config = settings.load(args.config)
    chosen = [f"{name}.{key}" for name, body in settings.parse(text, path).items() for key in body]
    if args.json:
        print_json({"path": str(path), "set": chosen, "config": config})
        return
    print(f"# {path}" + ("" if text else " (no such file: all defaults)"))
    section = ""
    for name in list(settings.keys()):
        here, _, key = name.partition(".")
        if here != section:
            print(f"\n[{here}]")
            section = here
        line = plain(f"{key} = {settings.format_value(name, settings.get(config, name))}")
        print(f"{line:<32}# set in the file" if name in chosen else line)


def _get(args: argparse.Namespace) -> None:
    value = settings.get(settings.load(args.config), args.key)
    if args.json:
        print_json({args.key: value})
    else:
        print("none" if value is None else plain(str(value)))


def _set(args: argparse.Namespace) -> None:
    path, config = settings.set_value(args.config, args.key, args.value)
    value = settings.get(config, args.key)
    if args.json:
        print_json({"path": str(path), args.key: value})
    else:
        print(f"{args.key} = {settings.format_value(args.key, value)}   ({path})")
        print("A running daemon uses it after its next start.")


def _check(args: argparse.Namespace) -> None:
    wanted = args.file or args.config
    path, text = settings.read(wanted)
    settings.load(wanted)
    if args.json:
        print_json({"path": str(path), "exists": bool(text), "ok": True})
    elif text:
        print(f"{path}: good.")
    else:
        print(f"{path}: there is no such file, the defaults are used.")


def _explain(args: argparse.Namespace) -> None:
    known = [settings.explain(args.key)] if args.key else list(settings.keys().values())
    if args.json:
        rows = [{**msgspec.structs.asdict(key), "expected": key.expected} for key in known]
        print_json(rows[0] if args.key else rows)
        return
    print("\n\n".join(_explained(key) for key in known))


def _explained(key: settings.Key) -> str:
    """A key as a paragraph of at most 80 columns."""
    rows = [
        ("meaning", key.meaning),
        ("value", key.expected),
        ("unit", key.unit),
        ("default", settings.format_value(key.name, key.default)),
    ]
    lines = [
        textwrap.fill(words, 78, initial_indent=f"  {row:<9}", subsequent_indent=" " * 11)
        for row, words in rows
        if words
    ]
    return "\n".join([key.name, *lines])


def _path(args: argparse.Namespace) -> None:
    path = args.config or settings.default_path()
    if args.json:
        print_json({"path": str(path), "exists": path.exists()})
    else:
        print(path)
