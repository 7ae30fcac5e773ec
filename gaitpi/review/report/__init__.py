"""Pages for a browser: a run, and weeks of them for a physiotherapist."""
