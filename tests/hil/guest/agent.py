#!/usr/bin/env python3
"""Runs in the guest: takes commands over the serial line, one JSON object a line, and answers."""

import contextlib
import json
import os
import subprocess
import sys
import tty
from typing import Any

LIMIT = 200_000


def answer(command: dict[str, Any]) -> dict[str, Any]:
    """Run one command."""
    try:
        done = subprocess.run(
            command["argv"],
            input=command.get("input", ""),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=command["timeout"],
            text=True,
            errors="replace",
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        out = error.output or b""
        return {"code": None, "out": out.decode(errors="replace")[-LIMIT:]}
    except OSError as error:
        return {"code": 127, "out": str(error)}
    return {"code": done.returncode, "out": done.stdout[-LIMIT:]}


def main() -> None:
    """Serve until the line closes."""
    line = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
    tty.setraw(line)
    os.write(line, b'\n{"ready": true}\n')
    held = b""
    while True:
        part = os.read(line, 4096)
        if not part:
            return
        held += part
        while b"\n" in held:
            text, held = held.split(b"\n", 1)
            with contextlib.suppress(ValueError):
                out = json.dumps(answer(json.loads(text))).encode() + b"\n"
                while out:
                    out = out[os.write(line, out) :]


main()
