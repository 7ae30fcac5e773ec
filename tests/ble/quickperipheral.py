"""The peripheral with shorter waits, so that a test takes a second or few."""

import sys

from gaitpi.ble.peripheral import Times, main

QUICK = Times(call_s=1.5, beat_s=0.2, ping_s=2.5, again_s=(0.2, 0.4))

if __name__ == "__main__":
    sys.exit(main(times=QUICK))
