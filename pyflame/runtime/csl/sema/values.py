"""Values of the evaluator: known at compile time, or living in the machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.source import Span

if TYPE_CHECKING:
    from pyflame.runtime.csl.sema.modules import Instance


Path = tuple[int | str, ...]


class Value:
    """A value with its type."""

    __slots__ = ("type",)
    type: T.Type


class Const(Value):
    """A value known at compile time.

    `value` is an int (integers, ids, enums), float, bool, str, `Type`, None (void), `ArrayData`,
    `Address`, `FnValue`, `Instance`, `Descriptor`, `RangeData`, or the slot number of a DSR.
    """

    __slots__ = ("value",)

    def __init__(self, type_: T.Type, value: Any) -> None:
        self.type = type_
        self.value = value

    def __repr__(self) -> str:
        return f"Const({self.type}, {self.value!r})"


class Struct(Value):
    """A struct by its fields, each known or not; `type` is ``ANON_STRUCT`` or declared."""

    __slots__ = ("fields", "known", "leaves", "owned")

    def __init__(self, type_: T.Type, fields: dict[str, Value]) -> None:
        self.type = type_
        self.fields = fields
        self.known = all(is_known(f) for f in fields.values())
        self.leaves = sum(map(leaves, fields.values()))
        self.owned = False

    def __repr__(self) -> str:
        return f"Struct({self.type}, {self.fields!r})"


class Tuple(Value):
    """``.{ a, b }``: items of any types, each known or not."""

    __slots__ = ("items", "known", "leaves")

    def __init__(self, items: tuple[Value, ...]) -> None:
        self.type = T.TUPLE
        self.items = items
        self.known = all(is_known(i) for i in items)
        self.leaves = sum(map(leaves, items))

    def __repr__(self) -> str:
        return f"Tuple({self.items!r})"


class Reg(Value):
    """A scalar in register `reg` of the function being compiled."""

    __slots__ = ("reg",)

    def __init__(self, type_: T.Type, reg: int) -> None:
        self.type = type_
        self.reg = reg


class Mem(Value):
    """Something in PE memory at register `base` (None: nothing) plus `storage` plus `offset`.

    As a value it is an aggregate; as a place it may hold any type.
    """

    __slots__ = ("base", "const", "offset", "storage")

    def __init__(
        self, type_: T.Type, base: int | None, storage: Storage | None, offset: int, const: bool
    ) -> None:
        self.type = type_
        self.base = base
        self.storage = storage
        self.offset = offset
        self.const = const

    def at(self, type_: T.Type, offset: int) -> Mem:
        """The part of `type_` at a byte offset inside this one."""
        return Mem(type_, self.base, self.storage, self.offset + offset, self.const)

    @property
    def address(self) -> int:
        """The constant part of the address."""
        return self.offset + (self.storage.address if self.storage is not None else 0)


class Slot(Value):
    """A DSD in descriptor slot `slot`; `fresh` when no variable keeps it."""

    __slots__ = ("fresh", "slot")

    def __init__(self, type_: T.Type, slot: int, fresh: bool = False) -> None:
        self.type = type_
        self.slot = slot
        self.fresh = fresh


class RangeValue(Value):
    """``@range`` with a bound that is not known."""

    __slots__ = ("element", "start", "step", "stop")

    def __init__(self, element: T.Type, start: Value, stop: Value, step: Value) -> None:
        self.type = T.RANGE
        self.element = element
        self.start, self.stop, self.step = start, stop, step


class RangeData:
    """A known ``@range``: an element type and Python's range."""

    __slots__ = ("element", "range")

    def __init__(self, element: T.Type, range_: range) -> None:
        self.element = element
        self.range = range_


class ArrayData:
    """Elements of a known array, row-major: payloads of `Const`, or `Struct` values.

    `owned` marks the contents of a variable: who keeps them must copy.
    """

    __slots__ = ("items", "owned")

    def __init__(self, items: list[Any], owned: bool = False) -> None:
        self.items = items
        self.owned = owned

    def __repr__(self) -> str:
        return f"ArrayData({len(self.items)} items)"


