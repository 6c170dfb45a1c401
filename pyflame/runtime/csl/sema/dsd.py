"""DSDs: @get_dsd and its fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.builtins_tasks import priority_level
from pyflame.runtime.csl.sema.coerce import coerce
from pyflame.runtime.csl.sema.core import Sema, builtin, describe
from pyflame.runtime.csl.sema.expr import binary_values
from pyflame.runtime.csl.sema.image import AUTOMATIC
from pyflame.runtime.csl.sema.tensor import TensorValue, plain, walked_array, wide
from pyflame.runtime.csl.sema.values import (
    Address,
    Cell,
    Const,
    Descriptor,
    Slot,
    Struct,
    Tuple,
    Value,
)
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.isa import (
    DescriptorFlag,
    DsdKind,
    Op,
    Word,
)

KINDS = {
    T.MEM1D: DsdKind.MEM1D, T.MEM4D: DsdKind.MEM4D, T.FABIN: DsdKind.FABIN,
    T.FABOUT: DsdKind.FABOUT, T.CIRCBUF: DsdKind.CIRCBUF,
}  # fmt: skip

ENDLESS = 0x7FFF
MAX_EXTENT = ENDLESS - 1

_FIELDS: dict[T.Type, frozenset[str]] = {
    T.MEM1D: frozenset(
        ["tensor_access", "base_address", "extent", "stride", "offset", "wavelet_index_offset"]
    ),
    T.MEM4D: frozenset(
        ["tensor_access", "base_address", "extent", "stride", "offset", "wavelet_index_offset"]
    ),
    T.FABIN: frozenset(
        ["extent", "input_queue", "fabric_color", "priority", "simd_mode", "control_transform"]
    ),
    T.FABOUT: frozenset(
        ["extent", "output_queue", "fabric_color", "control", "wavelet_index_offset",
         "advance_switch", "priority", "simd_mode", "control_transform", "zero"]
    ),
    T.CIRCBUF: frozenset(["base_address", "extent", "wraparound"]),
}  # fmt: skip


# @get_dsd


class _Builder:
    """Collects the words of a DSD: known ones, and run-time ones to be set afterwards."""

    def __init__(self, s: Sema, kind: T.DsdType, span: Span) -> None:
        self.s = s
        self.kind = kind
        self.span = span
        self.words: dict[int, int] = {Word.KIND: int(KINDS[kind])}
        self.base: Address | None = None
        self.dynamic: list[tuple[int, Value]] = []

    def set(self, word: Word | int, value: Value, scale: int = 1) -> None:
        """Set a word from an integer or id, times `scale`."""
        if isinstance(value, Const):
            self.words[int(word)] = int(value.value) * scale
            return
        if scale != 1:
            factor = Const(T.I32, scale)
            value = binary_values(self.s, "*", wide(self.s, value), factor, self.span)
        self.dynamic.append((int(word), value))

    def set_base(self, pointer: Value) -> None:
        """Set the array."""
        if isinstance(pointer, Const):
            address: Address = pointer.value
            if isinstance(address.target, Cell):
                raise self.s.fail(self.span, "a DSD cannot walk a compile-time variable")
            self.base = address
            return
        self.dynamic.append((int(Word.BASE), pointer))

    def finish(self) -> Value:
        """The DSD: known, or in a fresh slot."""
        descriptor = Descriptor(self.words, self.base)
        if not self.dynamic:
            return Const(self.kind, descriptor)
        s = self.s
        emitter = s.emitter(self.span)
        slot = s.unit.new_slot()
        emitter.emit(Op.DCONST, slot, d=s.unit.descriptor_row(descriptor))
        for word, value in self.dynamic:
            emitter.emit(Op.DFIELD, slot, s.register(value, self.span), d=word)
        return Slot(self.kind, slot, fresh=True)


@builtin("get_dsd", 2)
def get_dsd(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@get_dsd(kind, .{ … })``."""
    kind = s.type(node.args[0])
    if not isinstance(kind, T.DsdType) or kind not in KINDS:
        names = ", ".join(str(k) for k in KINDS)
        raise s.fail(node.args[0].span, f"@get_dsd makes one of {names}, found {kind}")
    options = s.eval(node.args[1])
    if not isinstance(options, Struct):
        raise s.fail(node.args[1].span, f"expected a struct, found {describe(options)}")
    fields = dict(options.fields)
    for name in fields:
        if name not in _FIELDS[kind]:
            known = ", ".join(f".{f}" for f in sorted(_FIELDS[kind]))
            raise s.fail(node.args[1].span, f"{kind} has no field .{name}; it has {known}")
    builder = _Builder(s, kind, node.span)
    _RULES[kind](s, builder, fields, node)
    return builder.finish()


