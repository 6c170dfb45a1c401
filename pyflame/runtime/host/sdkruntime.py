"""The emulated SdkRuntime: what host scripts drive a program with, on our simulator."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from pyflame.errors import DTypeError, SimulationError, UnsupportedError
from pyflame.runtime.device import Device, Inspectable, open_device
from pyflame.runtime.fabric.image import Program
from pyflame.runtime.host.arguments import pack_arguments, pack_words
from pyflame.runtime.host.artifact import read_artifact
from pyflame.runtime.host.checks import element_type, integer, pair, text
from pyflame.runtime.host.commands import (
    Command,
    CommandQueue,
    CopyIn,
    CopyOut,
    Launch,
    StreamIn,
    StreamOut,
)
from pyflame.runtime.host.exports import Exports
from pyflame.runtime.host.memory import dump_memory, read_variable
from pyflame.runtime.host.platform import (
    SdkCompileArtifacts,
    SdkExecutionPlatform,
    reject_address,
)
from pyflame.runtime.host.session import current
from pyflame.runtime.host.streams import StreamEnd, read_streams
from pyflame.runtime.host.transfers import (
    MemcpyDataType,
    MemcpyOrder,
    Region,
    check_array,
)

LOG = "sim.log"
"""File name of what ``<simprint>`` prints, in the current directory, as scripts expect it."""


class State(Enum):
    """Life of a runtime; the value says which call leads there."""

    NEW = "SdkRuntime(…)"
    LOADED = "load()"
    RUNNING = "run()"
    STOPPED = "stop()"


_OPTIONS: dict[str, Any] = {
    "cmaddr": None,
    "suppress_simfab_trace": False,
    "simfab_numthreads": 5,
    "msg_level": "WARNING",
    "memcpy_required": True,
}
_MEMCPY_OPTIONS: dict[str, Any] = {
    "streaming": False,
    "data_type": MemcpyDataType.MEMCPY_32BIT,
    "order": MemcpyOrder.ROW_MAJOR,
    "nonblock": False,
}
CORE = "corefile.cs1"
"""Where `SimfabConfig(dump_core=True)` leaves the memory of a run, unless it names a path."""
_MESSAGE_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class SdkRuntime:
    """A compiled program on the simulator.

    `bindir` is the directory that `cslc -o` wrote. Of the keyword options only `cmaddr` changes
    anything here: it has to be empty. Calls go in the order `load`, `run`, transfers and launches,
    `stop`; every mistake in a call is an error before anything is sent.
    """

    def __init__(
        self,
        bindir: str | Path | SdkCompileArtifacts,
        platform: SdkExecutionPlatform | None = None,
        **options: Any,
    ) -> None:
        _check_options("SdkRuntime", options, _OPTIONS)
        level = options.get("msg_level", "WARNING")
        if level not in _MESSAGE_LEVELS:
            known = ", ".join(_MESSAGE_LEVELS)
            raise SimulationError(f"SdkRuntime: msg_level is {level!r}; expected one of {known}")
        reject_address(options.get("cmaddr"))
        if isinstance(bindir, SdkCompileArtifacts):
            bindir = bindir.artifacts_path
        self.directory = Path(bindir)
        """The compiled directory."""
        self.program: Program = read_artifact(self.directory)
        """The compiled program."""
        if platform is not None and platform.target.value != self.program.arch:
            raise SimulationError(
                f"SdkRuntime: the platform is {platform.target.value}, but {str(bindir)!r} was "
                f"compiled for {self.program.arch}"
            )
        self._config = None if platform is None else platform.config
        self.device: Device | None = None
        """The machine, from `load` on."""
        self.state = State.NEW
        self._queue = CommandQueue()
        self._exports = Exports(self.program)
        self.origin, self._ports = read_streams(self.directory)
        current.runtimes.append(self)

    # Life

    def load(self) -> None:
        """Put the program on the simulator. Once, before `run`."""
        self._advance("load()", State.NEW, State.LOADED)
        self.device = open_device(
            "simulator",
            self.directory,
            program=self.program,
            timing=current.timing,
            shuffle_seed=current.shuffle_seed,
            max_cycles=current.max_cycles,
            max_instructions=current.max_instructions,
            check_bounds=current.check_bounds,
            recording=current.recording,
        )

    def run(self) -> None:
        """Start the program; it takes commands from here on. Once, after `load`."""
        self._advance("run()", State.LOADED, State.RUNNING)

    def stop(self) -> None:
        """Carry out everything that is still waiting, then end the program.

        Raises:
            DeadlockError: a command cannot end.

        Warns about wavelets that were sent and that nobody has read.
        """
        device = self._running("stop()")
        self._queue.run(device)
        device.wait()
        device.settle()
        if self._config is not None and self._config.dump_core:
            self.dump_core(str(self._config.core_path or CORE))
        self.state = State.STOPPED
        self.write_log()
        for remark in self.remarks():
            warnings.warn(remark, RuntimeWarning, stacklevel=2)

    def remarks(self) -> Sequence[str]:
        """What is wrong with the state that the program is in, if nothing more is to come."""
        return self.device.leftovers() if isinstance(self.device, Inspectable) else ()

    def write_log(self, empty: bool = False) -> None:
        """Write what ``<simprint>`` printed to `LOG` in the current directory; when nothing, only
        if `empty`. A directory that cannot be written is no reason to fail: it is warned of."""
        lines = self.device.printed() if isinstance(self.device, Inspectable) else []
        if not lines and not empty:
            return
        try:
            Path(LOG).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        except OSError as error:
            if lines:
                warning = f"{LOG} with {len(lines)} lines of output is not written: {error}"
                warnings.warn(warning, RuntimeWarning, stacklevel=3)

    @property
    def pending(self) -> int:
        """Commands that were given with nonblock=True and have not been carried out."""
        return len(self._queue)

    # Names and places

    def get_id(self, symbol: str) -> int:
        """The number by which transfers name an exported symbol.

        Raises:
            SimulationError: nothing of that name is exported.
        """
        return self._exports.number("get_id", symbol)

    def coord_logical_to_physical(self, logical_coords: tuple[int, int]) -> tuple[int, int]:
        """Place on the fabric, (column, row), of a place in the program's rectangle."""
        x, y = pair("coord_logical_to_physical: the place", logical_coords)
        return x + self.program.offsets[0], y + self.program.offsets[1]

    # Transfers

    def memcpy_h2d(
        self,
        dest: int,
        src: np.ndarray,
        px: int,
        py: int,
        w: int,
        h: int,
        elem_per_pe: int,
        **options: Any,
    ) -> Command:
        """Send ``src[h][w][elem_per_pe]`` to the PEs of a rectangle.

        `dest` is a symbol's number (`get_id`), or a colour's with ``streaming=True``. `src` is
        contiguous with 4 bytes per element; with MEMCPY_16BIT only the low halves count.
        """
        region = self._exports.region("memcpy_h2d", px, py, w, h, elem_per_pe)
        return self._send("memcpy_h2d", dest, src, region, options)

    def memcpy_h2d_rowbcast(
        self,
        dest: int,
        src: np.ndarray,
        px: int,
        py: int,
        w: int,
        h: int,
        elem_per_pe: int,
        **options: Any,
    ) -> Command:
        """Send ``src[h][elem_per_pe]``: every PE of row i receives ``src[i]``."""
        region = self._exports.region(
            "memcpy_h2d_rowbcast", px, py, w, h, elem_per_pe, broadcast_x=True
        )
        return self._send("memcpy_h2d_rowbcast", dest, src, region, options)

    def memcpy_h2d_colbcast(
        self,
        dest: int,
        src: np.ndarray,
        px: int,
        py: int,
        w: int,
        h: int,
        elem_per_pe: int,
        **options: Any,
    ) -> Command:
        """Send ``src[w][elem_per_pe]``: every PE of column i receives ``src[i]``."""
        region = self._exports.region(
            "memcpy_h2d_colbcast", px, py, w, h, elem_per_pe, broadcast_y=True
        )
        return self._send("memcpy_h2d_colbcast", dest, src, region, options)

    def memcpy_h2d_stride(
        self,
        dest: int,
        src: np.ndarray,
        px: int,
        py: int,
        w: int,
        h: int,
        elem_per_pe: int,
        row_stride: int,
        col_stride: int,
        **options: Any,
    ) -> Command:
        """Send to every `row_stride`-th PE of a row and every `col_stride`-th of a column.

        `src` is ``[rows][columns][elem_per_pe]`` of the PEs that receive.
        """
        region = self._exports.region(
            "memcpy_h2d_stride", px, py, w, h, elem_per_pe, step_x=row_stride, step_y=col_stride
        )
        return self._send("memcpy_h2d_stride", dest, src, region, options)

    def memcpy_d2h(
        self,
        dest: np.ndarray,
        src: int,
        px: int,
        py: int,
        w: int,
        h: int,
        elem_per_pe: int,
        **options: Any,
    ) -> Command:
        """Fill ``dest[h][w][elem_per_pe]`` from the PEs of a rectangle.

        `src` is a symbol's number, or a colour's with ``streaming=True``.
        """
        call = "memcpy_d2h"
        region = self._exports.region(call, px, py, w, h, elem_per_pe)
        chosen = _memcpy_options(call, options)
        dest = _first(dest, region.size)
        check_array(call, "dest", dest, region, writable=True)
        order = chosen["order"]
        if chosen["streaming"]:
            color = self._exports.color(call, src, "D2H")
            text = f"{call} of {region.elements} wavelets on colour {color}, {region}"
            command: Command = StreamOut(text, array=dest, region=region, order=order, color=color)
        else:
            name = self._exports.variable(call, src, region, chosen["data_type"], writing=False)
            command = CopyOut(
                f"{call} of {name!r}, {region}",
                array=dest,
                region=region,
                order=order,
                symbol=name,
                data_type=chosen["data_type"],
            )
        return self._submit(call, command, chosen["nonblock"])

    # Functions

    def launch(self, symbol: str, *args: Any, nonblock: bool = False) -> Command:
        """Call an exported function on every PE, with type-checked scalar arguments."""
        bits = pack_arguments(symbol, self._exports.parameters("launch", symbol), args)
        command = Launch(f"launch of {symbol!r}", name=symbol, arguments=bits)
        return self._submit("launch", command, nonblock)

    def call(self, symbol: str, params: Sequence[int], nonblock: bool = False) -> Command:
        """As `launch`, with each argument given as a 32-bit word."""
        bits = pack_words(symbol, self._exports.parameters("call", symbol), params)
        command = Launch(f"call of {symbol!r}", name=symbol, arguments=bits)
        return self._submit("call", command, nonblock)

    # Handles

    def task_wait(self, task_handle: Command) -> None:
        """Wait until a command is done."""
        device = self._running("task_wait()")
        self._check_task("task_wait", task_handle)
        self._queue.run(device, task_handle)

    def is_task_done(self, task_handle: Command) -> bool:
        """Whether a command is done. Asking lets the simulator carry it out, so it is."""
        self.task_wait(task_handle)
        return task_handle.done

    # Looking inside

    def read_symbol(self, x: int, y: int, symbol_name: str, dtype: Any = "uint8") -> np.ndarray:
        """What a variable of the PE at column `x`, row `y` of the program holds, as `dtype`.

        The variable need not be exported.
        """
        device = self._loaded("read_symbol()")
        x = integer("read_symbol: x", x) + self.origin[0]
        y = integer("read_symbol: y", y) + self.origin[1]
        name, kind = text("read_symbol: the name", symbol_name), element_type("read_symbol", dtype)
        return read_variable(device, self.program, x, y, name, kind)

    def dump_core(self, corefile: str | Path) -> None:
        """Write the memory of every PE to a .npz file (our own format; csdb cannot read it)."""
        path = (
            corefile if isinstance(corefile, Path) else Path(text("dump_core: the path", corefile))
        )
        dump_memory(self._loaded("dump_core()"), self.program, path)

    def dump_elf_core(self, corefile: str) -> None:
        """Not offered: there are no ELF files here."""
        raise UnsupportedError(
            "SdkRuntime.dump_elf_core", hint="dump_core writes the memory as .npz"
        )

    # Streams of SdkLayout programs

    def get_port_id(self, port_name: str) -> int:
        """The number of a stream, which `send` and `receive` take as well as its name."""
        return list(self._ports).index(self._port("get_port_id", port_name).name)

    def report_port_infos(self) -> None:
        """Print name, direction, colour and place of every stream."""
        for port in self._ports.values():
            direction = "input" if port.incoming else "output"
            x, y = self.coord_logical_to_physical((port.x, port.y))
            print(f"{port.name}: {direction}, colour {port.color}, PE ({x}, {y})")

    def send(
        self,
        port: str | int,
        src: np.ndarray,
        n_wavelets: int | None = None,
        *,
        nonblock: bool = False,
    ) -> Command:
        """Send the first `n_wavelets` words of `src`, or all, to an input stream."""
        end = self._end("send", port, incoming=True)
        count = int(np.size(src) if n_wavelets is None else n_wavelets)
        region = Region(end.x, end.y, 1, 1, count)
        src = _first(src, count)
        check_array("send", "src", src, region, writable=False)
        command = StreamIn(f"send to {end.name!r}", array=src, region=region, color=end.color)
        if nonblock:
            command.remember()
        return self._submit("send", command, nonblock)

    def receive(
        self, port: str | int, dest: np.ndarray, n_wavelets: int, *, nonblock: bool = False
    ) -> Command:
        """Receive `n_wavelets` words from an output stream into the start of `dest`."""
        end = self._end("receive", port, incoming=False)
        region = Region(end.x, end.y, 1, 1, int(n_wavelets))
        dest = _first(dest, int(n_wavelets))
        check_array("receive", "dest", dest, region, writable=True)
        text = f"receive from {end.name!r}"
        command = StreamOut(text, array=dest, region=region, color=end.color)
        return self._submit("receive", command, nonblock)

    def receive_tofile(self, *args: Any, **options: Any) -> Command:
        """Not offered: `receive` fills an array."""
        raise UnsupportedError("SdkRuntime.receive_tofile", hint="use receive and ndarray.tofile")

    def _port(self, call: str, port: str | int) -> StreamEnd:
        if isinstance(port, int) and 0 <= port < len(self._ports):
            return list(self._ports.values())[port]
        if not isinstance(port, str) or port not in self._ports:
            known = ", ".join(self._ports) or "none (streams belong to SdkLayout programs)"
            raise SimulationError(f"{call}: there is no stream {port!r}; there are: {known}")
        return self._ports[port]

    def _end(self, call: str, port: str | int, incoming: bool) -> StreamEnd:
        end = self._port(call, port)
        if end.incoming is not incoming:
            raise SimulationError(f"{call}: {end.name!r} is a stream of the other direction")
        return end

    # Checks

    def _advance(self, call: str, before: State, after: State) -> None:
        if self.state is not before:
            raise SimulationError(
                f"{call}: the last step was {self.state.value}; "
                "expected load(), run() and stop() once each, in this order"
            )
        self.state = after

    def _running(self, call: str) -> Device:
        if self.state is not State.RUNNING or self.device is None:
            raise SimulationError(
                f"{call}: the program is not running, the last step was {self.state.value}; "
                "call load() and run() before, and nothing but reads after stop()"
            )
        return self.device

    def _loaded(self, call: str) -> Device:
        if self.device is None:
            raise SimulationError(f"{call}: nothing is loaded; call load() first")
        return self.device

    def _check_task(self, call: str, task: Any) -> None:
        if not isinstance(task, Command):
            raise SimulationError(
                f"{call}: {task!r} is not a task; pass what a call with nonblock=True returned"
            )
        if not task.done and task not in self._queue:
            raise SimulationError(f"{call}: {task!r} belongs to another runtime")

    # Sending

    def _send(
        self, call: str, dest: Any, src: Any, region: Region, options: dict[str, Any]
    ) -> Command:
        chosen = _memcpy_options(call, options)
        if not region.broadcast_x and not region.broadcast_y:
            src = _first(src, region.size)
        check_array(call, "src", src, region, writable=False)
        order = chosen["order"]
        if chosen["streaming"]:
            color = self._exports.color(call, dest, "H2D")
            text = f"{call} of {region.elements} wavelets on colour {color}, {region}"
            command: StreamIn | CopyIn = StreamIn(
                text, array=src, region=region, order=order, color=color
            )
        else:
            name = self._exports.variable(call, dest, region, chosen["data_type"], writing=True)
            command = CopyIn(
                f"{call} to {name!r}, {region}",
                array=src,
                region=region,
                order=order,
                symbol=name,
                data_type=chosen["data_type"],
            )
        if chosen["nonblock"]:
            command.remember()
        return self._submit(call, command, chosen["nonblock"])

    def _submit(self, call: str, command: Command, nonblock: bool) -> Command:
        device = self._running(call)
        self._queue.add(command)
        if not nonblock:
            self._queue.run(device, command)
        return command


def _check_options(call: str, given: dict[str, Any], known: dict[str, Any]) -> None:
    unknown = [name for name in given if name not in known]
    if unknown:
        raise SimulationError(
            f"{call}: unknown option {', '.join(unknown)}; expected {', '.join(known)}"
        )


def _first(array: Any, count: int) -> Any:
    """The first `count` elements of a larger array; what has none is for `check_array`."""
    if isinstance(array, np.ndarray) and array.flags.c_contiguous and 0 <= count < array.size:
        return array.reshape(-1)[:count]
    return array


def _memcpy_options(call: str, given: dict[str, Any]) -> dict[str, Any]:
    _check_options(call, given, _MEMCPY_OPTIONS)
    chosen = {**_MEMCPY_OPTIONS, **given}
    for name, kind in (("data_type", MemcpyDataType), ("order", MemcpyOrder)):
        if not isinstance(chosen[name], kind):
            known = ", ".join(f"{kind.__name__}.{member.name}" for member in kind)
            raise DTypeError(f"{call}: {name} is {chosen[name]!r}; expected one of {known}")
    return chosen
