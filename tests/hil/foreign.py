"""The bus of an independent model, behind the adapter like any other."""

import errno
import importlib.util
import os
from pathlib import Path
from typing import Any


class Foreign:
    """A :class:`gaitpi.imu.transport.Transport` over the model's bus."""

    name = "independent model"

    def __init__(self, path: Path) -> None:
        spec = importlib.util.spec_from_file_location("fakeimu", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self._bus: Any = module.Bus([module.FakeMPU6050(0x68)])

    def write_read(self, address: int, out: bytes, n: int) -> bytes:
        """Write, repeated start, read."""
        self._message(address, False, out)
        return bytes(self._message(address, True, n))

    def write(self, address: int, out: bytes) -> None:
        """Write."""
        self._message(address, False, out)

    def close(self) -> None:
        """Nothing is held."""

    def _message(self, address: int, read: bool, data: bytes | int) -> bytes:
        answer = self._bus.msg(address, read, data)
        if answer is None:
            raise OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))
        return bytes(answer)
