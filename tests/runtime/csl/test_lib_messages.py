"""<message_passing>: messages from any PE to any PE of a WSE-3 rectangle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyflame.errors import DeadlockError, SimulationError
from pyflame.runtime.csl.diagnostics import CslError
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.csl.library import HEAD, LAYOUT, compiled

IMPORT = """
const mp = @import_module("<message_passing>", .{
  .enable_asserts = true, .input_queue_id = 2, .output_queue_id = 3 });
const place = @import_module("<layout>");
const W: u16 = @get_rectangle().width;
const H: u16 = @get_rectangle().height;
"""

OPPOSITE = (
    IMPORT
    + """
const got_id = @get_local_task_id(10);
var data = @zeros([LEN]TYPE);
var inbox = @zeros([32]TYPE);
fn main() void {
  mp.init();
  const x = place.get_x_coord();
  const y = place.get_y_coord();
  for (@range(u16, LEN)) |i| { data[i] = @as(TYPE, 1000 * x + 100 * y + i + 1); }
  mp.recv_message(&inbox, .{ .activate = got_id });
  mp.send_message(W - 1 - x, H - 1 - y, &data, LEN, {});
}
task got() void {
  for (@range(u16, 32)) |i| { out[i] = @as(u32, inbox[i]); }
  sys.unblock_cmd_stream();
}
comptime { @bind_local_task(got, got_id); }
"""
)

SWARM = (
    IMPORT
    + """
// Every PE sends `plan[0]` messages to the places in `plan`, and receives `expects` of them.
var plan = @zeros([40]u32);
var plan_pointer: [*]u32 = &plan;
const sent_id = @get_local_task_id(10);
const got_id = @get_local_task_id(11);
var note = @zeros([2]u32);
var inbox = @zeros([32]u32);
var sent: u16 = 0;
var got: u16 = 0;
fn main() void { mp.init(); mp.recv_message(&inbox, .{ .unblock = got_id }); send(); finish(); }
fn send() void {
  if (@as(u32, sent) < plan[0]) {
    const to = plan[2 + sent];
    note[0] = @as(u32, place.get_x_coord() + W * place.get_y_coord());
    note[1] = @as(u32, sent);
    sent += 1;
    mp.send_message(@as(u16, to) % W, @as(u16, to) / W, &note, 2, .{ .activate = sent_id });
  }
}
task has_sent() void { send(); finish(); }
task has_got() void {
  @block(got_id);
  @activate(got_id);
  out[got] = inbox[0] * 100 + inbox[1] + 1;
  got += 1;
  mp.recv_message(&inbox, .{ .unblock = got_id });
  finish();
}
var finished = false;
fn finish() void {
  if (!finished and @as(u32, sent) == plan[0] and @as(u32, got) == plan[1]) {
    finished = true;
    sys.unblock_cmd_stream();
  }
}
comptime {
  @bind_local_task(has_sent, sent_id);
  @bind_local_task(has_got, got_id);
  @block(got_id);
  @activate(got_id);
  @export_symbol(plan_pointer, "plan");
}
"""
)
SWARM_LAYOUT = LAYOUT.replace(
    '  @export_name("out"', '  @export_name("plan", [*]u32, true);\n  @export_name("out"'
)


def ran(folder: Path, body: str, width: int, height: int, count: int = 32) -> np.ndarray:
    """`out` of all PEs, uint32 [height, width, count], after every PE has run `main`."""
    files = {"layout.csl": LAYOUT, "pe.csl": HEAD + body}
    machine = Machine(compiled(folder, files, "wse3", width=width, height=height))
    machine.launch("main")
    machine.run_until_idle()
    return machine.read_symbol_array("out", 0, 0, width, height, count)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 1), (1, 3), (3, 2), (4, 3)])
@pytest.mark.parametrize(("type_", "length"), [("u32", 5), ("u16", 32)])
def test_all_pes_write_to_their_opposites(
    tmp_path: Path, width: int, height: int, type_: str, length: int
) -> None:
    body = OPPOSITE.replace("TYPE", type_).replace("LEN", str(length))
    out = ran(tmp_path, body, width, height)
    y, x, i = np.indices((height, width, length))
    expected = 1000 * (width - 1 - x) + 100 * (height - 1 - y) + i + 1
    assert out[:, :, :length].tolist() == expected.tolist()
    assert not out[:, :, length:].any()


@pytest.mark.parametrize("seed", range(4))
def test_many_messages_at_once(tmp_path: Path, seed: int) -> None:
    """Every PE gets what was sent to it, once, in order from each sender, in any timing."""
    rng = np.random.default_rng(seed)
    width, height, pes = 3, 3, 9
    plans = [rng.integers(0, pes, rng.integers(0, 20)) for _ in range(pes)]
    if seed == 0:
        plans = [np.full(3, 4) for _ in range(pes)]  # everybody to one
    plan = np.zeros((height, width, 40), np.uint32)
    for pe, places in enumerate(plans):
        plan[pe // width, pe % width, 0] = len(places)
        plan[pe // width, pe % width, 2 : 2 + len(places)] = places
    plan[:, :, 1] = np.bincount(np.concatenate(plans), minlength=pes).reshape(height, width)
    files = {"layout.csl": SWARM_LAYOUT, "pe.csl": HEAD + SWARM}
    program = compiled(tmp_path, files, "wse3", width=width, height=height)
    for timing, shuffle in (("model", None), ("unit", seed)):
        machine = Machine(program, timing=timing, shuffle_seed=shuffle)
        machine.write_symbol("plan", 0, 0, plan)
        machine.launch("main")
        got = machine.read_symbol_array("out", 0, 0, width, height, 64).reshape(pes, 64)
        for pe in range(pes):
            sent = [
                100 * s + k + 1 for s in range(pes) for k, to in enumerate(plans[s]) if to == pe
            ]
            received = [int(v) for v in got[pe] if v]
            assert sorted(received) == sent
            for sender in range(pes):
                own = [v for v in received if v // 100 == sender]
                assert own == sorted(own)


def test_a_data_task_gets_header_and_all_but_the_last(tmp_path: Path) -> None:
    body = (
        IMPORT
        + """
    var data = [4]u32{ 11, 12, 13, 14 };
    var n: u16 = 0;
    fn main() void {
      mp.init();
      if (place.get_x_coord() == 0) { mp.send_message(1, 0, &data, 4, {}); }
      sys.unblock_cmd_stream();
    }
    task take(word: u32) void {
      out[n] = if (n == 0) word & 0xff else word;
      n += 1;
    }
    comptime { @bind_data_task(take, @get_data_task_id(mp.mp_input_queue)); }
    """
    )
    out = ran(tmp_path, body, 2, 1, 6)
    assert out[0].tolist() == [[0] * 6, [4, 11, 12, 13, 0, 0]]


MISTAKE = (
    IMPORT
    + """
