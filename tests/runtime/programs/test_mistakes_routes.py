"""Mistakes of routes: where a wavelet cannot go on, who sent it and who configured the router."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pyflame.runtime.fabric.machine import Machine
from tests.runtime.programs.mistakes import (
    BOTH,
    FIRST_SENDS,
    NAMES,
    SEND,
    main,
    routed,
)
from tests.runtime.programs.sources import Source, east, launched, route

Stop = Callable[..., str]

CAME = "a wavelet on colour 1 came from {} (sent by @mov32 at {} on PE (0, 0)), but this router "


def test_no_route_at_the_sender(stop: Stop, arch: str):
    source = Source(BOTH + main(SEND + " // here"))
    routed(
        stop(source, arch),
        CAME.format("RAMP", source.line())
        + "has no route for the colour; add a @set_color_config for it with RAMP in .rx",
        "(0, 0)",
    )


ROUTES_THERE = {
    "": "has no route for the colour; add a @set_color_config for it with WEST in .rx",
    route(1, 0, "red", "RAMP", "RAMP"):
        "takes the colour from RAMP only (as layout.csl:14 says); add WEST to .rx",
}  # fmt: skip


@pytest.mark.parametrize("there", ROUTES_THERE)
def test_no_route_at_the_neighbour(stop: Stop, arch: str, there: str):
    text = FIRST_SENDS + main("if (x == 0) {", SEND + " // here", "}")
    source = Source(text, width=2, routes=route(0, 0, "red", "RAMP", "EAST") + there)
    expected = CAME.format("WEST", source.line()) + ROUTES_THERE[there]
    routed(stop(source, arch), expected, "(1, 0)")


def test_wavelets_beyond_the_rectangle_are_lost(tmp_path: Path, arch: str):
    source = Source(BOTH + main(SEND), routes=route(0, 0, "red", "RAMP", "SOUTH"))
    machine = Machine(source.compiled(tmp_path, arch))
    launched()(machine)
    (message,) = machine.leftovers()
    assert message.endswith(
        " wavelets left the program rectangle and got lost, the first on colour 1 from PE (0, 0) "
        "to the SOUTH (as layout.csl:13 says); remove that direction from .tx at the edge"
    )


def test_two_arrivals_in_one_cycle(stop: Stop, arch: str):
    text = NAMES + "comptime { if (x == 1) { receives(in2, red); } else { sends(out2, red); } }\n"
    source = Source(
        text + main("if (x != 1) {", SEND + " // here", "}"),
        width=3,
        routes=route(0, 0, "red", "RAMP", "EAST")
        + route(1, 0, "red", "EAST, WEST", "RAMP")
        + route(2, 0, "red", "RAMP", "WEST"),
    )
    routed(
        stop(source, arch),
        f"wavelets on colour 1 arrived from WEST (sent by @mov32 at {source.line()} on PE (0, 0)) "
        f"and EAST (sent by @mov32 at {source.line()} on PE (2, 0)) in one cycle (as layout.csl:14 "
        "says); a colour may take several rx directions only if they never send at the same time",
        "(1, 0)",
    )


def test_a_core_that_takes_no_such_colour(stop: Stop, arch: str):
    line = "@mov32(send, 7, .{ .async = true }); // here"
    source = Source(FIRST_SENDS + main("if (x == 0) {", line, "}"), width=2, routes=east(2))
    routed(
        stop(source, arch),
        f"a wavelet (0x00000007) on colour 1 (sent by @mov32 at {source.line()} on PE (0, 0)) was "
        "delivered to the core (as layout.csl:14 says), but no input queue takes this colour; "
        "initialise a queue for it or remove RAMP from .tx",
        "(1, 0)",
    )
