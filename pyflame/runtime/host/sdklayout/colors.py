"""Colour numbers: one for each net, different where nets meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pyflame.arch import Arch
from pyflame.errors import LayoutError, ResourceError
from pyflame.runtime.host.sdklayout.geometry import IntVector
from pyflame.runtime.host.sdklayout.routing import Color


@dataclass(eq=False)
class Net:
    """Colours that are joined by connections, and so are one colour of the fabric."""

    colors: list[Color] = field(default_factory=list)
    cells: dict[IntVector, None] = field(default_factory=dict)
    """PEs where the net is routed or a program knows it."""
    number: int = -1
    switched: bool = False
    """Whether some PE has more than one switch position of it."""
    label: str = ""

    def __str__(self) -> str:
        return self.label or "+".join(repr(color.get_global_name()) for color in self.colors)


def number_nets(nets: Sequence[Net], arch: Arch) -> None:
    """Choose the number of each net, lowest first, in order; numbers that were given stay.

    Raises:
        LayoutError: given numbers contradict each other or the architecture.
        ResourceError: the colours do not suffice.
    """
    meeting = _meetings(nets)
    for net in nets:
        _take_given(net, arch)
    for net in nets:
        for other in meeting[net]:
            if net.number >= 0 and other.number == net.number:
                at = next(cell for cell in net.cells if cell in other.cells)
                raise LayoutError(
                    f"colours {net} and {other} both have the value {net.number}, but meet at PE "
                    f"{tuple(at)}"
                )
    every = (*arch.user_colors, *(c for c in range(arch.colors) if c not in arch.user_colors))
    for net in nets:
        if net.number >= 0:
            continue
        taken = {other.number for other in meeting[net]}
        allowed = [c for c in every if not net.switched or c in arch.switchable_colors]
        net.number = next((c for c in allowed if c not in taken), -1)
        if net.number < 0:
            names = ", ".join(str(other) for other in meeting[net])
            raise ResourceError(
                f"no colour number is left for {net} on {arch.name}: it meets {names}; "
                "place the regions so that fewer ways cross"
            )


def _take_given(net: Net, arch: Arch) -> None:
    given = {c.get_value(): c for c in net.colors if c.get_value() is not None}
    if len(given) > 1:
        texts = [f"{c.get_global_name()!r} is {value}" for value, c in given.items()]
        raise LayoutError(f"connected colours are one colour, but {' and '.join(texts)}")
    for value in given:
        assert value is not None
        if net.switched and value not in arch.switchable_colors:
            allowed = ", ".join(map(str, sorted(arch.switchable_colors)))
            raise LayoutError(
                f"colour {net} has the value {value} and several switch positions; on {arch.name} "
                f"colours {allowed} can have them"
            )
        net.number = value


def _meetings(nets: Sequence[Net]) -> dict[Net, list[Net]]:
    """The other nets that share a PE with each."""
    at: dict[IntVector, list[Net]] = {}
    for net in nets:
        for cell in net.cells:
            at.setdefault(cell, []).append(net)
    found: dict[Net, dict[Net, None]] = {net: {} for net in nets}
    for together in at.values():
        for net in together:
            found[net].update(dict.fromkeys(other for other in together if other is not net))
    return {net: list(others) for net, others in found.items()}
