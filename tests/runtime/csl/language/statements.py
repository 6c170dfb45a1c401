"""Statements and operators: if, loops, labelled blocks, switch, and what operators take.

The rules are those of the public language reference; each row is one of them.
"""

from __future__ import annotations

from tests.runtime.csl.language.page import Page

VALID = {
    "if expr": """
        var cond: bool = true; task main() void { const x : i32 = if (cond) 0 else 1; _ = x; }
    """,
    "if branch not taken": "task main() void { if (false) { nothing(1, 2); } else { } }",
    "else if": """
        var n: u16 = 1; task main() void { if (n == 1) { } else if (n == 2) { } else { } }
    """,
    "if assignment no braces": """
        var n: u16 = 1; var lhs: u16 = 0; task main() void { if (n == 1) lhs = 2; }
    """,
    "label reuse": """
        const a = [2]u16{1,2}; fn f1() void { f1: for (a) |z| { } g1: for (a) |c| { }
        g1: for (a) |d| { } } task main() void { f1(); }
    """,
    "peer breaks": """
        var c: bool = true; task main() void { const M: i32 = 42; const N: comptime_int = 100;
        const x = here: { if (c) { break :here N; } break :here M; };
        @comptime_assert(@is_same_type(@type_of(x), i32)); }
    """,
    "blk void": """
        var c: bool = true; task main() void { here: { if (c) { break :here {}; } } }
    """,
    "blk return": """
        var c: bool = true; task main() void { here: { if (c) { break :here false; } return; } }
    """,
    "blk comptime": """
        var g: u16 = 0; fn work() void { g += 1; } task main() void { const x = b: { work();
        break :b 1; } + 42; @comptime_assert(@is_same_type(@type_of(x), comptime_int));
        @comptime_assert(x == 43); }
    """,
    "switch bool small int exhaust": """
        var n: u1 = 1; task main() void { switch (n) { 0 => {}, 1 => {} } }
    """,
    "switch comptime known not checked": """
        const e: u16 = 1; task main() void { switch (e) { 1 => {}, else => { nothing(); } } }
    """,
    "ops": """
        comptime { @comptime_assert(3 + 4 == 7 and 3 - 9 == -6 and -4 == 1 - 5);
        @comptime_assert(21 / 6 == 3 and -21 / 6 == -3);
        @comptime_assert(21 % 6 == 3 and -21 % 6 == -3);
        @comptime_assert(0b11 << 4 == 48 and 200 >> 3 == 25);
        @comptime_assert(@as(i8, -9) >> 1 == -5); @comptime_assert(0b1100 & 0b1010 == 8);
        @comptime_assert(0b1100 | 0b1010 == 14); @comptime_assert(0b1100 ^ 0b1010 == 6);
        @comptime_assert(~@as(u8, 0x0f) == 0xf0 and ~@as(i8, 0) == -1);
        @comptime_assert(!(true and false) and (false or true));
        @comptime_assert(2 != 3 and 2 < 3 and 3 <= 3 and 4 > 3 and 3 >= 3); }
    """,
    "eq ids": """
        comptime { @comptime_assert(@get_color(1) == @get_color(1) and @get_color(1) !=
        @get_color(2)); @comptime_assert(@get_input_queue(2) == @get_input_queue(2));
        @comptime_assert(@get_local_task_id(9) != @get_local_task_id(8));
        @comptime_assert("a" == "a"); }
    """,
}  # fmt: skip
"""Programs that compile and whose assertions hold."""

