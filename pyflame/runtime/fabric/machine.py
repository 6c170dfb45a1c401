"""The machine's driver: loads a program, takes host commands, runs the kernel, explains stops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyflame.arch import CycleModel, target
from pyflame.errors import DeadlockError, LimitError, SimulationError
from pyflame.runtime.fabric import state
from pyflame.runtime.fabric.image import Program, Symbol
from pyflame.runtime.fabric.isa import Fault
from pyflame.runtime.fabric.kernel import record_words as r
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.leftovers import leftovers
from pyflame.runtime.fabric.limits import MAX_CYCLES, MAX_INSTRUCTIONS
from pyflame.runtime.fabric.messages import FaultInfo, instruction_message, moment
from pyflame.runtime.fabric.output import Line, OutputLog, Record
from pyflame.runtime.fabric.report import Report, make_report
from pyflame.runtime.fabric.router_faults import ROUTER_FAULTS, router_message
from pyflame.runtime.fabric.stuck import holder, stuck_report
from pyflame.runtime.fabric.trace.chain import Link, critical_chain
from pyflame.runtime.fabric.trace.nodes import drop_nodes
from pyflame.runtime.fabric.trace.recorded import Recorded, recorded
from pyflame.runtime.fabric.trace.recorder import Recording, before_launch, record
from pyflame.runtime.fabric.verify import verify_program

CHUNK = 1 << 21
"""Work of the kernel between two looks at the outside world: a fraction of a second."""
MOST_CALLS = 64
"""Calls that the message of a fault looks through."""
SETTLE_CYCLES = 100_000
"""How long a copy lets the machine run on if it does not come to rest."""


@dataclass(eq=False)
class Stream:
    """A host stream; `data` holds its wavelets, uint32 [h, w, k] (collected ones when done)."""

    machine: Machine
    number: int
    collects: bool
    color: int
    data: np.ndarray
    at: int

    @property
    def left(self) -> int:
        """Wavelets that are still to be moved."""
        return self.machine.stream_left(self)

    @property
    def done(self) -> bool:
        """Whether every wavelet was delivered or collected."""
        return self.left == 0


class Machine:
    """A rectangle of PEs running one program.

    `timing` is "model" (the architecture's cycle model) or "unit" (every cost one cycle); results
    do not depend on it, nor on `shuffle_seed`, which picks among eligible tasks at random. Host
    calls change the machine at once; `launch` and the streams begin work that `run_until_idle` or
    `complete` carries out. With `recording` the run is recorded, see `recorded`.

    Raises:
        SimulationError: from any call that runs the machine, when the program breaks a rule.
        DeadlockError: nothing can move although the host still waits.
        LimitError: more than `max_cycles` cycles, or more PEs than the memory holds.
    """

    def __init__(
        self,
        program: Program,
        *,
        timing: str = "model",
        cycles: CycleModel | None = None,
        shuffle_seed: int | None = None,
        max_cycles: int = MAX_CYCLES,
        max_instructions: int = MAX_INSTRUCTIONS,
        fifo_depth: int = 2,
        check_bounds: bool = True,
        recording: Recording | None = None,
    ) -> None:
        arch = target(program.arch)
        costs = cycles or arch.cycles
        if timing not in ("model", "unit"):
            raise ValueError(f"timing is {timing!r}; expected 'model' or 'unit'")
        self.program = program
        self.costs = costs
        self.settings = state.Settings(
            arch=arch,
            cycles=costs if timing == "model" else costs.unit(),
            shuffle_seed=shuffle_seed,
            max_cycles=max_cycles,
            max_instructions=max_instructions,
            fifo_depth=fifo_depth,
            check_bounds=check_bounds,
        )
        verify_program(program, arch)
        try:
            self.arrays = state.build(program, self.settings)
        except MemoryError as error:
            raise LimitError(
                f"{program.width} × {program.height} PEs do not fit this computer's memory "
                f"({error}); simulate a smaller rectangle"
            ) from None
        if recording is not None:
            self.arrays = record(program, self.arrays, recording)
        self.host_cycles = 0
        self._log = OutputLog(program)
        self._launched = ""
        self._functions: dict[str, np.ndarray] = {}
        self._open: list[Stream] = []
        self._start()

    # --- what the host sees ----------------------------------------------------------------------

    @property
    def cycles(self) -> int:
        """Clock cycles since the start, without host transfers (see `host_cycles`)."""
        return int(self.arrays.g[w.G_NOW])

    @property
    def output(self) -> list[Line]:
        """Lines printed so far (`<simprint>`), in order of cycle and PE."""
        return self._log.lines()

    @property
    def trace(self) -> list[Record]:
        """`<debug>` records so far."""
        return self._log.traces()

    def symbol(self, name: str) -> Symbol:
        """The exported symbol `name`, from the first image that has it.

        Raises:
            SimulationError: no PE exports it.
        """
        for image in self.program.images:
            if name in image.symbols:
                return image.symbols[name]
        known = sorted({s for image in self.program.images for s in image.symbols})
        raise SimulationError(f"no PE exports {name!r}; exported are {', '.join(known) or 'none'}")

    def memory(self) -> np.ndarray:
        """All PE memories, uint8 [height, width, 49152], as a view."""
        rows = self.arrays.m8.reshape(self.program.height, self.program.width, w.MEMORY_STRIDE)
        return rows[:, :, : w.MEMORY_BYTES]

    def write(self, x: int, y: int, address: int, data: bytes) -> None:
        """Store bytes in the memory of PE (x, y)."""
        self._check_rectangle(x, y, 1, 1)
        _check_span(address, len(data), "write")
        self.memory()[y, x, address : address + len(data)] = np.frombuffer(data, np.uint8)

    def read(self, x: int, y: int, address: int, count: int) -> bytes:
        """Bytes from the memory of PE (x, y)."""
        self._check_rectangle(x, y, 1, 1)
        _check_span(address, count, "read")
        return self.memory()[y, x, address : address + count].tobytes()

    def write_symbol(self, name: str, x0: int, y0: int, data: np.ndarray) -> None:
        """Store `data[h, w, k]` (uint16 or uint32) in the array `name` of a rectangle of PEs."""
        height, width, k = data.shape
        rows = self._symbol_rows(name, x0, y0, width, height, k * data.itemsize)
        self.settle()
        source = np.ascontiguousarray(data).reshape(height * width, k).view(np.uint8)
        memory = self.arrays.m8.reshape(-1, w.MEMORY_STRIDE)
        for address in np.unique(rows[1]):
            chosen = rows[1] == address
            span = slice(int(address), int(address) + source.shape[1])
            memory[rows[0][chosen], span] = source[chosen]
        self._charge_host(data.size)

    def read_symbol_array(
        self, name: str, x0: int, y0: int, width: int, height: int, k: int, dtype: type = np.uint32
    ) -> np.ndarray:
        """The first k elements of the array `name` of a rectangle of PEs, [h, w, k] of `dtype`."""
        size = np.dtype(dtype).itemsize * k
        rows = self._symbol_rows(name, x0, y0, width, height, size)
        self.settle()
        memory = self.arrays.m8.reshape(-1, w.MEMORY_STRIDE)
        result = np.empty((height * width, size), np.uint8)
        for address in np.unique(rows[1]):
            chosen = rows[1] == address
            result[chosen] = memory[rows[0][chosen], int(address) : int(address) + size]
        self._charge_host(height * width * k)
        return result.view(dtype).reshape(height, width, k)

    # --- running ---------------------------------------------------------------------------------

    def launch(self, name: str, args: Sequence[int] = ()) -> None:
        """Start the function `name` on every PE that exports it and wait for its completion.

        `args` are canonical register values. Complete means that every such PE has executed
        unblock_cmd_stream once.
        """
        self.begin_launch(name, args)
        self.complete()

    def begin_launch(self, name: str, args: Sequence[int] = ()) -> None:
        """As `launch`, without waiting; a launch still running is completed first."""
        self.complete()
        if len(args) > w.LAST_TASK - w.HOST_ARGS:
            raise SimulationError(
                f"launch of {name!r} with {len(args)} arguments; expected at most "
                f"{w.LAST_TASK - w.HOST_ARGS}"
            )
        functions = self._launchable(name)
        before_launch(self.arrays)
        pe = self.arrays.pe.reshape(-1, w.PE_WORDS)
        rows = functions >= 0
        pe[rows, w.HOST_FUNCTION] = functions[rows]
        pe[rows, w.HOST_READY] = 1
        pe[rows, w.REPEATED] = 0
        for i, value in enumerate(args):
            pe[rows, w.HOST_ARGS + i] = value
        early = rows & (pe[:, w.UNBLOCKS] > 0)
        pe[early, w.UNBLOCKS] -= 1
        pe[rows, w.UNBLOCKED] &= ~w.SINCE_LAUNCH
        pe[early, w.UNBLOCKED] |= w.SINCE_LAUNCH
        pe[rows & ~early, w.HOST_WAIT] = 1
        self._launched = name
        self.host_cycles += self.costs.host_command
        self.arrays.g[w.G_WAITING] = int((rows & ~early).sum())
        self._poke()

    def complete(self) -> None:
        """Run until the launched function is complete on all PEs."""
        while self._launched and self.arrays.g[w.G_WAITING] >= 0:
            if not self._advance():
                waiting = self.arrays.pe.reshape(-1, w.PE_WORDS)[:, w.HOST_WAIT] != 0
                head = f"launch of {self._launched!r} cannot complete at cycle {self.cycles}"
                raise DeadlockError(stuck_report(self.program, self.arrays, head, waiting))
        self._launched = ""

    def run_until_idle(self) -> None:
        """Run until nothing can happen any more, whoever waits."""
        while self._advance():
            pass
        if self.arrays.g[w.G_WAITING] < 0:
            self._launched = ""

    def settle(self, cycles: int = SETTLE_CYCLES) -> None:
        """Run until nothing can happen any more, for at most `cycles` cycles.

        Copies do it first: on the real machine they take far longer than wavelets on their way.
        """
        from pyflame.runtime.fabric.kernel.loop import QUIET, TOO_LONG

        limit = int(self.arrays.g[w.G_MAX_CYCLES])
        self.arrays.g[w.G_MAX_CYCLES] = min(self.cycles + cycles, limit)
        try:
            while self._run_chunk() not in (QUIET, TOO_LONG):
                pass
        finally:
            self.arrays.g[w.G_MAX_CYCLES] = limit

    def stream_in(self, color: int, x0: int, y0: int, data: np.ndarray) -> Stream:
        """Begin to send `data[h, w, k]` (uint32 wavelets) to the PEs of a rectangle on `color`.

        Each PE receives its k wavelets in order, as fast as its input queue takes them.
        """
        values = np.ascontiguousarray(data, np.uint32)
        return self._stream(w.H_IN, color, x0, y0, values)

    def stream_out(
        self, color: int, x0: int, y0: int, width: int, height: int, count: int
    ) -> Stream:
        """Begin to collect `count` wavelets that each PE of a rectangle sends on `color`."""
        return self._stream(w.H_OUT, color, x0, y0, np.zeros((height, width, count), np.uint32))

    def wait(self, stream: Stream) -> np.ndarray:
        """Run until a stream is done; its wavelets, uint32 [h, w, k]."""
        while not stream.done:
            if not self._advance() and not stream.done:
                verb = "collect" if stream.collects else "deliver"
                head = (
                    f"host stream on colour {stream.color} cannot {verb} its last {stream.left} "
                    f"wavelets at cycle {self.cycles}"
                )
                waiting = np.zeros(self.program.width * self.program.height, bool)
                raise DeadlockError(stuck_report(self.program, self.arrays, head, waiting))
        self._close_streams()
        return stream.data

    def stream_left(self, stream: Stream) -> int:
        """Wavelets that a stream still has to move."""
        return int(self._streams()[stream.number, w.H_LEFT]) if stream in self._open else 0

    def positions(self) -> np.ndarray:
        """Current switch position of each colour, int64 [width, height, 24]; -1 without a route."""
        pe = self.arrays.pe.reshape(-1, w.PE_WORDS)
        channels = pe[:, w.CHANNEL_OF : w.CHANNEL_OF + w.COLORS]
        current = np.where(channels >= 0, self.arrays.ch[np.maximum(channels, 0)], -1)
        grid = current.reshape(self.program.height, self.program.width, w.COLORS)
        return grid.transpose(1, 0, 2)

    @property
    def recording(self) -> bool:
        """Whether the run is recorded."""
        return bool(self.arrays.g[w.G_TRACE])

    def recorded(self) -> Recorded:
        """What was recorded up to now; only of a machine made with `recording`."""
        return recorded(self.program, self.arrays)

    def critical_chain(self) -> list[Link]:
        """The waits that the run's length comes from; only of a machine made with `recording`."""
        return critical_chain(self.arrays)

    def leftovers(self) -> list[str]:
        """Warnings about what nobody has taken, for a program that the host has ended."""
        return leftovers(self.program, self.arrays, [s for s in self._open if not s.collects])

    def report(self) -> Report:
        """Where the cycles went: utilisation, counts, the busiest router and queue."""
        return make_report(self.program, self.arrays, self.host_cycles)

    # --- inside ----------------------------------------------------------------------------------

    def _start(self) -> None:
        """Run the images' initialisers, if any, and let active tasks begin."""
        pe = self.arrays.pe.reshape(-1, w.PE_WORDS)
        for i, image in enumerate(self.program.images):
            if image.init >= 0:
                rows = np.flatnonzero(self.program.image_of == i)
                function = image.functions[image.init]
                frames = rows * self.arrays.g[w.G_REGISTERS]
                pe[rows, w.STATUS] = w.RUNNING
                pe[rows, w.PC] = function.entry
                pe[rows, w.FRAME] = frames
                self.arrays.rg[frames] = -1
                self.arrays.rg[frames + 2] = -1
                self.arrays.rg[frames + 3] = function.registers
        self._poke()

    def _poke(self) -> None:
        self.arrays.g[w.G_POKED] = 1

    def _run_chunk(self) -> int:
        """Run one chunk; why it ended, one of the constants of `kernel.loop`."""
        from pyflame.runtime.fabric.kernel import loop, pointers

        left = CHUNK
        with np.errstate(all="ignore"):
            while (why := loop.advance_machine(pointers.handle(self.arrays), left)) == loop.CROWDED:
                left -= int(self.arrays.tr[r.T_STEPS])
                drop_nodes(self.arrays)
        self._log.take(self.arrays)
        if why == loop.FAULTED:
            raise SimulationError(self._fault_message())
        return int(why)

    def _advance(self) -> bool:
        """Run one chunk. False if nothing can happen any more."""
        from pyflame.runtime.fabric.kernel.loop import QUIET, TOO_LONG

        why = self._run_chunk()
        if why == TOO_LONG:
            limit = int(self.arrays.g[w.G_MAX_CYCLES])
            raise LimitError(
                f"the program runs for more than {limit} cycles; raise max_cycles "
                f"(--max-cycles, at most {w.LAST_CYCLE}) if it is meant to"
            )
        return why != QUIET

    def _fault_message(self) -> str:
        g = self.arrays.g
        words = (w.G_FAULT_PE, w.G_FAULT_PC, w.G_FAULT_TIME, w.G_FAULT_A, w.G_FAULT_B)
        info = FaultInfo(Fault(int(g[w.G_FAULT])), *(int(g[word]) for word in words))
        if info.kind in ROUTER_FAULTS:
            text = router_message(self.program, self.arrays, info)
            return f"{moment(self.program, info)}: {text}"
        callers = self._callers(info.pe) if info.pc == self._word(info.pe, w.PC) else []
        task = int(g[w.G_FAULT_TASK])
        other = holder(self.program, self.arrays, info)
        return instruction_message(self.program, info, task, callers, other)

    def _word(self, pe: int, word: int) -> int:
        return int(self.arrays.pe[pe * w.PE_WORDS + word])

    def _callers(self, pe: int) -> list[int]:
        """The calls that a PE's main thread is inside of, innermost first."""
        frame, registers = self._word(pe, w.FRAME), self.arrays.rg
        calls = []
        while len(calls) < MOST_CALLS and registers[frame] >= 0:
            calls.append(int(registers[frame]) - 1)
            frame = int(registers[frame + 1])
        return calls

    def _check_rectangle(self, x: int, y: int, width: int, height: int) -> None:
        inside = x >= 0 and y >= 0 and width > 0 and height > 0
        if not inside or x + width > self.program.width or y + height > self.program.height:
            raise SimulationError(
                f"rectangle {width}×{height} at ({x}, {y}) is outside the program's "
                f"{self.program.width}×{self.program.height} PEs"
            )

    def _symbol_rows(
        self, name: str, x0: int, y0: int, width: int, height: int, size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """(PE numbers, address of `name` on each) of a rectangle, row by row.

        A symbol that is exported through a pointer is where the pointer points now: programs swap
        their buffers.
        """
        self._check_rectangle(x0, y0, width, height)
        addresses = np.full(len(self.program.images), -1, np.int64)
        pointers = np.full(len(self.program.images), -1, np.int64)
        for i, image in enumerate(self.program.images):
            symbol = image.symbols.get(name)
            if symbol is not None and symbol.address >= 0:
                if size > symbol.size:
                    raise SimulationError(
                        f"a copy of {size} bytes does not fit symbol {name!r} of "
                        f"{symbol.size} bytes in {image.name}"
                    )
                addresses[i] = symbol.address
                pointers[i] = symbol.pointer
        ys, xs = np.mgrid[y0 : y0 + height, x0 : x0 + width]
        pes = (ys * self.program.width + xs).ravel()
        found = addresses[self.program.image_of[pes]]
        if (found < 0).any():
            pe = int(pes[np.argmax(found < 0)])
            self.symbol(name)
            raise SimulationError(
                f"PE ({pe % self.program.width}, {pe // self.program.width}) exports no variable "
                f"{name!r}; every PE of the rectangle must"
            )
        return pes, self._followed(pes, pointers[self.program.image_of[pes]], found, size)

    def _followed(
        self, pes: np.ndarray, pointers: np.ndarray, addresses: np.ndarray, size: int
    ) -> np.ndarray:
        """What the pointers at these addresses of the PEs' memories point to; -1 is no pointer."""
        memory = self.arrays.m8.reshape(-1, w.MEMORY_STRIDE)
        at = np.maximum(pointers, 0)
        low, high = (memory[pes, at + i].astype(np.int64) for i in (0, 1))
        found = np.where(pointers >= 0, low | high << 8, addresses)
        if (found + size > w.MEMORY_BYTES).any():
            raise SimulationError(
                f"a copy of {size} bytes at address {int(found.max())} leaves the PE's memory"
            )
        return found

    def _launchable(self, name: str) -> np.ndarray:
        """Function index of `name` on each PE, -1 where it is not exported."""
        if name not in self._functions:
            self.symbol(name)
            table = np.array(
                [i.symbols[name].function if name in i.symbols else -1 for i in self.program.images]
            )
            if (table < 0).all():
                raise SimulationError(f"symbol {name!r} is a variable; launch needs a function")
            self._functions[name] = table[self.program.image_of]
        return self._functions[name]

    def _charge_host(self, words: int) -> None:
        per_cycle = max(self.costs.host_words_per_cycle, 1)
        self.host_cycles += self.costs.host_command + -(-words // per_cycle)

    def _streams(self) -> np.ndarray:
        return self.arrays.hs.reshape(-1, max(int(self.arrays.g[w.G_STREAM_WORDS]), 1))

    def _close_streams(self) -> None:
        """Hand out what finished streams collected; forget them once all are done."""
        for stream in self._open:
            if stream.collects and stream.done:
                values = self.arrays.hd[stream.at : stream.at + stream.data.size]
                stream.data = values.reshape(stream.data.shape).copy()
        if all(stream.done for stream in self._open):
            self._open = []
            self.arrays.g[w.G_STREAMS] = 0
            self.arrays = self.arrays._replace(hs=np.zeros(1, np.int64), hd=np.zeros(1, np.uint32))

    def _stream(self, kind: int, color: int, x0: int, y0: int, data: np.ndarray) -> Stream:
        height, width, count = data.shape
        self._check_rectangle(x0, y0, width, height)
        if not 0 <= color < self.settings.arch.colors:
            raise SimulationError(f"host stream on colour {color}; expected 0 … 23")
        self._close_streams()
        arrays, g = self.arrays, self.arrays.g
        number = len(self._open)
        words = w.HS_WORDS + self.program.width * self.program.height
        rows = self._streams() if number else np.zeros((0, words), np.int64)
        at = len(arrays.hd)
        row = np.zeros((1, words), np.int64)
        row[0, : w.HS_WORDS] = [
            kind, color, x0, y0, width, height, count, at, data.size, int(data.size > 0), 0
        ]  # fmt: skip
        self.arrays = arrays._replace(
            hs=np.concatenate([rows, row]).ravel(), hd=np.concatenate([arrays.hd, data.ravel()])
        )
        g[w.G_STREAMS] = number + 1
        g[w.G_STREAM_WORDS] = words
        if kind == w.H_OUT:
            g[w.G_SINKS] |= 1 << color
        self.host_cycles += self.costs.host_command
        stream = Stream(self, number, kind == w.H_OUT, color, data, at)
        self._open.append(stream)
        self._poke()
        return stream


def _check_span(address: int, count: int, verb: str) -> None:
    if address < 0 or count < 0 or address + count > w.MEMORY_BYTES:
        raise SimulationError(
            f"{verb} of {count} bytes at address {address} is outside the PE's "
            f"{w.MEMORY_BYTES} bytes"
        )
