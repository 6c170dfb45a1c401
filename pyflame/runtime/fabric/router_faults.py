"""Faults of routers in words: what the router is configured to do, and who sent the wavelet."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pyflame.runtime.fabric.image import Program, Route
from pyflame.runtime.fabric.isa import Direction, DsdOp, DsdOperands, Fault, Op
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.messages import FaultInfo, place, port, source_line
from pyflame.runtime.fabric.upstream import Upstream

MOST_SENDERS = 2
"""Senders that a message names."""


def router_message(program: Program, m: w.Arrays, info: FaultInfo) -> str:
    """What a router's fault means, without its place."""
    return _TEXTS[info.kind](program, m, info)


def _no_route(program: Program, m: w.Arrays, f: FaultInfo) -> str:
    route = _route(program, f.pe, f.a)
    sent = _sent_by(program, m, f.pe, f.a, f.b)
    if route is None:
        return (
            f"a wavelet on colour {f.a} came from {port(f.b)}{sent}, but this router has no route "
            f"for the colour; add a @set_color_config for it with {port(f.b)} in .rx"
        )
    return (
        f"a wavelet on colour {f.a} came from {port(f.b)}{sent}, but this router takes the colour "
        f"from {_rx(route)} only{_configured(program, route)}; add {port(f.b)} to .rx"
    )


def _two_arrivals(program: Program, m: w.Arrays, f: FaultInfo) -> str:
    ports = f.b & 255, f.b >> 8
    from_ = " and ".join(f"{port(p)}{_sent_by(program, m, f.pe, f.a, p)}" for p in ports)
    route = _route(program, f.pe, f.a)
    configured = "" if route is None else _configured(program, route)
    return (
        f"wavelets on colour {f.a} arrived from {from_} in one cycle{configured}; a colour may "
        "take several rx directions only if they never send at the same time"
    )


def _no_consumer(program: Program, m: w.Arrays, f: FaultInfo) -> str:
    route = _route(program, f.pe, f.a)
    configured = "" if route is None else _configured(program, route)
    sent = sent_to_core(program, m, f.pe, f.a)
    return (
        f"a wavelet (0x{f.b:08x}) on colour {f.a}{sent} was delivered to the core{configured}, but "
        "no input queue takes this colour; initialise a queue for it or remove RAMP from .tx"
    )


def lost_message(program: Program, m: w.Arrays) -> str:
    """What was sent beyond the rectangle, "" if nothing."""
    first, count = int(m.g[w.G_LOST_FIRST]), int(m.g[w.G_LOST])
    if not count:
        return ""
    pe, color, direction = first >> 8, first >> 3 & 31, first & 7
    route = _route(program, pe, color)
    configured = "" if route is None else _configured(program, route)
    what = "1 wavelet" if count == 1 else f"{count} wavelets"
    return (
        f"{what} left the program rectangle and got lost, the first on colour {color} from PE "
        f"({pe % program.width}, {pe // program.width}) to the {port(direction)}{configured}; "
        "remove that direction from .tx at the edge"
    )


_TEXTS: dict[Fault, Callable[[Program, w.Arrays, FaultInfo], str]] = {
    Fault.NO_ROUTE: _no_route,
    Fault.TWO_ARRIVALS: _two_arrivals,
    Fault.NO_CONSUMER: _no_consumer,
}

ROUTER_FAULTS = frozenset(_TEXTS)
"""Faults of a router, which no instruction of the PE causes at that moment."""


def _route(program: Program, pe: int, color: int) -> Route | None:
    """The configuration of a colour at a PE, as compiled."""
    number = int(program.route_of[pe, color])
    return program.routes[number] if number >= 0 else None


def _configured(program: Program, route: Route) -> str:
    """`` (as layout.csl:13 says)``, "" where the line is not known."""
    file, line = route.line
    return f" (as {program.files[file]}:{line} says)" if 0 <= file < len(program.files) else ""


def _rx(route: Route) -> str:
    """All directions that some switch position takes."""
    mask = 0
    for position in route.positions:
        mask |= position.rx
    return " and ".join(d.name for d in Direction if mask >> d & 1) or "nowhere"


def _sent_by(program: Program, m: w.Arrays, pe: int, color: int, direction: int) -> str:
    """`` (sent by @mov32 at pe.csl:7 on PE (0, 0))`` for what came to a port of a router."""
    return _named(program, m, Upstream(program, m).of_port(pe, color, direction), color)


def sent_to_core(program: Program, m: w.Arrays, pe: int, color: int) -> str:
    """`` (sent by @mov32 at pe.csl:7 on PE (0, 0))`` for what a core got, "" if it is not known."""
    return _named(program, m, Upstream(program, m).of_core(pe, color) or [], color)


def _named(program: Program, m: w.Arrays, senders: list[int], color: int) -> str:
    found = [text for pe in senders for text in _senders(program, m, pe, color)]
    if not found:
        return ""
    more = f" and {len(found) - MOST_SENDERS} more" if len(found) > MOST_SENDERS else ""
    return f" (sent by {', '.join(found[:MOST_SENDERS])}{more})"


def _senders(program: Program, m: w.Arrays, pe: int, color: int) -> Iterator[str]:
    """The instructions of a PE that wrote last to queues of a colour, or of its swapped one."""
    image = program.images[int(program.image_of[pe])]
    block = pe * int(m.g[w.G_QUEUE_WORDS])
    queues = [int(at) for at in m.g[w.G_OUT_AT : w.G_OUT_AT + w.QUEUES] if at >= 0]
    for word in (int(m.qu[block + at + w.OUT_SENT]) for at in queues):
        pc, own = (word >> w.SENT_SHIFT) - 1, word & (1 << w.SENT_SHIFT) - 1
        if not 0 <= pc < len(image.code) or own >> 1 != color >> 1:
            continue
        line = source_line(program, image, pc)
        row = image.code[pc]
        name = "@map"
        if row[0] == Op.DSD:
            op = int(image.operands[int(row[5]), DsdOperands.OP])
            name = f"@{DsdOp(op).name.lower()}"
        yield f"{name}{f' at {line}' if line else ''} on {place(program, pe)}"