def _need(s: Sema, fields: dict[str, Value], name: str, node: ast.BuiltinCall) -> Value:
    if name not in fields:
        raise s.fail(node.span, f"this DSD needs the field .{name}")
    return fields[name]


def extent_value(s: Sema, value: Value, span: Span) -> Value:
    """An extent: u16, at most 32767, which means endless; so does 65535, of which the hardware sees
    the low 15 bits."""
    if isinstance(value, Const) and T.is_integer(value.type):
        if value.value == 0xFFFF:
            return Const(T.U16, ENDLESS)
        if not 0 <= value.value <= ENDLESS:
            raise s.fail(
                span, f"extent {value.value} is out of range 0 to {MAX_EXTENT} (32767: endless)"
            )
        return Const(T.U16, value.value)
    return coerce(s, value, T.U16, span)


def _field_span(node: ast.BuiltinCall, name: str) -> Span:
    options = node.args[1]
    if isinstance(options, ast.StructLit):
        for field in options.fields:
            if field.name == name:
                return field.value.span
    return options.span


def _mem1d(s: Sema, b: _Builder, fields: dict[str, Value], node: ast.BuiltinCall) -> None:
    access = _access(s, fields, node)
    if access is not None:
        if len(access.extents) != 1:
            raise s.fail(
                node.span,
                f"mem1d_dsd takes one variable, found {len(access.extents)}: use mem4d_dsd",
            )
        span = _field_span(node, "tensor_access")
        b.set(Word.EXTENT, extent_value(s, access.extents[0], span))
        b.words[Word.STRIDE] = check_stride(s, access.strides[0], span)
        _start(b, access)
    else:
        element, _, pointer = _base(s, fields, node)
        b.set_base(pointer)
        span = _field_span(node, "extent")
        extent = _single(s, _need(s, fields, "extent", node), span, "extent")
        b.set(Word.EXTENT, extent_value(s, extent, span))
        stride = fields.get("stride", Const(T.I8, 1))
        stride = _single(s, stride, _field_span(node, "stride"), "stride")
        if isinstance(stride, Const) and T.is_integer(stride.type):
            check_stride(s, stride.value, _field_span(node, "stride"))
        b.set(Word.STRIDE, stride)
        b.set(Word.OFFSET, fields.get("offset", Const(T.I16, 0)), element.size)
    _index_flag(s, b, fields, node)


def check_stride(s: Sema, stride: int, span: Span) -> int:
    """A stride that a mem1d_dsd can hold."""
    if not -128 <= stride <= 127:
        raise s.fail(
            span, f"the stride of a mem1d_dsd is -128 to 127 elements, found {stride}: "
            "use mem4d_dsd"
        )  # fmt: skip
    return stride


def _access(s: Sema, fields: dict[str, Value], node: ast.BuiltinCall) -> TensorValue | None:
    """The walk that .tensor_access gives; a plain struct joins `fields` instead."""
    access = fields.get("tensor_access")
    if access is None:
        return None
    for other in _ACCESS:
        if other in fields:
            raise s.fail(node.span, f".tensor_access and .{other} exclude each other")
    if isinstance(access, TensorValue):
        return access
    if not isinstance(access, Struct) or any(name not in _ACCESS for name in access.fields):
        known = ", ".join(f".{name}" for name in _ACCESS)
        raise s.fail(
            _field_span(node, "tensor_access"),
            f".tensor_access must be |i|{{N}} -> a[i] or a struct of {known}, "
            f"found {describe(access)}",
        )
    fields.update(access.fields)
    return None


_ACCESS = ("base_address", "extent", "stride", "offset")


def _single(s: Sema, value: Value, span: Span, what: str) -> Value:
    """A number, or the only one of a tuple, as tensor accesses have it."""
    if not isinstance(value, Tuple):
        return value
    if len(value.items) != 1:
        raise s.fail(span, f"a mem1d_dsd has one {what}, found {len(value.items)}: use mem4d_dsd")
    return value.items[0]


def _start(b: _Builder, access: TensorValue) -> None:
    b.set_base(access.base)
    offset = access.offset
    value = Const(T.COMPTIME_INT, offset) if isinstance(offset, int) else offset
    b.set(Word.OFFSET, value, access.element.size)


def _base(
    s: Sema, fields: dict[str, Value], node: ast.BuiltinCall
) -> tuple[T.Type, tuple[int, ...], Value]:
    value = _need(s, fields, "base_address", node)
    return walked_array(s, value, _field_span(node, "base_address"))


def _index_flag(s: Sema, b: _Builder, fields: dict[str, Value], node: ast.BuiltinCall) -> None:
    value = fields.get("wavelet_index_offset")
    if value is None:
        return
    if not isinstance(value, Const) or value.type is not T.BOOL:
        raise s.fail(
            _field_span(node, "wavelet_index_offset"),
            ".wavelet_index_offset is a bool known at compile time; the operation gives the "
            f"index, .{{ .index = n }}; found {describe(value)}",
        )
    if value.value:
        _set_flag(b, DescriptorFlag.INDEXED)


