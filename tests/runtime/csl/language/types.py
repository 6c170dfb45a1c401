"""The type system: numbers, functions, structs, unions, enums.

The rules are those of the public language reference; each row is one of them.
"""

from __future__ import annotations

from tests.runtime.csl.language.page import Page

VALID = {
    "void": """
        const nothing_at_all = {}; const also: void = f0(); fn f0() void {} comptime {
        @comptime_assert(@is_same_type(@type_of(nothing_at_all), void)); const z = also; }
    """,
    "u128 i0": """
        comptime { const x: u128 = 1 << 100; @comptime_assert(x >> 99 == 2); const z: i0 = 0;
        const q: u200 = 7; @comptime_assert(@as(u16, z) == 0); }
    """,
    "char": r"comptime { @comptime_assert('a' == 97 and '\x0a' == 10 and '\n' == 10); }",
    "trillion": """
        const kilo = 1000; const tera = kilo * kilo * kilo * kilo; const one = tera / tera;
        const ten: i16 = 10; const ratio: i16 = kilo / 10; comptime {
        @comptime_assert(one == 1); }
    """,
    "as|": "comptime { @comptime_assert((@as(u16, 1) | 0xbeef) == 0xbeef); }",
    "cfloat": """
        comptime {
const ten: comptime_float = 10.0; @comptime_assert(ten * 0.5 == 5.0);
}
    """,
    "fn values": """
        fn f0(a: i16, b: f16) void {} const h1 = f0; const h2: fn(i16, f16) void = f0;
        task main() void { h1(10, 10.0); h2(20, 20.0); }
    """,
    "anon struct": """
        comptime { var u1s = .{.a = 10, .b = 1.0}; var u2s = .{.a = 20, .b = 2.0}; u1s = u2s;
        @comptime_assert(u1s.a == 20); var s4 = .{10.0, 1.0}; var f = s4[0];
        @comptime_assert(f == 10.0); }
    """,
    "named": """
        const gauss = struct { re: f16, im: f16 }; const one = gauss { .re = 1.0, .im = 0.0 };
        comptime { @comptime_assert(one.re == 1.0); }
    """,
    "type eq": """
        const a = struct { x: i16, y: i16 }; const c = struct { x: i16, y: i16 }; comptime {
        @comptime_assert(a == a); @comptime_assert(a != c);
        @comptime_assert(i16 == i16 and i16 != u16);
        @comptime_assert(@is_same_type(a, a) and !@is_same_type(a, c)); }
    """,
    "pair": """
        fn two_of(comptime A: type, comptime B: type) type { return struct {
        left: A, right: B }; } const duo = two_of(i32, comptime_string) {
        .left = 42, .right = "right side" }; comptime {
        @comptime_assert(@type_of(duo) == two_of(i32, comptime_string));
        @comptime_assert(@type_of(duo.left) == i32);
        @comptime_assert(@is_same_type(@type_of(duo.right), comptime_string)); }
    """,
    "struct mut": """
        const s = struct { x: i32, y: i32 }; comptime { var pairs = s { .x = 15, .y = 99 };
        @comptime_assert(pairs.x == 15); pairs.x = 0; pairs.y = 33;
        @comptime_assert(pairs.x == 0 and pairs.y == 33); }
    """,
    "extern struct": """
        const s = extern struct { x: i16, y: f32, }; export var shared = s {
        .x = -1, .y = -1.1, }; task main() void { shared.x = 2; }
    """,
    "packed struct": """
        const S = packed struct { x: i16, y: f32, }; var s0 = S { .x = 2, .y = 0.0, };
        const O = packed struct { x: i8, y: i8, p: [*]u16, }; task main() void { s0.x = 3; }
    """,
    "union": """
        const u = union { i: i32, f: f32 }; comptime { var either = u { .i = 15 };
        @comptime_assert(either.i == 15); either.i = 0; @comptime_assert(either.i == 0);
        either = u { .f = 33.0 }; @comptime_assert(either.f == 33.0); }
    """,
    "enum": """
        const level = enum(u16) { low, mid = 1, high, };
        const move = enum(i16) {up, down = -3, stay}; comptime {
        @comptime_assert(@as(i16, level.low) == 0); @comptime_assert(@as(u16, level.mid) == 1);
        @comptime_assert(@as(f32, level.high) == 2.0);
        @comptime_assert(@as(level, 1) == level.mid);
        @comptime_assert(@as(level, @as(i16, level.mid) + 1) == level.high);
        const lowest = @as(level, @as(u16, move.up)); @comptime_assert(lowest == level.low); }
    """,
    "enum auto": """
        const c = enum(u16) { low, mid = 4, high }; comptime {
        @comptime_assert(@as(u16, c.low) == 0 and @as(u16, c.high) == 1 and @as(u16, c.mid) ==
        4); }
    """,
    "enum auto2": """
        const c = enum(u16) { low, mid = 1, high }; comptime {
        @comptime_assert(@as(u16, c.low) == 0 and @as(u16, c.high) == 2); }
    """,
    "enum eq": """
        const e1 = enum(i16) {low, mid}; const e2 = enum(i16) {low, mid};
        fn enum_of(E: type) type { return enum(E) {low, mid}; } const e3 = enum_of(i16);
        const e4 = enum_of(i32); const same_e = e1; const lowest = e1.low; comptime {
        @comptime_assert(e1 != e2); @comptime_assert(e3 != e4); @comptime_assert(same_e == e1);
        @comptime_assert(@type_of(lowest) == same_e); }
    """,
    "fn; semicolon after fn body": "fn f() void {}; task main() void { f(); }",
    "packed comptime": """
        const U = packed union { full: u16, bits: packed struct { low: u8, high: u8 } };
        comptime { var u = U{ .full = 0x1234 };
        @comptime_assert(u.bits.low == 0x34 and u.bits.high == 0x12); const S = packed struct {
        a: u4, b: i4 }; const s = S{ .a = 3, .b = -1 };
        @comptime_assert(@bitcast(u8, s) == 0xf3); const q = @bitcast(S, @as(u8, 0x21));
        @comptime_assert(q.a == 1 and q.b == 2); var m = s; m.b = 2;
        @comptime_assert(m.b == 2 and @bitcast(u8, m) == 0x23); } task main() void { }
    """,
    "get_int": """
        comptime { const e = enum(u32) { FOO = 1, BAR = 2 }; const a: i8 = -10;
        @comptime_assert(@get_int(a) == -10 and @type_of(@get_int(a)) == i8);
        @comptime_assert(@type_of(@get_int(e.FOO)) == u32 and @get_int(e.FOO) == 1);
        @comptime_assert(@type_of(@get_int(@get_local_task_id(29))) == u16); }
    """,
}  # fmt: skip
"""Programs that compile and whose assertions hold."""

