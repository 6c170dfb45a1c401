"""The rows of the report: what `facts` knows, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyflame.runtime.host.facts import Chain, Group, Place, chain, machine_facts

if TYPE_CHECKING:
    from pyflame.runtime.fabric.machine import Machine

CHAIN_ROWS = 5
"""Kinds of parts of the critical chain that the report lists."""


def machine_statistics(machine: Machine) -> list[tuple[str, str]]:
    """Rows (name, value): use of the cores, waiting, traffic, and where each is highest."""
    facts = machine_facts(machine)
    rows = [
        ("utilisation", _share(facts["busy"])),
        ("waiting in operations", _share(facts["stalled"])),
        ("instructions", f"{facts['instructions']:,}"),
        ("tasks started", f"{facts['tasks']:,}"),
        ("wavelet hops", f"{facts['wavelet_hops']:,}"),
        ("hottest router", _router(facts["hottest_router"])),
    ]
    if machine.recording:
        rows.append(("hottest queue", _queue(facts["hottest_queue"])))
        rows.extend(_chain_rows(chain(machine), machine.program.width))
    rows.append(("host transfers", f"{facts['host_cycles']:,} cycles"))
    if facts["surplus_unblocks"]:
        rows.append(("unblocks beyond one per launch", f"{facts['surplus_unblocks']:,}"))
    return rows


def _share(shares: dict[str, Any]) -> str:
    most = f"{shares['most']:.1%} on PE ({shares['x']}, {shares['y']})"
    return f"{shares['mean']:.1%} on average" + (f", {most}" if shares["most"] else "")


def _router(router: dict[str, Any] | None) -> str:
    if router is None:
        return "no wavelet was routed"
    text = f"PE ({router['x']}, {router['y']}): {router['wavelets']:,} wavelets"
    if router["color_wavelets"] == router["wavelets"]:
        return f"{text} on colour {router['color']}"
    return f"{text}, {router['color_wavelets']:,} of them on colour {router['color']}"


def _queue(queue: dict[str, Any] | None) -> str:
    if queue is None:
        return "no queue held a wavelet"
    color = "" if queue["color"] is None else f" (colour {queue['color']})"
    return (
        f"{queue['kind']} queue {queue['number']}{color} of PE ({queue['x']}, {queue['y']}): "
        f"{queue['mean']:.2g} of {queue['depth']} wavelets on average, at most {queue['most']}"
    )


def _chain_rows(found: Chain, width: int) -> list[tuple[str, str]]:
    """The critical chain in numbers, and the kinds of parts that most of it goes to."""
    if not found.links:
        return [("critical chain", "nothing ran")]
    total = max(found.cycles, 1)
    last = found.links[-1].pe
    pes = len({link.pe for link in found.links})
    texts = [
        f"{_count(found.cycles, 'cycle')}{_beginning(found)}, to PE ({last % width}, "
        f"{last // width}): {_count(len(found.links), 'part')} on {_count(pes, 'PE')}; "
        f"wavelets under way between them: {found.under_way / total:.1%}"
    ]
    groups = [group for group in found.groups if group.cycles]
    texts += [_group(group, total, width) for group in groups[:CHAIN_ROWS]]
    rest = groups[CHAIN_ROWS:]
    if rest:
        share = sum(group.cycles for group in rest) / total
        texts.append(f"{share:.1%}: {_count(sum(len(g.links) for g in rest), 'other part')}")
    return [("critical chain", texts[0]), *(("", text) for text in texts[1:])]


def _beginning(found: Chain) -> str:
    """When and why a chain begins that does not begin with the run."""
    first = found.links[0]
    if found.lost:
        return f" from cycle {first.begin:,} on (what was before is lost)"
    if first.cause == "stream":
        return f" from cycle {first.begin:,} on (a wavelet of the host)"
    return ""


def _group(group: Group, total: int, width: int) -> str:
    """The share of some parts of the chain, what they began with, and the longest of them."""
    longest = group.longest
    x, y = longest.pe % width, longest.pe // width
    where = f"PE ({x}, {y}), cycles {longest.begin:,} … {longest.end:,}"
    number = len(group.links)
    kind = _began(group.place)
    if number == 1:
        return f"{group.cycles / total:.1%}: {kind}: {where}"
    return f"{group.cycles / total:.1%}: {number:,} × {kind}; the longest on {where}"


def _began(place: Place) -> str:
    at = f" at {place.line}" if place.line else ""
    color = f" on colour {place.color}" if place.color >= 0 else ""
    return {
        "start": "from the program's start",
        "launch": f"after the launch of {place.function or 'a function'}{at}",
        "stream": f"after a wavelet of the host{color}, waited for{at}",
        "wavelet": f"after a wavelet{color}, waited for{at}",
    }[place.cause]


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
