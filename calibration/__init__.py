"""Measuring instruments of the project; nothing here is installed."""
