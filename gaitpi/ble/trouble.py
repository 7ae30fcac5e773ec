"""What is wrong with the radio or a device: a word for programs, a sentence for people.

Nothing of bleak is imported here: commands tell the same sentences without it.
"""

from dataclasses import dataclass
from typing import Final, Literal

from gaitpi.plaintext import plain

Scope = Literal["radio", "device"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """``reason`` one word, stable; ``found`` what is wrong and ``todo`` what to do, in sentences.

    ``scope``: whether the whole radio or this device alone is concerned; ``again_s`` how long to
    wait before it is tried again, s (0: as usual, :class:`gaitpi.ble.link.Times`).
    """

    reason: str
    found: str
    todo: str = ""
    scope: Scope = "device"
    again_s: float = 0.0

    @property
    def words(self) -> str:
        """Both, as one text."""
        return f"{self.found} {self.todo}".strip()


SELDOM_S: Final = 60.0
"""A device that is not what it should be is tried again after so long, s."""


def _radio(reason: str, found: str, todo: str, again_s: float = 0.0) -> Trouble:
    return Trouble(reason, found, todo, "radio", again_s)


NO_BLEAK: Final = _radio(
    "no-bleak",
    "The Bluetooth part of gaitpi is not installed.",
    "Install it: sudo make install, or pip install 'gaitpi[ble]'.",
    SELDOM_S,
)
NO_DBUS: Final = _radio(
    "no-dbus",
    "The system's D-Bus cannot be reached, so there is no Bluetooth.",
    "sudo systemctl start dbus",
)
NO_BLUEZ: Final = _radio(
    "no-bluez",
    "The Bluetooth service does not run.",
    "sudo apt install bluez, then: sudo systemctl enable --now bluetooth",
)
NO_ADAPTER: Final = _radio(
    "no-adapter",
    "There is no Bluetooth adapter.",
    "On a Pi remove dtoverlay=disable-bt from config.txt; 'bluetoothctl list' shows what is there.",
)
NO_CENTRAL: Final = _radio(
    "no-central",
    "The Bluetooth adapter cannot connect to low energy sensors.",
    "Use another adapter (ble.adapter).",
    SELDOM_S,
)
NO_PERIPHERAL: Final = _radio(
    "no-peripheral",
    "The Bluetooth adapter cannot be a sensor for others.",
    "Use another adapter (ble.adapter), or switch it off: gaitpi config set ble.out false",
    SELDOM_S,
)
NO_ROOM: Final = _radio(
    "no-room",
    "The Bluetooth adapter announces as many things as it can already.",
    "End what else advertises on this machine.",
    SELDOM_S,
)
ADAPTER_OFF: Final = _radio(
    "adapter-off", "The Bluetooth adapter is switched off.", "bluetoothctl power on"
)
BLOCKED: Final = _radio(
    "blocked",
    "Bluetooth is blocked by rfkill.",
    "sudo rfkill unblock bluetooth; a Pi remembers it.",
)
DENIED: Final = _radio(
    "denied",
    "This user may not use Bluetooth.",
    "sudo usermod -aG bluetooth $USER, then log in again; the service needs a restart.",
)
HUNG: Final = _radio(
    "hung",
    "The Bluetooth service does not answer.",
    "If it stays so: sudo systemctl restart bluetooth",
)

NOT_SEEN: Final = Trouble(
    "not-seen",
    "Nothing is heard of it.",
    "Is it worn and awake, and connected to no watch or phone?",
)
LOST: Final = Trouble("lost", "The link broke off; it is looked for.")
SILENT: Final = Trouble("silent", "The link stands, but it sends nothing.", "Is it worn?")
PARAMETERS: Final = Trouble(
    "parameters",
    "It ends the link again and again, always after the same time: many straps do when this Linux"
    " refuses the slower rhythm they ask for.",
    "It is connected anew at once; 'gaitpi doctor' says what to change.",
)
REFUSED: Final = Trouble(
    "refused", "It is near, but the connection fails.", "Take its battery out for a moment."
)
NO_ANSWER: Final = Trouble(
    "no-answer", "It is connected, but does not answer.", "Take its battery out for a moment."
)
NO_SERVICE: Final = Trouble(
    "no-service",
    "It does not measure what it was paired for.",
    "Pair the right one: gaitpi ble pair",
    again_s=SELDOM_S,
)
NEEDS_BOND: Final = Trouble(
    "needs-bond",
    "It speaks only after bonding.",
    "gaitpi ble pair bonds with it.",
    again_s=SELDOM_S,
)
STORM: Final = Trouble(
    "storm",
    "It sends far more than a sensor does, so the link was ended.",
    "Is it the right one? It is tried again in a minute.",
    again_s=SELDOM_S,
)
FILE: Final = "paired-file"
"""Reason where the paired devices cannot be read."""


def no_such_adapter(name: str) -> Trouble:
    """The adapter that was asked for is not there."""
    return _radio(
        NO_ADAPTER.reason,
        f"There is no Bluetooth adapter {name}.",
        "'bluetoothctl list' shows what is there; ble.adapter names the one to use.",
    )


def not_served(why: str) -> Trouble:
    """The Bluetooth service does not offer the belt to others."""
    return _radio(
        "not-served",
        f"The Bluetooth service does not offer the belt to others: {plain(why)[:100].rstrip('.')}.",
        "'journalctl -u bluetooth' says more.",
    )
