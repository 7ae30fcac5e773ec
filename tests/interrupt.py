"""A process that Ctrl-C ends, wherever the tests were started.

A shell that starts something in the background has it ignore SIGINT, and what that starts inherits
it; a test that sends SIGINT would then wait for ever.
"""

import signal


def heed_interrupt() -> None:
    """For ``preexec_fn``: SIGINT as it is for a program in the foreground."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
