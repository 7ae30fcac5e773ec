"""Heart-rate strap and foot pod in, foot pod out, over Bluetooth Low Energy.

Nothing here runs in the daemon but :mod:`gaitpi.ble.readings`: radios live in processes of their own.
"""
