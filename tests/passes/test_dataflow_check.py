"""Legality: hand-broken programs are refused, with everything that is wrong."""

from __future__ import annotations

import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from pyflame.dialects import new_context
from pyflame.dialects.dataflow.program import programs
from pyflame.errors import LimitError, VerifyError
from pyflame.passes.dataflow_check import CheckPass, check
from pyflame.passes.dataflow_check_traffic import CheckTrafficPass, check_traffic

LINK = """#dataflow.route<0, 0 to 1 step 1, [ramp] -> [east]>,
  #dataflow.route<0, 1 to 2 step 1, [west] -> [ramp]>"""
BUS = """#dataflow.route<0, 0 to 1 step 1, [ramp] -> [ramp, east]>,
  #dataflow.route<0, 1 to 2 step 1, [west, ramp] -> [ramp]>"""
RESOURCES = "{colors = array<i64: 0>, input_queue = 1 : i64, output_queue = 2 : i64}"
BUFFER = "%x = dataflow.buffer @x temporary {address = 0 : i64} : memref<8xf32>"
VIEW = "%v = dataflow.view %x : memref<8xf32> -> !dataflow.view<8xf32, [1]>"
T = "!dataflow.view<8xf32, [1]>"
USE = f"""%first = dataflow.first cols
  scf.if %first {{ dataflow.send %v on @c : {T} }} else {{ dataflow.recv %v on @c : {T} }}"""
FINISH = "dataflow.finish"


def parse(*parts: str, target: str = "wse2") -> ModuleOp:
    body = "\n  ".join(parts)
    text = f'dataflow.program @main on "{target}" rows 1 cols 2 {{\n  {body}\n}}'
    module = Parser(new_context(), text).parse_module()
    module.verify()
    return module


def channel(routes: str = LINK, resources: str = RESOURCES, name: str = "c") -> str:
    return f"dataflow.channel @{name} along cols [{routes}] {resources}"


def problems(*parts: str, target: str = "wse2") -> list[str]:
    (program,) = programs(parse(*parts, target=target))
    return check(program)


def test_a_legal_program_has_no_problems() -> None:
    assert problems(BUFFER, channel(), VIEW, USE, FINISH) == []


ROUTES = {
    "#dataflow.route<0, 0 to 1 step 1, [ramp] -> [east]>": [
        "channel c, slot 0, position 0: tx east, but position 1 takes from no west",
    ],
    "#dataflow.route<0, 1 to 2 step 1, [west] -> [ramp]>": [
        "channel c, slot 0, position 1: rx west, but position 0 sends to no east",
    ],
    LINK + ", #dataflow.route<0, 1 to 2 step 1, [west] -> [ramp]>": [
        "channel c, slot 0, position 1: has 2 routes, expected one",
    ],
    "#dataflow.route<0, 1 to 2 step 1, [ramp] -> [east]>, "
    "#dataflow.route<0, 2 to 3 step 1, [west] -> [ramp]>": [
        "channel c, slot 0, position 2: lies outside of the line of 2 PEs",
    ],
    "#dataflow.route<0, 0 to 1 step 1, [ramp] -> [south]>": [
        "channel c, slot 0, position 0: tx south leaves the axis cols",
    ],
    "#dataflow.route<0, 0 to 1 step 1, [ramp, east] -> [east]>, "
    "#dataflow.route<0, 1 to 2 step 1, [west] -> [ramp, west]>": [
        "channel c: a route sends wavelets back where they came from",
    ],
}


@pytest.mark.parametrize(("routes", "expected"), ROUTES.items())
def test_routes_lead_somewhere_and_come_from_somewhere(routes: str, expected: list[str]) -> None:
    assert problems(BUFFER, channel(routes), VIEW, USE, FINISH) == expected


def test_a_channel_has_producer_and_consumer() -> None:
    assert problems(BUFFER, channel(), VIEW, FINISH) == [
        "channel c has no producer: nothing sends on it",
        "channel c has no consumer: nothing receives from it",
    ]


