"""Host commands and the queue in which they wait.

Commands run in order. A command that was given with ``nonblock=True`` waits in the queue until a
blocking one behind it, `task_wait` or `stop` needs the queue to move. Data that a program needs
before it can answer may stand later in the queue (a launch that reads a stream which is sent
afterwards): a command that cannot finish lets such a later command go first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from pyflame.errors import DeadlockError, SimulationError
from pyflame.runtime.device import Device
from pyflame.runtime.host.transfers import MemcpyDataType, MemcpyOrder, Region, expand, to_blocks

_serial = count(1)


@dataclass(eq=False)
class Command(ABC):
    """One host command: what `task_wait` and `is_task_done` take."""

    call: str  # as shown in messages
    done: bool = False
    number: int = field(default_factory=lambda: next(_serial))

    feeds = False
    """May go before a command that is stuck, because it can supply what that one lacks."""

    @abstractmethod
    def execute(self, device: Device, blocking: bool) -> None:
        """Do it; wait for its end if `blocking`.

        Raises:
            DeadlockError: it cannot end; calling again is allowed.
        """

    def __repr__(self) -> str:
        return f"<Task {self.number}: {self.call}{' (done)' if self.done else ''}>"


@dataclass(eq=False, repr=False)
class Launch(Command):
    """Start a function on every PE."""

    name: str = ""
    arguments: list[int] = field(default_factory=list)
    started: bool = False

    def execute(self, device: Device, blocking: bool) -> None:
        """Start it once; a retry only waits."""
        if not self.started:
            device.wait()
            device.launch(self.name, self.arguments)
            self.started = True
        if blocking:
            device.wait()


@dataclass(eq=False, repr=False)
class _Transfer(Command):
    array: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint32))
    region: Region = field(default_factory=lambda: Region(0, 0, 1, 1, 0))
    order: MemcpyOrder = MemcpyOrder.ROW_MAJOR


@dataclass(eq=False, repr=False)
class _Send(_Transfer):
    """A transfer to the fabric: notices when its array changes before it is sent."""

    _copy: np.ndarray | None = None

    def remember(self) -> None:
        """Keep what the array holds now."""
        self._copy = self.array.copy()

    def blocks(self) -> np.ndarray:
        """What to send, uint32 ``[rows, columns, elements]``."""
        if self._copy is not None and self._copy.tobytes() != self.array.tobytes():
            raise SimulationError(
                f"{self.call}: the array changed after this nonblock=True call and before its data "
                "were sent; wait with task_wait before reusing the array, or pass a copy"
            )
        blocks = to_blocks(self.array, self.region, self.order)
        return expand(blocks, self.region)

    def parts(self) -> list[tuple[np.ndarray, int, int]]:
        """The pieces to send, each to neighbouring PEs: blocks, column, row."""
        blocks, region = self.blocks(), self.region
        if region.step_x == region.step_y == 1:
            return [(blocks, region.x, region.y)]
        return [
            (
                blocks[row : row + 1, column : column + 1],
                region.x + column * region.step_x,
                region.y + row * region.step_y,
            )
            for row in range(region.rows)
            for column in range(region.columns)
        ]


def _arrive(device: Device) -> None:
    """Let a copy reach the PEs. It takes the host so long that what is under way on the fabric,
    streamed input and wavelets sent before a function unblocked, has arrived by then. (So does a
    stream, but that one need not wait for a launch, which may be waiting for it.)"""
    device.wait()
    device.settle()


@dataclass(eq=False, repr=False)
class CopyIn(_Send):
    """Copy mode, host to device."""

    symbol: str = ""
    data_type: MemcpyDataType = MemcpyDataType.MEMCPY_32BIT

    def execute(self, device: Device, blocking: bool) -> None:
        """Write the symbol on each PE."""
        _arrive(device)
        dtype = np.uint16 if self.data_type is MemcpyDataType.MEMCPY_16BIT else np.uint32
        for blocks, x, y in self.parts():
            device.write_symbol(self.symbol, blocks.astype(dtype), x, y)


@dataclass(eq=False, repr=False)
class CopyOut(_Transfer):
    """Copy mode, device to host."""

    symbol: str = ""
    data_type: MemcpyDataType = MemcpyDataType.MEMCPY_32BIT

    def execute(self, device: Device, blocking: bool) -> None:
        """Read the symbol from each PE; the upper half of 16-bit elements becomes zero."""
        _arrive(device)
        region = self.region
        dtype = np.uint16 if self.data_type is MemcpyDataType.MEMCPY_16BIT else np.uint32
        values = device.read_symbol_array(
            self.symbol, region.x, region.y, region.width, region.height, region.elements, dtype
        )
        to_blocks(self.array, region, self.order)[...] = values


@dataclass(eq=False, repr=False)
class StreamIn(_Send):
    """Streaming mode, host to device."""

    color: int = 0
    feeds = True

    def execute(self, device: Device, blocking: bool) -> None:
        """Queue the wavelets behind what earlier commands set in motion; they enter while later
        commands run."""
        device.settle()
        for blocks, x, y in self.parts():
            device.stream_in(self.color, np.ascontiguousarray(blocks), x, y)


@dataclass(eq=False, repr=False)
class StreamOut(_Transfer):
    """Streaming mode, device to host."""

    color: int = 0

    def execute(self, device: Device, blocking: bool) -> None:
        """Wait for the wavelets."""
        region = self.region
        values = device.stream_out(
            self.color, region.x, region.y, region.width, region.height, region.elements
        )
        to_blocks(self.array, region, self.order)[...] = values


class CommandQueue:
    """Commands that were given and are not done."""

    def __init__(self) -> None:
        self._waiting: list[Command] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, command: Command) -> bool:
        return command in self._waiting

    def add(self, command: Command) -> None:
        """Append a command."""
        self._waiting.append(command)

    def run(self, device: Device, last: Command | None = None) -> None:
        """Run commands in order until `last` is done, or all.

        Raises:
            DeadlockError: a command cannot end and no other can help it.
        """
        while self._waiting and not (last and last.done):
            head = self._waiting[0]
            try:
                self._execute(device, head, blocking=last is None or head is last)
            except DeadlockError as error:
                self._help(device, head, last, error)

    def _execute(self, device: Device, command: Command, blocking: bool) -> None:
        command.execute(device, blocking)
        self._waiting.remove(command)
        command.done = True

    def _help(
        self, device: Device, stuck: Command, last: Command | None, error: DeadlockError
    ) -> None:
        """Run the first later command that can supply what `stuck` lacks."""
        receiving = isinstance(stuck, StreamOut)
        for command in self._waiting[1:]:
            if command.feeds or (receiving and not isinstance(command, StreamOut)):
                self._execute(device, command, blocking=command is last)
                return
        raise error
