"""Small whole programs that several test files run."""

from __future__ import annotations

import numpy as np

from pyflame.runtime.fabric.image import Program
from pyflame.runtime.fabric.isa import DsdOp
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.fabric.asm import F32, Array, Asm, E, R, W, program, route

SIZES = {F32: np.float32}
DONE = 9


def values(machine: Machine, array: Array, x: int = 0, y: int = 0) -> np.ndarray:
    """An array of PE (x, y) after a run, by its element type's NumPy form."""
    from tests.runtime.fabric.asm import DTYPES

    return np.frombuffer(machine.read(x, y, array.address, array.size), DTYPES[array.element])


def sender(data: np.ndarray, color: int, arch: str = "wse2", queue: int = 2) -> Asm:
    """`go` sends `data` on a colour asynchronously and unblocks the host when done."""
    a = Asm("sender")
    v = a.array("v", F32, data)
    if arch == "wse3":
        a.output(queue, color)
    out = a.fabout(queue, color, len(data))
    source = a.mem(v, len(data))
    a.function("go")
    a.dsd(DsdOp.FMOVS, out, None, source, **{"async": 1, "activate": DONE})
    a.ret()
    a.local_task(DONE, "done")
    a.unblock_host()
    a.ret()
    return a


def adder(data: np.ndarray, color: int, queue: int = 2) -> tuple[Asm, Array]:
    """`go` adds a vector received on a colour to `v`, then unblocks the host."""
    a = Asm("adder")
    v = a.array("v", F32, data)
    into = a.fabin(queue, color, len(data))
    vector = a.mem(v, len(data))
    a.function("go")
    a.dsd(DsdOp.FADDS, vector, vector, into, **{"async": 1, "activate": DONE})
    a.ret()
    a.local_task(DONE, "done")
    a.unblock_host()
    a.ret()
    return a, v


def two_pes(n: int = 5, arch: str = "wse2") -> tuple[Program, Array]:
    """The reference sheet's program: the left PE sends v, the right PE adds it to its own."""
    left = sender(np.arange(n), 4, arch)
    right, v = adder(np.full(n, 100.0), 4)
    routes = {(0, 0, 4): route(R, E), (1, 0, 4): route(W, R)}
    return program([[left, right]], routes, arch), v


def chain(pes: int, n: int) -> tuple[Program, Array]:
    """Chain reduction along a row on two alternating colours; the sum ends on the east PE.

    `go` is synchronous, so that its cycles are those of the longest PE.
    """
    asms: list[Asm] = []
    routes = {}
    array = Array("v", 0, F32, 0)
    for x in range(pes):
        out_color, in_color = (4, 5) if x % 2 == 0 else (5, 4)
        a = Asm(f"chain{x}")
        array = a.array("v", F32, np.arange(n) + x)
        v = a.mem(array, n)
        a.function("go")
        if x == 0:
            a.dsd(DsdOp.FMOVS, a.fabout(2, out_color, n), None, v)
        elif x == pes - 1:
            a.dsd(DsdOp.FADDS, v, v, a.fabin(3, in_color, n))
        else:
            a.dsd(DsdOp.FADDS, a.fabout(2, out_color, n), v, a.fabin(3, in_color, n))
        a.unblock_host()
        a.ret()
        if x < pes - 1:
            routes[x, 0, out_color] = route(R, E)
        if x > 0:
            routes[x, 0, in_color] = route(W, R)
        asms.append(a)
    return program([asms], routes), array


def broadcast(pes: int, n: int, arch: str = "wse2") -> tuple[Program, Array]:
    """The west PE sends v along the row by multicast; everyone else receives it into v."""
    root = Asm("root")
    array = root.array("v", F32, np.arange(n))
    if arch == "wse3":
        root.output(2, 4)
    out = root.fabout(2, 4, n)
    source = root.mem(array, n)
    root.function("go")
    root.dsd(DsdOp.FMOVS, out, None, source)
    root.unblock_host()
    root.ret()
    leaf = Asm("leaf")
    array = leaf.array("v", F32, n)
    leaf.function("go")
    leaf.dsd(DsdOp.FMOVS, leaf.mem(array, n), None, leaf.fabin(2, 4, n))
    leaf.unblock_host()
    leaf.ret()
    routes = {(x, 0, 4): route(W, R | E) for x in range(1, pes - 1)}
    routes[0, 0, 4] = route(R, E)
    routes[pes - 1, 0, 4] = route(W, R)
    return program([[root] + [leaf] * (pes - 1)], routes, arch), array
