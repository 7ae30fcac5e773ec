"""Measure how soon and how often the coach speaks."""

import sys

from calibration.detection.cli import main

sys.exit(main())
