"""The report of a machine that cannot go on: everything that waits, and for what."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pyflame.runtime.fabric.grouping import VALUE, Note, grouped, which
from pyflame.runtime.fabric.image import Image, Program
from pyflame.runtime.fabric.isa import DsdOp, Fault, TaskKind
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.messages import FaultInfo, port, source_line, task_name
from pyflame.runtime.fabric.upstream import Upstream

MOST_LINES = 40
"""Lines of detail before the report says how many more there are."""


STALLED, ACTIVE, INPUT, OUTPUT, ROUTER = range(5)
"""Ranks of notes: what to look at first."""


def stuck_report(program: Program, m: w.Arrays, head: str, waiting: np.ndarray) -> str:
    """`head` and then every non-empty queue, stalled operation, blocked task, missing unblock."""
    details = grouped(_everything(program, m), program.width, MOST_LINES)
    missing = np.flatnonzero(waiting).tolist()
    if missing:
        details.insert(0, _missing(program, missing))
    hint = "nothing can move:" if details else "nothing is waiting on the wafer"
    body = "".join(f"\n  {line}" for line in details)
    return f"deadlock: {head}; {hint}{body}"


def _everything(program: Program, m: w.Arrays) -> Iterator[tuple[int, Note]]:
    """What waits on each PE, PE by PE."""
    upstream = Upstream(program, m)
    for pe in range(program.width * program.height):
        image = program.images[int(program.image_of[pe])]
        for note in _main(program, m, upstream, pe, image):
            yield pe, note
        for note in stalled(program, m, upstream, pe, image):
            yield pe, note
        for note in wavelets(m, pe, image):
            yield pe, note
        for note in _tasks(m, pe, image):
            yield pe, note


def wavelets(m: w.Arrays, pe: int, image: Image) -> Iterator[Note]:
    """The wavelets that wait in a PE's queues and router."""
    yield from _inputs(m, pe, image)
    yield from _outputs(m, pe)
    yield from _routers(m, pe)


def _missing(program: Program, pes: list[int]) -> str:
    count = "1 PE has" if len(pes) == 1 else f"{len(pes)} PEs have"
    return (
        f"{count} not called unblock_cmd_stream: {which(pes, program.width)}; every PE must call "
        "it once per launch"
    )


def _block(m: w.Arrays, pe: int) -> np.ndarray:
    return m.pe[pe * w.PE_WORDS : (pe + 1) * w.PE_WORDS]


def _main(
    program: Program, m: w.Arrays, upstream: Upstream, pe: int, image: Image
) -> Iterator[Note]:
    words = _block(m, pe)
    if words[w.STATUS] == w.IN_ELEMENT:
        q = int(words[w.WAIT_QUEUE])
        values: tuple[int | str, ...] = ()
        what = "a FIFO" if q < 0 else f"output queue {q - 256}"
        if 0 <= q < w.QUEUES:
            color = next((o.color for o in image.input_queues if o.number == q), -1)
            what, values = _empty(upstream, pe, q, color)
        line = source_line(program, image, int(words[w.PC]))
        text = f"{task_name(image, int(words[w.TASK]))} waits for {what} in @map{_at(line)}"
        yield Note(STALLED, text, values)


def _empty(upstream: Upstream, pe: int, q: int, color: int) -> tuple[str, tuple[int | str, ...]]:
    """An empty input queue and why nothing comes, as a note's text and values."""
    why, values = upstream.nothing(pe, color)
    return f"input queue {q} (colour {color}, empty: {why})", values


