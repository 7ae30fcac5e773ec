"""gaitpi: a Raspberry Pi belt pack that cues runners on cadence and lean."""

__version__ = "0.1.0"
