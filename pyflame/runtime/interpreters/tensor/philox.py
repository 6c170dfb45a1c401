"""Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, SC'11).

Element i of a tensor reads the words at its own place in the stream, so the numbers depend on
(seed, stream, i) alone and any part of a tensor can be made anywhere.
"""

from __future__ import annotations

import numpy as np

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_ROUNDS = 10


def philox4x32(counter: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Ten rounds on `counter`, uint32 [n, 4], under two 32-bit `key` words; uint32 [n, 4]."""
    c0, c1, c2, c3 = (counter[:, i].astype(np.uint64) for i in range(4))
    k0, k1 = key
    shift = np.uint64(32)
    for _ in range(_ROUNDS):
        p0, p1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            (p1 >> shift) ^ c1 ^ np.uint64(k0),
            p1 & _LOW,
            (p0 >> shift) ^ c3 ^ np.uint64(k1),
            p0 & _LOW,
        )
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=1).astype(np.uint32)


def words(state: np.ndarray, count: int) -> np.ndarray:
    """The first `count` 32-bit words of the stream `state` = int64 (seed, stream)."""
    seed, stream = (int(value) & 0xFFFFFFFFFFFFFFFF for value in state)
    blocks = np.arange(-(-count // 4), dtype=np.uint64)
    counter = np.empty((blocks.size, 4), np.uint32)
    counter[:, 0] = blocks & _LOW
    counter[:, 1] = blocks >> np.uint64(32)
    counter[:, 2] = stream & 0xFFFFFFFF
    counter[:, 3] = stream >> 32
    return philox4x32(counter, (seed & 0xFFFFFFFF, seed >> 32)).reshape(-1)[:count]


def words64(state: np.ndarray, count: int) -> np.ndarray:
    """The first `count` 64-bit numbers of the stream; each takes two words, low one first."""
    pairs = words(state, 2 * count).reshape(-1, 2).astype(np.uint64)
    return pairs[:, 0] | (pairs[:, 1] << np.uint64(32))


def uniform(state: np.ndarray, count: int, bits: int) -> np.ndarray:
    """`count` float64 in [0, 1), multiples of 2^-bits (bits <= 53), equally likely."""
    if bits <= 32:
        return (words(state, count) >> np.uint32(32 - bits)).astype(np.float64) * 2.0**-bits
    return (words64(state, count) >> np.uint64(64 - bits)).astype(np.float64) * 2.0**-bits


def normal(state: np.ndarray, count: int) -> np.ndarray:
    """`count` standard normal float64 by Box-Muller, two words for each."""
    pairs = words(state, 2 * count).reshape(-1, 2).astype(np.float64)
    radius = np.sqrt(-2.0 * np.log((pairs[:, 0] + 1.0) * 2.0**-32))
    return radius * np.cos(2.0 * np.pi * 2.0**-32 * pairs[:, 1])


def integers(state: np.ndarray, count: int, low: int, high: int) -> np.ndarray:
    """`count` int64 in [low, high)."""
    offsets = words64(state, count) % np.uint64(high - low)
    return (offsets + np.uint64(low % 2**64)).astype(np.int64)
