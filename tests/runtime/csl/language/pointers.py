"""Pointers, strings, ranges and coercions.

The rules are those of the public language reference; each row is one of them.
"""

from __future__ import annotations

from tests.runtime.csl.language.page import Page

VALID = {
    "ptr": """
        var array = @zeros([10]i32); const pt = &array; const twin: *[10]i32 = &array;
        task main() void { pt.* = @constants([10]i32, 42); pt.*[2] = 1; }
    """,
    "many": """
        fn f0(pt: [*]i32) void {} var m10 = @zeros([10]i32); var m20 = @zeros([20]i32);
        var pt: [*]i32 = &m10; task main() void { f0(&m10); f0(&m20); pt = &m20; }
    """,
    "strings": r"""
        fn yes_no(b: bool) comptime_string { if (b) { return "yes"; } else { return "no"; } }
        comptime { const word = yes_no(true); @comptime_assert(word == "yes"); var s = "one";
        @comptime_assert(s == "one"); s = "two"; @comptime_assert(s != "one");
        @comptime_assert("pqr\x00xyz" != "pqr"); @comptime_assert(@strlen("pqr\x00xyz") == 7); }
    """,
    "strings utf8": """
        const sign_of_word = "🜂"; comptime { @comptime_assert(@strlen(sign_of_word) == 4);
        var octets: [4]u8 = @get_array(sign_of_word);
        @comptime_assert(octets[0] == 0xf0 and octets[3] == 0x82); }
    """,
    "widen": """
        task main() void { var s: i8 = 42; var large: i32 = s; var uv: u16 = 1000;
        var sv: i32 = uv; var h: f16 = 3.14; var w: f32 = h; }
    """,
    "constq": """
        task main() void { var x: i32 = 42; var pt: *i32 = &x; var cp: *const i32 = pt;
        var arr: [10]i32; var ap: *[10]i32 = &arr; var cap: *const [10]i32 = ap;
        var mp: [*]i32 = ap; var cmp: [*]const i32 = ap; var cmp2: [*]const i32 = cap;
        var cmp3: [*]const i32 = mp; var ap1: *[1]i32 = pt; var cap1: *const [1]i32 = pt;
        var c2: *const [1]i32 = cp; }
    """,
    "struct coercion": """
        const Spot = struct { x: i32, y: i32, }; task main() void { var p0: Spot = .{
        .x = 10, .y = 20 }; var p1: struct { x: i32, y: i32 } = .{ .x = 10, .y = 20 };
        var p2: Spot = .{ .y = 20, .x = 10 }; }
    """,
    "peer": """
        fn a1(c: bool) i32 { var x: i32 = 10; return if (c) x else 20; } fn a2(c: bool) f32 {
        var y: f32 = 1.0; return if (c) y else 2.0; } fn a3(c: bool) i32 { var s: i16 = 100;
        var l: i32 = 200; return if (c) s else l; } fn a4(c: bool) f32 { var s: f16 = 1.5;
        var l: f32 = 2.5; return if (c) s else l; } fn a5(c: bool) *const i32 { var x: i32 = 1;
        const y: i32 = 2; return if (c) &x else &y; } fn a6(c: bool) [*]i32 { var x: [10]i32;
        var y: [20]i32; return if (c) &x else &y; } fn a7(c: bool) *const [1]i32 {
        var x: i32 = 1; var y: [1]i32; return if (c) &x else &y; } var b: bool = true;
        task main() void { _ = a1(b); _ = a2(b); _ = a3(b); _ = a4(b); _ = a5(b); _ = a6(b);
        _ = a7(b); }
    """,
    "bytes of strings": r"""
        const sign_of_word = "🜂"; comptime { @comptime_assert(@strlen(sign_of_word) == 4);
        var octets: [4]u8 = @get_array(sign_of_word);
        @comptime_assert(octets[0] == 0xf0 and octets[3] == 0x82);
        @comptime_assert(@strlen("a\xf0") == 2); const k = @get_array("\xff\x00z");
        @comptime_assert(k[0] == 255 and k[1] == 0 and k[2] == 122);
        @comptime_assert('\xf0' == 240); }
    """,
    "byte": r"""
        comptime { @comptime_assert(@get_string_from_byte(65) == "A");
        @comptime_assert(@get_string_from_byte('A') == "A");
        @comptime_assert(@get_string_from_byte(0) == "\x00");
        @comptime_assert(@get_string_from_byte(200) == "\xc8"); }
    """,
    "range bounds": """
        comptime { const r = @range(i32, 3, 9, 2);
        @comptime_assert(@range_start(r) == 3 and @range_stop(r) == 9 and @range_step(r) == 2);
        @comptime_assert(@type_of(@range_start(r)) == i32); }
    """,
}  # fmt: skip
"""Programs that compile and whose assertions hold."""

