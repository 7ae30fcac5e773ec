"""The coach: when to cue, and why. Pure and deterministic: no clock, no files, no threads."""
