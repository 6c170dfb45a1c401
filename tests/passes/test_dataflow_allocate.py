"""Allocation of colours, queues, tasks and memory: what is given, and what each error says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdsl.dialects.builtin import DenseArrayBase, MemRefType, TensorType, f16, f32, i64
from xdsl.ir import Block

from pyflame.arch import WSE2, WSE3
from pyflame.dialects.dataflow.attributes import Direction, Purpose
from pyflame.dialects.dataflow.communication import RecvOp, SendOp
from pyflame.dialects.dataflow.program import BufferOp, ChannelOp, ProgramOp, TaskOp
from pyflame.dialects.dataflow.routes import bus, chain
from pyflame.dialects.dataflow.types import ViewType
from pyflame.dialects.dataflow.vector import CopyOp, ViewOp
from pyflame.dialects.mesh.attributes import Axis, LayoutAttr
from pyflame.errors import ResourceError
from pyflame.passes.dataflow_allocate_colors import allocate_colors
from pyflame.passes.dataflow_allocate_memory import (
    Interval,
    MemoryUsage,
    ProgramMemoryError,
    Row,
    layout_memory,
    pack,
    smallest_rectangle,
)
from pyflame.passes.dataflow_allocate_queues import allocate_queues
from pyflame.passes.dataflow_allocate_tasks import allocate_tasks


def program(target: str = "wse2", channels: int = 0) -> ProgramOp:
    """A program of 1 × 4 PEs with as many buses, each sent on and received from."""
    made = ProgramOp("main", target, 1, 4)
    block = made.body.block
    word = BufferOp("word", Purpose.TEMPORARY, MemRefType(f32, [1]))
    view = ViewOp(word, ViewType.get(f32, [1], [1]))
    names = [f"bus{i}" for i in range(channels)]
    block.add_ops([word, *(ChannelOp(n, Axis.COLS, bus(Direction.EAST, 4)) for n in names), view])
    for name in names:
        block.add_ops([SendOp(view, name, asynchronous=True), RecvOp(view, name)])
    return made


# colours


def test_colours_ascend_and_skip_those_that_are_taken() -> None:
    made = program(channels=1)
    chained = ChannelOp("chain", Axis.COLS, chain(Direction.WEST, 4))
    fixed = ChannelOp("fixed", Axis.COLS, bus(Direction.EAST, 4))
    fixed.colors = DenseArrayBase.from_list(i64, [1])
    made.body.block.add_ops([chained, fixed])
    allocate_colors(made)
    assert [channel.color_values for channel in made.channels] == [(0,), (2, 3), (1,)]


def test_too_many_colours_name_who_holds_them() -> None:
    made = program(channels=22)
    lines = "\n".join(f"  bus{i}: 1" for i in range(22))
    with pytest.raises(ResourceError) as caught:
        allocate_colors(made)
    assert str(caught.value) == (
        f"program main needs 22 colours, wse2 leaves 21 to programs:\n{lines}\n"
        "Use fewer kinds of movement, or split the program."
    )


# queues


def queues(made: ProgramOp) -> list[tuple[int, int]]:
    return [
        (channel.input_queue.value.data, channel.output_queue.value.data)
        for channel in made.channels
        if channel.input_queue is not None and channel.output_queue is not None
    ]


def test_output_queues_of_wse2_serve_several_channels() -> None:
    made = program(channels=7)
    allocate_queues(made)
    inputs, outputs = zip(*queues(made), strict=True)
    assert sorted(inputs) == [*WSE2.user_input_queues]
    assert [outputs.count(q) for q in WSE2.user_output_queues] == [1, 2, 2, 1, 1]


def test_queues_of_wse3_have_one_colour_each() -> None:
    made = program("wse3", channels=6)
    allocate_queues(made)
    inputs, outputs = zip(*queues(made), strict=True)
    assert sorted(inputs) == [*WSE3.user_input_queues]
    assert sorted(outputs) == [*WSE3.user_output_queues]


@pytest.mark.parametrize(("target", "count", "left"), [("wse2", 8, 7), ("wse3", 7, 6)])
def test_too_many_queues_name_who_holds_them(target: str, count: int, left: int) -> None:
    with pytest.raises(ResourceError) as caught:
        allocate_queues(program(target, count))
    names = ", ".join(f"bus{i}" for i in range(count))
    assert str(caught.value) == (
        f"program main needs {count} input queues, {target} leaves {left} to programs: {names}.\n"
        "Use fewer kinds of movement, or split the program."
    )


def test_a_detached_send_has_a_queue_of_its_own() -> None:
    made = program(channels=6)
    first = next(op for op in made.walk() if isinstance(op, SendOp))
    made.body.block.insert_op_before(SendOp(first.view, "bus3", token=True), first)
    allocate_queues(made)
    outputs = [out for _, out in queues(made)]
    assert outputs.count(outputs[3]) == 1


# tasks


def test_task_ids_avoid_colours_on_wse2_only() -> None:
    for target, expected in (("wse2", [1, 2]), ("wse3", [8, 9])):
        made = program(target, channels=1)
        made.body.block.add_ops([TaskOp("a", Block()), TaskOp("b", Block())])
        allocate_colors(made)
        allocate_tasks(made)
        assert [task.id.value.data for task in made.tasks if task.id is not None] == expected


def test_too_many_tasks_name_them() -> None:
    made = program("wse3")
    names = [f"t{i}" for i in range(20)]
    made.body.block.add_ops([TaskOp(name, Block()) for name in names])
    with pytest.raises(ResourceError) as caught:
        allocate_tasks(made)
    assert str(caught.value) == (
        "program main needs 20 local tasks, wse3 leaves 19 ids beside 0 colours: "
        f"{', '.join(names)}.\nAwait fewer asynchronous sends, or split the program."
    )


# memory


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(0, 4)), max_size=8))
def test_packed_blocks_never_overlap_while_both_are_needed(
    blocks: list[tuple[int, int, int]],
) -> None:
    sizes = [size for size, _, _ in blocks]
    intervals = [Interval(first, first + length) for _, first, length in blocks]
    offsets = pack(sizes, intervals)
    for i in range(len(blocks)):
        for j in range(i):
            if intervals[i].meets(intervals[j]):
                apart = offsets[i] + sizes[i] <= offsets[j] or offsets[j] + sizes[j] <= offsets[i]
                assert apart


def with_buffers(*sizes: int) -> ProgramOp:
    """A program with an f16 output and f32 temporaries of these sizes, filled one by one."""
    made = ProgramOp("main", "wse2", 1, 4)
    tensor = TensorType(f16, [3], LayoutAttr.get(1, 4, (None,)))
    out = BufferOp("out", Purpose.OUTPUT, MemRefType(f16, [3]), tensor)
    temporaries = [
        BufferOp(f"t{i}", Purpose.TEMPORARY, MemRefType(f32, [n])) for i, n in enumerate(sizes)
    ]
    made.body.block.add_ops([out, *temporaries])
    for buffer, n in zip(temporaries, sizes, strict=True):
        view = ViewOp(buffer, ViewType.get(f32, [n], [1]))
        made.body.block.add_ops([view, CopyOp(view, view)])
    return made


def test_buffers_are_aligned_and_shared_space_counts_once() -> None:
    made = with_buffers(5, 9)
    usage = layout_memory(made)
    assert [(r.name, r.bytes, r.address) for r in usage.rows] == [
        ("out", 6, 0),
        ("t0", 20, 16),
        ("t1", 36, 16),
    ]
    assert (usage.needed, usage.available) == (64, 40960)
    assert [buffer.sym_name.data for buffer in made.buffers] == ["out", "temporaries_f32"]


def test_temporaries_that_nothing_uses_take_no_space() -> None:
    made = with_buffers()
    made.body.block.add_op(BufferOp("idle", Purpose.TEMPORARY, MemRefType(f32, [99])))
    assert layout_memory(made).needed == 16


def test_a_program_that_does_not_fit_says_what_takes_the_space() -> None:
    usage = layout_memory(with_buffers(100, 9000), reserve=20000)
    assert not usage.fits
    assert str(ProgramMemoryError(usage)) == (
        "program main needs 36016 bytes on every PE of its 1×4 rectangle, wse2 has 29152 "
        "(after 20000 for code, stack and runtime):\n"
        "  buffer       bytes  purpose\n"
        "  t1           36000  temporary\n"
        "  t0             400  temporary\n"
        "  out              6  output\n"
        "  needed       36016 (390 shared)\n"
        "  available    29152\n"
        "Use a larger rectangle."
    )


def test_the_error_takes_the_rectangle_that_a_search_has_found() -> None:
    usage = MemoryUsage("main", "wse2", (1, 4), (Row("x", Purpose.INPUT, 9, 0),), 9, 8, 1)
    found = ProgramMemoryError(usage).with_smallest((2, 8))
    assert str(found).endswith("The smallest rectangle of this shape that fits is 2×8 PEs.")
    nothing = ProgramMemoryError(usage).with_smallest(None)
    assert str(nothing).endswith("No rectangle of this shape on the wafer fits: split the program.")


@pytest.mark.parametrize(
    ("start", "need", "limit", "found"),
    [
        ((2, 2), 50, (994, 750), (8, 8)),
        ((1, 4), 50, (994, 750), (4, 13)),
        ((2, 2), 10**9, (994, 750), None),
        ((3, 3), 81, (9, 9), (9, 9)),
    ],
)
def test_the_smallest_rectangle_keeps_the_proportions(
    start: tuple[int, int], need: int, limit: tuple[int, int], found: tuple[int, int] | None
) -> None:
    assert smallest_rectangle(lambda r, c: r * c >= need, start, limit) == found
