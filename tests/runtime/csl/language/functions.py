"""Declarations, functions and compile time: inline, generics, comptime variables.

The rules are those of the public language reference; each row is one of them.
"""

from __future__ import annotations

from tests.runtime.csl.language.page import Page

OPTIONS: dict[str, dict[str, object]] = {
    "linkname export": {'name': 'shown_as'},
}  # fmt: skip
"""Files beside the program, and the exported name that is read, by row."""

VALID = {
    "decl": """
        const i10 : i16 = 10; var g10 : f16 = 10.0; param d10 : f32 = 10.0; const a10: i16 = 10;
        const b10 = a10; comptime { @comptime_assert(@type_of(b10) == i16); } task main() void {
        g10 = 1.0; }
    """,
    "align": """
        const a1 : i16 align(32) = 10; const a2 align(64) = a1; var a3: i16 align(128) = 1;
        task main() void { a3 = a1 + a2; const p = &a1; _ = p.*; }
    """,
    "use before decl": """
        fn put(x: f16) void { kept = x; } var kept : f16; task main() void { put(1.0); }
    """,
    "linksection": 'var g1 : i16 linksection(".here") = 10; task main() void { g1 = 1; }',
    "linkname": 'var g1 : i16 linkname("elsewhere") = 10; task main() void { g1 = 1; }',
    "pointers": """
        task main() void { var x = [2]i16 {0, 1}; var pt = &x; const y = [2]i16 {0, 1};
        const cp = &y; @comptime_assert(@type_of(pt) == *[2]i16);
        @comptime_assert(@type_of(cp) == *const [2]i16); var copy = pt.*; var el = pt.*[1];
        @comptime_assert(@type_of(copy) == [2]i16 and @type_of(el) == i16);
        const ok_ptr = &x[1]; const okc = &y[1]; _ = ok_ptr.*; _ = okc.*; }
    """,
    "fn linkname": """
        fn f0 () linkname("f1") void { } export fn read(x: *i16) linkname("alias") i16 {
        return x.*; } export fn sec() linksection("dcache_sect") void { } task main() void {
        f0(); }
    """,
    "fn linkname after result": """
        export fn f0(x: *i16) i16 linkname("shown_as") { return x.*; } task main() void {  }
    """,
    "extern fn decl": """
        extern fn f() void; extern fn g(x: i16, y: [*]f16) i16; extern fn h(f16, f16) f16;
        extern fn known_as(*f16) f16 linkname("f1"); task main() void { }
    """,
    "inline fn": """
        inline fn f0(a: i32, b: i32) i32 { return a + b; } task main() void {
        if (f0(20, 3) != 23) { @comptime_assert(false); } }
    """,
    "inline comptime return type": """
        inline fn f(a: u16) u16 { return a * 2; } task main() void { const x = f(4);
        const arr = @zeros([x]u16); _ = arr; }
    """,
    "short circuit": """
        const never = false and absent; const always = true or absent; task main() void {
        _ = never; _ = always; }
    """,
    "comptime if": """
        param mytype : type = f16; fn f0() mytype { if (@is_same_type(mytype, f16)) {
        return 1.0; } else { return 1; } } task main() void { _ = f0(); }
    """,
    "comptime block sums": """
        task main() void { comptime var total: u16 = 0; comptime var places: u16 = 0;
        const last: u16 = 3; comptime { for ([3]u16 {1, 2, last}) |value, idx| { total += value;
        places += idx; } }; @comptime_assert(total == 6); @comptime_assert(places == 3); }
    """,
    "generic struct": """
        fn Spot(comptime T: type) type { return struct { x: T, y: T, }; }
        const corner = Spot(u16) { .x = 0, .y = 0 }; comptime { @comptime_print(corner); }
    """,
    "sign": """
        fn has_sign(comptime T: type) bool {
        return @is_same_type(T, f16) or @is_same_type(T, f32) or @is_same_type(T, i8) or
        @is_same_type(T, i16); } fn signum(x : anytype) @type_of(x) { const T = @type_of(x);
        if (comptime has_sign(T)) { if (x < @as(T, 0)) { return @as(T, -1); } }
        if (x > @as(T, 0)) { return @as(T, 1); } return x; } comptime { var x: i16 = -12;
        var y: u16 = 25; var z: f16 = 0.0;
        @comptime_assert(signum(x) == -1 and signum(y) == 1 and signum(z) == 0.0); }
    """,
    "make_point": """
        fn Spot(comptime T: type) type { return struct { x: T, y: T, }; }
        fn spot_of(n: anytype) Spot(@type_of(n)) { return Spot(@type_of(n)) {
        .x = n, .y = n + 1, }; } comptime { const q = spot_of(3);
        @comptime_assert(q.x == 3 and q.y == 4); }
    """,
    "size_of_int": """
        fn bytes_of(comptime T: type) comptime_int {
        return if (@is_same_type(T, i8)) 1 else if (@is_same_type(T, i16)) 2 else if
        (@is_same_type(T, i32)) 4 else if (@is_same_type(T, i64)) 8 else @comptime_assert(false,
        "no integer"); } comptime { const w = i16; @comptime_assert(bytes_of(w) == 2); }
    """,
    "mantissa": """
        fn word_of(comptime T: type) type {
        return if (@is_same_type(T, f16)) u16 else if (@is_same_type(T, f32)) u32 else
        @comptime_assert(false, "no float"); } fn fraction_bits(comptime T: type) comptime_int {
        return if (@is_same_type(T, f16)) 10 else if (@is_same_type(T, f32)) 23 else
        @comptime_assert(false, "no float"); } fn fraction_mask(comptime T: type) comptime_int {
        return comptime (1 << fraction_bits(T)) - 1; }
        fn fraction(x: anytype) word_of(@type_of(x)) { const T = @type_of(x);
        const bits = @bitcast(word_of(T), x); return bits & fraction_mask(T); } comptime {
        var x: f16 = 1.5; @comptime_assert(fraction(x) == 512);
        @comptime_assert(fraction(@as(f32, x)) == 4194304); }
    """,
    "migration make_point": """
        fn spot_type(comptime N: type) type { return struct { x: N, y: N, }; }
        fn spot_of(v: anytype) spot_type(@type_of(v)) { return .{ .x = v, .y = 0 }; }
        var n: u16 = 1; task main() void { const q = spot_of(n); _ = q.x; }
    """,
}  # fmt: skip
"""Programs that compile and whose assertions hold."""

