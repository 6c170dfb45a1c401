"""DSDs, DSRs, FIFOs and the operations on them, on both architectures.

The rules are those of the public language reference; each row is one of them. A row is what the
task does and what stands before it; `PRELUDE` declares what most of them use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.runtime.csl.language.page import Page

PRELUDE = """
const c = @get_color(1); const iq = @get_input_queue(2); const oq = @get_output_queue(3);
export var out = @zeros([8]u16); var A = [8]u16{1, 2, 3, 4, 5, 6, 7, 8};
const o = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{8} -> out[i] });
const o4 = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> out[i] });
const d4 = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> A[i] });
const m4 = @get_dsd(mem4d_dsd, .{ .tensor_access = |i, j|{2, 2} -> A[2 * i + j] });
const fi = @get_dsd(fabin_dsd, .{ .extent = 4, .input_queue = iq });
const fo = @get_dsd(fabout_dsd, .{ .extent = 4, .fabric_color = c, .output_queue = oq });
const rd = @get_dsr(dsr_dest, 0); const r0 = @get_dsr(dsr_src0, 1);
const r1 = @get_dsr(dsr_src1, 6);
const ring = @get_xdsr(1); const s0 = @get_sr(0); const s1 = @get_sr(1); const s2 = @get_sr(2);
const done_id = @get_local_task_id(11); task done() void { out[7] = 42; }
comptime {
  @bind_local_task(done, done_id); @initialize_queue(iq, .{ .color = c });
  if (@is_arch("wse3")) { @initialize_queue(oq, .{ .color = c }); } else { @initialize_queue(oq); }
  @set_local_color_config(c, .{ .routes = .{ .rx = .{RAMP}, .tx = .{RAMP} } });
}
"""

FIFO = "var b = @zeros([4]u16); const f = @allocate_fifo(b%s);"
FIFO_DSRS = (
    ", .{ .dest = @get_dsr(dsr_dest, 4), .src = @get_dsr(dsr_src1, 4), .xdsr = @get_xdsr(2) }"
)
MEM = "const d = @get_dsd(mem1d_dsd, .{ %s });"
MEM4 = "const d = @get_dsd(mem4d_dsd, .{ %s });"
RING = "const d = @get_dsd(circbuf_dsd, .{ %s });"
SEND = (
    "const s = @get_dsd(fabout_dsd, .{ .extent = 4, .fabric_color = c, .output_queue = oq, %s });"
)
TWICE = "fn twice(v: u16) u16 { return v * 2; }"
COPY = "@mov16(o, d);"
FLOATS = "var x: f32 = 1; const w = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> fs[i] }); "
FLOATS += "var fs = @zeros([4]f32);"

COMPUTES = {
    "access of a struct": (
        COPY, MEM % ".tensor_access = .{ .base_address = &A, .stride = 2, .extent = 4 }",
        [1, 3, 5, 7, 0, 0, 0, 0]),
    "access by name": (
        COPY, "const a = |i|{4} -> A[2 * i + 1];" + MEM % ".tensor_access = a",
        [2, 4, 6, 8, 0, 0, 0, 0]),
    "fields of an access": (
        COPY, "const a = |i|{4} -> A[2 * i + 1];" + MEM % ".base_address = a.base_address, "
        ".offset = a.offset, .stride = a.stride, .extent = a.extent", [2, 4, 6, 8, 0, 0, 0, 0]),
    "fields of an access of two variables": (
        COPY, "const a = |i, j|{2, 2} -> A[4 * i + j];" + MEM4 % ".base_address = a.base_address, "
        ".offset = a.offset, .stride = a.stride, .extent = a.extent", [1, 2, 5, 6, 0, 0, 0, 0]),
    "strides of an access": (
        "out[0] = @as(u16, a.offset); out[1] = @as(u16, a.stride[0]); "
        "out[2] = @as(u16, -a.stride[1]); out[3] = @as(u16, -a.stride[3]); out[4] = a.extent[3];",
        "var B = @zeros([9, 11]i16); const a = |i, j, k, l|{5, 5, 5, 5} -> B[i + j, k + l + 2];",
        [2, 1, 3, 11 * 4 + 8 - 11, 5, 0, 0, 0]),
    "steps that go back": (
        COPY, MEM4 % ".base_address = &A, .extent = .{2, 4}, .stride = .{1, -2}",
        [1, 2, 3, 4, 2, 3, 4, 5]),
    "steps of one": (
        COPY, MEM4 % ".base_address = &A, .extent = .{2, 4}", [1, 2, 3, 4, 5, 6, 7, 8]),
    "negative stride": (
        COPY, MEM % ".tensor_access = |i|{8} -> A[7 - i]", [8, 7, 6, 5, 4, 3, 2, 1]),
    "run-time properties": (
        "var p: [*]u16 = &A; var st: i16 = -2; var n: u16 = 3; var of: i16 = 6; "
        "@mov16(o, @get_dsd(mem1d_dsd, .{ .base_address = p, .stride = @as(i8, st), .extent = n, "
        ".offset = of }));", "", [7, 5, 3, 0, 0, 0, 0, 0]),
    "pointer to a scalar": ("@mov16(&out[3], d4);", "", [0, 0, 0, 4, 0, 0, 0, 0]),
    "modifiers leave their DSD": (
        "var e = @set_dsd_length(d4, 2); e = @increment_dsd_offset(e, 1, u16); @mov16(o, e); "
        "@mov16(@increment_dsd_offset(o, 4, u16), d4);", "", [2, 3, 0, 0, 1, 2, 3, 4]),
    "base address drops the offset": (
        "@mov16(o, @set_dsd_base_addr(d, B));",
        "var B = [3]u16{7, 8, 9};" + MEM % ".tensor_access = |i|{3} -> A[i + 1]",
        [7, 8, 9, 0, 0, 0, 0, 0]),
    "index of a source": (
        "@mov16(o, d, .{ .index = 3 });",
        MEM % ".tensor_access = |i|{4} -> A[i], .wavelet_index_offset = true",
        [4, 5, 6, 7, 0, 0, 0, 0]),
    "index of all operands": (
        "@add16(d, d, 1, .{ .index = 3 });",
        MEM % ".tensor_access = |i|{4} -> out[i], .wavelet_index_offset = true",
        [0, 0, 0, 1, 1, 1, 1, 0]),
    "index of a DSD variable": (
        "var v = @set_dsd_length(d, 2); @mov16(o, v, .{ .index = 3 });",
        MEM % ".tensor_access = |i|{4} -> A[i], .wavelet_index_offset = true",
        [4, 5, 0, 0, 0, 0, 0, 0]),
    "index without the property": (
        "@mov16(o4, d4, .{ .index = 3 });", "", [1, 2, 3, 4, 0, 0, 0, 0]),
    "index of wavelets": (
        "@mov16(s, d4, .{ .async = true, .index = 77 }); var p = @ptrcast([*]u32, &out); "
        "@mov32(@get_dsd(mem1d_dsd, .{ .base_address = p, .extent = 4 }), fi);",
        SEND % ".wavelet_index_offset = true", [1, 77, 2, 77, 3, 77, 4, 77]),
    "index of wavelets without the property": (
        "@mov16(fo, d4, .{ .async = true, .index = 77 }); var p = @ptrcast([*]u32, &out); "
        "@mov32(@get_dsd(mem1d_dsd, .{ .base_address = p, .extent = 4 }), fi);",
        "", [1, 0, 2, 0, 3, 0, 4, 0]),
    "a send that clears its source": (
        "@mov16(s, d4); @mov16(@increment_dsd_offset(o4, 4, u16), fi); @mov16(o4, d4);",
        SEND % ".zero = .{ .second_source = true }", [0, 0, 0, 0, 1, 2, 3, 4]),
    "a send that clears the first source": (
        "@mov16(o, d4); @add16(s, o4, d4); @mov16(@increment_dsd_offset(o4, 4, u16), fi);",
        SEND % ".zero = .{ .first_source = true }", [0, 0, 0, 0, 2, 4, 6, 8]),
    "packed pairs": (
        "@mov16(s, d4, .{ .async = true }); @mov16(o4, t);",
        SEND % ".simd_mode = .{ .simd_32 = true }"
        + "const t = @get_dsd(fabin_dsd, .{ .extent = 4, .input_queue = iq, "
        ".simd_mode = .{ .simd_32 = true } });", [1, 2, 3, 4, 0, 0, 0, 0]),
    "activate a task by name": (
        "@mov16(fo, d4, .{ .async = true }); @mov16(o4, fi, .{ .async = true, .activate = done });",
        "", [1, 2, 3, 4, 0, 0, 0, 42]),
    "unblock a task": (
        "@block(done_id); @activate(done_id); @mov16(fo, d4, .{ .async = true }); "
        "@mov16(o4, fi, .{ .async = true, .unblock = done });", "", [1, 2, 3, 4, 0, 0, 0, 42]),
    "DSRs loaded as asynchronous": (
        "@mov16(rd, d4); @mov16(o4, r1);", "comptime { @load_to_dsr(rd, fo, .{ .async = true }); "
        "@load_to_dsr(r1, fi, .{ .async = true, .activate = done }); }", [1, 2, 3, 4, 0, 0, 0, 42]),
    "src0 as a destination": (
        "@load_to_dsr(r0, o4); @load_to_dsr(r1, d4); @mov16(r0, r1);", "",
        [1, 2, 3, 4, 0, 0, 0, 0]),
    "addresses that are saved": (
        "for (@range(i16, 3)) |i| { @mov16(rd, r1); }",
        "comptime { @load_to_dsr(rd, @set_dsd_length(o, 2), .{ .save_address = true }); "
        "@load_to_dsr(r1, @set_dsd_length(d4, 2), .{ .save_address = true }); }",
        [1, 2, 3, 4, 5, 6, 0, 0]),
    "circular buffer": (
        "@load_to_dsr_xdsr(r1, ring, d); @mov16(o, r1);",
        RING % ".base_address = &A, .extent = 8, .wraparound = 3", [1, 2, 3, 1, 2, 3, 1, 2]),
    "circular buffer of a whole array": (
        "@load_to_dsr_xdsr(r1, ring, d); @mov16(o, r1);",
        "var B = [3]u16{7, 8, 9};" + RING % ".base_address = &B, .extent = 8",
        [7, 8, 9, 7, 8, 9, 7, 8]),
    "circular buffer from a scalar on": (
        "@load_to_dsr_xdsr(r1, ring, d); @mov16(o, r1);",
        RING % ".base_address = &A[2], .extent = 8, .wraparound = 3", [3, 4, 5, 3, 4, 5, 3, 4]),
    "no stride register": (
        "@load_to_dsr_xdsr_sr(r1, ring, .{}, m4); @mov16(o4, r1);", "", [1, 2, 3, 4, 0, 0, 0, 0]),
    "FIFO": ("@mov16(f, d4); @mov16(o4, f);", FIFO % "", [1, 2, 3, 4, 0, 0, 0, 0]),
    "FIFO through its DSRs": (
        "@mov16(fd, d4); out[7] = @as(u16, !@mov16(fd, d4)); @mov16(o4, fs);", FIFO % FIFO_DSRS
        + "const fd = @get_dsr(dsr_fifo_dest, @get_dsr(dsr_dest, 4)); "
        "const fs = @get_dsr(dsr_fifo_src1, 4);", [1, 2, 3, 4, 0, 0, 0, 1]),
    "@map of DSRs": (
        "@load_to_dsr(rd, o4, .{ .single_step = true }); "
        "@load_to_dsr(r1, d4, .{ .single_step = true }); @map(twice, r1, rd);", TWICE,
        [2, 4, 6, 8, 0, 0, 0, 0]),
    "@map with a scalar": (
        "@map(mul, d4, 3, o4);", "fn mul(v: u16, k: u16) u16 { return v * k; }",
        [3, 6, 9, 12, 0, 0, 0, 0]),
    "@map into a pointer": (
        "@map(sum, d4, &out[1]);", "var t: u16 = 0; fn sum(v: u16) u16 { t += v; return t; }",
        [0, 10, 0, 0, 0, 0, 0, 0]),
    "@map without inputs": (
        "@map(next, o4);", "var t: u16 = 5; fn next() u16 { t += 1; return t; }",
        [6, 7, 8, 9, 0, 0, 0, 0]),
    "@map over the fabric": (
        "@map(twice, d4, fo); @map(twice, fi, o4);", TWICE, [4, 8, 12, 16, 0, 0, 0, 0]),
}  # fmt: skip
"""What the task does, what stands before it, and `out`."""

VALID = {
    "all registers of a run-time DSD": (
        "var v = @increment_dsd_offset(m4, 1, u16); "
        "@load_to_dsr_xdsr_sr(r1, ring, .{s0, s1, s2}, v);", ""),
    "DSRs of FIFOs": ("_ = @get_dsr(dsr_fifo_src1, r1); _ = @get_dsr(dsr_fifo_dest, 4);", ""),
    "options of loads": (
        "@load_to_dsr(r1, fi, .{ .async = true, .activate = done, "
        ".on_control = .{ .terminate = true } }); "
        "@load_to_dsr(rd, fo, .{ .async = true, .unblock = done_id });", ""),
    "what control wavelets do": (
        "@mov16(o4, fi, .{ .async = true, .on_control = .{ .terminate = true } }); "
        "@mov16(o4, fi, .{ .async = true, .on_control = .{ .activate = done } }); "
        "@mov16(o4, fi, .{ .async = true, .on_control = .{ .unblock = done_id } });", ""),
    "priorities": ("_ = s;", SEND % ".priority = .{ .medium = true }"),
    "control transform": ("_ = s;", SEND % ".control_transform = true"),
    "FIFO of a pointer": ("_ = f;", "var b = @zeros([4]u16); const f = @allocate_fifo(&b);"),
    "FIFO that activates": (
        "_ = f;", FIFO % ", .{ .activate_pop = done, .activate_push = done_id }"),
    "FIFO that terminates": ("_ = f;", FIFO % ", .{ .empty_action = .{ .terminate = true } }"),
    "FIFO as second source": ("@add16(o4, d4, f);", FIFO % ""),
}  # fmt: skip
"""What the task does, and what stands before it."""

REFUSED = {
    "property given twice": (
        "_ = d;", MEM % ".tensor_access = |i|{8} -> A[i], .stride = 2",
        ".tensor_access and .stride exclude each other"),
    "extent of a type": (
        "_ = d;", MEM % ".tensor_access = |i|{dsr_dest} -> A[i]",
        "an extent must be an integer, found"),
    "five variables": (
        "_ = d;", MEM4 % ".tensor_access = |a, b, e, g, h|{1, 1, 1, 1, 1} -> A[a + b + e + g + h]",
        "mem4d_dsd takes 1 to 4 variables, found 5"),
    "FIFO from @get_dsd": (
        "_ = @get_dsd(fifo, .{ .extent = 1 });", "", "@get_dsd makes one of mem1d_dsd, mem4d_dsd"),
    "index of a DSD": (
        "_ = s;", SEND % ".wavelet_index_offset = 40",
        ".wavelet_index_offset is a bool known at compile time"),
    "two SIMD modes": (
        "_ = s;", SEND % ".simd_mode = .{ .simd_32 = true, .simd_64 = true }",
        ".simd_mode sets one of"),
    "both sources cleared": (
        "_ = s;", SEND % ".zero = .{ .first_source = true, .second_source = true }",
        ".zero sets one of .first_source, .second_source to true"),
    "length of a mem4d_dsd": (
        "_ = @set_dsd_length(m4, 3);", "", "@set_dsd_length takes mem1d_dsd, fabin_dsd"),
    "offset in bytes": (
        "_ = @increment_dsd_offset(d4, 3, u8);", "", "an offset counts 16- or 32-bit numbers"),
    "two pointers": (
        "@add16(&out[0], d4, 1);", "",
        "@add16 takes (DSD, DSD, DSD) or (DSD, scalar, DSD) or (DSD, DSD, scalar), found "
        "(pointer, DSD, scalar)"),
    "scalar minus DSD": (
        "@sub16(o4, 1, d4);", "", "@sub16 takes (DSD, DSD, DSD) or (DSD, DSD, scalar), found"),
    "accumulate a product": (
        "@fmacs(&x, w, w, x);", FLOATS, "@fmacs takes (DSD, DSD, DSD, scalar), found (pointer,"),
    "sum of two scalars": ("@fadds(w, x, x);", FLOATS, "@fadds takes (DSD, DSD, DSD) or"),
    "pointer as a source": ("@mov16(o4, &out[0]);", "", "expected a 16-bit scalar, DSD or DSR"),
    "fabin as destination": ("@mov16(fi, d4);", "", "the destination of a DSD operation cannot be"),
    "fabout as source": ("@mov16(o4, fo);", "", "a source of a DSD operation cannot be a fabout"),
    "circular buffer as operand": (
        "@mov16(o4, d);", RING % ".base_address = &A, .extent = 4",
        "an operation takes a circbuf_dsd from a DSR"),
    "wraparound beyond the array": (
        "_ = d;", RING % ".base_address = &A, .extent = 20, .wraparound = 15",
        ".wraparound 15 is out of range 1 to 8"),
    "wraparound of a scalar": (
        "_ = d;", RING % ".base_address = &A[2], .extent = 20",
        "this DSD needs the field .wraparound"),
    "FIFO as first source": (
        "@add16(o4, f, d4);", FIFO % "", "a FIFO cannot be the first of two sources"),
    "registers of a FIFO that differ": (
        "_ = f;", FIFO % FIFO_DSRS.replace("src1, 4", "src1, 5"),
        ".dest and .src have the same id, found 4 and 5"),
    "some registers of a FIFO": (
        "_ = f;", FIFO % ", .{ .dest = @get_dsr(dsr_dest, 4) }",
        "a FIFO needs all of .dest, .src and .xdsr, or none; found .dest"),
    "two actions of a FIFO": (
        "_ = f;", FIFO % ", .{ .empty_action = .{ .terminate = true, .test_or_suspend = true } }",
        ".empty_action sets one of"),
    "dest as source": ("@mov16(o4, rd);", "", "this operand takes dsr_src0 or dsr_src1"),
    "src1 as destination": ("@mov16(r1, d4);", "", "this operand takes dsr_dest or dsr_src0"),
    "fabin in dest": ("@load_to_dsr(rd, fi);", "", "a dsr_dest cannot hold a fabin_dsd"),
    "fabout in src1": ("@load_to_dsr(r1, fo);", "", "a dsr_src1 cannot hold a fabout_dsd"),
    "saved address of a stream": (
        "@load_to_dsr(r1, fi, .{ .save_address = true });", "", ".save_address is for memory DSDs"),
    "asynchronous memory DSR": (
        "@load_to_dsr(r1, d4, .{ .async = true });", "", ".async is for fabric DSDs"),
    "activation without async": (
        "@load_to_dsr(r1, fi, .{ .activate = done });", "", ".activate needs .async = true"),
    "load of a FIFO DSR": (
        "@load_to_dsr(@get_dsr(dsr_fifo_dest, 4), o4);", "", "expected one of dsr_dest, dsr_src0"),
    "FIFO DSR of another file": (
        "_ = @get_dsr(dsr_fifo_src1, rd);", "", "@get_dsr makes a dsr_fifo_dest of a dsr_dest"),
    "XDSR from @get_dsr": ("_ = @get_dsr(xdsr, 1);", "", "@get_dsr takes one of dsr_dest"),
    "too many stride registers": (
        "@load_to_dsr_xdsr_sr(r1, ring, .{s0, s1}, m4);", "",
        "this DSD needs 0 stride registers, found 2"),
    "@map without a DSD": (
        "@map(twice, out[1], &out[2]);", TWICE, "@map needs at least one DSD or DSR"),
    "@map into a fabin_dsd": ("@map(twice, d4, fi);", TWICE, "the output of @map cannot be a"),
    "@map of a fabout_dsd": ("@map(twice, fo, o4);", TWICE, "an input of @map cannot be a"),
    "@map of a src0": ("@map(twice, r0, o4);", TWICE, "an input of @map takes dsr_src1"),
    "@map into another type": (
        "var v: u32 = 1; @map(twice, d4, &v);", TWICE, "the output of @map is a DSD"),
    "@map to bool": (
        "@map(big, d4, o4);", "fn big(v: u16) bool { return v > 2; }",
        "elements of a DSD are 16- or 32-bit numbers, not bool"),
    "control without async": (
        "@mov16(o4, fi, .{ .on_control = .{ .terminate = true } });", "",
        ".on_control needs .async = true"),
    "control activates a data task": (
        "@mov16(o4, fi, .{ .async = true, .on_control = .{ .activate = "
        '@get_data_task_id(if (@is_arch("wse3")) iq else c) } });', "",
        ".on_control activates a local task"),
    "terminate by a number": (
        "@mov16(o4, fi, .{ .async = true, .on_control = .{ .terminate = 1 } });", "",
        "expected bool"),
}  # fmt: skip
"""What the task does, what stands before it, and the first error."""

ONE_ARCH: dict[str, tuple[str, str, str, str]] = {
    "queue unblocked on wse2": (
        "wse2", "@mov16(o4, fi, .{ .async = true, .unblock = iq });", "",
        "on wse2 a color is blocked and unblocked, not an input_queue"),
    "colour unblocked on wse3": (
        "wse3", "@mov16(o4, fi, .{ .async = true, .on_control = .{ .unblock = c } });", "",
        "on wse3 an input_queue is blocked and unblocked, not a color"),
    "microthread of an operation on wse2": (
        "wse2", "@mov16(o4, fi, .{ .async = true, .ut_id = @get_ut_id(1) });", "",
        ".ut_id does not exist on wse2"),
    "microthread of a variable": (
        "wse3", "var u = @get_ut_id(1); @mov16(o4, fi, .{ .async = true, .ut_id = u });", "",
        "this .ut_id must be known at compile time"),
    "two streams on wse3": (
        "wse3", "@add16(o4, fi, fi);", "", "on wse3 an operation has at most one fabin operand"),
    "action of full FIFOs on wse2": (
        "wse2", "_ = f;", FIFO % ", .{ .full_action = .{ .terminate = true } }",
        ".full_action is for wse3 only"),
    "SIMD mode of FIFOs on wse3": (
        "wse3", "_ = f;", FIFO % ", .{ .simd_mode = .{ .simd_64 = true } }",
        ".simd_mode of a FIFO is for wse2 only"),
}  # fmt: skip
"""Errors of one architecture: it, what the task does, what stands before, the message."""

ARCHS = ("wse2", "wse3")


def _program(body: str, before: str) -> str:
    return f"{PRELUDE}{before}\ntask main() void {{ {body} }}\n"


def _page() -> Page:
    """Every rule for both architectures."""
    computes: dict[str, tuple[str, list[int]]] = {}
    valid: dict[str, str] = {}
    refused: dict[str, tuple[str, str]] = {}
    options: dict[str, Mapping[str, Any]] = {}
    for arch in ARCHS:
        for rule, (body, before, out) in COMPUTES.items():
            computes[f"{rule} ({arch})"] = (_program(body, before), out)
        for rule, (body, before) in VALID.items():
            valid[f"{rule} ({arch})"] = _program(body, before)
        for rule, (body, before, message) in REFUSED.items():
            refused[f"{rule} ({arch})"] = (_program(body, before), message)
        for rule in (*COMPUTES, *VALID, *REFUSED):
            options[f"{rule} ({arch})"] = {"arch": arch}
    for rule, (arch, body, before, message) in ONE_ARCH.items():
        refused[rule] = (_program(body, before), message)
        options[rule] = {"arch": arch}
    return Page(valid, computes, refused, options=options)


PAGE = _page()