COMPUTES = {
    "anyopaque ptr": (
        """
            export var out = @zeros([1]i32); var x: i32 = 42; var erased: *anyopaque = &x;
            task main() void { var q: *i32 = @ptrcast(*i32, erased); q.* = 100; out[0] = x; }
        """,
        [100],
    ),
    "peer without result type": (
        """
            export var out = @zeros([6]i32); var c: bool = true; var s: i16 = 100;
            var l: i32 = 200; var arr1 = [2]i32{1,2}; var arr2 = [3]i32{3,4,5};
            task main() void { const v = if (c) s else l; out[0] = v; const w = if (c) l else s;
            out[1] = w; const p = if (c) &arr1 else &arr2; out[2] = p[1]; const q = switch (s) {
            100 => s, else => l }; out[3] = q; const r = here: { if (c) { break :here s; }
            break :here l; }; out[4] = r; @comptime_assert(@type_of(v) == i32 and @type_of(w) ==
            i32 and @type_of(q) == i32 and @type_of(r) == i32); }
        """,
        [100, 200, 2, 100, 100, 0],
    ),
    "range runtime": (
        """
            export var out = @zeros([3]u32); var n: u32 = 13; task main() void {
            var r2 = @range(u32, n); out[0] = @range_stop(r2); n = 2; for (r2) |i| {
            out[1] += 1; } out[2] = @range_start(r2); }
        """,
        [13, 13, 0],
    ),
}  # fmt: skip
"""Programs and what `out` holds at the end."""