var data = @zeros([40]u32);
fn main() void { mp.init(); CALL; sys.unblock_cmd_stream(); }
"""
)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("mp.send_message(2, 0, &data, 4, {})", "the destination is outside the program rectangle"),
        ("mp.send_message(0, 0, &data, 33, {})", "a message has 1 to 32 elements"),
        ("mp.send_message(0, 0, &data, 0, {})", "a message has 1 to 32 elements"),
        (
            "mp.recv_message(&data, {}); mp.recv_message(&data, {})",
            "the receive before this one has not ended yet",
        ),
    ],
)
def test_mistakes(tmp_path: Path, call: str, message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        ran(tmp_path, MISTAKE.replace("CALL", call), 2, 1)


def test_messages_that_nobody_asks_for_hold_up_their_sender(tmp_path: Path) -> None:
    body = SWARM.replace("mp.recv_message(&inbox, .{ .unblock = got_id });", "")
    files = {"layout.csl": SWARM_LAYOUT, "pe.csl": HEAD + body}
    machine = Machine(compiled(tmp_path, files, "wse3", width=2, height=1))
    plan = np.zeros((1, 2, 40), np.uint32)
    plan[0, 0, 0] = 30
    plan[0, 0, 2:] = 1
    machine.write_symbol("plan", 0, 0, plan)
    with pytest.raises(DeadlockError):
        machine.launch("main")


def test_only_on_wse3(tmp_path: Path) -> None:
    files = {"layout.csl": LAYOUT, "pe.csl": HEAD + MISTAKE.replace("CALL; ", "")}
    with pytest.raises(CslError, match="<message_passing> is for wse3 only"):
        compiled(tmp_path, files, "wse2", width=1, height=1)