class Storage:
    """Bytes of PE memory that have an address once something asks for it."""

    __slots__ = ("_address", "align", "initial", "name", "span", "type", "unit")

    def __init__(
        self, unit: Any, name: str, type_: T.Type, initial: Value | None, align: int, span: Span
    ) -> None:
        self.unit = unit
        self.name = name
        self.type = type_
        self.initial = initial
        self.align = align
        self.span = span
        self._address = -1

    @property
    def address(self) -> int:
        """Byte address; the first call places the variable."""
        if self._address < 0:
            self._address = self.unit.place(self)
        return self._address


GLOBAL = -1
"""`Cell.branches` of a file's variables."""


class Cell:
    """A variable that exists at compile time only.

    `branches` is how many run-time branches and loops its declaration stands in: only there can
    it change.
    """

    __slots__ = ("branches", "const", "span", "type", "value")

    def __init__(
        self, type_: T.Type, value: Value, span: Span, const: bool = False, branches: int = 0
    ) -> None:
        self.branches = branches
        self.type = type_
        self.value = value
        self.span = span
        self.const = const


class Address:
    """A known pointer: `offset` bytes into `Storage`, or along `path` into a constant or `Cell`.

    A path is made of field names and flat indices of arrays.
    """

    __slots__ = ("offset", "path", "target")

    def __init__(
        self, target: Storage | Cell | ConstData, offset: int = 0, path: Path = ()
    ) -> None:
        self.target = target
        self.offset = offset
        self.path = path

    def _key(self) -> tuple[int, int, Path]:
        return id(self.target), self.offset, self.path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


class Part:
    """A place inside a constant or a `Cell`, as something to load from or assign to."""

    __slots__ = ("path", "target", "type")

    def __init__(self, type_: T.Type, target: Cell | ConstData, path: Path) -> None:
        self.type = type_
        self.target = target
        self.path = path


class BitField:
    """A field of a packed struct or union at run time: `offset` bits into the value at `base`."""

    __slots__ = ("base", "offset", "type")

    def __init__(self, type_: T.Type, base: Mem | Reg, offset: int) -> None:
        self.type = type_
        self.base = base
        self.offset = offset


class ConstData:
    """A known value that can be pointed to; it gets memory when the machine needs it."""

    __slots__ = ("_storage", "align", "name", "span", "value")

    def __init__(self, name: str, value: Value, span: Span, align: int = 0) -> None:
        self.align = align
        self.name = name
        self.value = value
        self.span = span
        self._storage: Storage | None = None

    @property
    def type(self) -> T.Type:
        """The type of the value."""
        return self.value.type

    def storage(self, unit: Any) -> Storage:
        """Its memory in the image of `unit`."""
        if self._storage is None:
            self._storage = Storage(
                unit,
                self.name,
                self.value.type,
                self.value,
                self.align or self.value.type.align,
                self.span,
            )
        return self._storage


class FnValue:
    """A function or task of a module instance."""

    __slots__ = ("decl", "instance")

    def __init__(self, decl: ast.FnDecl, instance: Instance) -> None:
        self.decl = decl
        self.instance = instance

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, FnValue)
            and self.decl is other.decl
            and self.instance is other.instance
        )

    def __hash__(self) -> int:
        return hash((id(self.decl), id(self.instance)))


class Descriptor:
    """A known DSD: its machine words, and the array it walks (the base word is filled late)."""

    __slots__ = ("base", "words")

    def __init__(self, words: dict[int, int], base: Address | None) -> None:
        self.words = words
        self.base = base

    def changed(self, words: dict[int, int], base: Address | None = None) -> Descriptor:
        """A copy with some words (and the array) replaced."""
        return Descriptor({**self.words, **words}, self.base if base is None else base)


VOID_VALUE = Const(T.VOID, None)
TRUE = Const(T.BOOL, True)
FALSE = Const(T.BOOL, False)


