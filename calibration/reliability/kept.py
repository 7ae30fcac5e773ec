"""A daemon on a virtual chip under its keeper, to be killed: ``python -m`` this FOLDER.

The keeper, its forks, the daemon's threads, the clock and the files are the real ones.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from gaitpi.config import Config, apply
from gaitpi.device.keeper import Keeper
from gaitpi.device.notify import Notifier, Watcher
from gaitpi.device.status import StatusFile

SETTINGS = ("runs.auto=off", "coach.target_spm=175")
"""Recording begins with the first sample."""


def main() -> int:
    """Run until SIGTERM."""
    folder = Path(sys.argv[1])
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    config = apply(Config(), SETTINGS)
    status = StatusFile(folder / "status.json")

    def load() -> Iterator[None]:
        from gaitpi.cli.run import load

        return load(status)

    def work(keeper: Watcher) -> int:
        from gaitpi.device.virtual import play
        from gaitpi.imu.virtual.runner import SimulatedRunner
        from gaitpi.imu.virtual.story import Phase

        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        play(
            SimulatedRunner((Phase("run", 3600.0, cadence_spm=170.0),)),
            config,
            folder / "runs",
            [],
            recording="kept",
            realtime=True,
            status=status,
            until=stop.is_set,
            notifier=keeper,
            resume=True,
        )
        return 0

    def said(text: str) -> None:
        print(text, flush=True)

    return Keeper(work, Notifier(""), said, load=load).run()


if __name__ == "__main__":
    sys.exit(main())
