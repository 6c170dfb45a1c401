"""Random ops: the published test vectors, distributions, independence of the layout of calls."""

import numpy as np
import pytest

from pyflame.runtime.interpreters.tensor import philox

STATE = np.array([7, 0], np.int64)

# Random123's known answers for philox4x32-10: counter, key, output.
VECTORS = [
    ([0, 0, 0, 0], (0, 0), [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    (
        [0xFFFFFFFF] * 4,
        (0xFFFFFFFF, 0xFFFFFFFF),
        [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD],
    ),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        (0xA4093822, 0x299F31D0),
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), VECTORS)
def test_philox_gives_the_published_answers(counter, key, expected):
    assert philox.philox4x32(np.array([counter], np.uint32), key).tolist() == [expected]


def test_numbers_depend_on_place_seed_and_stream_alone():
    many = philox.words(STATE, 1000)
    np.testing.assert_array_equal(philox.words(STATE, 10), many[:10])
    assert not np.any(philox.words(np.array([8, 0]), 1000) == many)
    assert not np.any(philox.words(np.array([7, 1]), 1000) == many)


@pytest.mark.parametrize("bits", [8, 11, 24, 32, 53])
def test_uniform_covers_the_interval(bits):
    x = philox.uniform(STATE, 20000, bits)
    assert x.min() >= 0
    assert x.max() < 1
    assert abs(x.mean() - 0.5) < 0.01
    assert abs(x.var() - 1 / 12) < 0.005
    np.testing.assert_array_equal(x * 2.0**bits, np.floor(x * 2.0**bits))


def test_normal_has_its_moments():
    x = philox.normal(STATE, 40000)
    assert abs(x.mean()) < 0.02
    assert abs(x.std() - 1) < 0.02
    assert abs((x**3).mean()) < 0.06
    assert abs((x**4).mean() - 3) < 0.15


def test_integers_cover_the_range_evenly():
    x = philox.integers(STATE, 30000, -3, 3)
    values, counts = np.unique(x, return_counts=True)
    assert values.tolist() == [-3, -2, -1, 0, 1, 2]
    assert abs(counts - 5000).max() < 300


def test_integers_of_the_widest_range():
    lowest, highest = -(2**63), 2**63 - 1
    x = philox.integers(STATE, 100, lowest, highest)
    assert len(set(x.tolist())) == 100
    assert x.min() < 0 < x.max()
