"""The virtual chip: register-exact twins of real sensors, shipped in the package.

Written from the makers' register maps and not from gaitpi's driver, so that the two check
each other.
"""
