"""Measure accuracy and print the table."""

import sys

from calibration.validation.cli import main

sys.exit(main())