def stalled(
    program: Program, m: w.Arrays, upstream: Upstream, pe: int, image: Image
) -> Iterator[Note]:
    """The operations of a PE that have begun and are not done."""
    words = _block(m, pe)
    for lane in range(w.LANES):
        if not words[w.LIVE] >> lane & 1:
            continue
        live = w.lane_words(m, pe, lane)
        name = "@" + DsdOp(int(live[w.L_OP])).name.lower()
        n, done = int(live[w.L_N]), int(live[w.L_POS])
        left = (
            f"{VALUE} elements done, endless"
            if n >= w.UNENDING
            else f"{VALUE} of {VALUE} elements left"
        )
        counts = (done,) if n >= w.UNENDING else (n - done, n)
        who = task_name(image, int(words[w.TASK])) if lane == w.MAIN else f"microthread {lane}"
        parts = [_operand(m, upstream, pe, image, lane, k) for k in range(3)]
        on = ", ".join(text for text, _ in parts if text)
        values = tuple(v for _, found in parts for v in found)
        line = source_line(program, image, int(live[w.L_PC]))
        blocked = " (blocked)" if lane < w.MAIN and words[w.UT_BLOCKED] >> lane & 1 else ""
        text = f"{who}{blocked} stalls in {name} on {on}, {left}{_at(line)}"
        yield Note(STALLED, text, (*values, *counts))


def holder(program: Program, m: w.Arrays, info: FaultInfo) -> str:
    """The live operation whose queue or microthread a faulting one wants, "" for other faults."""
    image = program.images[int(program.image_of[info.pe])]
    kind = w.K_FABOUT if info.b == 1 else w.K_FABIN
    for lane in range(w.MAIN):
        if not _block(m, info.pe)[w.LIVE] >> lane & 1:
            continue
        live = w.lane_words(m, info.pe, lane)
        if info.kind == Fault.MICROTHREAD_BUSY:
            found = lane == info.a
        else:
            found = info.kind == Fault.QUEUE_BUSY and (kind, info.a) in _queues_of(live)
        if found:
            name = DsdOp(int(live[w.L_OP])).name.lower()
            return f"@{name}{_at(source_line(program, image, int(live[w.L_PC])))}"
    return ""


def _queues_of(live: np.ndarray) -> set[tuple[int, int]]:
    """(kind of operand, queue) of what a lane's operation reads and writes."""
    records = live[w.LIVE_WORDS :].reshape(3, w.OPERAND_RECORD)
    return {(int(record[w.K_KIND]), int(record[w.K_QUEUE])) for record in records}


def _at(line: str) -> str:
    return f", at {line}" if line else ""


def _operand(
    m: w.Arrays, upstream: Upstream, pe: int, image: Image, lane: int, k: int
) -> tuple[str, tuple[int | str, ...]]:
    """What a fabric or FIFO operand waits for, as a note's text and values."""
    o = w.LIVE_WORDS + k * w.OPERAND_RECORD
    record = w.lane_words(m, pe, lane)[o : o + w.OPERAND_RECORD]
    kind, q, color = (int(record[i]) for i in (w.K_KIND, w.K_QUEUE, w.K_COLOR))
    if kind == w.K_FABIN:
        count = int(w.queue_counts(m, q)[pe])
        if count:
            return f"input queue {q} (colour {color}, {VALUE} waiting)", (count,)
        return _empty(upstream, pe, q, color)
    if kind == w.K_FABOUT:
        count = int(w.queue_counts(m, w.QUEUES + q)[pe])
        if count >= int(m.g[w.G_OUT_DEPTH + q]):
            return f"output queue {q} (colour {color}, full)", ()
        return f"output queue {q} (colour {color}, {VALUE} waiting)", (count,)
    if kind == w.K_FIFO_KIND:
        return _fifo(m, pe, image, int(record[w.K_FIFO]))
    return "", ()


def _fifo(m: w.Arrays, pe: int, image: Image, number: int) -> tuple[str, tuple[int | str, ...]]:
    """A FIFO by the name of its array, and how full it is."""
    state = pe * int(m.g[w.G_DS_WORDS]) + int(m.g[w.G_FIFO_AT]) + number * w.FIFO_STATE
    fifo = image.fifos[number]
    names = (name for name, at, _ in image.memory_map if at == fifo.address)
    what = f"the FIFO of {next(names, number)}"
    return f"{what} ({VALUE} of {fifo.elements} elements)", (int(m.ds[state + 1]),)


