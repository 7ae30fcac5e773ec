"""The sensor room: bus, chips, sample clock, reader, and the virtual chip."""