def _mem4d(s: Sema, b: _Builder, fields: dict[str, Value], node: ast.BuiltinCall) -> None:
    access = _access(s, fields, node)
    if access is not None:
        extents, distances = access.extents, access.strides
        _start(b, access)
        span = _field_span(node, "tensor_access")
    else:
        element, _, pointer = _base(s, fields, node)
        b.set_base(pointer)
        b.set(Word.OFFSET, fields.get("offset", Const(T.I16, 0)), element.size)
        span = _field_span(node, "extent")
        extents = _items(s, _need(s, fields, "extent", node), span)
        distances = _distances(s, extents, fields, node)
    if not 1 <= len(extents) <= 4:
        raise s.fail(node.span, f"mem4d_dsd takes 1 to 4 variables, found {len(extents)}")
    checked = [extent_value(s, e, span) for e in extents]
    first = 4 - len(checked)
    b.words[Word.WRAP] = len(checked)
    for level in range(first):
        b.words[Word.EXTENT0 + level] = 1
    total: Value = Const(T.COMPTIME_INT, 1)
    for level, (extent, distance) in enumerate(zip(checked, distances, strict=True)):
        b.set(Word.EXTENT0 + first + level, extent)
        b.words[Word.STRIDE0 + first + level] = distance
        size = plain(extent) if isinstance(extent, Const) else wide(s, extent)
        total = binary_values(s, "*", total, size, node.span)
    b.set(Word.EXTENT, total)
    _index_flag(s, b, fields, node)


def _items(s: Sema, value: Value, span: Span) -> list[Value]:
    if isinstance(value, Tuple):
        return list(value.items)
    if isinstance(value, Const) and isinstance(value.type, T.ArrayType):
        return [Const(value.type.element, i) for i in value.value.items]
    if T.is_integer(value.type):
        return [value]
    raise s.fail(span, f"expected a tuple of integers, found {describe(value)}")


def _distances(
    s: Sema, extents: Sequence[Value], fields: dict[str, Value], node: ast.BuiltinCall
) -> list[int]:
    """Element distances per level, outermost first, from strides given innermost first.

    A given stride is the step taken when its level advances after the inner levels have run.
    """
    span = _field_span(node, "stride")
    sizes = [s.as_integer(e, node.span, "an extent with explicit strides") for e in extents]
    given = [1] * len(sizes)
    if "stride" in fields:
        given = [s.as_integer(v, span, "a stride") for v in _items(s, fields["stride"], span)]
    if len(given) != len(sizes):
        raise s.fail(node.span, f"{len(sizes)} extents but {len(given)} strides")
    walked = 0
    inner: list[int] = []
    for step, size in zip(given, reversed(sizes), strict=True):
        distance = step + walked
        walked += (size - 1) * distance
        inner.append(distance)
    return inner[::-1]


def _automatic_queue(
    s: Sema, fields: dict[str, Value], name: str, queue_type: T.Type, node: ast.BuiltinCall
) -> Value:
    """WSE-2 programs of SDK 1.x may leave the queue of a colour to the compiler."""
    color = fields.get("fabric_color")
    if s.compilation.arch.data_tasks_by_queue or not isinstance(color, Const):
        return _need(s, fields, name, node)
    if color.type is T.COLOR and s.frame.instance.unit is not None:
        s.unit.automatic_queues[queue_type is T.INPUT_QUEUE, color.value] = -1
    return Const(queue_type, AUTOMATIC + int(color.value or 0))


SIMD_MODES = {
    "simd_off": 1, "simd_32": 2, "simd_64": 4, "simd_32_or_64": 4, "simd_max": 4,
}  # fmt: skip


