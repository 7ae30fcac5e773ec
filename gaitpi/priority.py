"""Going first on a busy machine: real-time priority for threads that sleep nearly always.

The service has the right to it (LimitRTPRIO). All threads that the sound of a cue may wait for need
it, not only the one that plays: whoever is put off the processor while holding the interpreter's
lock puts off the others with him. The kernel leaves a twentieth of each second to the rest of the
machine, whatever such threads do (sched_rt_runtime_us). Measured: ``python -m calibration.load``.
"""

import contextlib
import os
from collections.abc import Iterator


def prefer_this_thread() -> None:
    """Let this thread, and those it starts, go before all that compute, where that is allowed.

    Without the right it is only later on a busy machine.
    """
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


@contextlib.contextmanager
def preferred() -> Iterator[None]:
    """:func:`prefer_this_thread` within the ``with`` block; as it was before after it."""
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, param = os.sched_getscheduler(0), os.sched_getparam(0)
    prefer_this_thread()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, policy, param)
