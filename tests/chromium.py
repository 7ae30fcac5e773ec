"""A headless Chromium, driven over its DevTools pipe: no driver program, no port, no network.

The protocol is JSON, a NUL after each message, on file descriptors 3 and 4 of the browser
(``--remote-debugging-pipe``). So the tests and the pictures of the documentation need nothing but
the browser itself, whatever its version, and see every request it makes.
"""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--remote-debugging-pipe",
)
NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
WAIT_S: Final = 20.0
A4: Final = (8.27, 11.69)
"""Inches."""


def find() -> str | None:
    """The browser: ``CHROMIUM``, or what is installed; None without one."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


class ChromiumError(Exception):
    """The browser did not do what it was asked for."""


class Chromium:
    """One browser with one page. Use it in a ``with`` statement.

    ``requests`` are the addresses of all requests since ``open``, ``console`` what the page wrote
    there (errors, warnings, whatever it was), as text.
    """

    def __init__(self, program: str) -> None:
        self._profile = tempfile.TemporaryDirectory(prefix="gaitpi-", ignore_cleanup_errors=True)
        lower, self._write = os.pipe()
        self._read, upper = os.pipe()
        # the browser wants them as 3 and 4: the shell moves them there, from where none is lost
        to_read, to_write = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (lower, upper))
        script = f'exec "$0" "$@" 3<&{to_read} 4>&{to_write}'
        argv = ["bash", "-c", script, program, *FLAGS, f"--user-data-dir={self._profile.name}"]
        self._process = subprocess.Popen(
            [*argv, "about:blank"],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for end in (lower, upper, to_read, to_write):
            os.close(end)
        self._number, self._rest, self._session = 0, b"", ""
        self.requests: list[str] = []
        self.console: list[str] = []
        self._loaded = False
        try:
            self._attach()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the browser with all its processes: they are a group of their own."""
        os.close(self._write)
        os.close(self._read)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._profile.cleanup()

    def _attach(self) -> None:
        targets = self._ask("Target.getTargets", {})["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        wanted = {"targetId": page["targetId"], "flatten": True}
        self._session = self._ask("Target.attachToTarget", wanted)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log", "DOM", "Accessibility"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **what: Any) -> dict[str, Any]:
        """What the page's DevTools answer. Raises ChromiumError."""
        return self._ask(method, what)

    def _ask(self, method: str, what: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": what}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline_s = time.monotonic() + WAIT_S
        while True:
            answer = self._next(deadline_s)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise ChromiumError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _next(self, deadline_s: float) -> dict[str, Any]:
        """The next message; what it tells is noted."""
        while b"\0" not in self._rest:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not select.select([self._read], [], [], left_s)[0]:
                raise ChromiumError("the browser does not answer")
            if not (data := os.read(self._read, 1 << 20)):
                raise ChromiumError("the browser has ended")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, what: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(what["request"]["url"])
        elif method == "Log.entryAdded":
            self.console.append(what["entry"]["text"])
        elif method == "Runtime.consoleAPICalled":
            self.console.append(" ".join(str(arg.get("value")) for arg in what["args"]))
        elif method == "Runtime.exceptionThrown":
            self.console.append(str(what["exceptionDetails"]))
        elif method == "Page.loadEventFired":
            self._loaded = True

    def open(self, address: str | Path, *, script: bool = True) -> None:
        """Open a file or an address, and wait until it is there; without ``script`` none runs."""
        self.ask("Emulation.setScriptExecutionDisabled", value=not script)
        url = address.absolute().as_uri() if isinstance(address, Path) else address
        self.requests, self.console, self._loaded = [], [], False
        if error := self.ask("Page.navigate", url=url).get("errorText"):
            raise ChromiumError(f"{url}: {error}")
        deadline_s = time.monotonic() + WAIT_S
        while not self._loaded:
            self._next(deadline_s)
        self.ask("Emulation.setScriptExecutionDisabled", value=False)  # only the page's own matter
        self.settle()

    def settle(self) -> None:
        """Two frames drawn: what scripts changed is to be seen."""
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def run(self, script: str) -> Any:
        """The value of an expression in the page. Raises ChromiumError when it throws."""
        done = self.ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in done:
            raise ChromiumError(str(done["exceptionDetails"]))
        return done["result"].get("value")

    def window(self, width: int, height: int, *, phone: bool = False, scale: float = 1.0) -> None:
        """The size of the window, CSS pixels."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=phone,
        )
        self.settle()

    def prefer(self, *, dark: bool = False, still: bool = False) -> None:
        """What the person prefers: dark pages, no movement."""
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"},
        ]
        self.ask("Emulation.setEmulatedMedia", features=features)
        self.settle()

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press and release a key: "Tab", "Enter", "ArrowLeft", "+" ..."""
        code = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39}
        code |= {"Home": 36, " ": 32}
        what: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": code.get(key, ord(key[0]))}
        if shift:
            what["modifiers"] = 8
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        down: dict[str, Any] = {"type": "keyDown" if text else "rawKeyDown"}
        if text:
            down["text"] = text
        self.ask("Input.dispatchKeyEvent", **(what | down))
        self.ask("Input.dispatchKeyEvent", **(what | {"type": "keyUp"}))
        self.settle()

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the left button at ``start``, and let go at ``end``; CSS pixels."""
        for kind, (x, y) in (
            ("mousePressed", start),
            ("mouseMoved", end),
            ("mouseReleased", end),
        ):
            self.ask(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1,
                clickCount=1,
            )  # fmt: skip
        self.settle()

    def picture(self, *, whole: bool = False) -> bytes:
        """What is to be seen (``whole``: all of the page), PNG."""
        done = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(done["data"])

    def pdf(self) -> bytes:
        """The page printed on A4, with the page's own margins."""
        done = self.ask(
            "Page.printToPDF",
            paperWidth=A4[0],
            paperHeight=A4[1],
            preferCSSPageSize=True,
            printBackground=True,
        )
        return base64.b64decode(done["data"])

    def tree(self) -> list[dict[str, Any]]:
        """The accessibility tree, as a screen reader is given it: nodes that are not ignored."""
        nodes: list[dict[str, Any]] = self.ask("Accessibility.getFullAXTree")["nodes"]
        return [node for node in nodes if not node["ignored"]]
