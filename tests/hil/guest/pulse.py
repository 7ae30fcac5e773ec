"""Writes down when the guest as a whole stood still: real-time priority, and it only sleeps.

Each line is when (CLOCK_MONOTONIC, s) it should have woken and when it did. A machine that others
use takes its time away from all of the guest now and then; then no daemon reads a sensor in it.
"""

import os
import sys
import time

STEP_S = 0.01
LATE_S = 0.05

os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(90))
due = time.monotonic()
while True:
    due += STEP_S
    time.sleep(max(0.0, due - time.monotonic()))
    now = time.monotonic()
    if now - due > LATE_S:
        sys.stdout.write(f"{due:.3f} {now:.3f}\n")
        sys.stdout.flush()
    due = max(due, now - STEP_S)
