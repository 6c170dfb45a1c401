"""Literals read back as exactly the value they stand for."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdsl.dialects.builtin import (
    IntegerAttr,
    IntegerType,
    MemRefType,
    bf16,
    f16,
    f32,
    f64,
    i1,
    i16,
)

from pyflame.errors import UnsupportedError
from pyflame.lowering.emit.literals import constant, csl_type, floating

NUMBER = re.compile(r"-?\d+\.\d+(e-?\d+)?")
"""The floats that CSL's grammar knows."""


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_f32_literals_are_exact(value):
    text = floating(value, f32)
    assert NUMBER.fullmatch(text)
    assert np.float32(float(text)).tobytes() == np.float32(value).tobytes()


@given(st.floats(width=16, allow_nan=False, allow_infinity=False))
def test_f16_literals_are_exact(value):
    text = floating(value, f16)
    assert NUMBER.fullmatch(text)
    assert np.float16(float(text)).tobytes() == np.float16(value).tobytes()


@pytest.mark.parametrize(
    "value, type, text",
    [
        (math.inf, f32, "@bitcast(f32, @as(u32, 0x7f800000))"),
        (-math.inf, f32, "@bitcast(f32, @as(u32, 0xff800000))"),
        (math.nan, f32, "@bitcast(f32, @as(u32, 0x7fc00000))"),
        (math.inf, f16, "@bitcast(f16, @as(u16, 0x7c00))"),
        (1e6, f16, "@bitcast(f16, @as(u16, 0x7c00))"),
        (0.1, f32, "0.1"),
        (1e-5, f32, "1.0e-5"),
        (-0.0, f32, "-0.0"),
    ],
)
def test_floats(value, type, text):
    assert floating(value, type) == text


@pytest.mark.parametrize(
    "attr, text",
    [
        (IntegerAttr(1, i1), "true"),
        (IntegerAttr(-3, i16), "-3"),
        (IntegerAttr(2, i16), "2"),
    ],
)
def test_integers(attr, text):
    assert constant(attr) == text


def test_arrays_are_typed_by_dimensions():
    assert csl_type(MemRefType(f16, [4, 8])) == "[4, 8]f16"


@pytest.mark.parametrize("type", [f64, IntegerType(7)])
def test_types_without_a_name_in_csl_are_refused(type):
    with pytest.raises(UnsupportedError):
        csl_type(type)


def test_bf16_constants_are_refused():
    with pytest.raises(UnsupportedError, match="bf16"):
        floating(1.0, bf16)
