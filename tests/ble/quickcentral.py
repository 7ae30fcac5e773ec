"""The central with shorter waits, so that a test takes a second or few."""

import sys

from gaitpi.ble.central import main
from gaitpi.ble.link import Times
from gaitpi.ble.radio import Limits

QUICK = Times(
    window_s=0.7,
    pause_s=0.3,
    radio_s=0.3,
    connect_s=3.0,
    direct_s=2.0,
    silent_s=1.0,
    resubscribed_s=1.0,
    trap_s=(0.5, 5.0),
)

if __name__ == "__main__":
    sys.exit(main(times=QUICK, limits=Limits(call_s=1.2, device_s=1.0)))
