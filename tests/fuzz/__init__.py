"""The readers of untrusted input under hostile input: ``make fuzz`` (docs/security.md)."""
