"""Packed structs and unions: fields as bits of one integer, the first field lowest."""

from __future__ import annotations

from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.core import Sema, provides
from pyflame.runtime.csl.sema.scalars import from_bits, to_bits
from pyflame.runtime.csl.sema.values import (
    BitField,
    Const,
    Mem,
    Reg,
    Struct,
    Value,
)
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.isa import Op
from pyflame.runtime.fabric.isa import Type as Code


def known_bits(value: Value) -> int | None:
    """The bits of a known value as a field holds it; None for a pointer, which needs an image."""
    width = T.bit_width(value.type)
    if isinstance(value, Struct):
        assert isinstance(value.type, T.PackedType)
        bits = 0
        for name, field in value.fields.items():
            part = known_bits(field)
            if part is None:
                return None
            bits |= part << value.type.offsets[name]
        return bits
    if not isinstance(value, Const) or not isinstance(value.value, int | float):
        return None
    return to_bits(value.type, value.value) & ((1 << width) - 1)


def from_known_bits(type_: T.Type, bits: int) -> Value:
    """The value of a type whose bits are the low ones of `bits`."""
    if isinstance(type_, T.PackedType):
        names = list(type_.fields)[:1] if type_.union else type_.fields
        parts = {n: from_known_bits(type_.fields[n], bits >> type_.offsets[n]) for n in names}
        return Struct(type_, parts)
    bits &= (1 << T.bit_width(type_)) - 1
    if isinstance(type_, T.EnumType):
        return Const(type_, type_.backing.wrap(bits))
    return Const(type_, from_bits(type_, bits))


@provides("pack")
def pack(s: Sema, value: Struct, span: Span | None) -> int:
    """A register with the integer of a packed value."""
    type_ = value.type
    assert isinstance(type_, T.PackedType) and type_.code is not None
    emitter = s.emitter(span)
    bits = known_bits(value)
    if bits is not None:
        return emitter.constant(_signed(bits))
    total = emitter.constant(0)
    for name, field in value.fields.items():
        part = _placed(s, field, type_.offsets[name], span)
        emitter.emit(Op.OR, total, total, part, t=Code.U64)
    return total


def _placed(s: Sema, value: Value, offset: int, span: Span | None) -> int:
    """A register with the bits of `value`, `offset` bits from the lowest."""
    emitter = s.emitter(span)
    part = emitter.register()
    mask = emitter.constant(_signed((1 << T.bit_width(value.type)) - 1))
    emitter.emit(Op.AND, part, s.register(value, span), mask, t=Code.U64)
    if offset:
        emitter.emit(Op.SHL, part, part, emitter.constant(offset), t=Code.U64)
    return part


@provides("read_bits")
def read_bits(s: Sema, field: BitField) -> Value:
    """The value of a field."""
    type_ = field.type
    emitter = s.emitter(None)
    register = s.register(s.load(field.base))
    value = emitter.register()
    if field.offset:
        emitter.emit(Op.SHR, value, register, emitter.constant(field.offset), t=Code.U64)
        register = value
    width = T.bit_width(type_)
    backing = type_.backing if isinstance(type_, T.EnumType) else type_
    if isinstance(backing, T.IntType) and backing.signed:
        spare = emitter.constant(64 - width)
        emitter.emit(Op.SHL, value, register, spare, t=Code.I64)
        emitter.emit(Op.SHR, value, value, spare, t=Code.I64)
    else:
        mask = emitter.constant(_signed((1 << width) - 1))
        emitter.emit(Op.AND, value, register, mask, t=Code.U64)
    return Reg(type_, value)


@provides("write_bits")
def write_bits(s: Sema, field: BitField, value: Value, span: Span) -> None:
    """Assign to a field: the other bits stay."""
    emitter = s.emitter(span)
    place = field.base
    part = _placed(s, value, field.offset, span)
    hole = ~(((1 << T.bit_width(field.type)) - 1) << field.offset) & ((1 << 64) - 1)
    kept = emitter.register()
    old = s.register(s.load(place), span)
    emitter.emit(Op.AND, kept, old, emitter.constant(_signed(hole)), t=Code.U64)
    emitter.emit(Op.OR, kept, kept, part, t=Code.U64)
    if isinstance(place, Reg):
        emitter.emit(Op.MOV, place.reg, kept)
        return
    code = place.type.code
    assert code is not None
    base = -1 if place.base is None else place.base
    emitter.emit(Op.STORE, kept, base, d=place.address, t=code)


def field_of(base: Mem | Reg | BitField, name: str) -> BitField:
    """The place of a field of a packed value at run time."""
    type_ = base.type
    assert isinstance(type_, T.PackedType)
    field, offset = type_.fields[name], type_.offsets[name]
    if isinstance(base, BitField):
        return BitField(field, base.base, base.offset + offset)
    return BitField(field, base, offset)


def _signed(bits: int) -> int:
    """A 64-bit pattern as the number that an instruction holds."""
    return bits - (1 << 64) if bits >> 63 else bits
