"""Names in CSL files: derived from the IR, unique in a file, never a reserved word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from pyflame.errors import UnsupportedError

_WORDS = """
align and anyopaque anytype asm bool break cb16 color comptime comptime_float comptime_int
comptime_string comptime_struct const continue control_task_id data_task_id direction dsr_dest
dsr_fifo_dest dsr_fifo_src1 dsr_src0 dsr_src1 else enum export extern f16 f32 f64 fabin_dsd
fabout_dsd false fifo fn for i1 i16 i32 i64 i8 if imported_module inline input_queue
layout linkname linksection local_task_id mem1d_dsd mem4d_dsd circbuf_dsd noinline or
output_queue packed param return struct switch task true type u1 u16 u32 u64 u8 union ut_id var
void volatile while xdsr NORTH SOUTH EAST WEST RAMP
"""

RESERVED = frozenset(_WORDS.split())
"""Keywords, type names and predefined names."""


def identifier(hint: str) -> str:
    """`hint` as a CSL identifier."""
    name = re.sub(r"\W", "_", hint, flags=re.ASCII)
    if not name or name[0].isdigit():
        name = f"v{name}"
    return f"{name}_" if name in RESERVED else name


def fixed_name(name: str) -> str:
    """A name that the IR fixes, such as a function's, as it is.

    Raises:
        UnsupportedError: CSL cannot name anything so.
    """
    if identifier(name) != name:
        raise UnsupportedError(f"the name {name!r} in CSL")
    return name


def quoted(text: str) -> str:
    """`text` as a CSL string.

    Raises:
        UnsupportedError: it is not printable ASCII.
    """
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
    if not all(" " <= c <= "~" or c in escapes for c in text):
        raise UnsupportedError(f"the string {text!r} in CSL")
    return '"' + "".join(escapes.get(c, c) for c in text) + '"'


class Names:
    """Hands out names of one file; each in constant time.

    Names given inside `scope` are free again behind it, but no name of the file's own takes one.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}
        self._local: set[str] | None = None
        self._once_local: set[str] = set()

    def fresh(self, hint: str) -> str:
        """A name like `hint` that nothing else in reach has."""
        base = identifier(hint)
        name, count = base, self._next.get(base, 0)
        while name in self._taken or (self._local is None and name in self._once_local):
            count += 1
            name = f"{base}_{count}"
        self._next[base] = count
        self._taken.add(name)
        if self._local is not None:
            self._local.add(name)
        return name

    def reserve(self, name: str) -> None:
        """Keep a name that the IR fixes, such as a function's.

        Raises:
            UnsupportedError: CSL cannot name anything so.
        """
        self._taken.add(fixed_name(name))

    @contextmanager
    def scope(self) -> Iterator[None]:
        """A function: its names end with it."""
        counts, self._next, self._local = self._next, {}, set()
        yield
        self._taken -= self._local
        self._once_local |= self._local
        self._next, self._local = counts, None