COMPUTES = {
    "for": (
        """
            export var out = @zeros([4]i32); const my = [3]i32{ 5, 6, 7 }; task main() void {
            for (my) |e| { out[0] += e; } for (@range(i32, 0, 100, 30)) |e| { out[1] += e; }
            for (my) |e, i| { if (i == 1) { continue; } if (i == 3) break;
            out[2] += e * @as(i32, i); } far: for (my) |e, i| { for (my) |f, j| { if (j == 1) {
            break :far; } out[3] += f; } } }
        """,
        [18, 180, 14, 5],
    ),
    "while": (
        """
            export var out = @zeros([3]u16); var c: bool = true; task main() void {
            var i: u16 = 0; while (i < 10) : (i += 3) { if (i == 3) continue; out[0] += 1; }
            far: while (c) { while (c) { break :far; } out[1] = 9; } far: while (c) {
            near: for (@range(u16, 5)) |e| { if (e == 2) { break :far; } else if (e == 7) {
            break :near; } out[2] += 1; } } }
        """,
        [3, 0, 2],
    ),
    "labelled block": (
        """
            export var out = @zeros([3]i32); var cond: bool = true; task main() void {
            var x: i32 = 0; far: { if (cond) { break :far; } x += 1; } out[0] = x;
            while (cond) { here: { if (out[1] > 3) { break; } else { break :here; } } {
            out[1] += 1; if (out[1] == 9) { break; } } } var y: i32 = 123; const z = here: {
            y += 1; break :here y; }; out[2] = z; @assert(z == 124); @assert(y == 124); }
        """,
        [0, 4, 124],
    ),
    "switch expr": (
        """
            export var out = @zeros([4]i16); const phase = enum { A, B, C, D };
            var e: phase = phase.B; fn f0(e: phase) i16 { return switch (e) {
            phase.A => 1, phase.B => -10, phase.C => 42, else => 100 }; } task main() void {
            out[0] = f0(e); out[1] = f0(phase.D); switch (out[0]) { -10, 1 => {
            if (out[0] == 1) { out[2] = 1; } out[3] = 2; }, else => out[3] = 9, } }
        """,
        [-10, 100, 0, 2],
    ),
    "join struct": (
        """
            export var out = @zeros([4]u16); const S = struct { x: u16, y: u16 };
            var c: bool = true; var a = S{ .x = 1, .y = 2 }; task main() void {
            const v = if (c) a else S{ .x = 5, .y = 6 }; out[0] = v.x;
            const w: S = if (!c) a else .{ .x = 7, .y = 8 }; out[1] = w.y; const z = here: {
            if (c) { break :here S{ .x = 9, .y = 9 }; } break :here a; }; out[2] = z.x;
            const arr = switch (out[0]) { 1 => [2]u16{ 3, 4 }, else => [2]u16{ 5, 6 } };
            out[3] = arr[1]; }
        """,
        [1, 8, 9, 4],
    ),
    "join dsd": (
        """
            export var out = @zeros([4]f32); var other = @zeros([4]f32); var c: bool = true;
            const d1 = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> out[i] });
            const d2 = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> other[i] });
            task main() void { const d = if (c) d1 else d2; @fmovs(d, 2.0); }
        """,
        [2, 2, 2, 2],
    ),
    "nested if types": (
        """
            export var out = @zeros([2]i32); var c: u16 = 2; var s: i8 = -4; var m: i16 = 300;
            task main() void { const v = if (c == 0) 1 else if (c == 1) s else if (c == 2) m
            else 70; out[0] = v; out[1] = if (c == 2) s else 7; }
        """,
        [300, -4],
    ),
}  # fmt: skip
"""Programs and what `out` holds at the end."""