COMPUTES = {
    "align const": (
        """
            export var out = @zeros([1]u16); var pad: u8 = 1; const t align(64) = [2]u16{
            1, 2 }; var i: u16 = 0; task main() void { pad = 2;
            out[0] = @bitcast(u16, &t) % 64 + t[i]; }
        """,
        [1],
    ),
    "linkname export": (
        """
            export var f0: [1]u16 linkname("shown_as") = [1]u16{42}; task main() void {
            f0[0] += 1; }
        """,
        [43],
    ),
    "anytype pow": (
        """
            export var out = @zeros([2]i32);
            fn pow(base : anytype, exp : @type_of(base)) @type_of(base) {
            const E = @type_of(base); if (@is_same_type(E, i16)) { var r: i16 = 1;
            for (@range(i16, exp)) |i| { r *= base; } return r; } if (@is_same_type(E, f16)) {
            return base * exp; } return @as(E, 0); } task main() void { const v1 : i16 = 3;
            out[0] = pow(v1, 6); const v2 : f16 = 2.5; out[1] = @as(i32, pow(v2, 6.0)); }
        """,
        [729, 15],
    ),
    "inline runtime": (
        """
            export var out = @zeros([3]i32); var n: i32 = 5;
            inline fn pick(a: i32, c: bool) i32 { if (c) { return a; } if (a > 3) { return 10; }
            else { return 20; } } inline fn set(p: *i32, v: anytype) void { p.* = v; }
            task main() void { out[0] = pick(n, true); out[1] = pick(n, false); var l: i32 = 0;
            set(&l, 7); set(&out[2], l); }
        """,
        [5, 10, 7],
    ),
    "inline loop": (
        """
            export var out = @zeros([2]i32); var n: i32 = 5; inline fn find(a: i32) i32 {
            var i: i32 = 0; while (true) : (i += 1) { if (i * i > a) { return i; } } return 0; }
            task main() void { out[0] = find(n); out[1] = find(30) + find(n+95); }
        """,
        [3, 17],
    ),
    "fn ptr": (
        """
            export var out = @zeros([2]f32); fn f0(a: i16, b: f32) f32 { return b + @as(f32, a);
            } var picked: *const fn(i16,f32)f32 = f0; var p2: *const fn(i16,f32)f32 = &f0;
            task main() void { out[0] = f0(42, 3.0); out[1] = picked(67, 42.0) + p2(1, 1.0); }
        """,
        [45, 111],
    ),
    "comptime var": (
        """
            export var out = @zeros([1]u16); task main() void { comptime var mask: u16 = 0xffff;
            mask &= 0x0400; out[0] = mask; }
        """,
        [1024],
    ),
    "comptime call": (
        """
            param f1: u16 = 21; export var out = @zeros([1]u16); fn f0(arg: u16) u16 {
            return arg * 2; } task main() void { var my = comptime f0(f1); out[0] = my; }
        """,
        [42],
    ),
    "identity": (
        """
            param size: u16 = 2; export var out = eye(); fn eye() [size, size]f16 {
            var result = @zeros([size, size]f16); var i: u16 = 0; while (i < size) : (i += 1) {
            result[i,i] = 1.0; } return result; } task main() void { }
        """,
        [1, 0, 0, 1],
    ),
    "generic identity": (
        """
            export var out = @zeros([2]i16); fn same(comptime T: type, x: T) T { return x; }
            fn latter(x: anytype, y: @type_of(x)) @type_of(x) { return y; } task main() void {
            var arg: i16 = 1; var one = same(i16, arg); out[0] = one;
            out[1] = latter(arg, arg + 1); }
        """,
        [1, 2],
    ),
    "inline nested": (
        """
            export var out = @zeros([3]u16); var n: u16 = 3; inline fn add(a: u16, b: u16) u16 {
            return a + b; } inline fn twice(a: u16) u16 { const r = add(a, a); return r; }
            inline fn clamp(a: u16) u16 { if (a > 4) { return 4; } return a; }
            task main() void { out[0] = twice(n) + add(1, 2); const k = comptime twice(4);
            const t = @zeros([twice(2)]u16); out[1] = k + @as(u16, @element_count(@type_of(t)));
            out[2] = clamp(n) + clamp(n * 2) + clamp(9); }
        """,
        [9, 12, 11],
    ),
    "inline in loop": (
        """
            export var out = @zeros([1]u16); inline fn sq(x: u16) u16 { const y = x * x;
            return y; } task main() void { for (@range(u16, 5)) |i| { out[0] += sq(i); } }
        """,
        [30],
    ),
    "inline void ptr + early return": (
        """
            export var out = @zeros([2]u16); var n: u16 = 3;
            inline fn put(i: u16, v: u16) void { if (v > 10) return; out[i] = v; }
            task main() void { put(0, n); put(1, n * 10); }
        """,
        [3, 0],
    ),
    "inline anytype": (
        """
            export var out = @zeros([2]i32); inline fn sum(xs: anytype) i32 { var t: i32 = 0;
            inline for (xs) |x| { t += x; } return t; } task main() void { out[0] = sum(.{
            1, 2, 3 }); var a = [2]i32{ 4, 5 }; out[1] = sum(a); }
        """,
        [6, 9],
    ),
}  # fmt: skip
"""Programs and what `out` holds at the end."""

