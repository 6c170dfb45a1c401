"""Modules and storage classes: imports, export, extern, linkname.

The rules are those of the public language reference; each row is one of them.
"""

from __future__ import annotations

from tests.runtime.csl.language.page import Page

FILES = {
    "B/times.csl": """
        param scale:i16; fn times(arg:i16) i16 { return arg * scale; }
    """,
    "store.csl": """
        var count:i16 = 0; layout { nonsense; }
    """,
    "part.csl": """
        extern var x: i16; extern var z: i16 linkname("x"); fn bump() void { x += 1; z += 1; }
    """,
}
"""Modules that the programs import."""

VALID = {
    "extern unused": """
        extern var x: i16; extern var y: *const fn(i16) i16; extern const z: [*]f16;
        task main() void { }
    """,
    "export i16": "export var x: i16; task main() void { }",
    "export u32": "export var x: u32; task main() void { }",
    "export f16": "export var x: f16; task main() void { }",
    "export f32": "export var x: f32; task main() void { }",
    "export bool": "export var x: bool; task main() void { }",
    "export color": "export var x: color; task main() void { }",
    "export [3]i16": "export var x: [3]i16; task main() void { }",
    "export *i16": "export var x: *i16; task main() void { }",
    "export *const f32": "export var x: *const f32; task main() void { }",
    "export *const fn(i16) void": "export var x: *const fn(i16) void; task main() void { }",
    "export enum(u16) { A }": "export var x: enum(u16) { A }; task main() void { }",
    "export extern struct { a: i16 }": """
        export var x: extern struct { a: i16 }; task main() void {  }
    """,
    "export packed struct { a: i8, b: i8 }": """
        export var x: packed struct { a: i8, b: i8 }; task main() void {  }
    """,
    "export [*]f32": "export var x: [*]f32; task main() void { }",
    "export extern union { a: i16, b: f16 }": """
        export var x: extern union { a: i16, b: f16 }; task main() void {  }
    """,
}  # fmt: skip
"""Programs that compile and whose assertions hold."""

COMPUTES = {
    "modules": (
        """
            export var out = @zeros([1]i16);
            const mm = @import_module("B/times.csl", .{.scale = 42});
            const am = @import_module("store.csl"); fn f0() void { const x = mm.times(10);
            am.count += x; } const alias = am; task main() void { f0(); out[0] = alias.count; }
        """,
        [420],
    ),
    "extern alias": (
        """
            export var x: i16 = 1; extern var y: i16 linkname("x");
            const m = @import_module("part.csl"); export var out = @zeros([2]i16);
            task main() void { m.bump(); y += 10; out[0] = x; out[1] = m.x; }
        """,
        [13, 13],
    ),
    "extern fn same program": (
        """
            extern fn g(x: i16) i16; export fn g2(x: i16) linkname("g") i16 { return x + 2; }
            export var out = @zeros([1]i16); task main() void { out[0] = g(40); }
        """,
        [42],
    ),
}  # fmt: skip
"""Programs and what `out` holds at the end."""

REFUSED = {
    "module var": (
        'var mm = @import_module("store.csl"); task main() void { mm.count = 1; }',
        "a module is imported by a 'const': 'mm' is a var",
    ),
    "module local": (
        'task main() void { const mm = @import_module("store.csl"); mm.count = 1; }',
        "a module is imported by a 'const' of the file, not here",
    ),
    "module missing": (
        'const mm = @import_module("none.csl"); task main() void { }',
        "there is no file 'none.csl'",
    ),
    "module member": (
        'const mm = @import_module("store.csl"); task main() void { mm.accumulatr = 1; }',
        "store.csl declares no 'accumulatr'",
    ),
    "module param missing": (
        'const mm = @import_module("B/times.csl"); task main() void { _ = mm.times(3); }',
        "param 'scale' is not supplied and has no default",
    ),
    "extern used, not defined": (
        "extern var x: i16; task main() void { x = 1; }",
        "'x' is extern, but no module of this program exports 'x'; nothing else is",
    ),
    "extern init": (
        "extern var x: i16 = 5; task main() void { }",
        "the extern variable 'x' cannot have a value",
    ),
    "extern fn body": (
        "extern fn f() void { } task main() void { }",
        "an extern function cannot have a body",
    ),
    "export fn no body": (
        "export fn f() void; task main() void { }",
        "expected '{' of a block, found ';'",
    ),
    "fn no body": (
        "fn f() void; task main() void { }",
        "expected '{' of a block, found ';'",
    ),
    "extern no type": (
        "extern var x; task main() void { }",
        "the extern variable 'x' needs a type",
    ),
    "no storage same name": (
        'export var x: i16; var bad: i16 linkname("x"); task main() void { bad = 1; }',
        "'bad' has the symbol name of an 'export' or 'extern' declaration, but is neither",
    ),
    "type mismatch": (
        """
            export var x: i16; extern var bad: i32 linkname("x"); task main() void { bad = 1; }
        """,
        "'bad' is declared as i32, but exported as i16",
    ),
    "constness mismatch": (
        """
            export var x: i16; extern const bad: i16 linkname("x"); task main() void { _ = bad;
            }
        """,
        "'bad' is declared as const, but exported as var",
    ),
    "kind mismatch": (
        'export var x: i16; extern fn x2() linkname("x") void; task main() void { x2(); }',
        "'x2' is declared as fn, but exported as var",
    ),
    "two exports": (
        'export var x: i16; export var y: i16 linkname("x"); task main() void { y = 1; }',
        "'y' is exported twice under one symbol name; give one a 'linkname' of its own",
    ),
    "export comptime_int": (
        "export var x: comptime_int; task main() void { }",
        "'x' cannot be export: other objects cannot share comptime_int",
    ),
    "export struct { a: i16 }": (
        "export var x: struct { a: i16 }; task main() void { }",
        "'x' cannot be export: other objects cannot share struct",
    ),
    "export direction": (
        "export var x: direction; task main() void { }",
        "'x' cannot be export: other objects cannot share direction",
    ),
    "export void": (
        "export var x: void; task main() void { }",
        "'x' cannot be export: other objects cannot share void",
    ),
    "export fn()void": (
        "export var x: fn()void; task main() void { }",
        "'x' cannot be export: other objects cannot share fn()void",
    ),
    "export u3": (
        "export var x: u3; task main() void { }",
        "'x' cannot be export: other objects cannot share u3",
    ),
    "export comptime_string": (
        "export var x: comptime_string; task main() void { }",
        "'x' cannot be export: other objects cannot share comptime_string",
    ),
    "export type": (
        "export var x: type; task main() void { }",
        "'x' cannot be export: other objects cannot share type",
    ),
    "export task param": (
        """
            task t(x: i64) void {} task main() void { } comptime {
            @bind_data_task(t, @get_data_task_id(@get_color(3))); }
        """,
        "data task 't' takes one 16- or 32-bit scalar or two of 16 bits, found",
    ),
    "task u3": (
        """
            task t(x: u3) void {} task main() void { } comptime {
            @bind_data_task(t, @get_data_task_id(@get_color(3))); }
        """,
        "data task 't' takes one 16- or 32-bit scalar or two of 16 bits, found",
    ),
    "task result": (
        "task t() u16 { return 1; } task main() void { }",
        "a task returns void",
    ),
    "task anytype": (
        "task t(x: anytype) void { } task main() void { }",
        "a parameter of a task has a type and run-time value",
    ),
}  # fmt: skip
"""Programs and the first error."""

PAGE = Page(VALID, COMPUTES, REFUSED, files=FILES)
