"""Order of calls, launches, handles, and looking inside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyflame.errors import (
    DeadlockError,
    DTypeError,
    PyFlameError,
    SimulationError,
    UnsupportedError,
)
from pyflame.runtime.host.debug import debug_util
from pyflame.runtime.host.memory import find_variable
from pyflame.runtime.host.platform import SdkCompileArtifacts, SdkTarget, get_platform
from pyflame.runtime.host.sdkruntime import SdkRuntime
from tests.runtime.host.fake import FakeDevice, make_program

Start = Callable[..., SdkRuntime]


def fake(runtime: SdkRuntime) -> FakeDevice:
    assert isinstance(runtime.device, FakeDevice)
    return runtime.device


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (
            ["run"],
            "run(): the last step was SdkRuntime(…); expected load(), run() and stop() once each, "
            "in this order",
        ),
        (["load", "load"], "load(): the last step was load(); expected load(), run() and stop() "
         "once each, in this order"),
        (["load", "run", "stop", "stop"], "stop(): the program is not running, the last step was "
         "stop(); call load() and run() before, and nothing but reads after stop()"),
        (["load", "stop"], "stop(): the program is not running, the last step was load(); call "
         "load() and run() before, and nothing but reads after stop()"),
    ],
)  # fmt: skip
def test_steps_go_in_order(
    compiled: Path, fake_options: dict[str, Any], steps: list[str], message: str
) -> None:
    runtime = SdkRuntime(compiled)
    for step in steps[:-1]:
        getattr(runtime, step)()
    with pytest.raises(SimulationError) as caught:
        getattr(runtime, steps[-1])()
    assert str(caught.value) == message


def test_symbols_have_numbers_before_load(compiled: Path, fake_options: dict[str, Any]) -> None:
    assert SdkRuntime(compiled).get_id("half") == 1


def test_an_unknown_symbol_lists_the_known(start: Start) -> None:
    with pytest.raises(SimulationError) as caught:
        start().get_id("b")
    assert str(caught.value) == (
        "get_id: 'b' is not exported (@export_name in the layout, @export_symbol in the PE "
        "program); exported: a, half, fixed, main, scale"
    )


def test_keywords_of_the_sdk_are_accepted(compiled: Path, fake_options: dict[str, Any]) -> None:
    SdkRuntime(compiled, cmaddr=None, suppress_simfab_trace=True, simfab_numthreads=8,
               msg_level="DEBUG", memcpy_required=True)  # fmt: skip
    SdkRuntime(SdkCompileArtifacts(str(compiled)), get_platform("", target=SdkTarget.WSE2))
    with pytest.raises(SimulationError, match="unknown option traces; expected cmaddr, "):
        SdkRuntime(compiled, traces=True)
    with pytest.raises(SimulationError, match=r"the platform is wse3, but .* compiled for wse2"):
        SdkRuntime(compiled, get_platform())


def test_the_address_of_a_machine_is_refused(compiled: Path, fake_options: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError) as caught:
        SdkRuntime(compiled, cmaddr="10.0.0.5:9000")
    assert str(caught.value) == (
        "not supported:\n"
        "  - cmaddr='10.0.0.5:9000': this is PyFlame's simulator, which cannot reach a machine\n"
        "leave --cmaddr out to simulate, or run the same script with the SDK's cs_python"
    )


def test_arguments_travel_as_bits(start: Start) -> None:
    runtime = start()
    runtime.launch("scale", np.int16(-1), np.float32(1.0), nonblock=False)
    runtime.launch("scale", -1, 1)
    runtime.call("scale", [0xFFFF, 0x3F800000], nonblock=False)
    assert fake(runtime).log == [f"launch scale({0xFFFF}, {0x3F800000})"] * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1,), "launch of scale(i16, f32): 1 arguments were given; expected 2"),
        (
            (np.int32(1), 1.0),
            "launch of scale(i16, f32): argument 1 is int32(1); expected i16: "
            "pass np.int16(…)",
        ),
        (
            (40_000, 1.0),
            "launch of scale(i16, f32): argument 1 is 40000; expected i16, -32768 to 32767",
        ),
        ((1.5, 1.0), "launch of scale(i16, f32): argument 1 is the float 1.5; expected an "
         "integer (i16)"),
        ((1, "x"), "launch of scale(i16, f32): argument 2 is 'x'; expected a number of type f32"),
    ],
)  # fmt: skip
def test_arguments_are_checked(start: Start, arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(DTypeError) as caught:
        start().launch("scale", *arguments)
    assert str(caught.value) == message


def test_only_functions_are_launched(start: Start) -> None:
    runtime = start()
    with pytest.raises(
        SimulationError, match=r"launch: 'a' is a variable of type .* not a function"
    ):
        runtime.launch("a")
    with pytest.raises(SimulationError, match="launch: 'go' is not exported"):
        runtime.launch("go")


def test_nonblocking_calls_keep_their_order(start: Start) -> None:
    runtime = start()
    runtime.memcpy_h2d(0, np.ones(1, np.uint32), 0, 0, 1, 1, 1, nonblock=True)
    first = runtime.launch("main", nonblock=True)
    assert fake(runtime).log == []
    runtime.memcpy_d2h(np.zeros(1, np.uint32), 0, 0, 0, 1, 1, 1, nonblock=False)
    assert fake(runtime).log == ["settle", "write a", "launch main()", "settle", "read a"]
    assert first.done


def test_waiting_for_a_task_leaves_later_ones(start: Start) -> None:
    runtime = start()
    first = runtime.launch("main", nonblock=True)
    later = runtime.launch("scale", 1, 1.0, nonblock=True)
    runtime.task_wait(first)
    assert (first.done, later.done) == (True, False)
    assert runtime.is_task_done(later)


def test_stop_carries_out_what_waits(start: Start) -> None:
    runtime = start()
    task = runtime.launch("main", nonblock=True)
    assert runtime.pending == 1
    runtime.stop()
    assert task.done
    with pytest.raises(SimulationError, match="launch: the program is not running"):
        runtime.launch("main")


def test_stop_warns_of_what_is_left(start: Start) -> None:
    runtime = start()
    fake(runtime).remarks.append("3 wavelets are left")
    with pytest.warns(RuntimeWarning, match="^3 wavelets are left$") as caught:
        runtime.stop()
    assert caught[0].filename == __file__


def test_a_buffer_must_not_change_while_it_waits(start: Start) -> None:
    runtime = start()
    data = np.ones(1, np.uint32)
    runtime.memcpy_h2d(0, data, 0, 0, 1, 1, 1, nonblock=True)
    data[0] = 2
    with pytest.raises(SimulationError, match="the array changed after this nonblock=True call"):
        runtime.stop()


def test_a_copy_sees_what_was_streamed_before(start: Start) -> None:
    runtime = start()
    runtime.memcpy_h2d(4, np.ones(1, np.uint32), 0, 0, 1, 1, 1, streaming=True, nonblock=True)
    runtime.memcpy_d2h(np.zeros(1, np.uint32), 0, 0, 0, 1, 1, 1)
    assert fake(runtime).log == ["settle", "stream in 4", "settle", "read a"]


def reads_stream(device: FakeDevice, arguments: object) -> bool:
    """A function that unblocks once it has received a wavelet."""
    return any(device.inputs.values())


def test_a_launch_may_wait_for_data_that_is_streamed_later(start: Start) -> None:
    runtime = start(functions={"main": reads_stream})
    runtime.launch("main", nonblock=True)
    runtime.memcpy_h2d(4, np.ones(1, np.uint32), 0, 0, 1, 1, 1, streaming=True, nonblock=True)
    runtime.launch("scale", 1, 1.0, nonblock=False)
    assert fake(runtime).log == [
        "launch main()", "settle", "stream in 4", "launch scale(1, 1065353216)",
    ]  # fmt: skip


def test_a_stream_comes_after_the_stream_before_it(start: Start) -> None:
    runtime = start()
    for color in (4, 4):
        data = np.ones(1, np.uint32)
        runtime.memcpy_h2d(color, data, 0, 0, 1, 1, 1, streaming=True, nonblock=True)
    runtime.stop()
    assert fake(runtime).log[:4] == ["settle", "stream in 4", "settle", "stream in 4"]


def test_data_that_a_stuck_command_lacks_go_first(start: Start) -> None:
    runtime = start(functions={"main": reads_stream})
    runtime.launch("main", nonblock=True)
    runtime.memcpy_h2d(0, np.ones(1, np.uint32), 0, 0, 1, 1, 1, nonblock=True)
    runtime.memcpy_h2d(4, np.ones(1, np.uint32), 0, 0, 1, 1, 1, streaming=True, nonblock=True)
    runtime.stop()
    assert fake(runtime).log[:4] == ["launch main()", "settle", "stream in 4", "settle"]
    assert "write a" in fake(runtime).log


def test_a_receive_may_be_given_before_its_data_are_sent(start: Start) -> None:
    runtime = start()
    back = np.zeros(1, np.uint32)
    task = runtime.memcpy_d2h(back, 5, 0, 0, 1, 1, 1, streaming=True, nonblock=True)
    runtime.memcpy_h2d(4, np.full(1, 7, np.uint32), 0, 0, 1, 1, 1, streaming=True, nonblock=False)
    runtime.task_wait(task)
    assert back[0] == 7


def test_a_deadlock_is_reported(start: Start) -> None:
    runtime = start(functions={"main": reads_stream})
    with pytest.raises(DeadlockError, match="'main' has not unblocked the command stream"):
        runtime.launch("main", nonblock=False)


def test_variables_are_read_by_name(start: Start, tmp_path: Path) -> None:
    runtime = start()
    runtime.memcpy_h2d(0, np.array([1.5], np.float32), 2, 1, 1, 1, 1)
    assert runtime.read_symbol(2, 1, "a_array", dtype="float32")[0] == 1.5
    assert runtime.read_symbol(2, 1, "hidden").tolist() == [0, 0, 0, 0]
    with pytest.raises(SimulationError) as caught:
        runtime.read_symbol(0, 0, "b")
    assert (
        str(caught.value) == ("pe.csl has no variable 'b'; it has: a_array, hidden, a, half, fixed")
        or str(caught.value) == "pe.csl has no variable 'b'; it has: a_array, hidden"
    )
    runtime.dump_core(str(tmp_path / "corefile.cs1"))
    with np.load(tmp_path / "corefile.cs1") as core:
        assert core["memory"].shape == (2, 3, 48 * 1024)


def test_debug_util_counts_from_the_corner_of_the_fabric(start: Start) -> None:
    runtime = start()
    runtime.memcpy_h2d(0, np.array([1.5], np.float32), 2, 1, 1, 1, 1)
    runtime.stop()
    debug = debug_util(str(runtime.directory), cmaddr=None)
    assert debug.get_symbol(6, 2, "a_array", np.float32)[0] == 1.5
    assert debug.get_symbol_rect(((4, 1), (3, 2)), "a_array", np.float32).shape == (3, 2, 6)
    assert debug.read_trace(6, 2, "times") == ["times of PE (2, 1)", 1]
    assert runtime.coord_logical_to_physical((2, 1)) == (6, 2)
    with pytest.raises(PyFlameError) as caught:
        debug.get_symbol(2, 1, "a_array", np.float32)
    assert str(caught.value) == (
        "get_symbol: (2, 1) is outside the program, which takes (4, 1) to (6, 2) of the fabric "
        "(--fabric-offsets counts)"
    )


def test_debug_util_needs_a_run(tmp_path: Path, fake_options: dict[str, Any]) -> None:
    with pytest.raises(SimulationError, match="this script has run no program from"):
        debug_util(tmp_path)


def test_of_variables_of_one_name_the_programs_own_is_meant() -> None:
    image = make_program().images[0]
    image.memory_map = [("lib.csl:n", 0, 4), ("pe.csl:n", 8, 4), ("lib.csl:m", 16, 4)]
    assert find_variable(image, "n") == (8, 4)
    assert find_variable(image, "lib.csl:n") == (0, 4)
    assert find_variable(image, "m") == (16, 4)