COMPUTES = {
    "uN": (
        """
            export var out = @zeros([8]u16); var s: u3 = 7; var t: i4 = -8; var bit: u1 = 1;
            var a: u5 = 10; var b: u5 = 5; var prod: u5 = 3 * 4; task main() void {
            var sum: u5 = a + b; out[0] = sum; out[1] = prod; out[2] = s; out[3] = bit;
            out[4] = @as(u16, @as(i16, t) + 100); const w: u5 = prod + 12 + a; out[5] = w;
            t -= 1; out[6] = @as(u16, t); s = s << 1; out[7] = s; }
        """,
        [15, 12, 7, 1, 92, 2, 7, 6],
    ),
    "u24 u40 runtime": (
        """
            export var out = @zeros([4]u32); var x: u24 = 0xffffff; var y: u40 = 0xffffffffff;
            task main() void { x += 2; y += 3; out[0] = x; out[1] = @as(u32, y);
            const k: u12 = @as(u12, x) * 3; out[2] = k; out[3] = if (x < 5) 1 else 0; }
        """,
        [1, 2, 3, 1],
    ),
    "packed bits": (
        """
            export var out = @zeros([4]u16); const S = packed struct { a: u3, b: i5, c: u8 };
            var s = S { .a = 5, .b = -2, .c = 9 }; task main() void { out[0] = @bitcast(u16, s);
            s.b = 3; out[1] = @bitcast(u16, s); out[2] = s.c; s = @bitcast(S, @as(u16, 0xff07));
            out[3] = @as(u16, s.a) + @as(u16, s.c); }
        """,
        [2549, 2333, 9, 262],
    ),
    "packed union": (
        """
            export var out = @zeros([4]u16); const U = packed union {
            full: u16, bits: packed struct { low: u8, high: u8, } }; var u = U {
            .full = 0x1234 }; task main() void { out[0] = u.bits.low; out[1] = u.bits.high;
            u.bits.high = 0x56; out[2] = u.full; }
        """,
        [52, 18, 22068, 0],
    ),
    "union runtime": (
        """
            export var out = @zeros([2]u32); const U = extern union { i: u32, f: f32 };
            var u = U { .i = 1 }; task main() void { u.f = 1.0; out[0] = u.i; u = U{ .i = 7 };
            out[1] = u.i; }
        """,
        [1065353216, 7],
    ),
    "packed floats": (
        """
            export var out = @zeros([8]i32); const E = enum(i4) { a = -3, b = 2 };
            const In = packed struct { p: u3, q: i5 }; const S = packed struct {
            f: f32, h: f16, e: E, t: bool, i: In }; var s = S{
            .f = 1.5, .h = -2.5, .e = E.a, .t = true, .i = In{ .p = 5, .q = -7 } };
            var n: f32 = 4.25; fn get(v: S) f32 { return v.f + @as(f32, v.h); }
            fn make(x: f32) S { return S{ .f = x, .h = 0.5, .e = E.b, .t = false, .i = .{
            .p = 1, .q = 2 } }; } task main() void { out[0] = @as(i32, get(s) * 100.0); s.f = n;
            s.i.q = -9; s.t = false; out[1] = @as(i32, s.f * 100.0); out[2] = @as(i32, s.i.q);
            out[3] = @as(i32, s.i.p); var l = make(n); l.h = 1.0; l.i.p += 1;
            out[4] = @as(i32, get(l) * 100.0);
            out[5] = @as(i32, @as(i16, l.e)) + @as(i32, l.i.p) * 10;
            out[6] = @as(i32, @as(i16, s.e)); const p = &s; p.i = .{ .p = 7, .q = 0 };
            out[7] = @as(i32, p.i.p); }
        """,
        [-100, 425, -9, 5, 525, 22, -3, 7],
    ),
    "packed array of": (
        """
            export var out = @zeros([2]u16); const S = packed struct { a: u8, b: u8 };
            var arr = [2]S{ S{ .a = 1, .b = 2 }, S{ .a = 3, .b = 4 } }; var i: u16 = 1;
            task main() void { arr[i].a = 9; out[0] = @bitcast(u16, arr[i]); out[1] = arr[0].b;
            }
        """,
        [1033, 2],
    ),
}  # fmt: skip
"""Programs and what `out` holds at the end."""

