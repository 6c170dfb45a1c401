"""Reports of many PEs say the same thing once, and where."""

from __future__ import annotations

import pytest

from pyflame.runtime.fabric.grouping import VALUE, Note, grouped, which

WIDTH, HEIGHT = 40, 25
EVERY = [(x, y) for y in range(HEIGHT) for x in range(WIDTH)]
PLACES = {
    "(0, 0) to (39, 24)": lambda x, y: True,
    "(3, 0), (5, 0), (7, 0)": lambda x, y: y == 0 and x in (3, 5, 7),
    "(0, 0) to (2, 24) and (4, 0) to (39, 24)": lambda x, y: x != 3,
    "(0, 0) to (39, 24) without (3, 3), (9, 9)": lambda x, y: (x, y) not in ((3, 3), (9, 9)),
    "(0, 0) to (0, 24) and (1, 0) to (38, 0) and (1, 24) to (38, 24) and (39, 0) to (39, 24)":
        lambda x, y: x in (0, WIDTH - 1) or y in (0, HEIGHT - 1),
    "(1, 0), (3, 0), (5, 0), (7, 0), (9, 0), (11, 0), (13, 0), (15, 0) and 492 more":
        lambda x, y: (x + y) % 2 == 1,
}  # fmt: skip


@pytest.mark.parametrize("text", PLACES)
def test_places_are_rectangles_where_they_can_be(text: str) -> None:
    assert which([y * WIDTH + x for x, y in EVERY if PLACES[text](x, y)], WIDTH) == text


def test_values_that_differ_become_ranges() -> None:
    text = f"holds {VALUE} of {{x}}, first {VALUE}"
    notes = [(pe, Note(0, text, (pe + 2, "a" if pe else "b"))) for pe in range(3)]
    assert grouped(notes, 3, 10) == [
        "3 PEs, (0, 0), (1, 0), (2, 0): holds 2 to 4 of {x}, first b …"
    ]


def test_what_matters_most_is_kept_when_there_is_too_much() -> None:
    notes = [(pe, Note(pe % 2, f"note {pe}")) for pe in range(6)]
    assert grouped(notes, 6, 2) == ["PE (0, 0): note 0", "PE (2, 0): note 2", "… and 4 more"]
