"""Heart-rate strap and foot pod in, foot pod out, over Bluetooth Low Energy.

The daemon loads nothing of this but :mod:`gaitpi.ble.readings`: radios live in processes of their
own.
"""
