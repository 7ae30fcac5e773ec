"""Numbers the Bluetooth SIG has assigned, of the services that are read and served here."""

from typing import Final

HEART_RATE: Final = 0x180D
HEART_RATE_MEASUREMENT: Final = 0x2A37
BODY_SENSOR_LOCATION: Final = 0x2A38

RUNNING_SPEED: Final = 0x1814
RSC_MEASUREMENT: Final = 0x2A53
RSC_FEATURE: Final = 0x2A54
SENSOR_LOCATION: Final = 0x2A5D

BATTERY: Final = 0x180F
BATTERY_LEVEL: Final = 0x2A19

DEVICE_INFORMATION: Final = 0x180A
MODEL: Final = 0x2A24
SERIAL: Final = 0x2A25
FIRMWARE: Final = 0x2A26
HARDWARE: Final = 0x2A27
SOFTWARE: Final = 0x2A28
MAKER: Final = 0x2A29


def full(number: int) -> str:
    """The 128-bit UUID of an assigned number, as BlueZ and bleak write it."""
    return f"{number:08x}-0000-1000-8000-00805f9b34fb"
