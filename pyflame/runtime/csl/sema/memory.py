"""Places: indexing, members, pointers, and assignment."""

from __future__ import annotations

from collections.abc import Sequence

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.diagnostics import Note
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.coerce import coerce
from pyflame.runtime.csl.sema.core import Entity, Sema, describe, evaluates, locates, provides
from pyflame.runtime.csl.sema.packed import field_of, from_known_bits, known_bits, write_bits
from pyflame.runtime.csl.sema.values import (
    GLOBAL,
    Address,
    ArrayData,
    BitField,
    Cell,
    Const,
    ConstData,
    FnValue,
    Mem,
    Part,
    Path,
    Reg,
    Slot,
    Storage,
    Struct,
    Tuple,
    Value,
    element,
    is_known,
    owned,
    path_offset,
    write_path,
)
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.isa import Op
from pyflame.runtime.fabric.isa import Type as Code

# Indexing


@locates(ast.Index)
def index_place(s: Sema, node: ast.Index) -> Entity:
    """The place of ``a[i]``; a pointer to an array is followed."""
    base = s.ref(node.base)
    indices = [s.eval(i) for i in node.indices]
    return place_at(s, base, indices, node)


def place_at(s: Sema, base: Entity, indices: Sequence[Value], node: ast.Index) -> Entity:
    """The element of `base` at evaluated indices."""
    for index, part in zip(indices, node.indices, strict=True):
        if not T.is_integer(index.type):
            raise s.fail(part.span, f"an index must be an integer, found {describe(index)}")
    if isinstance(base.type, T.PointerType):
        pointer = s.load(base)
        assert isinstance(pointer.type, T.PointerType)
        if pointer.type.many:
            return _element_of_many(s, pointer, indices, node)
        base = deref(s, pointer, node.span)
    if base.type is T.TUPLE:
        base = s.load(base)
    if isinstance(base, Tuple):
        return base.items[_known_index(s, indices, len(base.items), node)]
    if not isinstance(base.type, T.ArrayType):
        raise s.fail(node.base.span, f"only arrays and pointers have elements, found {base.type}")
    flat = flat_index(s, base.type, indices, node)
    return element_place(s, base, base.type.element, flat, node.span)


@evaluates(ast.Index)
def index_value(s: Sema, node: ast.Index) -> Value:
    """The value of ``a[i]``."""
    return s.load(index_place(s, node))


def _known_index(s: Sema, indices: Sequence[Value], size: int, node: ast.Index) -> int:
    if len(indices) != 1:
        raise s.fail(node.span, f"a tuple takes one index, found {len(indices)}")
    index = s.as_integer(indices[0], node.indices[0].span, "the index of a tuple")
    if not 0 <= index < size:
        raise s.fail(node.span, f"index {index} is out of range: the tuple has {size} items")
    return index


def flat_index(
    s: Sema, array: T.ArrayType, indices: Sequence[Value], node: ast.Index
) -> int | Value:
    """The row-major index of an element: a number if known, else a register."""
    if len(indices) != len(array.dims):
        raise s.fail(node.span, f"{array} takes {len(array.dims)} indices, found {len(indices)}")
    flat: int | Value = 0
    for index, size, part in zip(indices, array.dims, node.indices, strict=True):
        if isinstance(index, Const) and not 0 <= index.value < size:
            raise s.fail(part.span, f"index {index.value} is out of range 0 to {size - 1}")
        if not isinstance(index, Const):
            s.emitter(part.span).emit(Op.BOUND, s.register(index), d=size)
        flat = _add(s, _scale(s, flat, size), index)
    return flat


def _scale(s: Sema, index: int | Value, factor: int) -> int | Value:
    if isinstance(index, int):
        return index * factor
    if factor == 1:
        return index
    emitter = s.emitter(None)
    register = emitter.register()
    power = factor.bit_length() - 1
    if factor == 1 << power:
        count = emitter.constant(power)
        emitter.emit(Op.SHL, register, s.register(index), count, t=Code.I64)
    else:
        count = emitter.constant(factor)
        emitter.emit(Op.MUL, register, s.register(index), count, t=Code.I64)
    return Reg(T.I64, register)


