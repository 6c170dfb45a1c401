"""CSL types. Equal types are one object, so `is` compares them."""

from __future__ import annotations

from functools import cache
from math import prod

from pyflame.runtime.fabric.isa import Type as Code

MAX_BITS = 16_777_215
"""Most bits of an integer type."""


class Type:
    """A type: `name` as written, `size` in bytes of PE memory (0: it has no memory form).

    `code` is the machine's type of a value in a register, None where a value does not fit one.
    `leaves` counts the scalars and arrays of scalars that a value consists of.
    """

    __slots__ = ("code", "leaves", "name", "size")

    def __init__(self, name: str, size: int = 0, code: Code | None = None) -> None:
        self.leaves = 1
        self.name = name
        self.size = size
        self.code = code

    @property
    def align(self) -> int:
        """Natural alignment in bytes."""
        return min(self.size, 4) or 1

    @property
    def comptime_only(self) -> bool:
        """Whether values of this type exist only at compile time."""
        return self.size == 0

    def __repr__(self) -> str:
        return self.name

    __str__ = __repr__


class IntType(Type):
    """``iN`` or ``uN``; without bits, or with more than 64, at compile time only."""

    __slots__ = ("bits", "high", "low", "signed")

    def __init__(self, signed: bool, bits: int) -> None:
        container = next((b for b in (8, 16, 32, 64) if 0 < bits <= b), 0)
        code = Code[f"{'I' if signed else 'U'}{container}"] if container else None
        super().__init__(f"{'i' if signed else 'u'}{bits}", container // 8, code)
        self.signed = signed
        self.bits = bits
        self.low = -(1 << (bits - 1)) if signed and bits else 0
        self.high = (1 << (bits - signed)) - 1 if bits else 0

    def wrap(self, value: int) -> int:
        """`value` reduced to this type's range as two's complement does."""
        if self.low <= value <= self.high:
            return value
        value &= (1 << self.bits) - 1
        return value - (1 << self.bits) if self.signed and value > self.high else value


class FloatType(Type):
    """``f16`` (the chosen 16-bit format), ``bf16``, ``cb16`` or ``f32``."""

    __slots__ = ("bits",)

    def __init__(self, name: str, bits: int, code: Code) -> None:
        super().__init__(name, bits // 8, code)
        self.bits = bits


class IdType(Type):
    """A hardware identifier backed by u16: a colour, queue, task id or direction."""

    __slots__ = ()

    def __init__(self, name: str) -> None:
        super().__init__(name, 2, Code.U16)


class DsdType(Type):
    """A data structure descriptor; it lives in a descriptor slot, not in memory."""

    __slots__ = ()

    @property
    def comptime_only(self) -> bool:
        return False


class DsrType(Type):
    """A data structure register of one file; its number is known at compile time."""

    __slots__ = ()


class ArrayType(Type):
    """``[M, N]T``, row-major."""

    __slots__ = ("count", "dims", "element")

    def __init__(self, dims: tuple[int, ...], element: Type) -> None:
        self.dims = dims
        self.element = element
        self.count = prod(dims)
        shape = ", ".join(map(str, dims))
        super().__init__(f"[{shape}]{element.name}", self.count * element.size)
        if element.leaves > 1:
            self.leaves = self.count * element.leaves

    @property
    def align(self) -> int:
        return self.element.align

    @property
    def comptime_only(self) -> bool:
        return self.element.comptime_only


class PointerType(Type):
    """``*T`` or, with `many`, ``[*]T``; a byte address of two bytes at run time."""

    __slots__ = ("const", "element", "many")

    def __init__(self, element: Type, const: bool, many: bool) -> None:
        self.element = element
        self.const = const
        self.many = many
        star = "[*]" if many else "*"
        super().__init__(f"{star}{'const ' if const else ''}{element.name}", 2, Code.U16)


class FnType(Type):
    """``fn(A) R`` or ``task(A) void``."""

    __slots__ = ("kind", "params", "result")

    def __init__(self, kind: str, params: tuple[Type, ...], result: Type) -> None:
        self.kind = kind
        self.params = params
        self.result = result
        super().__init__(f"{kind}({', '.join(p.name for p in params)}){result.name}", 2, Code.U16)


class EnumType(Type):
    """``enum(u16) { A, B }``; two enums are never the same type."""

    __slots__ = ("backing", "members", "named")

    def __init__(self, name: str, backing: IntType, members: dict[str, int]) -> None:
        super().__init__(name, backing.size, backing.code)
        self.backing = backing
        self.members = members
        self.named = False
        """Whether `name` is that of its declaration."""


class StructType(Type):
    """A declared struct or union; two declarations are never the same type."""

    __slots__ = ("_align", "_comptime", "fields", "layout", "named", "offsets", "union")

    def __init__(self, name: str, fields: dict[str, Type], layout: str, union: bool) -> None:
        super().__init__(name)
        self.leaves = sum(field.leaves for field in fields.values())
        self.fields = fields
        self.layout = layout
        """``""``, ``"extern"`` or ``"packed"``."""
        packed = layout == "packed"
        self.union = union
        self.named = False
        """Whether `name` is that of its declaration."""
        self.offsets: dict[str, int] = {}
        self._align = 1 if packed else max([f.align for f in fields.values()], default=1)
        self._comptime = any(f.comptime_only for f in fields.values()) or not fields
        end = 0
        for field, type_ in fields.items():
            start = 0 if union else end
            if not packed:
                start = -(-start // type_.align) * type_.align
            self.offsets[field] = start
            end = max(end, start + type_.size)
        self.size = -(-end // self._align) * self._align

    @property
    def align(self) -> int:
        return self._align

    @property
    def comptime_only(self) -> bool:
        return self._comptime


class PackedType(StructType):
    """A packed struct or union: `offsets` count bits of one unsigned integer of `bits` bits."""

    __slots__ = ("bits",)

    def __init__(self, name: str, fields: dict[str, Type], union: bool) -> None:
        super().__init__(name, fields, "packed", union)
        widths = [bit_width(field) for field in fields.values()]
        end = 0
        for field, width in zip(fields, widths, strict=True):
            self.offsets[field] = 0 if union else end
            end += width
        self.bits = max(widths, default=0) if union else end
        backing = IntType(False, self.bits)
        self.size, self.code = backing.size, backing.code
        self._align = backing.align
        self._comptime = backing.comptime_only


def bit_width(type_: Type) -> int:
    """The bits that a value takes in a packed struct; -1 where it cannot stand there."""
    if isinstance(type_, IntType | FloatType | PackedType):
        return type_.bits
    if isinstance(type_, EnumType):
        return type_.backing.bits
    if isinstance(type_, PointerType):
        return 16
    return 1 if type_ is BOOL else -1


@cache
def int_type(signed: bool, bits: int) -> IntType:
    """``i{bits}`` or ``u{bits}``, 0 to `MAX_BITS` bits."""
    return IntType(signed, bits)


@cache
def array_of(dims: tuple[int, ...], element: Type) -> ArrayType:
    """The array type of these dimensions."""
    return ArrayType(dims, element)


@cache
def _pointer(element: Type, const: bool, many: bool) -> PointerType:
    return PointerType(element, const, many)


def pointer_to(element: Type, const: bool = False, many: bool = False) -> PointerType:
    """The pointer type to `element`."""
    return _pointer(element, const, many)


@cache
def fn_type(kind: str, params: tuple[Type, ...], result: Type) -> FnType:
    """The type of a function or task."""
    return FnType(kind, params, result)


U8, U16, U32, U64 = (int_type(False, bits) for bits in (8, 16, 32, 64))
I8, I16, I32, I64 = (int_type(True, bits) for bits in (8, 16, 32, 64))
F32 = FloatType("f32", 32, Code.F32)
F16 = FloatType("f16", 16, Code.F16)
"""IEEE half. A program compiled for another 16-bit format has that one under the name f16 too."""
BF16 = FloatType("bf16", 16, Code.BF16)
CB16 = FloatType("cb16", 16, Code.CB16)
HALVES: dict[FloatType, str] = {F16: "ieee", BF16: "bf16", CB16: "cb16"}
"""The 16-bit floats with their names in `fabric.floats`."""
BOOL = Type("bool", 1, Code.BOOL)

VOID = Type("void")
COMPTIME_INT = Type("comptime_int")
COMPTIME_FLOAT = Type("comptime_float")
COMPTIME_STRING = Type("comptime_string")
TYPE = Type("type")
ANYOPAQUE = Type("anyopaque", 1)
MODULE = Type("imported_module")
ANON_STRUCT = Type("comptime_struct")
"""The type of ``.{ .a = 1 }``; its fields may be run-time values."""
TUPLE = Type("tuple")
"""The type of ``.{ 1, 2 }``."""
RANGE = Type("range")

COLOR = IdType("color")
DIRECTION = IdType("direction")
DATA_TASK_ID = IdType("data_task_id")
LOCAL_TASK_ID = IdType("local_task_id")
CONTROL_TASK_ID = IdType("control_task_id")
INPUT_QUEUE = IdType("input_queue")
OUTPUT_QUEUE = IdType("output_queue")
UT_ID = IdType("ut_id")

MEM1D, MEM4D, FABIN, FABOUT, CIRCBUF, FIFO = (
    DsdType(name)
    for name in ("mem1d_dsd", "mem4d_dsd", "fabin_dsd", "fabout_dsd", "circbuf_dsd", "fifo")
)
DSR_DEST, DSR_SRC0, DSR_SRC1, DSR_FIFO_DEST, DSR_FIFO_SRC1, XDSR = (
    DsrType(name)
    for name in ("dsr_dest", "dsr_src0", "dsr_src1", "dsr_fifo_dest", "dsr_fifo_src1", "xdsr")
)
SR = Type("sr")
"""A stride register; its number is known at compile time."""

NAMED_TYPES: dict[str, Type] = {
    t.name: t
    for t in (
        F32, BF16, CB16, BOOL, VOID, COMPTIME_INT, COMPTIME_FLOAT, COMPTIME_STRING, TYPE,
        ANYOPAQUE, MODULE, ANON_STRUCT, COLOR, DIRECTION, DATA_TASK_ID, LOCAL_TASK_ID,
        CONTROL_TASK_ID, INPUT_QUEUE,
        OUTPUT_QUEUE, UT_ID, MEM1D, MEM4D, FABIN, FABOUT, CIRCBUF, FIFO, DSR_DEST, DSR_SRC0,
        DSR_SRC1, DSR_FIFO_DEST, DSR_FIFO_SRC1, XDSR, SR,
    )
}  # fmt: skip
"""Types with a fixed name, except the integers and f16."""


def named_type(name: str, half: FloatType = F16) -> Type | None:
    """The type called `name`, or None; `half` is what f16 means."""
    if name == "f16":
        return half
    found = NAMED_TYPES.get(name)
    if found is None and name[:1] in "iu" and name[1:].isdigit() and len(name) <= 9:
        bits = int(name[1:])
        if bits <= MAX_BITS and (name[1] != "0" or (bits == 0 and len(name) == 2)):
            return int_type(name[0] == "i", bits)
    return found


def is_number(type_: Type) -> bool:
    """Whether arithmetic is defined on the type."""
    return isinstance(type_, IntType | FloatType) or type_ in (COMPTIME_INT, COMPTIME_FLOAT)


def is_integer(type_: Type) -> bool:
    """Whether the type is an integer, of a fixed width or not."""
    return isinstance(type_, IntType) or type_ is COMPTIME_INT
