"""What ``make run`` starts: the belt where there is a sensor, else the simulated runner.

Only this front end chooses. The daemon itself never falls back to a simulator.
"""

import sys

from gaitpi.cli import main
from gaitpi.config import load
from gaitpi.errors import ConfigError, GaitpiError, SensorError
from gaitpi.hostclock import SystemClock


def sensor_problem() -> str | None:
    """Why there is no sensor to run with, in words; None when there is one."""
    from gaitpi.imu.reader import find_sensor
    from gaitpi.imu.smbus import SMBusTransport

    try:
        config = load(None)
        transport = SMBusTransport(config.imu.bus)
        try:
            find_sensor(transport, SystemClock(), config.imu)
        finally:
            transport.close()
    except ConfigError:
        return None  # the daemon says it better
    except SensorError as error:
        return str(error)
    return None


def run(arguments: list[str]) -> int:
    """Start the right command with ``arguments``; returns its exit code."""
    try:
        problem = sensor_problem()
    except GaitpiError as error:
        problem = str(error)
    if problem is None:
        return main(["run", *arguments])
    print(f"No sensor: {problem}\nSo this is a simulated runner, faster than real time.\n")
    return main(["demo", *arguments])


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
