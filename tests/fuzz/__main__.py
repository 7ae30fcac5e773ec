"""``make fuzz``: hostile input for the readers, each for a while, one after the other."""

import argparse
import importlib.util
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.fuzz.engine import has_atheris
from tests.fuzz.formats import MODULES

NAMES = tuple(MODULES)
OUT = Path("fuzz-findings")


def main() -> int:
    """Fuzz the targets asked for; 1 when something was found."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"{', '.join(NAMES)} (all)")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target (60)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="of the draws")
    parser.add_argument("--engine", choices=("atheris", "own"), help="default: atheris if it is")
    args = parser.parse_args()
    unknown = set(args.targets) - set(NAMES)
    if unknown:
        parser.error(f"there is no target {sorted(unknown)[0]}: {', '.join(NAMES)}")
    engine = args.engine or ("atheris" if has_atheris() else "own")
    why = "" if has_atheris() else " (atheris is not installed: no coverage guides it)"
    print(f"engine: {engine}{why}; seed {args.seed}")
    found = 0
    print(f"{'target':<8}{'seconds':>8}{'inputs':>10}{'accepted':>10}{'kinds':>7}", end="")
    print(f"{'slowest':>9}{'findings':>10}")
    for name in args.targets or NAMES:
        if name == "socket" and importlib.util.find_spec("gaitpi.device.control") is None:
            print("socket  left out: there is no control socket in this tree")
            continue
        stats = _one(name, engine, args.seconds, args.seed)
        found += len(stats["findings"])
        print(
            f"{name:<8}{stats['seconds']:>8.0f}{stats['executions']:>10,}{stats['accepted']:>10,}"
            f"{len(stats['kinds']):>7}{stats['worst_s']:>7.2f} s{len(stats['findings']):>10}",
            flush=True,
        )
        for finding in stats["findings"].values():
            print(f"    {finding}")
    if found:
        print(f"Inputs of the findings: {OUT}/TARGET/. Mended, they belong into tests/corpus.")
    return int(found > 0)


def _one(name: str, engine: str, seconds: float, seed: int) -> dict[str, Any]:
    """Run one target, again after an input that ended the interpreter; its counts."""
    out = OUT / name
    out.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="fuzz-"))
    begun = time.monotonic()
    ends: dict[str, str] = {}
    tries = 0
    try:
        while (left := seconds - (time.monotonic() - begun)) > 1.0 and tries < 50:
            tries += 1
            log = work / "log"
            with log.open("w") as told:
                code = subprocess.run(
                    [
                        *(sys.executable, "-m", "tests.fuzz.engine", name, "--engine", engine),
                        *("--seconds", str(left), "--seed", str(seed + tries)),
                        *("--work", str(work), "--out", str(out)),
                    ],
                    stdout=told,
                    stderr=subprocess.STDOUT,
                    check=False,
                ).returncode
            if code:
                lines = log.read_text(errors="replace").splitlines()[-12:]
                if not (work / "current").exists():
                    raise SystemExit("\n".join(lines))
                kept = out / f"ended{tries}.bin"
                shutil.copyfile(work / "current", kept)
                ends[f"ended {code}"] = f"{kept.name}: the interpreter ended ({code}): {lines}"
        stats: dict[str, Any] = json.loads((work / "stats.json").read_text())
    finally:
        shutil.rmtree(work, ignore_errors=True)
    stats["findings"].update(ends)
    stats["seconds"] = time.monotonic() - begun
    return stats


if __name__ == "__main__":
    sys.exit(main())
