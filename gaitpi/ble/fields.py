"""Takes a characteristic's value apart, field by field, little-endian."""

from typing import Final

from gaitpi.errors import MeasurementError

VALUE_MAX: Final = 512
"""No attribute value is longer, bytes (Bluetooth Core, Vol 3, Part F, 3.2.9)."""


class Fields:
    """A value and a place in it. ``what`` names it in the errors."""

    def __init__(self, data: bytes | bytearray | memoryview, what: str) -> None:
        """Raises MeasurementError for a value that no characteristic can hold."""
        self._data = bytes(data)
        self._what = what
        self._at = 0
        if len(self._data) > VALUE_MAX:
            raise MeasurementError(
                f"{what} has {len(self._data)} bytes; no value has more than {VALUE_MAX}."
            )

    def uint(self, size: int, name: str) -> int:
        """The next number of ``size`` bytes. Raises MeasurementError where it is cut off."""
        end = self._at + size
        if end > len(self._data):
            raise MeasurementError(
                f"{self._what} ends within its {name}: {len(self._data)} bytes{_shown(self._data)}."
            )
        value = int.from_bytes(self._data[self._at : end], "little")
        self._at = end
        return value

    @property
    def left(self) -> int:
        """Bytes that were not taken."""
        return len(self._data) - self._at


def _shown(data: bytes) -> str:
    return f", '{data[:24].hex(' ')}'" if data else ""