@pytest.mark.parametrize(
    ("send", "expected"),
    [
        (
            f"dataflow.send %v on @c : {T}\n dataflow.recv %v on @c : {T}",
            "a synchronous send on c, whose sender hears itself, never ends",
        ),
        (
            f"dataflow.send %v on @c async : {T}\n dataflow.neg %v, %v : {T}, {T}\n"
            f"dataflow.recv %v on @c : {T}",
            "a send on c is not followed by a receive of as many elements from it, "
            "but its sender hears itself",
        ),
        (f"dataflow.send %v on @c async : {T}\n dataflow.recv %v on @c : {T}", None),
        (
            f"scf.if %first {{ dataflow.send %v on @c async : {T} }}\ndataflow.recv %v on @c : {T}",
            None,
        ),
    ],
)
def test_who_hears_itself_receives_at_once(send: str, expected: str | None) -> None:
    found = problems(BUFFER, channel(BUS), "%first = dataflow.first cols", VIEW, send, FINISH)
    assert found == ([] if expected is None else [expected])


RESOURCE_CASES = {
    "{input_queue = 1 : i64, output_queue = 2 : i64}": (
        "channel c has no colours: run dataflow-allocate-colors"
    ),
    "{colors = array<i64: 22>, input_queue = 1 : i64, output_queue = 2 : i64}": (
        "channel c has colour 22, which no program may use"
    ),
    "{colors = array<i64: 0>, output_queue = 2 : i64}": (
        "channel c has no input queue: run dataflow-allocate-queues"
    ),
    "{colors = array<i64: 0>, input_queue = 1 : i64, output_queue = 0 : i64}": (
        "channel c has output queue 0, which no program may use"
    ),
}


@pytest.mark.parametrize(("resources", "expected"), RESOURCE_CASES.items())
def test_channels_have_legal_resources(resources: str, expected: str) -> None:
    assert problems(BUFFER, channel(LINK, resources), VIEW, USE, FINISH) == [expected]


def two_channels(target: str, second: str) -> list[str]:
    use = USE.replace("@c", "@d").replace("%first", "%too")
    first = RESOURCES.replace("input_queue = 1", "input_queue = 2")
    parts = (BUFFER, channel(LINK, first), channel(LINK, second, "d"), VIEW, USE, use, FINISH)
    return problems(*parts, target=target)


def test_a_colour_and_an_input_queue_belong_to_one_channel() -> None:
    same = "{colors = array<i64: 0>, input_queue = 2 : i64, output_queue = 3 : i64}"
    assert two_channels("wse2", same) == [
        "channels c and d both have colour 0",
        "channels c and d are live at once on input queue 2",
    ]


def test_output_queues_are_shared_on_wse2_only() -> None:
    shared = "{colors = array<i64: 1>, input_queue = 3 : i64, output_queue = 2 : i64}"
    assert two_channels("wse2", shared) == []
    assert two_channels("wse3", shared) == ["channels c and d are live at once on output queue 2"]


def test_tasks_are_activated_and_have_ids_of_their_own() -> None:
    send = f"dataflow.send %v on @c async activate @t : {T}\n dataflow.recv %v on @c : {T}"
    tasks = "dataflow.task @t id 9 { dataflow.finish }\n dataflow.task @u id 9 { }"
    assert problems(
        BUFFER, channel(), VIEW, send, tasks.replace("{ }", "{ %u = arith.constant 0 : index }")
    ) == [
        "nothing activates task u",
        "tasks t and u both have id 9",
    ]


def test_buffers_do_not_overlap_and_lie_within_memory() -> None:
    second = "%y = dataflow.buffer @y temporary {address = 16 : i64} : memref<8xf32>"
    third = "%z = dataflow.buffer @z temporary {address = 40956 : i64} : memref<8xf32>"
    fourth = "%w = dataflow.buffer @w temporary : memref<8xf32>"
    assert problems(BUFFER, second, third, fourth, FINISH) == [
        "buffer w has no address: run dataflow-allocate-memory",
        "buffers x and y overlap at byte 16",
        "buffers reach byte 40988, every PE has 40960",
    ]


