"""CSL files by its grammar: tables of rules, and one engine that expands them.

In a rule ``$name`` stands for an expansion of the table's entry `name`. Every entry begins with
alternatives that end the expansion; `LEAVES` says how many, where it is not one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from hypothesis import strategies as st

Grammar = Mapping[str, Sequence[str]]

SYNTAX: Grammar = {
    "file": ("$decl", "$decl\n$file", "$decl\n$file", "$decl\n$decl\n$file"),
    "decl": (
        "const $id = $expr;", "$link$kind $id: $type = $expr;", "$link$kind $id: $type $attr;",
        "param $id;", "param $id: $type = $expr;", "extern var $id: $type;",
        "fn $id($params) $type $block", "inline fn $id($params) $type $block",
        "export fn $id() void $block", "task $id($params) void $block", "comptime $block",
        "layout $block",
    ),
    "link": ("", "export "),
    "kind": ("const", "var", "param"),
    "attr": ("", "align($expr)", 'linksection($string)', 'linkname($string)'),
    "params": ("", "$param", "$param, $param", "$param, $param,"),
    "param": ("$id: $type", "comptime $id: $type", "$id: anytype"),
    "block": ("{}", "{ $stmts }", "{ $stmts }"),
    "stmts": ("$stmt", "$stmt $stmts", "$stmt $stmts"),
    "stmt": (
        "$id = $expr;", "$expr;", "return $expr;", "return;", "break;", "break :$id;",
        "break :$id $expr;", "continue;", "continue :$id;", "$postfix $assign $expr;",
        "var $id = $expr;", "const $id: $type = $expr;", "comptime var $id = $expr;", "$block",
        "$id: $block", "comptime $block", "if ($expr) $block", "if ($expr) $block else $stmt",
        "if ($expr) $id = $expr else $id += $expr;", "$label$inline while ($expr) $block",
        "$label$inline while ($expr) : ($id += $expr) $block",
        "$label$inline for ($expr) |$id| $block", "$label$inline for ($expr) |$id, $id| $block",
        "switch ($expr) { $cases }",
    ),
    "label": ("", "$id: "),
    "inline": ("", "inline"),
    "cases": ("else => $expr", "$expr => $expr, $cases", "$expr, $expr => $block $cases"),
    "assign": ("=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="),
    "type": (
        "u16", "$id", "$scalar", "void", "type", "comptime_int", "comptime_string", "anyopaque",
        "[$expr]$type", "[$expr, $expr]$type", "*$type", "*const $type", "[*]$type",
        "[*]const $type", "fn($type) $type", "*const fn() void", "enum($type) { $members }",
        "enum { $members }", "struct { $fields }", "packed struct { $fields }",
        "union { $fields }", "extern struct { $fields }", "@type_of($expr)", "$id.$id",
        "$id($args)",
    ),
    "scalar": ("u16", "i16", "u32", "i32", "f16", "f32", "bool", "u8", "i64", "u3", "color",
               "direction", "local_task_id", "input_queue", "mem1d_dsd", "fabout_dsd"),
    "members": ("$id", "$id, $members", "$id = $expr, $members"),
    "fields": ("$id: $type", "$id: $type, $fields"),
    "expr": (
        "$id", "$int", "$float", "$string", "$char", "true", "false", "{}", ".{}", "($expr)",
        "$expr $op $expr", "$expr $op $expr", "-$expr", "!$expr", "~$expr", "&$expr",
        "comptime $expr", "$postfix", "$postfix", "@$builtin($args)", "@$builtin($args)",
        ".{ $args }", ".{ $inits }", "$id{ $inits }", "[$expr]$type{ $args }",
        "if ($expr) $expr else $expr", "(if ($expr) $expr)", "$id: { $stmts break :$id $expr; }",
        "switch ($expr) { $cases }", "|$id|{$expr} -> $id[$expr]",
        "|$id, $id|{$expr, $expr} -> $id.$id[$expr, $expr]",
    ),
    "op": ("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "==", "!=", "<", ">", "<=", ">=",
           "and", "or"),
    "postfix": ("$id", "$postfix.$id", "$postfix.*", "$postfix[$expr]", "$postfix[$expr, $expr]",
                "$postfix($args)"),
    "args": ("", "$expr", "$expr, $expr", "$expr, $args"),
    "inits": (".$id = $expr", ".$id = $expr, $inits"),
    "id": ("a", "b", "c", "d", "n", "x", "f", "g", "main", "T", "u16"),
    "int": ("0", "1", "2", "3", "7", "16", "0xffff", "0b101", "65536", "4294967296",
            "99999999999999999999"),
    "float": ("0.0", "1.5", "1.e-3", "2.5e10", "1e300"),
    "string": ('""', '"a"', r'"\n\x41"', '"<math>"', '"é"', r'"\xff"', '"{} {d}"'),
    "char": ("'a'", r"'\n'", r"'\x7f'"),
    "builtin": (
        "as", "bitcast", "ptrcast", "zeros", "constants", "type_of", "is_arch", "range",
        "get_int", "comptime_assert", "assert", "comptime_print", "dimensions", "element_type",
        "element_count", "rank", "field", "has_field", "strcat", "strlen", "random16",
        "is_comptime", "concat_structs", "get_color", "get_data_task_id", "get_local_task_id",
        "get_control_task_id", "get_input_queue", "get_output_queue", "get_ut_id",
        "bind_local_task", "bind_data_task", "bind_control_task", "activate", "block", "unblock",
        "initialize_queue", "get_dsd", "get_dsr", "load_to_dsr", "allocate_fifo",
        "set_dsd_length", "increment_dsd_offset", "set_dsd_base_addr", "fadds", "fmacs", "mov16",
        "add16", "fmovs", "map", "export_symbol", "export_name", "set_rectangle",
        "set_tile_code", "set_color_config", "set_local_color_config", "import_module",
        "set_teardown_handler", "queue_flush", "get_rectangle", "no_such_builtin",
    ),
}  # fmt: skip
"""Any file that parses: names and types fit each other only by chance."""

TYPED: Grammar = {
    "file": (
        "$globals\n$helper\n$main", "$globals\n$helper\n$comptime\n$main",
        "$globals\n$helper\n$module\n$comptime\n$main",
    ),
    "globals": (
        "var i: i16 = $known; var j: i16; var k: u16 = 3; var w: u32; var x: f32 = 1.5; "
        "var h: f16 = 0.5; var ok: bool; const S = struct { a: i16, b: [2]f32 }; var s: S; "
        "const E = enum(u16) { one, two = 7, six }; var e: E = E.one; "
        "var v = @zeros([8]f32); var g = @constants([2, 4]i16, 2); var p: [*]f32 = &v; "
        "var vd = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{8} -> v[i] }); "
        "var gd = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{$few} -> g[$bit, i] }); "
        "const dest = @get_dsr(dsr_dest, 1); "
        "const B = packed struct { low: u3, high: i5 }; var bits = B{ .low = 1, .high = -1 };",
    ),
    "module": ('const math = @import_module("<math>"); fn root() void { x = math.sqrt($f32); }',),
    "helper": (
        "fn twice(n: i16) i16 { return n + n; } fn half(y: f32) f32 { return y * 0.5; }",
        "fn twice(n: i16) i16 { $block return $i16; } inline fn half(y: f32) f32 { return $f32; }",
        "fn twice(n: i16) i16 { if ($bool) { return $i16; } return n; }"
        " fn half(y: anytype) @type_of(y) { return y; }",
    ),
    "main": (
        "fn other() void { $block } const id = @get_local_task_id(9); task main() void { $block }"
        " comptime { @bind_local_task(main, id); @activate(id); }",
    ),
    "comptime": (
        "comptime { @comptime_assert(true); }", "const q: i16 = $known;",
        "const q = blk: { if ($known > 2) { break :blk 1; } break :blk $known; };",
        "comptime { var t: u16 = 0; while (t < 3) : (t += 1) { @comptime_print(t, $known); } }",
    ),
    "block": ("$stmt", "$stmt\n$block", "$stmt\n$stmt\n$block"),
    "stmt": (
        "$ivar = $i16;", "x = $f32;", "ok = $bool;", "$ivar $iop= $i16;", "x $fop= $f32;",
        "v[$small] = $f32;", "g[$bit, $few] += $i16;", "v[@as(u16, $i16)] = 1.0;", "k += $u16;",
        "s.a = $i16;", "s.b[$bit] = $f32;", "e = $enum;", "w = $u32;", "h = @as(f16, $f32);",
        "p[$small] += 1.0;", "bits.low += 1;", "s = S{ .a = $i16, .b = [2]f32{ $f32, 2.0 } };",
        "if ($bool) { $block }", "if ($bool) { $block } else { $block }",
        "for (@range(i16, $known)) |r| { j += r; $block }",
        "inline for (.{ 1, 2 }) |r| { j += r; $block }",
        "for (v) |y, r| { x += y; if (r > $small) break; }",
        "while (i < $known) : (i += 1) { $block }", "while ($bool) { $block }",
        "switch (e) { E.one => i = $i16, E.two, E.six => { $block } }",
        "{ var c: i16 = $i16; const d = c + 1; j = d; }",
        "@fadds(vd, vd, $f32);", "@fmacs(vd, vd, vd, $f32);", "@map(half, vd, vd);",
        "@mov16(gd, $i16);", "@add16(gd, gd, $i16);", "@load_to_dsr(dest, vd);",
        "vd = @increment_dsd_offset(vd, $i16, f32);", "vd = @set_dsd_length(vd, $u16);",
        "vd = @set_dsd_base_addr(vd, v);", "@fmovs(&x, vd);", "@assert($bool);", "other();",
        "_ = twice($i16);", "blk: { if ($bool) break :blk; $block }",
        "@activate(id);", "@block(id);", "@unblock(id);", "return;",
    ),
    "ivar": ("i", "j"), "iop": ("+", "-", "*", "/", "%", "&", "|", "^"),
    "fop": ("+", "-", "*", "/"), "bit": ("0", "1"), "few": ("0", "1", "3"),
    "small": ("0", "1", "3", "7"),
    "known": ("1", "2", "5", "-3", "(2 * 3)", "@as(i16, 4)"),
    "i16": (
        "i", "j", "1", "-7", "32767", "s.a", "twice($i16)", "($i16 $iop $i16)",
        "~@as(i16, $i16)", "(-$i16)",
        "g[$bit, $few]", "@as(i16, $f32)", "@as(i16, $u16)", "@bitcast(i16, h)",
        "($i16 << $small)", "(if ($bool) $i16 else $i16)", "@as(i16, bits.high)",
        "switch (k) { 1, 2 => $i16, else => $i16 }", "@as(i16, @get_int(e))",
    ),
    "u16": ("k", "1", "9", "@as(u16, $i16)", "($u16 $iop $u16)", "($u16 >> $small)",
            "@bitcast(u8, bits)"),
    "u32": ("w", "1", "@as(u32, $u16)", "@bitcast(u32, x)", "($u32 $iop $u32)"),
    "f32": ("x", "1.5", "-0.0", "1e30", "v[$small]", "half($f32)", "($f32 $fop $f32)",
            "@as(f32, $i16)", "@as(f32, h)", "s.b[$bit]", "p[$small]", "@bitcast(f32, w)"),
    "bool": ("ok", "true", "($i16 < $i16)", "($f32 >= $f32)", "($bool and $bool)", "!$bool",
             "(e == $enum)", "@as(bool, $i16)", "($bool or $u16 != 0)"),
    "enum": ("e", "E.two", "E.six", "@as(E, 7)"),
}  # fmt: skip
"""PE files in which names and types fit: most of them compile, and some run to their end."""

LEAVES: Mapping[str, int] = {"stmt": 5, "expr": 7, "decl": 2, "type": 3, "i16": 5, "f32": 4}
"""How many of an entry's first alternatives hold nothing that grows, or little of it."""

_REFERENCE = re.compile(r"\$([a-z0-9]+)")


def expand(grammar: Grammar, start: str, choose: Callable[[int], int], size: int = 120) -> str:
    """A text derived from `start`; ``choose(n)`` picks an alternative, 0 to n - 1.

    After `size` choices only the first alternatives of an entry are picked.
    """
    left = size

    def one(name: str) -> str:
        nonlocal left
        left -= 1
        rules = grammar[name]
        count = len(rules) if left > 0 else min(LEAVES.get(name, 1), len(rules))
        rule = rules[choose(count) if count > 1 else 0]
        return _REFERENCE.sub(lambda found: one(found.group(1)), rule)

    return one(start)


@st.composite
def files(draw: st.DrawFn, grammar: Grammar = SYNTAX, size: int = 120) -> str:
    """Whole CSL files of `grammar`."""
    return expand(grammar, "file", lambda count: draw(_choices(count)), size)


_KNOWN: dict[int, st.SearchStrategy[int]] = {}


def _choices(count: int) -> st.SearchStrategy[int]:
    return _KNOWN.setdefault(count, st.integers(0, count - 1))
