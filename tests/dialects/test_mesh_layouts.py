"""Layouts as encodings, panels, and which dimensions a reshape keeps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdsl.dialects.builtin import f32
from xdsl.parser import Parser
from xdsl.utils.exceptions import ParseError, VerifyException

from pyflame.dialects import new_context
from pyflame.dialects.mesh.attributes import Kind, LayoutAttr, distributed, layout_of, tile_of
from pyflame.dialects.mesh.panels import panels
from pyflame.dialects.mesh.reshaping import kept_dims, reshaped_split
from pyflame.layout import COLS, ROWS, MeshLayout


def parse(text: str) -> LayoutAttr:
    attribute = Parser(new_context(), text).parse_attribute()
    assert isinstance(attribute, LayoutAttr)
    return attribute


@pytest.mark.parametrize(
    "text",
    [
        "#mesh.layout<8x4, [rows, cols]>",
        "#mesh.layout<1x1, []>",
        "#mesh.layout<8x4, [-, cols, -]>",
        "#mesh.layout<8x4, [rows], partial sum [cols]>",
        "#mesh.layout<8x4, [], partial max [rows, cols]>",
        "#mesh.layout<8x4, [rows], on [cols 3]>",
        "#mesh.layout<8x4, [-], on [rows 0, cols 3]>",
    ],
)
def test_a_layout_prints_as_it_is_read(text: str) -> None:
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    ("layout", "split"),
    [
        (MeshLayout.grid(2, 3), (None, ROWS, COLS)),
        (MeshLayout.row_partition(4), (ROWS, None, None)),
        (MeshLayout.col_partition(4), (None, None, COLS)),
        (MeshLayout.single_pe(), (None, None, None)),
    ],
)
def test_the_apis_layouts_become_attributes(layout: MeshLayout, split: tuple[int, ...]) -> None:
    attribute = LayoutAttr.from_layout(layout, 3)
    assert attribute.rectangle == layout.rectangle
    assert attribute.split == split
    assert attribute.to_layout().tile_shape((5, 6, 7)) == layout.tile_shape((5, 6, 7))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#mesh.layout<0x4, [rows]>", "rectangle is 0x4, expected at least 1x1 PEs"),
        ("#mesh.layout<4, [rows]>", "a rectangle is written as ROWSxCOLS"),
        ("#mesh.layout<8x4, [rows, rows]>", "axis rows is used twice, expected at most once"),
        ("#mesh.layout<8x4, [rows], partial sum [rows]>", "axis rows is used twice"),
        ("#mesh.layout<8x4, [], partial sum []>", "go together"),
        ("#mesh.layout<8x4, [], on [cols 4]>", "root cols 4 must lie within 0 to 3"),
        ("#mesh.layout<8x4, [diagonal]>", "rows"),
    ],
)
def test_a_wrong_layout_is_refused(text: str, message: str) -> None:
    with pytest.raises((VerifyException, ParseError), match=message.replace("[", r"\[")):
        parse(text).verify()


def test_partial_layouts_combine_by_their_kind() -> None:
    layout = LayoutAttr.get(2, 3, (ROWS,), (COLS,), Kind.MAX)
    assert layout.reduction is Kind.MAX
    assert layout.with_partial((), layout.reduction).reduction is None


def test_a_tile_is_the_rounded_up_share() -> None:
    type = distributed(f32, (10, 1, 7), LayoutAttr.get(4, 3, (ROWS, None, COLS)))
    assert tile_of(type) == (3, 1, 3)


def test_a_layout_has_the_rank_of_its_tensor() -> None:
    type = distributed(f32, (4, 4), LayoutAttr.get(2, 2, (ROWS,)))
    with pytest.raises(VerifyException, match="cuts 1 dimensions, but the tensor has 2"):
        layout_of(type)


# Panels


def test_panels_stay_inside_the_tiles_of_every_tiling() -> None:
    assert list(panels(10, (4, 3), 10)) == [(0, 3), (3, 1), (4, 2), (6, 2), (8, 1), (9, 1)]


def test_panels_have_a_largest_size() -> None:
    assert list(panels(7, (5,), 2)) == [(0, 2), (2, 2), (4, 1), (5, 2)]


@given(st.integers(0, 60), st.lists(st.integers(1, 20), max_size=2), st.integers(1, 20))
def test_panels_cover_every_element_once(extent: int, tiles: list[int], largest: int) -> None:
    steps = list(panels(extent, tiles, largest))
    assert [k for start, length in steps for k in range(start, start + length)] == list(
        range(extent)
    )
    for start, length in steps:
        assert 1 <= length <= largest
        assert all(start // tile == (start + length - 1) // tile for tile in tiles)


# Reshapes


def test_a_reshape_keeps_dimensions_with_the_same_elements_before_them() -> None:
    assert kept_dims((6, 4, 5), (2, 3, 4, 5)) == {1: 2, 2: 3}


@pytest.mark.parametrize(
    ("old", "split", "new", "expected"),
    [
        ((8, 1, 6), (ROWS, None, None), (8, 6), (ROWS, None)),
        ((8, 6), (ROWS, COLS), (8, 1, 6), (ROWS, None, COLS)),
        ((8, 6), (ROWS, COLS), (48,), None),
        ((8, 6), (ROWS, None), (4, 2, 6), None),
        ((8, 6), (None, COLS), (4, 2, 6), (None, None, COLS)),
        ((0, 6), (None, COLS), (0, 6), None),
    ],
)
def test_every_pe_reshapes_its_own_tile(
    old: tuple[int, ...],
    split: tuple[int | None, ...],
    new: tuple[int, ...],
    expected: tuple[int | None, ...] | None,
) -> None:
    assert reshaped_split(old, split, new) == expected
