"""Programs that grow without end are refused: strings, numbers, values, types, imports, steps."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pyflame.errors import MemoryLimitError

USED = (
    " const id = @get_local_task_id(9); task t() void { %s } comptime { @bind_local_task(t, id); }"
)
TYPES = "fn grown(comptime T: type, n: u16) type { if (n == 0) { return T; }"
NESTED = "const v0 = .{ 1, 2 }; " + " ".join(
    f"const v{i + 1} = .{{ v{i}, v{i} }};" for i in range(60)
)
CYCLE = "imports nest deeper than 100: pe.csl imports pe.csl; does a file import itself?"

GROWING = {
    "string": (
        'comptime { var s = "ab"; while (true) { s = @strcat(s, s); } }',
        "a string of 2097152 characters; expected at most 1048576",
    ),
    "number": (
        "comptime { var a: comptime_int = 3; while (true) { a = a * a; } }",
        "the result has more than 4096 bits",
    ),
    "wide number": (
        "comptime { var a: u16777215 = 3; while (true) { a = a * a; } }",
        "the result has more than 4096 bits",
    ),
    "wide number from below": (
        "comptime { const a = @as(u16777215, -1); }",
        "the result has more than 4096 bits",
    ),
    "wide number inverted": (
        "comptime { const a = ~@as(u16777215, 0); }",
        "the result has more than 4096 bits",
    ),
    "tuple": (
        NESTED + " comptime { @comptime_print(v60); }",
        "a value of 131072 parts; expected at most 65536",
    ),
    "struct": (
        TYPES + " return grown(struct { a: T, b: T, c: T }, n - 1); } var s: grown(u16, 100);"
        + USED % "s = s;",
        "the struct has 177147 parts, with those of the structs in it; expected at most 65536",
    ),
    "array of structs": (
        "const S = struct { a: u16, b: u16, c: u16 }; var s = @zeros([2000000]S);"
        + USED % "s[0].a = 1;",
        "[2000000]S has 6000000 parts, more than 4194304",
    ),
    "messages": (
        'comptime { while (true) { @comptime_print("again"); } }',
        "more than 100000 messages of @comptime_print",
    ),
    "import": ('const again = @import_module("pe.csl");', CYCLE),
    "call": ("fn f(n: u32) u32 { return f(n + 1); } comptime { const a = f(0); }",
             "calls at compile time nest deeper than 200"),
}  # fmt: skip


@pytest.mark.parametrize("name", GROWING)
def test_what_grows_is_bounded(name: str, errors: Callable[..., str]) -> None:
    text, message = GROWING[name]
    assert message in errors(text)


@pytest.mark.parametrize(
    "text",
    [
        "comptime { while (true) {} }",
        "comptime { var s: u32 = 0; for (@range(u32, 2147483648)) |i| { s += 1; } }",
        "comptime { for (@range(i64, 0, -4611686018427387904, -1)) |i| {} }",
        "fn f(n: u32) u32 { if (n < 2) { return n; } return f(n - 1) + f(n - 2); }"
        " comptime { const a = f(100); }",
    ],
)
def test_steps_have_a_limit_that_is_named(text: str, errors: Callable[..., str]) -> None:
    message = errors(text, comptime_limit=2000)
    assert "more than 2000 loop iterations and calls at compile time" in message
    assert "raise the limit with --max-comptime-steps" in message


def test_variables_far_beyond_the_memory_are_not_all_made(
    compiled: Callable[..., object],
) -> None:
    names = [f"a{i}" for i in range(40)]
    arrays = " ".join(f"var {n} = @zeros([400000]u16);" for n in names)
    with pytest.raises(MemoryLimitError) as caught:
        compiled(arrays + USED % " ".join(f"{n}[0] = 1;" for n in names))
    assert "needs 3208192 bytes, a PE of wse2 has 49152" in str(caught.value)


def test_memory_that_ends_is_an_error(
    errors: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("pyflame.runtime.csl.compile._assemble", exhausted)
    assert "evaluation takes more memory than this computer has" in errors("")


def test_a_loop_that_unrolls_without_end_is_refused(errors: Callable[..., str]) -> None:
    text = "var x: u16;" + USED % "inline while (true) { x += 1; }"
    message = errors(text, inline_limit=1000)
    assert "a loop of more than 1000 iterations is unrolled; raise the limit with" in message
