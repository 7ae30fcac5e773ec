"""gaitpi on 64-bit ARM, emulated on a PC (``make arm``, docs/arm.md)."""
