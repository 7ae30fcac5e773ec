"""gaitpi: a Raspberry Pi belt pack that helps runners keep a good running form."""

__version__ = "0.1.0"
