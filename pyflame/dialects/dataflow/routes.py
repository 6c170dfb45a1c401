"""The routes of buses and chains, and which colour a PE sends and receives on.

A *line* is one row or one column of the rectangle; every line of a channel has the same routes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.utils.exceptions import VerifyException

from pyflame.dialects.dataflow.attributes import Direction, RouteAttr

RAMP = Direction.RAMP


def bus(direction: Direction, extent: int) -> tuple[RouteAttr, ...]:
    """One colour on which any PE of a line reaches itself and all PEs in `direction`.

    Position x takes wavelets from its neighbour behind and from its own ramp, and passes them to
    its ramp and its neighbour ahead. `extent` is the number of PEs of the line, at least 2.
    """
    behind = direction.opposite
    tail, head = (0, extent - 1) if direction.step > 0 else (extent - 1, 0)
    routes = [
        RouteAttr.get(0, range(tail, tail + 1), [RAMP], [RAMP, direction]),
        RouteAttr.get(0, range(1, extent - 1), [behind, RAMP], [RAMP, direction]),
        RouteAttr.get(0, range(head, head + 1), [behind, RAMP], [RAMP]),
    ]
    return tuple(route for route in routes if route.positions)


def chain(direction: Direction, extent: int) -> tuple[RouteAttr, ...]:
    """Two colours on which every PE but the last sends to its neighbour in `direction`.

    PEs at positions of one parity send on slot 0 and receive on slot 1, the others the other way
    round, so that every router has one input per colour. A line of two needs one colour only.
    """
    behind, step = direction.opposite, direction.step
    routes: list[RouteAttr] = []
    slot = 0
    for parity in (0, 1):
        senders = [x for x in range(parity, extent, 2) if 0 <= x + step < extent]
        if senders:
            sending = range(senders[0], senders[-1] + 1, 2)
            receiving = range(sending.start + step, sending.stop + step, 2)
            routes.append(RouteAttr.get(slot, sending, [RAMP], [direction]))
            routes.append(RouteAttr.get(slot, receiving, [behind], [RAMP]))
            slot += 1
    return tuple(routes)


def send_slot(routes: Sequence[RouteAttr], position: int) -> int | None:
    """The colour slot on which the PE at `position` sends; None if it cannot."""
    found = [r.slot.data for r in routes if position in r.positions and RAMP in r.rx_values]
    return found[0] if found else None


def recv_slot(routes: Sequence[RouteAttr], position: int) -> int | None:
    """The colour slot on which the PE at `position` receives; None if it cannot."""
    found = [r.slot.data for r in routes if position in r.positions and RAMP in r.tx_values]
    return found[0] if found else None


@dataclass(frozen=True)
class Slots:
    """The colour slots that PEs at even and at odd positions use; None where none does."""

    even: int | None
    odd: int | None


def send_slots(routes: Sequence[RouteAttr]) -> Slots:
    """The slot on which a PE sends, by the parity of its position."""
    return _by_parity([r for r in routes if RAMP in r.rx_values])


def recv_slots(routes: Sequence[RouteAttr]) -> Slots:
    """The slot on which a PE receives, by the parity of its position."""
    return _by_parity([r for r in routes if RAMP in r.tx_values])


def _by_parity(routes: Sequence[RouteAttr]) -> Slots:
    found: list[set[int]] = [set(), set()]
    for route in routes:
        for position in route.positions[:2]:
            found[position % 2].add(route.slot.data)
    for parity, slots in zip(("even", "odd"), found, strict=True):
        if len(slots) > 1:
            raise VerifyException(
                f"PEs at {parity} positions use colour slots {sorted(slots)} in one direction, "
                "expected one"
            )
    even, odd = (min(slots, default=None) for slots in found)
    return Slots(even, odd)