def _wavelet(word: int) -> str:
    control = "control wavelet " if word & w.CONTROL_BIT else ""
    return f"{control}0x{word & w.PAYLOAD:08x}"


def _inputs(m: w.Arrays, pe: int, image: Image) -> Iterator[Note]:
    words = _block(m, pe)
    for q in range(w.QUEUES):
        count = int(w.queue_counts(m, q)[pe])
        if not count:
            continue
        at = pe * int(m.g[w.G_QUEUE_WORDS]) + int(m.g[w.G_IN_AT + q])
        served = int(m.im[words[w.QUEUE_TABLE] + w.T_IN_COLOR + q])
        number = q if m.g[w.G_WSE3] else served
        head = _wavelet(int(m.qu[at + w.IN_HEAD + m.qu[at]]))
        why = _why_unread(words, image, number, q)
        color = served if served >= 0 else "?"
        text = f"input queue {q} (colour {color}) holds {VALUE} wavelets, first {VALUE}{why}"
        yield Note(INPUT, text, (count, head))


def _why_unread(words: np.ndarray, image: Image, number: int, q: int) -> str:
    if words[w.LIVE] >> (w.READ_SHIFT + q) & 1:
        return ""
    bound = any(t.kind == TaskKind.DATA and t.number == number for t in image.tasks)
    if not bound:
        return "; no data task is bound to it and no operation reads it"
    return "; its data task is blocked" if words[w.BLOCKED] >> number & 1 else ""


def _outputs(m: w.Arrays, pe: int) -> Iterator[Note]:
    words = _block(m, pe)
    for q in range(w.QUEUES):
        count = int(w.queue_counts(m, w.QUEUES + q)[pe])
        if count:
            at = pe * int(m.g[w.G_QUEUE_WORDS]) + int(m.g[w.G_OUT_AT + q])
            head = int(m.qu[at])
            color = int(m.qu[at + w.OUT_COLORS]) >> 8 * head & 255
            host = words[w.CHANNEL_OF + color] < 0 and m.g[w.G_SINKS] >> color & 1
            text = (
                f"output queue {q} holds {VALUE} wavelets, first {VALUE} on colour {color}"
                f"{', which the host has not received' if host else ''}"
            )
            yield Note(OUTPUT, text, (count, _wavelet(int(m.qu[at + w.OUT_HEAD + head]))))


def _routers(m: w.Arrays, pe: int) -> Iterator[Note]:
    words = _block(m, pe)
    for color in range(w.COLORS):
        c = int(words[w.CHANNEL_OF + color])
        if c < 0 or not m.ch[c + w.C_PORTS]:
            continue
        position = int(m.ch[c + w.C_POSITION + m.ch[c + w.C_CURRENT]])
        rx = "+".join(port(d) for d in range(5) if position >> d & 1) or "none"
        tx = "+".join(port(d) for d in range(5) if position >> 8 >> d & 1) or "none"
        state = ", torn down" if m.ch[c + w.C_SUSPENDED] else ""
        for d in range(5):
            fifo = c + w.C_FIFO + 2 * d
            if m.ch[fifo + 1]:
                text = (
                    f"router holds {VALUE} wavelets of colour {color} from {port(d)} "
                    f"(position {int(m.ch[c + w.C_CURRENT])}: rx {rx}, tx {tx}{state})"
                )
                yield Note(ROUTER, text, (int(m.ch[fifo + 1]),))


def _tasks(m: w.Arrays, pe: int, image: Image) -> Iterator[Note]:
    words = _block(m, pe)
    waiting = int(words[w.ACTIVE]) & int(words[w.BLOCKED])
    for number in range(w.TASKS):
        if waiting >> number & 1:
            yield Note(ACTIVE, f"{task_name(image, number)} is active but blocked")
        if words[w.REPEATED] >> number & 1:
            text = f"{task_name(image, number)} was activated again before it had started"
            yield Note(ACTIVE, f"{text}; it then runs once: give every operation a task of its own")