def test_the_program_finishes_once_and_last() -> None:
    assert problems(BUFFER) == ["program has 0 dataflow.finish, expected one"]
    assert problems(FINISH, BUFFER) == [
        "dataflow.finish must be the last op of the program or of a task"
    ]


def test_a_view_that_may_be_empty_is_guarded() -> None:
    role = "%n = dataflow.valid cols tile 8 of 8"
    view = "%e = dataflow.view %x sizes (%n) : memref<8xf32> -> !dataflow.view<?xf32, [1]>"
    neg = "dataflow.neg %e, %e : !dataflow.view<?xf32, [1]>, !dataflow.view<?xf32, [1]>"
    guard = "%0 = arith.constant 0 : index\n %some = arith.cmpi sgt, %n, %0 : index"
    message = "view of buffer x may be empty on some PE, but no scf.if guards dataflow.neg"
    assert set(problems(BUFFER, role, view, neg, FINISH)) == {message}
    assert problems(BUFFER, role, view, guard, f"scf.if %some {{ {neg} }}", FINISH) == []
    other = guard.replace("sgt", "sle")
    assert set(problems(BUFFER, role, view, other, f"scf.if %some {{ {neg} }}", FINISH)) == {
        message
    }


def test_sizes_of_several_dimensions_come_from_roles() -> None:
    size = "%one = arith.constant 1 : index"
    view = "%e = dataflow.view %x sizes (%one) : memref<8xf32> -> !dataflow.view<2x?xf32, [4, 1]>"
    neg = "dataflow.neg %e, %e : !dataflow.view<2x?xf32, [4, 1]>, !dataflow.view<2x?xf32, [4, 1]>"
    assert problems(BUFFER, size, view, neg, FINISH) == [
        "view of buffer x has 2 dimensions and a size from arith.constant; only the layout's roles "
        "may give it"
    ]


def test_tokens_have_been_lowered() -> None:
    send = (
        f"%t = dataflow.send %v on @c async : {T} -> !dataflow.token\n dataflow.recv %v on @c : {T}"
    )
    assert problems(BUFFER, channel(), VIEW, send, FINISH) == [
        "a send on c has a token: run dataflow-lower-tokens"
    ]


def test_the_pass_says_everything_at_once() -> None:
    with pytest.raises(VerifyError) as caught:
        CheckPass().apply(new_context(), parse(BUFFER, channel(LINK, ""), VIEW))
    assert str(caught.value) == (
        "program main is not legal:\n"
        "  - channel c has no producer: nothing sends on it\n"
        "  - channel c has no consumer: nothing receives from it\n"
        "  - channel c has no colours: run dataflow-allocate-colors\n"
        "  - program has 0 dataflow.finish, expected one"
    )


# traffic


def test_traffic_that_stands_still_names_who_waits_for_what() -> None:
    both = f"dataflow.recv %v on @c : {T}"
    first = "%first = dataflow.first cols"
    only = f"scf.if %first {{ }} else {{ {both} }}"
    with pytest.raises(VerifyError) as caught:
        CheckTrafficPass().apply(new_context(), parse(BUFFER, channel(), first, VIEW, only, FINISH))
    assert str(caught.value) == (
        "program main cannot run:\n  - deadlock: PE (0, 1) waits in dataflow.recv of 8 words on c"
    )


def test_words_that_nobody_receives_are_found() -> None:
    send = f"scf.if %first {{ dataflow.send %v on @c async : {T} }}"
    (program,) = programs(
        parse(BUFFER, channel(), "%first = dataflow.first cols", VIEW, send, FINISH)
    )
    assert check_traffic(program) == ["8 words on c at PE (0, 1) are never received"]


def test_traffic_of_a_large_rectangle_is_not_run() -> None:
    text = 'dataflow.program @main on "wse2" rows 9 cols 8 { dataflow.finish }'
    (program,) = programs(Parser(new_context(), text).parse_module())
    with pytest.raises(LimitError, match=r"^traffic of a 9×8 rectangle: expected at most 64 PEs; "):
        check_traffic(program)
