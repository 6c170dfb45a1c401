"""The same expression gives the same value at compile time and on the machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Result = Callable[..., list[float]]

INTEGERS = ["i8", "u8", "i16", "u16", "i32", "u32", "u5", "i7"]
COUNT = 12
"""Expressions per program: compiling costs more than running."""


def bits(type_: str) -> int:
    return int(type_[1:])


def limits(type_: str) -> tuple[int, int]:
    n = bits(type_)
    return (-(1 << (n - 1)), (1 << (n - 1)) - 1) if type_[0] == "i" else (0, (1 << n) - 1)


@st.composite
def integer_case(draw: st.DrawFn) -> tuple[str, list[int], str]:
    """Type, values of the variables x, y and z, and an expression over them."""
    type_ = draw(st.sampled_from(INTEGERS))
    low, high = limits(type_)
    edge = st.sampled_from([low, high, 0, 1])
    values = [draw(st.integers(low, high) | edge) for _ in range(3)]

    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        shift = st.integers(0, bits(type_) - 1)
        divisor = st.integers(1, min(high, 9))
        return st.one_of(
            st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*"]), inner),
            st.builds("({} {} {})".format, inner, st.sampled_from(["&", "|", "^"]), inner),
            st.builds("({} {} {})".format, inner, st.sampled_from(["/", "%"]), divisor),
            st.builds("({} {} {})".format, inner, st.sampled_from(["<<", ">>"]), shift),
            st.builds("~{}".format, inner),
            st.builds("(-{})".format, inner),
            st.builds(
                "(if ({} {} {}) {} else {})".format,
                inner,
                st.sampled_from(["<", "<=", "==", "!=", ">", ">="]),
                inner,
                inner,
                inner,
            ),
        )

    leaves = st.sampled_from(["$x", "$y", "$z"])
    return type_, values, draw(st.recursive(leaves, grow, max_leaves=5))


def agree(
    result: Result, cases: Sequence[tuple[str, Sequence[float], str]], out: str, convert: str
) -> None:
    """Run one program that computes every case both ways and compare."""
    variables, wanted, body = [], [], []
    for i, (type_, values, expr) in enumerate(cases):
        for name, value in zip("xyz", values, strict=True):
            variables.append(f"var {name}{i}: {type_} = {value};")
            variables.append(f"const k{name}{i}: {type_} = {value};")
        wanted.append(convert.format(_named(expr, "k", i)))
        body.append(f"out[{i}] = {convert.format(_named(expr, '', i))};")
    half = len(cases)
    text = "\n".join(
        [
            *variables,
            f"export var out = @zeros([{2 * half}]{out});",
            f"const want = [{half}]{out}{{ {', '.join(wanted)} }};",
            "task main() void {",
            *body,
            f"inline for (want) |w, i| {{ out[i + {half}] = w; }}",
            "}",
        ]
    )
    values = result(text)
    pairs = zip(cases, values[:half], values[half:], strict=True)
    assert [
        (c, x, y) for c, x, y in pairs if x != y and not (math.isnan(x) and math.isnan(y))
    ] == []


def _named(expr: str, prefix: str, number: int) -> str:
    """The expression over the variables of one case."""
    for name in "xyz":
        expr = expr.replace(f"${name}", f"{prefix}{name}{number}")
    return expr


SETTINGS = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@SETTINGS
@given(cases=st.lists(integer_case(), min_size=COUNT, max_size=COUNT))
def test_integers(result: Result, cases: list[tuple[str, list[int], str]]):
    agree(result, cases, "i32", "@as(i32, {})")


@st.composite
def float_case(draw: st.DrawFn) -> tuple[str, list[float], str]:
    type_ = draw(st.sampled_from(["f32", "f16"]))
    number = st.floats(-100, 100, width=16).filter(lambda v: abs(v) > 1e-2)
    values = [draw(number) for _ in range(3)]

    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        operator = st.sampled_from(["+", "-", "*", "/"])
        return st.one_of(
            st.builds("({} {} {})".format, inner, operator, inner),
            st.builds("(-{})".format, inner),
        )

    leaves = st.sampled_from(["$x", "$y", "$z", f"@as({type_}, @as(i16, $x))"])
    return type_, values, draw(st.recursive(leaves, grow, max_leaves=4))


@SETTINGS
@given(cases=st.lists(float_case(), min_size=COUNT, max_size=COUNT))
def test_floats(result: Result, cases: list[tuple[str, list[float], str]]):
    agree(result, cases, "f32", "@as(f32, {})")
