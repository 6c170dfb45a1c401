"""The report of a machine that cannot go on: everything that waits, and for what."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pyflame.runtime.fabric.image import Image, Program
from pyflame.runtime.fabric.isa import DsdOp, TaskKind
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.messages import place, port, source_line, task_name

MOST_LINES = 40
"""Lines of detail before the report says how many more there are."""


def stuck_report(program: Program, m: w.Arrays, head: str, waiting: np.ndarray) -> str:
    """`head` and then every non-empty queue, stalled operation, blocked task, missing unblock."""
    details: list[str] = []
    missing = np.flatnonzero(waiting)
    if len(missing):
        details.append(_missing(program, missing))
    for pe in range(program.width * program.height):
        image = program.images[int(program.image_of[pe])]
        found = [*_main(program, m, pe, image), *_lanes(program, m, pe, image)]
        found += [*_inputs(m, pe, image), *_outputs(m, pe), *_routers(m, pe), *_tasks(m, pe, image)]
        details += [f"{place(program, pe)}: {text}" for text in found]
    more = len(details) - MOST_LINES
    if more > 0:
        details = [*details[:MOST_LINES], f"… and {more} more"]
    hint = "nothing can move:" if details else "nothing is waiting on the wafer"
    body = "".join(f"\n  {line}" for line in details)
    return f"deadlock: {head}; {hint}{body}"


def _missing(program: Program, pes: np.ndarray) -> str:
    names = ", ".join(f"({p % program.width}, {p // program.width})" for p in pes[:8])
    more = f" and {len(pes) - 8} more" if len(pes) > 8 else ""
    count = "1 PE has" if len(pes) == 1 else f"{len(pes)} PEs have"
    return (
        f"{count} not called unblock_cmd_stream: {names}{more}; every PE must call it once per "
        "launch"
    )


def _block(m: w.Arrays, pe: int) -> np.ndarray:
    return m.pe[pe * w.PE_WORDS : (pe + 1) * w.PE_WORDS]


def _main(program: Program, m: w.Arrays, pe: int, image: Image) -> Iterator[str]:
    words = _block(m, pe)
    if words[w.STATUS] == w.IN_ELEMENT:
        q = int(words[w.WAIT_QUEUE])
        what = "a FIFO" if q < 0 else f"output queue {q - 256}" if q >= 256 else f"input queue {q}"
        line = source_line(program, image, int(words[w.PC]))
        yield f"{task_name(image, int(words[w.TASK]))} waits for {what} in @map{_at(line)}"


def _lanes(program: Program, m: w.Arrays, pe: int, image: Image) -> Iterator[str]:
    words = _block(m, pe)
    for lane in range(w.LANES):
        if not words[w.LIVE] >> lane & 1:
            continue
        at = w.LIVE_OPS + lane * w.LIVE_WORDS
        name = "@" + DsdOp(int(words[at + w.L_OP])).name.lower()
        n, done = int(words[at + w.L_N]), int(words[at + w.L_POS])
        left = (
            f"{done} elements done, endless"
            if n >= w.FOREVER
            else f"{n - done} of {n} elements left"
        )
        who = task_name(image, int(words[w.TASK])) if lane == w.MAIN else f"microthread {lane}"
        parts = [_operand(m, pe, lane, k, image) for k in range(3)]
        on = ", ".join(p for p in parts if p)
        line = source_line(program, image, int(words[at + w.L_PC]))
        blocked = " (blocked)" if lane < w.MAIN and words[w.UT_BLOCKED] >> lane & 1 else ""
        yield f"{who}{blocked} stalls in {name} on {on}, {left}{_at(line)}"


def _at(line: str) -> str:
    return f", at {line}" if line else ""


def _operand(m: w.Arrays, pe: int, lane: int, k: int, image: Image) -> str:
    o = pe * int(m.g[w.G_DS_WORDS]) + (lane * 3 + k) * w.OPERAND_RECORD
    kind, q, color = (int(m.ds[o + i]) for i in (w.K_KIND, w.K_QUEUE, w.K_COLOR))
    if kind == w.K_FABIN:
        count = int(_block(m, pe)[w.IN_QUEUE + q * w.IN_WORDS + 1])
        return f"input queue {q} (colour {color}, {'empty' if not count else f'{count} waiting'})"
    if kind == w.K_FABOUT:
        count = int(_block(m, pe)[w.OUT_QUEUE + q * w.OUT_WORDS + 1])
        full = count >= int(m.g[w.G_OUT_DEPTH + q])
        return f"output queue {q} (colour {color}, {'full' if full else f'{count} waiting'})"
    return f"FIFO {int(m.ds[o + w.K_FIFO])}" if kind == w.K_FIFO_KIND else ""


def _wavelet(word: int) -> str:
    control = "control wavelet " if word & w.CONTROL_BIT else ""
    return f"{control}0x{word & w.PAYLOAD:08x}"


def _inputs(m: w.Arrays, pe: int, image: Image) -> Iterator[str]:
    words = _block(m, pe)
    for q in range(w.QUEUES):
        at = w.IN_QUEUE + q * w.IN_WORDS
        if not words[at + 1]:
            continue
        colors = [queue.color for queue in image.input_queues if queue.number == q]
        number = q if m.g[w.G_WSE3] else (colors[0] if colors else -1)
        head = _wavelet(int(words[at + 2 + words[at]]))
        why = _why_unread(words, image, number, q)
        yield (
            f"input queue {q} (colour {colors[0] if colors else '?'}) holds {int(words[at + 1])} "
            f"wavelets, first {head}{why}"
        )


def _why_unread(words: np.ndarray, image: Image, number: int, q: int) -> str:
    if words[w.LIVE] >> (w.READ_SHIFT + q) & 1:
        return ""
    bound = any(t.kind == TaskKind.DATA and t.number == number for t in image.tasks)
    if not bound:
        return "; no data task is bound to it and no operation reads it"
    return "; its data task is blocked" if words[w.BLOCKED] >> number & 1 else ""


def _outputs(m: w.Arrays, pe: int) -> Iterator[str]:
    words = _block(m, pe)
    for q in range(w.QUEUES):
        at = w.OUT_QUEUE + q * w.OUT_WORDS
        if words[at + 1]:
            head = at + 2 + 2 * words[at]
            yield (
                f"output queue {q} holds {int(words[at + 1])} wavelets, first "
                f"{_wavelet(int(words[head]))} on colour {int(words[head + 1])}"
            )


def _routers(m: w.Arrays, pe: int) -> Iterator[str]:
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
            fifo = c + w.C_FIFO + d * (2 + int(m.g[w.G_DEPTH]))
            if m.ch[fifo + 1]:
                yield (
                    f"router holds {int(m.ch[fifo + 1])} wavelets of colour {color} from {port(d)} "
                    f"(position {int(m.ch[c + w.C_CURRENT])}: rx {rx}, tx {tx}{state})"
                )


def _tasks(m: w.Arrays, pe: int, image: Image) -> Iterator[str]:
    words = _block(m, pe)
    waiting = int(words[w.ACTIVE]) & int(words[w.BLOCKED])
    for number in range(w.TASKS):
        if waiting >> number & 1:
            yield f"{task_name(image, number)} is active but blocked"