REFUSED = {
    "if no else value": (
        "var cond: bool = true; task main() void { const x: i32 = if (cond) 5; }",
        "expected void, found 5 of type i32",
    ),
    "if branch types": (
        """
            var cond: bool = true; task main() void { const x = if (cond) @as(i32, 1) else 1.5;
            }
        """,
        "the values of 'if' meet 1 of type i32 and the number 1.5; convert one with @as",
    ),
    "if cond int": (
        "task main() void { if (1) { } }",
        "expected bool, found the number 1; convert it with @as(bool, …)",
    ),
    "label redefinition": (
        """
            const a = [2]u16{1,2}; task main() void { f0: for (a) |x| { f0: for (a) |y| { } } }
        """,
        "label 'f0' is that of an enclosing loop or block already",
    ),
    "label block redefinition": (
        "task main() void { f0: { f0: while (true) { break; } } }",
        "label 'f0' is that of an enclosing loop or block already",
    ),
    "block scope": (
        "task main() void { { var x: i32 = 1; } x += 1; }",
        "'x' is not declared",
    ),
    "peer breaks bad": (
        """
            var c: bool = true; task main() void { const y = here: { if (c) {
            break :here @as(i32, 1); } break :here 0.5; }; }
        """,
        "the values of the block meet 1 of type i32 and the number 0.5; convert one with",
    ),
    "blk value reaches end": (
        "var c: bool = true; task main() void { here: { if (c) { break :here false; } } }",
        "expected void, found false of type bool",
    ),
    "switch comptime_int": (
        "task main() void { switch (5) { 5 => {}, else => {} } }",
        "'switch' needs an integer of fixed width or an enum, found the number 5",
    ),
    "switch dup": (
        """
            var n: i16 = 1; task main() void { switch (n) { 1, 2 => {}, 2 => {}, else => {} } }
        """,
        "this value stands in two cases of the switch",
    ),
    "switch dup enum": (
        """
            const e = enum(u16) { A, B }; var n: e = e.A; task main() void { switch (n) {
            e.A => {}, e.A => {}, e.B => {} } }
        """,
        "this value stands in two cases of the switch",
    ),
    "switch not covered": (
        "var n: i16 = 1; task main() void { switch (n) { -5, 0 => {} } }",
        "'switch' must cover every case: values of i16 are missing; add 'else =>'",
    ),
    "switch enum not covered": (
        """
            const e = enum(u16) { A, B, C }; var n: e = e.A; task main() void { switch (n) {
            e.A, e.B => {} } }
        """,
        "'switch' must cover every case: C of e is missing; add 'else =>'",
    ),
    "switch case type": (
        "var n: i16 = 1; task main() void { switch (n) { 1.5 => {}, else => {} } }",
        "expected i16, found the number 1.5; convert it with @as(i16, …)",
    ),
    "switch case range": (
        "var n: u8 = 1; task main() void { switch (n) { 256 => {}, else => {} } }",
        "expected u8, found the number 256; u8 holds 0 to 255",
    ),
    "switch case runtime": (
        """
            var n: u8 = 1; var k: u8 = 1; task main() void { switch (n) { k => {}, else => {} }
            }
        """,
        "this value of a case must be known at compile time, but it is computed at run",
    ),
    "switch two else": (
        "var n: u8 = 1; task main() void { switch (n) { else => {}, else => {} } }",
        "the switch has two 'else'",
    ),
    "switch bool": (
        "var n: bool = true; task main() void { switch (n) { true => {}, else => {} } }",
        "'switch' needs an integer of fixed width or an enum, found a value of type bool",
    ),
    "switch comptime not covered": (
        "const e: u16 = 1; task main() void { switch (e) { 1 => {} } }",
        "'switch' must cover every case: values of u16 are missing; add 'else =>'",
    ),
    "asm": (
        'task main() void { asm volatile ("nop"); }',
        "inline assembly is not supported: nothing here runs it",
    ),
    "~ comptime_int": (
        "comptime { const x = ~5; }",
        "'~' needs a fixed width: write ~@as(u16, 5)",
    ),
    "shift signed": (
        "var n: i16 = 1; var u: u16 = 1; task main() void { const x = u << n; }",
        "the count of '<<' must be unsigned, found a value of type i16",
    ),
    "shift signed known": (
        "task main() void { var u: u16 = 1; const x = u << @as(i16, 3); }",
        "the count of '<<' must be unsigned, found 3 of type i16",
    ),
    "shift negative": (
        "task main() void { var u: u16 = 1; const x = u << -1; }",
        "the count of '<<' must be unsigned, found the number -1",
    ),
    "float %": (
        "task main() void { var f: f32 = 1.0; f %= 2.0; }",
        "'%' is not defined for f32",
    ),
    "bool +": (
        "task main() void { const x = true + false; }",
        "'+' is not defined for bool",
    ),
    "bool <": (
        "task main() void { const x = true < false; }",
        "'<' is not defined for bool",
    ),
    "chain cmp": (
        "task main() void { const x = 1 < 2 < 3; }",
        "expected 'and' or the end of the comparison (they do not chain), found '<'",
    ),
    "int and": (
        "task main() void { const x = 1 and true; }",
        "expected bool, found the number 1; convert it with @as(bool, …)",
    ),
    "! int": (
        "task main() void { const x = !1; }",
        "'!' is not defined for the number 1",
    ),
    "eq color int": (
        "comptime { @comptime_assert(@get_color(1) == 1); }",
        "'==' cannot compare a value of type color with the number 1",
    ),
    "eq struct": (
        "comptime { const x = .{ .a = 1 } == .{ .a = 1 }; }",
        "'==' is not defined for comptime_struct",
    ),
    "eq array": (
        "comptime { const x = [2]u16{1,2} == [2]u16{1,2}; }",
        "'==' is not defined for [2]u16: compare its elements",
    ),
    "cmp string <": (
        'comptime { const x = "a" < "b"; }',
        "'<' is not defined for comptime_string",
    ),
    "for of a wide integer": (
        """
            const a = [2]u1616{ 1, 2 }; task main() void { for (a) |z| {} }
        """,
        "a value of type [2]u1616 cannot stand in PE memory",
    ),
}  # fmt: skip
"""Programs and the first error."""

PAGE = Page(VALID, COMPUTES, REFUSED)