def _add(s: Sema, a: int | Value, b: Value) -> int | Value:
    if isinstance(b, Const):
        if isinstance(a, int):
            return a + b.value
        if b.value == 0:
            return a
    if isinstance(a, int):
        if a == 0:
            return b
        a = Const(T.I64, a)
    emitter = s.emitter(None)
    register = emitter.register()
    emitter.emit(Op.ADD, register, s.register(a), s.register(b), t=Code.I64)
    return Reg(T.I64, register)


def element_place(s: Sema, base: Entity, type_: T.Type, flat: int | Value, span: Span) -> Entity:
    """The element of an array place at a flat index."""
    if isinstance(base, Mem):
        return _memory_element(s, base, type_, flat)
    if isinstance(flat, int):
        if isinstance(base, Cell | ConstData):
            return Part(type_, base, (flat,))
        if isinstance(base, Part):
            return Part(type_, base.target, (*base.path, flat))
        assert isinstance(base, Const)
        return element(type_, base.value.items[flat])
    if isinstance(base, Cell) or (isinstance(base, Part) and isinstance(base.target, Cell)):
        raise s.fail(span, "a compile-time array takes only indices known at compile time")
    return _memory_element(s, in_memory(s, base, span), type_, flat)


def _memory_element(s: Sema, base: Mem, type_: T.Type, flat: int | Value) -> Mem:
    if isinstance(flat, int):
        return base.at(type_, flat * type_.size)
    scaled = _scale(s, flat, type_.size)
    assert isinstance(scaled, Value)
    register = s.register(scaled)
    if base.base is not None:
        emitter = s.emitter(None)
        total = emitter.register()
        emitter.emit(Op.ADD, total, base.base, register, t=Code.I64)
        register = total
    return Mem(type_, register, base.storage, base.offset, base.const)


def _element_of_many(s: Sema, pointer: Value, indices: Sequence[Value], node: ast.Index) -> Entity:
    assert isinstance(pointer.type, T.PointerType)
    if len(indices) != 1:
        raise s.fail(node.span, f"{pointer.type} takes one index, found {len(indices)}")
    type_, index = pointer.type.element, indices[0]
    if isinstance(pointer, Const):
        address: Address = pointer.value
        if isinstance(address.target, Storage):
            const = pointer.type.const
            base = Mem(type_, None, address.target, address.offset, const)
            flat = index.value if isinstance(index, Const) else index
            if isinstance(flat, int):
                _check_known_address(s, address, type_, flat, node)
            return _memory_element(s, base, type_, flat)
        whole = _target_place(address)
        array = whole.type
        if isinstance(array, T.ArrayType):
            flat = index.value if isinstance(index, Const) else index
            if isinstance(flat, int) and not 0 <= flat < array.count:
                raise s.fail(node.span, f"index {flat} is out of range 0 to {array.count - 1}")
            return element_place(s, whole, type_, flat, node.span)
    base = Mem(type_, s.register(pointer, node.span), None, 0, pointer.type.const)
    return _memory_element(s, base, type_, index.value if isinstance(index, Const) else index)


def _check_known_address(
    s: Sema, address: Address, type_: T.Type, flat: int, node: ast.Index
) -> None:
    """Refuse an index that leaves the variable that a known pointer points into."""
    storage = address.target
    assert isinstance(storage, Storage)
    start = address.offset + flat * type_.size
    if not 0 <= start <= storage.type.size - type_.size:
        raise s.fail(
            node.span,
            f"index {flat} leaves '{storage.name}', which the pointer points to",
            Note(f"it is a {storage.type}", storage.span),
        )


# Members