def _fabric(
    s: Sema, b: _Builder, fields: dict[str, Value], node: ast.BuiltinCall, queue_type: T.Type
) -> None:
    is_input = queue_type is T.INPUT_QUEUE
    name = "input_queue" if is_input else "output_queue"
    extent = fields.get("extent", Const(T.U16, ENDLESS))
    b.set(Word.EXTENT, extent_value(s, extent, _field_span(node, "extent")))
    queue = fields.get(name) or _automatic_queue(s, fields, name, queue_type, node)
    if queue.type is not queue_type:
        raise s.fail(
            _field_span(node, name), f".{name} must be an {queue_type}, found {describe(queue)}"
        )
    b.set(Word.QUEUE, queue)
    color = fields.get("fabric_color")
    b.words[Word.COLOR] = -1
    if color is not None:
        if color.type is not T.COLOR:
            raise s.fail(
                _field_span(node, "fabric_color"),
                f".fabric_color must be a color, found {describe(color)}",
            )
        if is_input or not s.compilation.arch.data_tasks_by_queue or _serves_any(s, queue):
            b.set(Word.COLOR, color)  # else on WSE-3 only the queue's own colour counts
    if isinstance(queue, Const) and queue.value < AUTOMATIC and s.frame.instance.unit is not None:
        number = color.value if isinstance(color, Const) else -1
        s.unit.fabric_uses.setdefault((is_input, queue.value, number), node.span)
    if "simd_mode" in fields:
        b.words[Word.SIMD] = one_flag(s, fields["simd_mode"], SIMD_MODES, node, "simd_mode")
    if "priority" in fields:
        level = priority_level(s, fields["priority"], _field_span(node, "priority"))
        _set_flag(b, DescriptorFlag.priority(level))
    if _is_true(s, fields, "control_transform", node):
        _set_flag(b, DescriptorFlag.TRANSFORM)


def _set_flag(b: _Builder, flag: int) -> None:
    b.words[Word.FLAGS] = b.words.get(Word.FLAGS, 0) | int(flag)


def _is_true(s: Sema, fields: dict[str, Value], name: str, node: ast.BuiltinCall) -> bool:
    """Whether a field is given and true."""
    if name not in fields:
        return False
    value = s.known(coerce(s, fields[name], T.BOOL, _field_span(node, name)), node.span)
    return bool(value.value)  # pyright: ignore[reportAttributeAccessIssue]


def _serves_any(s: Sema, queue: Value) -> bool:
    """Whether an output queue has no colour of its own."""
    if not isinstance(queue, Const) or s.frame.instance.unit is None:
        return False
    known = s.unit.output_queues.get(queue.value)
    return known is not None and known.color < 0


def one_flag(
    s: Sema, value: Value, names: dict[str, int], node: ast.BuiltinCall, field: str
) -> int:
    """The one flag that is true in ``.{ .name = true }``."""
    if isinstance(value, Struct):
        chosen = [name for name, flag in value.fields.items()
                  if isinstance(flag, Const) and flag.value is True]  # fmt: skip
        if len(chosen) == 1 and chosen[0] in names:
            return names[chosen[0]]
    choices = ", ".join(f".{n}" for n in names)
    raise s.fail(_field_span(node, field), f".{field} sets one of {choices} to true")


def _fabin(s: Sema, b: _Builder, fields: dict[str, Value], node: ast.BuiltinCall) -> None:
    _fabric(s, b, fields, node, T.INPUT_QUEUE)


def _fabout(s: Sema, b: _Builder, fields: dict[str, Value], node: ast.BuiltinCall) -> None:
    _fabric(s, b, fields, node, T.OUTPUT_QUEUE)
    flags = (("control", DescriptorFlag.CONTROL), ("advance_switch", DescriptorFlag.ADVANCE_SWITCH))
    for name, flag in flags:
        if _is_true(s, fields, name, node):
            _set_flag(b, flag)
    if "zero" in fields:
        _set_flag(b, one_flag(s, fields["zero"], _ZERO, node, "zero"))
    _index_flag(s, b, fields, node)


_ZERO = {
    "first_source": int(DescriptorFlag.ZERO_FIRST),
    "second_source": int(DescriptorFlag.ZERO_SECOND),
}


def _circbuf(s: Sema, b: _Builder, fields: dict[str, Value], node: ast.BuiltinCall) -> None:
    given = s.known(_need(s, fields, "base_address", node), _field_span(node, "base_address"))
    _, dims, pointer = _base(s, fields, node)
    b.set_base(pointer)
    span = _field_span(node, "extent")
    extent = s.known(_need(s, fields, "extent", node), span, "extent of a circbuf_dsd")
    b.set(Word.EXTENT, extent_value(s, extent, span))
    array = isinstance(given.type, T.PointerType) and isinstance(given.type.element, T.ArrayType)
    wrap = Const(T.U16, prod(dims)) if array else _need(s, fields, "wraparound", node)
    if "wraparound" in fields:
        span = _field_span(node, "wraparound")
        number = s.as_integer(fields["wraparound"], span, ".wraparound")
        last = prod(dims) if array else MAX_EXTENT
        if not 1 <= number <= last:
            raise s.fail(span, f".wraparound {number} is out of range 1 to {last}")
        wrap = Const(T.U16, number)
    b.set(Word.WRAP, wrap)
    b.words[Word.STRIDE] = 1


_RULES: dict[T.Type, Callable[[Sema, _Builder, dict[str, Value], ast.BuiltinCall], None]] = {
    T.MEM1D: _mem1d,
    T.MEM4D: _mem4d,
    T.FABIN: _fabin,
    T.FABOUT: _fabout,
    T.CIRCBUF: _circbuf,
}
