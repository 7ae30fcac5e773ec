"""The daemon and what belongs to it; imports nothing, so that ``gaitpi status`` stays quick."""
