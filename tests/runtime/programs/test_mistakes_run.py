"""Mistakes that show while a program runs: which PE, which line, what to do next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pyflame.errors import LimitError, SimulationError
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.programs.mistakes import (
    BOTH,
    NAMES,
    RECEIVE,
    SELF,
    SEND,
    faulted,
    main,
)
from tests.runtime.programs.sources import Source, launched

Stop = Callable[..., str]

BUSY = "is still used by another operation; wait for its completion (.activate or .unblock) or use"
SHARED = (
    "still runs another operation; an operation takes the microthread of its queue's number: use "
    "queues of different numbers, or .ut_id on WSE-3"
)
LIVE: dict[tuple[str, ...], str] = {
    (RECEIVE, RECEIVE + " // here"): f"input queue 2 {BUSY} another queue",
    (SEND, SEND + " // here"): f"output queue 2 {BUSY} another queue",
    (RECEIVE, SEND + " // here"): f"microthread 2 {SHARED}",
}


def in_the_way(source: Source) -> str:
    """What a message says of the operation one line above the one that is marked."""
    file, line = source.line().split(":")
    return f"; the other is @mov32, at {file}:{int(line) - 1}"


@pytest.mark.parametrize("lines", LIVE)
def test_two_live_operations_on_a_queue_or_microthread(
    stop: Stop, arch: str, lines: tuple[str, ...]
):
    source = Source(BOTH + main(*lines), routes=SELF)
    faulted(stop(source, arch), source, LIVE[lines] + in_the_way(source))


def test_two_live_operations_on_a_microthread_of_the_program(stop: Stop):
    source = Source(
        BOTH
        + main(
            "const ut = @get_ut_id(5);",
            "@mov32(d, receive, .{ .async = true, .ut_id = ut });",
            "@mov32(send, d, .{ .async = true, .ut_id = ut }); // here",
        ),
        routes=SELF,
    )
    faulted(stop(source, "wse3"), source, f"microthread 5 {SHARED}{in_the_way(source)}")


@pytest.mark.parametrize(("line", "queue"), [(RECEIVE, "input queue 2"), (SEND, "output queue 2")])
def test_wse3_queue_that_is_not_initialised(stop: Stop, line: str, queue: str):
    source = Source(NAMES + main(line + " // here"), routes=SELF)
    faulted(
        stop(source, "wse3"), source,
        f"{queue} is used but not initialised; add @initialize_queue",
    )  # fmt: skip


def test_wse3_two_fabin_operands_in_dsrs(stop: Stop):
    source = Source(
        NAMES
        + """
        const other = @get_dsd(fabin_dsd, .{ .extent = 20, .fabric_color = blue,
                                             .input_queue = in3 });
        comptime { receives(in2, red); receives(in3, blue); }
        const a = @get_dsr(dsr_src0, 1);
        const b = @get_dsr(dsr_src1, 1);
        """
        + main(
            "@load_to_dsr(a, receive);", "@load_to_dsr(b, other);", "@add16(d, a, b); // here"
        )
    )  # fmt: skip
    faulted(
        stop(source, "wse3"), source,
        "an operation has two fabin operands; WSE-3 allows one, receive the other into memory "
        "first",
    )  # fmt: skip


def test_extents_out_of_range(stop: Stop, arch: str):
    text = NAMES + "var n: u16 = 40000;\n"
    source = Source(text + main("@mov32(@set_dsd_length(d, n), 1); // here"))
    faulted(
        stop(source, arch), source,
        "extent 40000 is outside 0 … 32767; 32766 elements are the most, 32767 means endless",
    )  # fmt: skip


BEYOND = {
    "@mov32(@set_dsd_length(d, n), 1); // here": 20,
    "@mov32(@increment_dsd_offset(d, 1, u32), 1); // here": 20,
    "@mov32(@increment_dsd_offset(d, -1, u32), 1); // here": -1,
    "@mov32(@get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> data[9 * i + 5] }), 1); // here": 23,
}  # fmt: skip


"""Lines that touch data[20 …], and the first element outside that each touches."""


@pytest.mark.parametrize("line", BEYOND)
def test_a_dsd_that_walks_out_of_its_array(stop: Stop, arch: str, line: str):
    source = Source(NAMES + "var n: u16 = 21;\nvar after = @zeros([4]u32);\n" + main(line))
    element = BEYOND[line]
    by = f"{element - 19} beyond the last" if element > 0 else "1 before the first"
    faulted(
        stop(source, arch), source,
        f"the walk reaches element {element} of pe.csl:data, {by} of its 20 elements of 4 bytes; "
        "check extent, stride and offset, or --no-bounds lets it run as on the hardware",
    )  # fmt: skip


def test_the_same_walks_inside_their_array_are_right(tmp_path: Path, arch: str):
    for line in BEYOND:
        text = line.replace("-1, u32", "0, u32").replace("1, u32", "0, u32").replace("9 *", "5 *")
        source = Source(NAMES + "var n: u16 = 20;\n" + main(text))
        launched()(Machine(source.compiled(tmp_path, arch)))


def test_a_pointer_beyond_memory(stop: Stop, arch: str):
    text = "var n: u16 = 20000;\nvar p: [*]u32 = &out;\n"
    source = Source(text + main("p[n] = 1; // here"))
    message = stop(source, arch)
    assert f"at {source.line()}: access of 4 bytes at address " in message
    assert message.endswith(
        " is outside the memory of 49152 bytes; check pointers, extents, strides and offsets"
    )


FAULTS = {
    "@activate(@get_local_task_id(12)); // here":
        "local task 12 was activated, but no task is bound to this id",
    "out[0] = @as(u32, 5 / zero); // here": "integer division of 5 by zero",
    "@mov32(fifo, 1); // here":
        "the operation moves elements of 4 bytes, the FIFO holds elements of 2 bytes",
}  # fmt: skip


@pytest.mark.parametrize("line", FAULTS)
def test_faults_of_single_instructions(stop: Stop, arch: str, line: str):
    text = "var zero: u16 = 0;\nvar store = @zeros([4]u16);\nconst fifo = @allocate_fifo(store);\n"
    source = Source(text + main(line))
    faulted(stop(source, arch), source, FAULTS[line])


def test_an_assertion_that_does_not_hold(stop: Stop, arch: str):
    source = Source("var n: u16 = 3;\n" + main("@assert(n > 5); // here"))
    message = stop(source, arch)
    assert message.endswith(f", in a launched function at {source.line()}: @assert failed")


def test_an_assertion_with_a_text(stop: Stop, arch: str):
    source = Source("var n: u16 = 3;\n" + main('@assert(n > 5, "n is small"); // here'))
    message = stop(source, arch)
    assert message.endswith(f" at {source.line()}: @assert failed: n is small")


def test_a_control_wavelet_for_a_task_that_is_not_bound(stop: Stop, arch: str):
    source = Source(
        """
        const end = @get_dsd(fabout_dsd, .{ .extent = 1, .fabric_color = red,
                                            .output_queue = out2, .control = true });
        comptime { sends(out2, red); receives(in2, red); @unblock(if (wse3) in2 else red); }
        """
        + main("@mov32(end, 41 << 16, .{ .async = true });"),
        routes=SELF,
    )
    message = stop(source, arch)
    assert message.startswith("PE (0, 0), cycle ")
    assert message.endswith(": control task 41 was activated, but no task is bound to this id")


RUNAWAY = "var n: u16 = 0;\n" + main("while (n < 3000) { n += 1; } // here")


def test_a_runaway_task_names_a_limit_that_can_be_raised(stop: Stop, tmp_path: Path, arch: str):
    source = Source(RUNAWAY)
    faulted(
        stop(source, arch, max_instructions=2000), source,
        "the task ran for more than 2000 instructions; if it is meant to, raise max_instructions "
        "(--max-instructions)",
    )  # fmt: skip
    launched()(Machine(source.compiled(tmp_path, arch), max_instructions=50_000))


def test_tasks_without_end_name_a_limit_that_can_be_raised(tmp_path: Path, arch: str):
    source = Source(
        """
        const again_id = @get_local_task_id(9);
        var n: u16 = 0;
        task again() void {
          n += 1;
          if (n == 1000) { sys.unblock_cmd_stream(); } else { @activate(again_id); }
        }
        comptime { @bind_local_task(again, again_id); }
        fn main() void { @activate(again_id); }
        """
    )
    program = source.compiled(tmp_path, arch)
    with pytest.raises(LimitError, match="runs for more than 500 cycles; raise max_cycles"):
        launched()(Machine(program, max_cycles=500))
    launched()(Machine(program, max_cycles=500_000))


def test_a_mistake_is_found_under_any_timing_and_order(stop: Stop, arch: str):
    source = Source(BOTH + main(RECEIVE, RECEIVE + " // here"), routes=SELF)
    expected = f"input queue 2 {BUSY} another queue{in_the_way(source)}"
    for options in ({"timing": "unit"}, {"shuffle_seed": 3}):
        faulted(stop(source, arch, None, **options), source, expected)


def test_a_fault_is_a_simulation_error(tmp_path: Path, arch: str):
    program = Source(BOTH + main(SEND)).compiled(tmp_path, arch)
    with pytest.raises(SimulationError):
        launched()(Machine(program))


@pytest.mark.parametrize("index", ["n", "n - 21"])
def test_an_index_outside_its_array(stop: Stop, arch: str, index: str):
    body = f"var n: i16 = 20;\n{main(f'data[{index}] = 7; // here')}"
    source = Source(NAMES + body)
    value = 20 if index == "n" else -1
    faulted(
        stop(source, arch),
        source,
        f"index {value} is out of range: the array has 20 elements in this dimension; --no-bounds "
        "lets it run as on the hardware",
    )


def test_accesses_may_leave_their_arrays_where_bounds_are_off(tmp_path: Path, arch: str):
    source = Source(NAMES + f"var n: i16 = 20;\n{main('data[n] = 199;')}")
    machine = Machine(source.compiled(tmp_path, arch), check_bounds=False)
    launched()(machine)
    assert np.count_nonzero(machine.memory() == 199) == 1


TAKE = """
task take(v: u32) void { out[1] += v; }
comptime { @bind_data_task(take, data_id(in2, red)); }
const other = @get_dsd(fabout_dsd, .{ .extent = 20, .fabric_color = red, .output_queue = out3 });
comptime { receives(in2, red); sends(out3, red); }
"""


def test_a_data_task_that_takes_what_an_operation_reads(stop: Stop, arch: str):
    send = "@mov32(other, d, .{ .async = true });"
    source = Source(NAMES + TAKE + main(RECEIVE + " // here", send), routes=SELF)
    number = 1 if arch == "wse2" else 2
    faulted(
        stop(source, arch), source,
        f"data task {number} (take) takes a wavelet from input queue 2, which this operation still "
        "reads; @block the task before the operation and .unblock it in the operation's options",
    )  # fmt: skip


def test_a_data_task_that_is_blocked_meanwhile_takes_nothing(tmp_path: Path, arch: str):
    receive = "@mov32(d, receive, .{ .async = true, .unblock = taken });"
    send = "@mov32(other, d, .{ .async = true });"
    text = NAMES + TAKE + "const taken = data_id(in2, red);\n"
    source = Source(text + main("@block(taken);", receive, send), routes=SELF)
    machine = Machine(source.compiled(tmp_path, arch))
    launched()(machine)
    assert machine.leftovers() == []
    assert machine.report()["tasks"] == 1


def test_a_data_task_may_read_what_follows_its_wavelet(tmp_path: Path, arch: str):
    text = TAKE.replace("out[1] += v;", "@mov32(rest, receive);") + (
        "const rest = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{19} -> data[i] });"
    )
    names = NAMES.replace("const receive = @get_dsd(fabin_dsd, .{ .extent = 20",
                          "const receive = @get_dsd(fabin_dsd, .{ .extent = 19")  # fmt: skip
    source = Source(names + text + main("@mov32(other, 5, .{ .async = true });"), routes=SELF)
    machine = Machine(source.compiled(tmp_path, arch))
    launched()(machine)
    assert machine.leftovers() == []


def test_a_function_that_ends_without_a_value(stop: Stop, arch: str):
    text = "fn f(a: u32) u32 {\n  if (a > 3) { return 1; }\n}\n"
    source = Source(text + main("out[0] = f(out[1]);"))
    assert stop(source, arch).endswith(
        ": function 'f' ended without returning u32; give every way through it a return"
    )


def twice(source: Source, tmp_path: Path, arch: str) -> list[str]:
    """Warnings after two launches."""
    machine = Machine(source.compiled(tmp_path, arch))
    machine.launch("main")
    machine.run_until_idle()
    machine.launch("main")
    machine.run_until_idle()
    assert machine.report()["surplus_unblocks"] == 0
    return machine.leftovers()


SECOND = (
    "PE (0, 0) and 1 more called unblock_cmd_stream more than once in a launch; call it once, "
    "at the end of its work, or the next host command may begin too early"
)


def test_a_second_unblock_in_one_launch(tmp_path: Path, arch: str):
    text = "fn main() void {\nsys.unblock_cmd_stream();\nsys.unblock_cmd_stream();\n}"
    assert twice(Source(text, width=2), tmp_path, arch) == [SECOND]


def test_a_second_unblock_in_a_task_of_the_launch(tmp_path: Path, arch: str):
    source = Source(
        """
        const end_id = @get_local_task_id(9);
        task end() void { sys.unblock_cmd_stream(); }
        comptime { @bind_local_task(end, end_id); }
        fn main() void { @activate(end_id); sys.unblock_cmd_stream(); }
        """,
        width=2,
    )
    assert twice(source, tmp_path, arch) == [SECOND]


def test_one_unblock_in_each_of_many_launches(tmp_path: Path, arch: str):
    source = Source("fn main() void { sys.unblock_cmd_stream(); }", width=2)
    machine = Machine(source.compiled(tmp_path, arch))
    for _ in range(3):
        machine.launch("main")
    assert machine.report()["surplus_unblocks"] == 0
