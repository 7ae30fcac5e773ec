"""The runner's journal beside the runs: pain, strength, shoes and notes. No numpy.

Nothing is imported here, so that a command that reads one line stays quick on a small machine.
"""

from typing import Final

NAME: Final = "journal.db"
"""Its file beside the runs."""
