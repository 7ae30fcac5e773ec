"""How good the estimator is, and how fast: every figure of the documents comes from here.

``python -m calibration.validation`` (``make validate``) measures accuracy, and
``python -m calibration.validation.speed`` (``make bench``) cost. The estimator streams with
default parameters and never looks ahead; peers run on the same samples in the same process.

One module a subject, one class for the rows. Where a folder of recordings is absent its rows run
on the simulated runner, whose truth is known to rounding, and say so.
"""
