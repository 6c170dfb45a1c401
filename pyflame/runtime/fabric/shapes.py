"""Images that differ in constants only, which are looked at once.

A layout that passes coordinates makes an image per PE. What such images have in common is their
shape: everything but the values that LDI loads and the initial memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from pyflame.runtime.fabric.image import Image
from pyflame.runtime.fabric.isa import INSTRUCTION_WORDS, Op

OWN = frozenset({"name", "memory"})
"""Fields that are not part of an image's shape; of the memory, its type and length are."""


def shape_of(image: Image) -> bytes:
    """A digest that images have in common if they differ in constants and contents only.

    The image need not be well formed.
    """
    digest = hashlib.sha256(repr((image.memory.dtype, image.memory.shape)).encode())
    for field in fields(image):
        if field.name in OWN:
            continue
        value = getattr(image, field.name)
        if field.name == "code":
            value = without_constants(value)
        if isinstance(value, np.ndarray):
            digest.update(repr((field.name, value.dtype, value.shape)).encode())
            digest.update(value.tobytes())
        else:
            digest.update(repr((field.name, value)).encode())
    return digest.digest()


def without_constants(code: np.ndarray) -> np.ndarray:
    """Instructions with 0 for the constants of LDI; what is no table of instructions as it is."""
    if code.ndim != 2 or code.shape[1] != INSTRUCTION_WORDS:
        return code
    blank = code.copy()
    blank[code[:, 0] == Op.LDI, 5] = 0
    return blank


def distinct_shapes(images: Sequence[Image]) -> tuple[list[int], np.ndarray]:
    """The first image of each shape, and the number of the shape of each image."""
    known: dict[bytes, int] = {}
    first: list[int] = []
    numbers = np.empty(len(images), np.int64)
    for i, image in enumerate(images):
        numbers[i] = known.setdefault(shape_of(image), len(first))
        if numbers[i] == len(first):
            first.append(i)
    return first, numbers
