"""How soon the coach notices, and how often it cries wolf: ``python -m calibration.detection``.

``noise`` measures the strides of the recordings, ``runners`` simulates runners with that noise,
``rules`` holds what the coach is compared with, ``cli`` the experiments and their tables.
"""