@locates(ast.Member)
def member_place(s: Sema, node: ast.Member) -> Entity:
    """The place of ``base.name``."""
    base = s.ref(node.base)
    if isinstance(base.type, T.PointerType):
        base = deref(s, s.load(base), node.span)
    if base.type is T.MODULE:
        module = s.load(base)
        assert isinstance(module, Const)
        return module.value.member(s, node.name, node.span).entity
    if isinstance(base, Struct):
        return _known_field(s, base, node)
    if isinstance(base, Mem | Reg | BitField) and isinstance(base.type, T.PackedType):
        if node.name not in base.type.fields:
            raise s.fail(node.span, _no_field(base.type, node.name, base.type.fields))
        return field_of(base, node.name)
    if isinstance(base, Mem) and isinstance(base.type, T.StructType):
        if node.name not in base.type.fields:
            raise s.fail(node.span, _no_field(base.type, node.name, base.type.fields))
        return base.at(base.type.fields[node.name], base.type.offsets[node.name])
    if isinstance(base, Cell | ConstData | Part):
        value = s.load(base)
        if isinstance(value, Struct):
            field = _known_field(s, value, node)
            if node.name not in value.fields:
                return field
            path = base.path if isinstance(base, Part) else ()
            target = base.target if isinstance(base, Part) else base
            return Part(value.fields[node.name].type, target, (*path, node.name))
    return _type_member(s, s.load(base), node)


@evaluates(ast.Member)
def member_value(s: Sema, node: ast.Member) -> Value:
    """The value of ``base.name``."""
    return s.load(member_place(s, node))


def _known_field(s: Sema, value: Struct, node: ast.Member) -> Value:
    """A field of a struct, or of a union the active one; a packed union's others by its bits."""
    type_ = value.type
    field = value.fields.get(node.name)
    if field is not None:
        return field
    if not isinstance(type_, T.StructType) or node.name not in type_.fields:
        fields = type_.fields if isinstance(type_, T.StructType) else value.fields
        raise s.fail(node.span, _no_field(type_, node.name, fields))
    bits = known_bits(value) if isinstance(type_, T.PackedType) else None
    if bits is None:
        active = ", ".join(value.fields)
        raise s.fail(node.span, f"'{node.name}' is not the active field of {type_}: '{active}' is")
    return from_known_bits(type_.fields[node.name], bits)


def _no_field(type_: T.Type, name: str, fields: dict[str, T.Type] | dict[str, Value]) -> str:
    what = "the struct" if type_ is T.ANON_STRUCT else str(type_)
    return f"{what} has no field '{name}'; its fields are {', '.join(fields) or '(none)'}"


def _type_member(s: Sema, base: Value, node: ast.Member) -> Value:
    if isinstance(base, Const) and isinstance(base.value, T.EnumType):
        enum = base.value
        if node.name not in enum.members:
            members = ", ".join(enum.members)
            raise s.fail(node.span, f"{enum} has no member '{node.name}'; it has {members}")
        return Const(enum, enum.members[node.name])
    raise s.fail(node.span, f"{describe(base)} has no member '{node.name}'")


# Pointers


@locates(ast.Deref)
def deref_place(s: Sema, node: ast.Deref) -> Entity:
    """The place of ``p.*``."""
    return deref(s, s.eval(node.base), node.span)


@evaluates(ast.Deref)
def deref_value(s: Sema, node: ast.Deref) -> Value:
    """The value of ``p.*``."""
    return s.load(deref_place(s, node))


def deref(s: Sema, pointer: Value, span: Span) -> Entity:
    """What a pointer points to."""
    type_ = pointer.type
    if not isinstance(type_, T.PointerType):
        raise s.fail(span, f"'.*' needs a pointer, found {describe(pointer)}")
    if type_.many:
        raise s.fail(span, f"'.*' is not for {type_}: it may point to any number; index it")
    if isinstance(pointer, Const):
        if isinstance(pointer.value, FnValue):
            return pointer
        if isinstance(pointer.value, int):  # an address that the program made itself
            at = s.emitter(span).constant(pointer.value)
            return Mem(type_.element, at, None, 0, type_.const)
        address: Address = pointer.value
        if isinstance(address.target, Storage):
            return Mem(type_.element, None, address.target, address.offset, type_.const)
        return _target_place(address)
    return Mem(type_.element, s.register(pointer, span), None, 0, type_.const)


def _target_place(address: Address) -> Entity:
    target = address.target
    assert isinstance(target, Cell | ConstData)
    if not address.path:
        return target
    type_ = target.value.type
    for step in address.path:
        if isinstance(step, str):
            assert isinstance(type_, T.StructType)
            type_ = type_.fields[step]
        else:
            assert isinstance(type_, T.ArrayType)
            type_ = type_.element
    return Part(type_, target, address.path)