REFUSED = {
    "declared twice in one block": (
        "task main() void { const x: u16 = 1; { const x: u16 = 2; } const x: u16 = 3; }",
        "'x' is declared twice",
    ),
    "declared twice in a comptime block": (
        "comptime { const x = 1; var x = 2; }",
        "'x' is declared twice",
    ),
    "endless unrolling": (
        "var n: u16 = 0; task main() void { inline for (@range(u32, 1000000)) |i| { n += 1; } }",
        "the function has more than 131072 instructions: unroll or expand less",
    ),
    "const without init": (
        "const x: u16; task main() void { _ = x; }",
        "'x' needs a value",
    ),
    "var no type no init": (
        "var x; task main() void { x = 1; }",
        "'x' needs a type or a value",
    ),
    "assign const": (
        "const x: u16 = 1; task main() void { x = 2; }",
        "cannot assign to 'x': it is not a var",
    ),
    "assign param": (
        "param x: u16 = 1; task main() void { x = 2; }",
        "cannot assign to 'x': it is not a var",
    ),
    "assign fn param": (
        "fn f(x: u16) void { x = 2; } task main() void { f(1); }",
        "cannot assign to 'x': it is not a var",
    ),
    "align 3": (
        "var x: i16 align(3) = 10; task main() void { x = 1; }",
        "an alignment is a power of two up to 4096, found 3",
    ),
    "align 0 const": (
        "const x: i16 align(0) = 10; task main() void { _ = x; }",
        "an alignment is a power of two up to 4096, found 0",
    ),
    "align local": (
        "task main() void { var x: i16 align(3) = 1; const p = &x; p.* = 1; }",
        "an alignment is a power of two up to 4096, found 3",
    ),
    "align local reg": (
        "task main() void { var x: i16 align(3) = 1; }",
        "an alignment is a power of two up to 4096, found 3",
    ),
    "linksection type": (
        "var g1 : i16 linksection(7) = 10; task main() void { g1 = 1; }",
        "expected comptime_string, found the number 7",
    ),
    "linkname type": (
        "var g1 : i16 linkname(3) = 10; task main() void { g1 = 1; }",
        "expected comptime_string, found the number 3",
    ),
    "addr of temp": (
        "task main() void { const bad_ptr = &(([2]i16 {0,0})[1]); }",
        "'&' needs a variable, found a value that has no place",
    ),
    "addr of literal": (
        "task main() void { const p = &5; }",
        "'&' needs a variable, found a value that has no place",
    ),
    "addr of expr": (
        "task main() void { var x: i16 = 1; const p = &(x + 1); }",
        "'&' needs a variable, found a value that has no place",
    ),
    "addr of call": (
        "fn f() i16 { return 1; } task main() void { const p = &f(); }",
        "'&' needs a variable, found a value that has no place",
    ),
    "non-inline fn": (
        """
            fn f0(a: i32, b: i32) i32 { return a + b; } task main() void {
            if (f0(20, 3) != 23) { @comptime_assert(false); } }
        """,
        "the compile-time assertion does not hold",
    ),
    "inline linkname": (
        """
            inline fn f0(a: i32) linkname("x") i32 { return a; } task main() void { _ = f0(1); }
        """,
        "an inline function is expanded: it cannot have 'linkname'",
    ),
    "inline address": (
        "inline fn f0(a: i32) i32 { return a; } task main() void { const p = &f0; }",
        "'f0' is inline: it has no address",
    ),
    "inline address2": (
        """
            inline fn f0(a: i32) i32 { return a; } task main() void {
            var p: *const fn(i32)i32 = f0; }
        """,
        "'f0' is inline: it has no address",
    ),
    "fn ptr nonconst": (
        "fn f0() void {} var p: *fn()void = &f0; task main() void { p(); }",
        "expected *fn()void, found a value of type fn()void; a pointer to a function is",
    ),
    "task call": (
        "task f0() void {} task main() void { f0(); }",
        "'f0' is a task: it is started with @activate, not called",
    ),
    "comptime var addr": (
        "task main() void { comptime var x: u16 = 1; const p = &x; p.* = 2; }",
        "a compile-time variable has no address at run time",
    ),
    "comptime var addr2": (
        "task main() void { comptime var x: u16 = 1; const p = &x; }",
        "a compile-time variable has no address at run time",
    ),
    "comptime var in runtime if": (
        """
            var c: bool = true; task main() void { comptime var x: u16 = 1; if (c) { x = 2; } }
        """,
        "a compile-time variable cannot change where run time decides whether this code",
    ),
    "comptime var in runtime loop": (
        """
            var c: u16 = 3; task main() void { comptime var x: u16 = 1; while (c > 0) { c -= 1;
            x += 1; } }
        """,
        "a compile-time variable cannot change where run time decides whether this code",
    ),
    "comptime var runtime value": (
        "var c: u16 = 3; task main() void { comptime var x: u16 = 1; x = c; }",
        "this value of a compile-time variable must be known at compile time, but it is",
    ),
    "comptime arr runtime idx": (
        "var c: u16 = 1; task main() void { comptime var x = @zeros([3]u16); x[c] = 1; }",
        "a compile-time array takes only indices known at compile time",
    ),
    "comptime global": (
        "comptime var x: u16 = 1; task main() void { }",
        "expected a declaration (const, var, param, fn, task, comptime block or layout",
    ),
    "comptime read global": (
        """
            var g: u16 = 1; fn f0() u16 { return g; } task main() void {
            const x = comptime f0(); }
        """,
        "the value of 'g' must be known at compile time here, but it is a variable",
    ),
    "comptime store global": (
        "var g: u16 = 1; fn f0() void { g = 2; } task main() void { comptime f0(); }",
        "this needs run-time code, but it stands where everything is computed at compile",
    ),
    "comptime store global2": (
        "var g: u16 = 1; fn f0() void { g = 2; } comptime { f0(); }",
        "this needs run-time code, but it stands where everything is computed at compile",
    ),
    "comptime_int var": (
        "task main() void { var x: comptime_int = 5; }",
        "'x' has type comptime_int, which exists at compile time only; give it a type",
    ),
    "ptr to comptime_int": (
        "task main() void { var x: *comptime_int; }",
        "no pointer can point to comptime_int: it has no memory form",
    ),
    "type fn runtime": (
        """
            fn f(x: comptime_int) u16 { return 1; } var n: u16 = 1; task main() void { _ = f(n);
            }
        """,
        "expected comptime_int, found a value of type u16; convert it with",
    ),
    "generic negate": (
        """
            fn minus(comptime T: type, x: T) T { return -x; } task main() void {
            _ = minus(f16, -3.14); _ = minus(i16, 42); _ = minus(comptime_string, "one"); }
        """,
        "'-' is not defined for a string",
    ),
    "generic abs": (
        """
            fn size(x: anytype) @type_of(x) { if (x < 0.0) { return -x; } return x; }
            task main() void { _ = size("one"); }
        """,
        "'<' cannot compare a string with the number 0.0",
    ),
    "generic abs assert": (
        """
            fn size(x: anytype) @type_of(x) { const T = @type_of(x);
            @comptime_assert( @is_same_type(T, f16) or @is_same_type(T, f32), "only floats");
            if (x < 0.0) { return -x; } return x; } task main() void { _ = size("one"); }
        """,
        "the compile-time assertion does not hold: only floats",
    ),
    "inline recursion": (
        """
            inline fn f(a: u16) u16 { return f(a + 1); } var n: u16 = 1; task main() void {
            _ = f(n); }
        """,
        "calls of inline functions nest deeper than 200: 'f' cannot be expanded",
    ),
}  # fmt: skip
"""Programs and the first error."""

PAGE = Page(VALID, COMPUTES, REFUSED, options=OPTIONS)
