"""Peers, where they are installed, are called as they want to be."""

import numpy as np
import pytest

from calibration.validation import peers
from calibration.validation.metrics import angle_deg
from calibration.validation.recordings import RBDS, Source
from gaitpi.units import G0


@pytest.mark.parametrize("seed", [1, 2])
def test_up_of_a_quaternion_is_what_a_resting_sensor_feels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    q = rng.standard_normal(4)
    q /= np.linalg.norm(q)
    w, v = q[0], q[1:]
    z = np.array([0.0, 0.0, 1.0])
    # v_sensor = q* z q
    expected = z + 2.0 * np.cross(-v, np.cross(-v, z) + w * z)
    np.testing.assert_allclose(peers.up_of(q[None])[0], expected, atol=1e-12)


def test_vqf_and_imufusion_know_up_at_rest() -> None:
    direction = np.array([0.6, 0.0, 0.8])
    acc, gyr = np.tile(G0 * direction, (1000, 1)), np.zeros((1000, 3))
    found = {
        "vqf": peers.vqf_up(acc, gyr, 100.0),
        "vqf offline": peers.vqf_up(acc, gyr, 100.0, offline=True),
        "imufusion": peers.imufusion_up(acc, gyr, 100.0),
    }
    installed = {name: up for name, up in found.items() if up is not None}
    if not installed:
        pytest.skip("no peer is installed: make bench installs what there is")
    for up in installed.values():
        assert angle_deg(up[-1:], direction[None])[0] < 1.0


def test_skdh_finds_steps() -> None:
    rec = Source(None, small=True).get(RBDS)[0]
    steps = peers.skdh_steps(rec.acc, rec.rate_hz)
    if steps is None:
        pytest.skip("scikit-digital-health is not installed: make bench installs what there is")
    assert len(steps[0]) == len(steps[1]) > 0