@evaluates(ast.AddressOf)
def address_of(s: Sema, node: ast.AddressOf) -> Value:
    """``&x``."""
    _check_addressable(s, node)
    entity = s.ref(node.operand)
    if isinstance(entity, Const) and isinstance(entity.value, FnValue):
        if entity.value.decl.inline:
            raise s.fail(node.span, f"'{entity.value.decl.name}' is inline: it has no address")
        return entity
    if _in_packed(s, node.operand, entity):
        raise s.fail(node.span, "a field of a packed struct or union has no address")
    pointer = _pointer(s, entity)
    if pointer is None and isinstance(entity, Const | Struct):
        return Const(
            T.pointer_to(entity.type, const=True),
            Address(ConstData("constant", entity, node.span)),
        )
    if pointer is None:
        raise s.fail(node.span, f"'&' needs a variable, found a value of type {entity.type}")
    target = pointer.value.target if isinstance(pointer, Const) else None
    if isinstance(target, Cell) and not s.frame.comptime:
        note = Note("it is declared here", target.span)
        raise s.fail(node.span, "a compile-time variable has no address at run time", note)
    return pointer


def _in_packed(s: Sema, node: ast.Expr, entity: Entity) -> bool:
    """Whether a place is a field of a packed value."""
    if isinstance(entity, BitField):
        return True
    if not isinstance(entity, Part) or not isinstance(node, ast.Member):
        return False
    return isinstance(s.ref(node.base).type, T.PackedType)


def _check_addressable(s: Sema, node: ast.AddressOf) -> None:
    """Only variables, their parts, and what pointers point to have an address: an element or a
    field may be of what a computed pointer points to."""
    operand = node.operand
    while isinstance(operand, ast.Member | ast.Index):
        operand = operand.base
    computed = operand is not node.operand and isinstance(operand, ast.Call | ast.BuiltinCall)
    if not computed and not isinstance(operand, ast.Name | ast.Deref):
        raise s.fail(node.span, "'&' needs a variable, found a value that has no place")


def _pointer(s: Sema, entity: Entity) -> Value | None:
    """A pointer to a place, or None when it has no address."""
    if isinstance(entity, Mem):
        type_ = T.pointer_to(entity.type, const=entity.const)
        if entity.base is None and entity.storage is not None:
            return Const(type_, Address(entity.storage, entity.offset))
        return Reg(type_, s.address(entity))
    path: Path = ()
    target: Entity = entity
    if isinstance(entity, Part):
        path, target = entity.path, entity.target
    if isinstance(target, Cell | ConstData):
        const = isinstance(target, ConstData) or target.const
        return Const(T.pointer_to(entity.type, const=const), Address(target, path=path))
    return None


def pointer_to(s: Sema, entity: Entity, span: Span) -> Value:
    """A pointer to a place; a known array gets memory of its own."""
    pointer = _pointer(s, entity)
    if pointer is None:
        pointer = _pointer(s, in_memory(s, entity, span))
    assert pointer is not None
    return pointer


def in_memory(s: Sema, entity: Entity, span: Span) -> Mem:
    """A place in PE memory with the value of `entity`."""
    if isinstance(entity, Mem):
        return entity
    pointer = _pointer(s, entity)
    if pointer is None and isinstance(entity, Const | Struct) and is_known(entity):
        pointer = Const(entity.type, Address(ConstData("constant", entity, span)))
    if isinstance(pointer, Const) and isinstance(pointer.value.target, ConstData):
        data: ConstData = pointer.value.target
        _check_storable(s, data.value.type, span)
        storage = data.storage(s.unit)
        offset = path_offset(data.value.type, pointer.value.path)
        return Mem(entity.type, None, storage, offset, const=True)
    value = s.load(entity)
    _check_storable(s, value.type, span)
    place = new_local(s, value.type, "temporary", span)
    store(s, place, value, span)
    return place


