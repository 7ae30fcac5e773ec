"""The kernel's PWM folder as files, with the kernel's rules: what sysfs takes and what it refuses.

Rules of drivers/pwm: a period of 0 or shorter than the pulse is EINVAL whatever is written.
"""

import errno
import os
import struct
import threading
from pathlib import Path

BCM = "fe20c000.pwm"
RP1 = "1f00098000.pwm"


class PwmKernel:
    """A class folder with one chip on device ``device``; ``pins`` it drives, as in its overlay.

    Channels appear when they are asked for through ``export`` (a pipe that a thread reads).
    """

    def __init__(self, folder: Path, device: str = BCM, pins: tuple[int, ...] = (18,)) -> None:
        self.folder = folder / "class"
        self.chip = self.folder / "pwmchip0"
        self.log: list[tuple[str, int]] = []
        self._tree(folder, device, pins)
        self.chip.mkdir(parents=True)
        (self.chip / "device").symlink_to(folder / "devices" / device)
        (self.chip / "unexport").touch()
        os.mkfifo(self.chip / "export")
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _tree(self, folder: Path, device: str, pins: tuple[int, ...]) -> None:
        node = folder / "tree" / "soc" / "pwm@7e20c000"
        node.mkdir(parents=True)
        (node / "pinctrl-0").write_bytes(struct.pack(">I", 7))
        group = folder / "tree" / "soc" / "gpio@7e200000" / "pwm_pins"
        group.mkdir(parents=True)
        (group / "phandle").write_bytes(struct.pack(">I", 7))
        if device == RP1:
            names = "".join(f"gpio{pin}\0" for pin in pins)
            (group / "pins").write_bytes(names.encode())
        else:
            (group / "brcm,pins").write_bytes(struct.pack(f">{len(pins)}I", *pins))
        other = folder / "tree" / "soc" / "gpio@7e200000" / "i2c"
        other.mkdir()
        (other / "phandle").write_bytes(struct.pack(">I", 8))
        (other / "brcm,pins").write_bytes(struct.pack(">2I", 2, 3))
        (folder / "devices" / device).mkdir(parents=True)
        (folder / "devices" / device / "of_node").symlink_to(node)

    def _serve(self) -> None:
        while True:
            asked = (self.chip / "export").read_text()
            if asked.strip() == "stop":
                return
            self.make(int(asked))

    def make(self, channel: int) -> None:
        """What the kernel makes of an export."""
        made = self.chip / f".pwm{channel}"
        made.mkdir()
        for name in ("period", "duty_cycle", "enable"):
            (made / name).write_text("0\n")
        made.rename(self.chip / f"pwm{channel}")

    def get(self, channel: int, name: str) -> int:
        return int((self.chip / f"pwm{channel}" / name).read_text().split()[0])

    def write(self, file: int, data: bytes) -> int:
        """``os.pwrite`` as the driver would answer it."""
        path = Path(f"/proc/self/fd/{file}").readlink()
        channel, value = int(path.parent.name[3:]), int(data)
        now = {name: self.get(channel, name) for name in ("period", "duty_cycle", "enable")}
        now[path.name] = value
        if now["period"] == 0 or now["duty_cycle"] > now["period"]:
            raise OSError(errno.EINVAL, "Invalid argument")
        self.log.append((path.name, value))
        return os.pwrite(file, data, 0)

    def close(self) -> None:
        (self.chip / "export").write_text("stop\n")
        self._thread.join()
