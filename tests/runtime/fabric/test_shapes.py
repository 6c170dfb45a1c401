"""Images that differ in constants only are looked at once, and still run as themselves."""

from __future__ import annotations

import pytest

from pyflame.arch import WSE2
from pyflame.errors import SimulationError
from pyflame.runtime.fabric import verify
from pyflame.runtime.fabric.isa import Op
from pyflame.runtime.fabric.machine import Machine
from pyflame.runtime.fabric.shapes import distinct_shapes
from tests.runtime.fabric.asm import U32, Asm, program


def storing(value: int, extra: int = 0) -> Asm:
    """`go` stores a constant in `x`."""
    a = Asm(f"stores{value}")
    x = a.array("x", U32, 1)
    a.memory[100] = value
    a.function("go")
    a.ldi(0, value)
    a.emit(Op.STORE, U32, a=0, b=-1, d=x.address + extra)
    a.unblock_host()
    a.ret()
    return a


def test_constants_and_contents_are_not_part_of_the_shape() -> None:
    images = [a.image() for a in (storing(1), storing(2), storing(1, extra=4), storing(3))]
    first, shapes = distinct_shapes(images)
    assert (first, shapes.tolist()) == ([0, 2], [0, 0, 1, 0])


def test_images_of_one_shape_keep_their_memory_and_constants() -> None:
    machine = Machine(program([[storing(5), storing(6)], [storing(5), storing(8)]]))
    machine.launch("go")
    assert machine.read_symbol_array("x", 0, 0, 2, 2, 1).ravel().tolist() == [5, 6, 5, 8]
    assert machine.memory()[:, :, 100].ravel().tolist() == [5, 6, 5, 8]


def test_each_shape_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    check = verify._image
    monkeypatch.setattr(verify, "_image", lambda image, *a: seen.append(image) or check(image, *a))
    verify.verify_program(program([[storing(1), storing(2), storing(3)]]), WSE2)
    assert len(seen) == 1


def test_a_fault_of_a_shape_is_named_for_each_image() -> None:
    wrong = [storing(1), storing(2)]
    for a in wrong:
        a.emit(Op.JMP, d=99)
    with pytest.raises(SimulationError) as caught:
        Machine(program([wrong]))
    assert "stores1.csl: " in str(caught.value) and "stores2.csl: " in str(caught.value)