def _check_storable(s: Sema, type_: T.Type, span: Span) -> None:
    """Refuse a type without a run-time form; empty arrays have one."""
    empty = isinstance(type_, T.ArrayType) and type_.count == 0
    if type_.size == 0 and not empty:
        raise s.fail(span, f"a value of type {type_} cannot stand in PE memory")


def new_local(s: Sema, type_: T.Type, name: str, span: Span, align: int = 0) -> Mem:
    """Fresh static memory for a local variable."""
    storage = Storage(s.unit, name, type_, None, align or type_.align, span)
    if s.unit.compiling is not None:
        s.unit.compiling.local_memory.append(storage)
    return Mem(type_, None, storage, 0, const=False)


@provides("build_array")
def build_array(s: Sema, type_: T.ArrayType, items: Sequence[Value], span: Span) -> Mem:
    """An array literal with run-time elements, built in memory."""
    place = new_local(s, type_, "array literal", span)
    for index, item in enumerate(items):
        store(s, place.at(type_.element, index * type_.element.size), item, span)
    return place


# Assignment


def store(s: Sema, place: Entity, value: Value, span: Span) -> None:
    """Write `value`, already of the place's type, into it."""
    if isinstance(place, Cell):
        _comptime_store(s, place, value, span)
        place.value = owned(value)
    elif isinstance(place, Part) and isinstance(place.target, Cell) and not place.target.const:
        _comptime_store(s, place.target, value, span)
        write_path(place.target, place.path, value)
    elif isinstance(place, BitField) and not (isinstance(place.base, Mem) and place.base.const):
        write_bits(s, place, value, span)
    elif isinstance(place, Mem) and not place.const:
        _store_memory(s, place, value, span)
    elif isinstance(place, Reg):
        s.emitter(span).move(place.reg, s.register(value, span))
    elif isinstance(place, Slot):
        _store_slot(s, place, value, span)
    else:
        raise s.fail(span, "cannot assign here: this is constant, or lies behind a const pointer")


def _comptime_store(s: Sema, cell: Cell, value: Value, span: Span) -> None:
    s.known(value, span, "value of a compile-time variable")
    unit = s.frame.instance.unit
    note = Note("it is declared here", cell.span)
    if cell.branches == GLOBAL:
        if unit is not None and unit.compiling is not None:
            wide = isinstance(cell.type, T.IntType) and cell.type.code is None
            why = f": {cell.type} is wider than a register" if wide else ""
            raise s.fail(span, f"run-time code cannot change a compile-time variable{why}", note)
    elif cell.branches < s.branches:
        raise s.fail(
            span,
            "a compile-time variable cannot change where run time decides whether this code runs",
            note,
        )


def _store_memory(s: Sema, place: Mem, value: Value, span: Span) -> None:
    emitter = s.emitter(span)
    code = place.type.code
    if code is not None:
        register = s.register(value, span)
        base = -1 if place.base is None else place.base
        emitter.emit(Op.STORE, register, base, d=place.address, t=code)
        return
    if isinstance(value, Struct) and isinstance(place.type, T.StructType):
        for name, field in value.fields.items():
            part = place.at(place.type.fields[name], place.type.offsets[name])
            _store_memory(s, part, field, span)
        return
    if _is_zero(value):
        emitter.emit(Op.FILL, s.address(place), d=place.type.size)
        return
    source = in_memory(s, value, span)
    emitter.emit(Op.COPY, s.address(place), s.address(source), d=place.type.size)


def _is_zero(value: Value) -> bool:
    return (
        isinstance(value, Const)
        and isinstance(value.value, ArrayData)
        and all(item == 0 and isinstance(item, int | float) for item in value.value.items)
    )


def _store_slot(s: Sema, place: Slot, value: Value, span: Span) -> None:
    emitter = s.emitter(span)
    if isinstance(value, Const):
        emitter.emit(Op.DCONST, place.slot, d=s.unit.descriptor_row(value.value))
        return
    source = s.slot(value, span)
    if source != place.slot:
        emitter.emit(Op.DCOPY, place.slot, source)


def assign(s: Sema, place: Entity, value: Value, span: Span) -> None:
    """Convert and write."""
    store(s, place, coerce(s, value, place.type, span), span)