REFUSED = {
    "overflow u5": (
        "task main() void { var big: u5 = 31 + 1; }",
        "expected u5, found the number 32; u5 holds 0 to 31",
    ),
    "underflow i4": (
        "task main() void { var big: i4 = -8 - 1; }",
        "expected i4, found the number -9; i4 holds -8 to 7",
    ),
    "overflow i16": (
        "const big : i16 = 10000000000000; comptime { const q = big; }",
        "expected i16, found the number 10000000000000; i16 holds -32768 to 32767",
    ),
    "cfloat div0": (
        "comptime { const x = 1.0 / 0.0; }",
        "division by zero",
    ),
    "cfloat nan": (
        "comptime { const x = 1.0e308 * 10.0; const y = x - x; }",
        "inf - inf is not a number",
    ),
    "anon not tuple": (
        "comptime { var u3s = .{.a = 10.0, .b = 1.0}; var x = u3s[1]; }",
        "only arrays and pointers have elements, found comptime_struct",
    ),
    "tuple oob": (
        "comptime { var s = .{10.0, 1.0}; var x = s[2]; }",
        "index 2 is out of range: the tuple has 2 items",
    ),
    "tuple runtime index": (
        """
            const s4 = .{10.0, 1.0}; fn t(i: u16) void { var y = s4[i]; } task main() void {
            t(1); }
        """,
        "the index of a tuple must be an integer known at compile time",
    ),
    "addr of packed field": (
        """
            const S = packed struct { x: i16, y: f32, }; var s0 = S { .x = 2, .y = 0.0 };
            const pt = &s0.y; task main() void { const q = pt; }
        """,
        "a field of a packed struct or union has no address",
    ),
    "packed union widths": (
        """
            const U = packed union { a: u16, b: u8 }; task main() void { var x: U = U{ .a = 1 };
            }
        """,
        "the fields of a packed union have equal widths: 'b' has 8 bits, 'a' 16",
    ),
    "union inactive": (
        """
            const u = union { i: i32, f: f32 }; comptime { var either = u { .i = 15 };
            const z = either.f; }
        """,
        "'f' is not the active field of u: 'i' is",
    ),
    "union inactive assign": (
        """
            const u = union { i: i32, f: f32 }; comptime { var either = u { .i = 15 };
            either.f = 1.0; }
        """,
        "'f' is not the active field of u: 'i' is",
    ),
    "enum dup": (
        "const c = enum(u16) { low = 1, mid = 1 }; comptime { const v = c.low; }",
        "two members of the enum have the value 1",
    ),
    "enum cast": (
        """
            const c = enum(u16) { low, mid }; const d = enum(u16) { x }; comptime {
            const v = @as(c, d.x); }
        """,
        "expected c, found a value of type d",
    ),
    "packed array": (
        "const S = packed struct { a: [2]u8 }; task main() void { var x: *S; }",
        "a packed struct cannot hold [2]u8: it has no bits",
    ),
    "packed big": (
        """
            const S = packed struct { a: u64, b: u1 }; task main() void { var x = S{
            .a = 1, .b = 1 }; }
        """,
        "'x' has type S, which has 65 bits; at run time values have 1 to 64, or declare",
    ),
    "packed ==": (
        """
            const S = packed struct { a: u8 }; var s = S{ .a = 1 }; var r = S{ .a = 1 };
            task main() void { if (s == r) {} }
        """,
        "'==' is not defined for S: compare its fields",
    ),
}  # fmt: skip
"""Programs and the first error."""

PAGE = Page(VALID, COMPUTES, REFUSED)