def leaves(value: Value) -> int:
    """How many values without parts a value consists of, shared ones counted each time."""
    kind = value.__class__
    if kind is Struct or kind is Tuple:
        return value.leaves  # pyright: ignore[reportAttributeAccessIssue]
    return 1


def is_known(value: Value) -> bool:
    """Whether the whole value is known at compile time."""
    kind = value.__class__
    if kind is Const:
        return True
    if kind is Struct or kind is Tuple or isinstance(value, Struct):
        return value.known  # pyright: ignore[reportAttributeAccessIssue]
    return False


def element(type_: T.Type, payload: Any) -> Value:
    """An element of `ArrayData` as a value."""
    return payload if isinstance(payload, Value) else Const(type_, payload)


def payload(value: Value) -> Any:
    """A known value as it is kept in `ArrayData`."""
    return value.value if value.__class__ is Const else value  # pyright: ignore


def detached(value: Value) -> Value:
    """A value that later changes of the variable it came from do not reach."""
    if value.__class__ is Const and value.value.__class__ is ArrayData and value.value.owned:  # pyright: ignore
        return Const(value.type, ArrayData(list(value.value.items)))  # pyright: ignore
    if value.__class__ is Struct and value.owned:  # pyright: ignore
        return Struct(value.type, {k: detached(v) for k, v in value.fields.items()})  # pyright: ignore
    return value


def owned(value: Value) -> Value:
    """A value as the contents of a compile-time variable: its parts can be assigned to."""
    if value.__class__ is Const and value.value.__class__ is ArrayData:  # pyright: ignore
        return Const(value.type, ArrayData(list(value.value.items), owned=True))  # pyright: ignore
    if value.__class__ is Struct:
        struct = Struct(value.type, {k: owned(v) for k, v in value.fields.items()})  # pyright: ignore
        struct.owned = True
        return struct
    return value


def key_of(value: Value) -> Any:
    """A hashable key: equal for values that mean the same."""
    if isinstance(value, Const):
        data = value.value
        if isinstance(data, ArrayData):
            return (value.type, tuple(payload_key(i) for i in data.items))
        if isinstance(data, float):
            return (value.type, data.hex())
        return (value.type, data)
    if isinstance(value, Struct):
        return (value.type, tuple((k, key_of(v)) for k, v in value.fields.items()))
    if isinstance(value, Tuple):
        return tuple(key_of(v) for v in value.items)
    return id(value)


def payload_key(item: Any) -> Any:
    """A hashable key of an array element."""
    return key_of(item) if isinstance(item, Value) else item


def walk(value: Value) -> Iterator[Value]:
    """The value and all values inside it."""
    yield value
    if isinstance(value, Struct):
        for inner in value.fields.values():
            yield from walk(inner)
    elif isinstance(value, Tuple):
        for inner in value.items:
            yield from walk(inner)


def read_path(value: Value, path: Path) -> Value:
    """The part of a known aggregate along a path."""
    for step in path:
        if isinstance(step, str):
            assert isinstance(value, Struct)
            value = value.fields[step]
        else:
            assert isinstance(value, Const) and isinstance(value.type, T.ArrayType)
            value = element(value.type.element, value.value.items[step])
    return value


def write_path(cell: Cell, path: Path, new: Value) -> None:
    """Assign to a part of a compile-time variable."""
    if not path:
        cell.value = owned(new)
        return
    holder = read_path(cell.value, path[:-1])
    last = path[-1]
    if isinstance(last, str):
        assert isinstance(holder, Struct)
        holder.fields[last] = owned(new)
        holder.known = all(is_known(f) for f in holder.fields.values())
    else:
        assert isinstance(holder, Const)
        holder.value.items[last] = payload(owned(new))


def path_offset(type_: T.Type, path: Path) -> int:
    """Bytes from the start of a value of `type_` to the part along a path."""
    offset = 0
    for step in path:
        if isinstance(step, str):
            assert isinstance(type_, T.StructType)
            offset += type_.offsets[step]
            type_ = type_.fields[step]
        else:
            assert isinstance(type_, T.ArrayType)
            offset += step * type_.element.size
            type_ = type_.element
    return offset
