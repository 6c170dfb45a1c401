"""The deadlock report names whatever waits, and for what."""

from __future__ import annotations

import pytest

from pyflame.errors import DeadlockError
from pyflame.runtime.fabric.image import Program
from pyflame.runtime.fabric.isa import BlockKind, DsdOp, Op
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.fabric.asm import F32, U32, Asm, E, R, W, program, route

C = 4


def stuck(code: Program) -> str:
    """The report of a launch of `go` that cannot complete."""
    machine = Machine(code)
    with pytest.raises(DeadlockError) as caught:
        machine.launch("go")
    return str(caught.value)


def sender(n: int) -> Asm:
    a = Asm("send")
    x = a.array("x", F32, n)
    a.function("go")
    a.dsd(DsdOp.FMOVS, a.fabout(2, C, n), None, a.mem(x, n))
    a.unblock_host()
    a.ret()
    return a


def receiver(n: int, sync: bool = True) -> Asm:
    a = Asm("receive")
    y = a.array("y", F32, min(n, 100))
    a.function("go")
    options = {} if sync else {"async": 1, "activate": 9}
    a.dsd(DsdOp.FMOVS, a.mem(y, n), None, a.fabin(3, C, n), **options)
    if sync:
        a.unblock_host()
    a.ret()
    a.local_task(9, "finish")
    a.unblock_host()
    a.ret()
    return a


ROUTES = {(0, 0, C): route(R, E), (1, 0, C): route(W, R)}


def test_receiver_that_expects_more_than_was_sent() -> None:
    assert stuck(program([[sender(3), receiver(5)]], ROUTES)) == (
        "deadlock: launch of 'go' cannot complete at cycle 17; nothing can move:\n"
        "  1 PE has not called unblock_cmd_stream: (1, 0); every PE must call it once per launch\n"
        "  PE (1, 0): a launched function stalls in @fmovs on input queue 3 (colour 4, empty: "
        "nothing comes from PE (0, 0)), 2 of 5 elements left, at pe.csl:1"
    )


def test_asynchronous_receiver_is_reported_as_a_microthread() -> None:
    text = stuck(program([[sender(3), receiver(5, sync=False)]], ROUTES))
    assert "PE (1, 0): microthread 3 stalls in @fmovs on input queue 3 (colour 4, empty: " in text


def test_sender_without_a_reader_shows_every_queue_on_the_way() -> None:
    r = Asm("silent")
    r.input(3, C)
    r.function("go")
    r.unblock_host()
    r.ret()
    text = stuck(program([[sender(20), r]], ROUTES))
    assert (
        "PE (0, 0): a launched function stalls in @fmovs on output queue 2 (colour 4, full)" in text
    )
    assert "PE (0, 0): output queue 2 holds 6 wavelets, first 0x00000000 on colour 4" in text
    assert (
        "PE (0, 0): router holds 2 wavelets of colour 4 from RAMP (position 0: rx RAMP, tx EAST)"
        in text
    )
    assert (
        "PE (1, 0): input queue 3 (colour 4) holds 6 wavelets, first 0x00000000; no data task is "
        "bound to it and no operation reads it" in text
    )


def test_missing_unblock_names_the_pes() -> None:
    good, bad = Asm("good"), Asm("bad")
    for a in (good, bad):
        a.function("go")
        if a is good:
            a.unblock_host()
        a.ret()
    text = stuck(program([[good, bad], [bad, good]]))
    assert "2 PEs have not called unblock_cmd_stream: (1, 0), (0, 1); every PE must" in text


def test_blocked_task_is_named() -> None:
    a = Asm()
    a.blocked.append((BlockKind.TASK, 9))
    a.function("go")
    a.ldi(0, 9)
    a.emit(Op.ACTIVATE, a=0)
    a.ret()
    a.local_task(9, "finish")
    a.unblock_host()
    a.ret()
    assert "PE (0, 0): local task 9 (finish) is active but blocked" in stuck(program([[a]]))


def test_torn_down_colour_is_named() -> None:
    routes = {(0, 0, C): route(R, E, suspended=True), (1, 0, C): route(W, R)}
    text = stuck(program([[sender(20), receiver(20)]], routes))
    assert "(position 0: rx RAMP, tx EAST, torn down)" in text


def test_blocked_data_task_is_the_reason_given() -> None:
    r = Asm("blocked")
    r.input(3, C)
    r.blocked.append((BlockKind.COLOR, C))
    r.function("go")
    r.ret()
    r.data_task(C, "take", U32)
    r.ret()
    text = stuck(program([[sender(2), r]], ROUTES))
    assert (
        "input queue 3 (colour 4) holds 2 wavelets, first 0x00000000; its data task is blocked"
        in text
    )


def test_endless_operation_has_no_length() -> None:
    text = stuck(program([[sender(3), receiver(0x7FFF)]], ROUTES))
    assert "nothing comes from PE (0, 0)), 3 elements done, endless" in text


def test_many_pes_that_wait_for_the_same_are_told_of_once() -> None:
    rows = [[sender(3), *[receiver(5, sync=False)] * 30] for _ in range(20)]
    routes = {(0, y, C): route(R, E) for y in range(20)}
    routes |= {(x, y, C): route(W, R | E) for y in range(20) for x in range(1, 30)}
    routes |= {(30, y, C): route(W, R) for y in range(20)}
    assert stuck(program(rows, routes)).splitlines()[1:] == [
        "  600 PEs have not called unblock_cmd_stream: (1, 0) to (30, 19); every PE must call it "
        "once per launch",
        "  600 PEs, (1, 0) to (30, 19): microthread 3 stalls in @fmovs on input queue 3 (colour 4, "
        "empty: nothing comes from PE (0, 0) …), 2 of 5 elements left, at pe.csl:1",
    ]


def test_a_colour_that_no_route_brings_is_told() -> None:
    text = stuck(program([[receiver(5)]], {(0, 0, C): route(R, E)}))
    assert "empty: no route leads here, add RAMP to .tx of the colour's configuration)" in text


def test_a_route_that_begins_nowhere_is_told() -> None:
    routes = {(0, 0, C): route(W, E), (1, 0, C): route(W, R)}
    text = stuck(program([[sender(0), receiver(5)]], routes))
    assert "empty: no router on its way takes it from RAMP)" in text