REFUSED = {
    "ptr const": (
        """
            var array = @zeros([10]i32); var pt:*const[10]i32 = &array; task main() void {
            pt.* = @constants([10]i32, 42); }
        """,
        "cannot assign here: this is constant, or lies behind a const pointer",
    ),
    "ptr const2": (
        """
            var array = @zeros([10]i32); var pt:*const[10]i32 = &array; task main() void {
            pt.*[2] = 1; }
        """,
        "cannot assign here: this is constant, or lies behind a const pointer",
    ),
    "ptr const3": (
        """
            const array = @zeros([10]i32); var pt = &array; task main() void {
            pt.* = @constants([10]i32, 42); }
        """,
        "cannot assign here: this is constant, or lies behind a const pointer",
    ),
    "ptr const4": (
        "const array = @zeros([10]i32); var pt = &array; task main() void { pt.*[2] = 1; }",
        "cannot assign here: this is constant, or lies behind a const pointer",
    ),
    "many base": (
        "fn f0(pt: [*]i32) void {} var a = @zeros([20]f16); task main() void { f0(&a); }",
        "expected [*]i32, found a value of type *[20]f16",
    ),
    "many deref": (
        """
            fn f0(pt: [*]i32) void { pt.* = 10; } var a = @zeros([20]i32); task main() void {
            f0(&a); }
        """,
        "'.*' is not for [*]i32: it may point to any number; index it",
    ),
    "many oob": (
        """
            var a = @zeros([10]i32); const pt: [*]i32 = &a; task main() void { pt[1000] = 10; }
        """,
        "index 1000 leaves 'pe.csl:a', which the pointer points to",
    ),
    "anyopaque value": (
        "task main() void { var x: anyopaque = 1; }",
        "expected anyopaque, found the number 1",
    ),
    "anyopaque zero": (
        "task main() void { var x: anyopaque; }",
        "a value of type anyopaque has no zero: it needs an initialiser",
    ),
    "anyopaque param": (
        "fn f(x: anyopaque) void {} task main() void { f(1); }",
        "expected anyopaque, found the number 1",
    ),
    "anyopaque array": (
        "task main() void { var x: [3]anyopaque; }",
        "anyopaque has no size: it stands behind a pointer only",
    ),
    "anyopaque field": (
        "const S = struct { x: anyopaque }; task main() void { var x: *S; }",
        "anyopaque has no size: it stands behind a pointer only",
    ),
    "narrow i32 i16": (
        "task main() void { var a: i32 = 1; var c: i16 = a; }",
        "expected i16, found a value of type i32; convert it with @as(i16, …)",
    ),
    "narrow i8 u8": (
        "task main() void { var a: i8 = 1; var c: u8 = a; }",
        "expected u8, found a value of type i8; convert it with @as(u8, …)",
    ),
    "narrow i32 u64": (
        "task main() void { var a: i32 = 1; var c: u64 = a; }",
        "expected u64, found a value of type i32; convert it with @as(u64, …)",
    ),
    "narrow u16 i16": (
        "task main() void { var a: u16 = 1; var c: i16 = a; }",
        "expected i16, found a value of type u16; convert it with @as(i16, …)",
    ),
    "narrow f32 f16": (
        "task main() void { var a: f32 = 1.0; var c: f16 = a; }",
        "expected f16, found a value of type f32; convert it with @as(f16, …)",
    ),
    "ptrco var bp: *i32 = cp;": (
        """
            task main() void { var x: i32 = 1; var arr: [10]i32;
            var cp: *const i32 = &x;var bp: *i32 = cp; }
        """,
        "expected *i32, found a value of type *const i32",
    ),
    "ptrco var bp: *[10]i32 = cp;": (
        """
            task main() void { var x: i32 = 1; var arr: [10]i32;
            var cp: *const [10]i32 = &arr;var bp: *[10]i32 = cp; }
        """,
        "expected *[10]i32, found a value of type *const [10]i32",
    ),
    "ptrco var bp: *[10]i32 = mp;": (
        """
            task main() void { var x: i32 = 1; var arr: [10]i32;
            var mp: [*]i32 = &arr;var bp: *[10]i32 = mp; }
        """,
        "expected *[10]i32, found a value of type [*]i32",
    ),
    "ptrco var bp: *i32 = ap;": (
        """
            task main() void { var x: i32 = 1; var arr: [10]i32;
            var ap: *[1]i32 = &x;var bp: *i32 = ap; }
        """,
        "expected *i32, found a value of type *[1]i32",
    ),
    "struct coercion .{ .x = 1 }": (
        """
            const Spot = struct { x: i32, y: i32, }; task main() void { var p: Spot = .{
            .x = 1 }; }
        """,
        "the literal of Spot lacks the field 'y'",
    ),
    "struct coercion .{ .x = 1, .y = 2, .z = 3 }": (
        """
            const Spot = struct { x: i32, y: i32, }; task main() void { var p: Spot = .{
            .x = 1, .y = 2, .z = 3 }; }
        """,
        "Spot has no field 'z'; its fields are x, y",
    ),
    "struct coercion .{ .x = 1, .z = 2 }": (
        """
            const Spot = struct { x: i32, y: i32, }; task main() void { var p: Spot = .{
            .x = 1, .z = 2 }; }
        """,
        "Spot has no field 'z'; its fields are x, y",
    ),
    "struct coercion .{ .x = 1, .y = 'str' }": (
        """
            const Spot = struct { x: i32, y: i32, }; task main() void { var p: Spot = .{
            .x = 1, .y = "str" }; }
        """,
        "expected i32, found a string",
    ),
    "byte 256": (
        "comptime { const x = @get_string_from_byte(256); }",
        "a byte is 0 to 255, found 256",
    ),
}  # fmt: skip
"""Programs and the first error."""

PAGE = Page(VALID, COMPUTES, REFUSED)
