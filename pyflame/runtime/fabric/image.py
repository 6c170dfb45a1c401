"""What the CSL front end hands to the machine: images of PE programs and the fabric's routes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pyflame.runtime.fabric.isa import FIRST_FREE_SLOT, FifoAction, PopMode, TaskKind, Type


@dataclass(frozen=True)
class Function:
    """A compiled function: where it starts, how many registers its frame has."""

    name: str
    entry: int  # index into Image.code
    registers: int
    parameters: tuple[Type, ...] = ()
    result: Type | None = None


@dataclass(frozen=True)
class Task:
    """A bound task. `number` is the local or control task id, or for data tasks the colour
    (WSE-2) or input queue (WSE-3) whose wavelets start it."""

    kind: TaskKind
    number: int
    function: int  # index into Image.functions
    parameters: tuple[Type, ...] = ()


@dataclass(frozen=True)
class Symbol:
    """A name the host can use: a variable (`address`, `size` bytes of its array, element type) or
    a function (`function`)."""

    name: str
    address: int = -1  # address of the array that the exported pointer points to
    size: int = 0
    element: Type = Type.U32
    function: int = -1
    mutable: bool = True
    pointer: int = -1  # address of the exported pointer variable itself, for read_symbol


@dataclass(frozen=True)
class Queue:
    """An initialised queue; `color` is -1 for WSE-2 output queues, which serve any colour."""

    number: int
    color: int
    priority: int = 0
    control_base: int = 0
    """Input queues: added to the ids of control tasks that arrive here."""


@dataclass(frozen=True)
class Rotation:
    """The control task `alternate` starts instead of an input queue's data task whenever the
    counter, which counts starts of the data task from `start` on, has reached `limit`."""

    queue: int
    alternate: int
    limit: int
    start: int = 0


@dataclass(frozen=True)
class Fifo:
    """A FIFO made by @allocate_fifo: its array and activation options."""

    address: int
    elements: int
    element: Type
    activate_push: int = -1
    activate_pop: int = -1
    full: FifoAction = FifoAction.TEST_OR_SUSPEND
    empty: FifoAction = FifoAction.TEST_OR_SUSPEND


@dataclass
class Image:
    """One PE program, compiled. PEs with the same file and parameters share one image."""

    name: str
    code: np.ndarray  # int64 [n, INSTRUCTION_WORDS]
    functions: list[Function]
    memory: np.ndarray  # uint8: initial contents from address 0; shorter than 48 KB
    data_end: int  # first byte after globals
    tasks: list[Task] = field(default_factory=list)
    symbols: dict[str, Symbol] = field(default_factory=dict)
    input_queues: list[Queue] = field(default_factory=list)
    output_queues: list[Queue] = field(default_factory=list)
    descriptors: np.ndarray = field(default_factory=lambda: np.zeros((0, 24), np.int64))
    """Constant descriptors, for Op.DCONST; also initial values, see `slots`."""
    slots: int = FIRST_FREE_SLOT  # descriptor slots this image needs
    slot_init: dict[int, int] = field(default_factory=dict)  # slot -> row of `descriptors`
    operands: np.ndarray = field(default_factory=lambda: np.zeros((0, 10), np.int64))
    options: np.ndarray = field(default_factory=lambda: np.zeros((0, 10), np.int64))
    fifos: list[Fifo] = field(default_factory=list)
    strings: list[str] = field(default_factory=list)
    active: list[int] = field(default_factory=list)  # local task ids active at start
    blocked: list[tuple[int, int]] = field(default_factory=list)  # (BlockKind, number) at start
    unblocked: list[tuple[int, int]] = field(default_factory=list)
    """(BlockKind, number) unblocked at compile time, e.g. a colour or queue that only control tasks
    use. At the start an id is blocked unless a data or local task is bound to it."""
    teardown: dict[int, int] = field(default_factory=dict)  # colour -> handler function
    filters: list[int] = field(default_factory=list)
    """Colour of each filter id."""
    flushed: dict[tuple[bool, int], int] = field(default_factory=dict)
    """(is output, queue) -> function that runs when the queue was flushed."""
    rotations: list[Rotation] = field(default_factory=list)
    lines: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.int32))
    """(file index, line) of each instruction; files in `Program.files`."""
    memory_map: list[tuple[str, int, int]] = field(default_factory=list)  # name, address, bytes
    init: int = -1  # function run before the first task (run-time global initialisers), -1 none


@dataclass(frozen=True)
class Position:
    """One switch position of a colour at a router: rx and tx masks of `1 << Direction`."""

    rx: int
    tx: int


@dataclass(frozen=True)
class Filter:
    """A wavelet filter on delivery to the core; `kind` 0 counter, 1 sparse_counter, 2 range.

    A counter counts what arrives from `init_counter` to `limit1` and then from 0 again; what
    arrives while the count is above `max_counter` is rejected. With `filter_control` only control
    wavelets pass, while the count is `max_counter`. A sparse counter has `limit2` as its second
    `limit1` and 0, which means off, as its third. A range accepts data by index, and all control
    wavelets.
    """

    kind: int
    limit1: int = 0
    limit2: int = 0
    max_counter: int = 0
    init_counter: int = 0
    min_idx: int = 0
    max_idx: int = 0
    count_data: bool = True
    count_control: bool = False
    filter_control: bool = False


@dataclass(frozen=True)
class Route:
    """Configuration of one colour at one router. `positions[0]` always exists; a position of
    rx = tx = 0 is invalid."""

    positions: tuple[Position, ...]
    current: int = 0
    ring: bool = False
    pop: PopMode = PopMode.NO_POP
    suspended: bool = False  # .teardown = true
    swap_x: bool = False
    swap_y: bool = False
    filter: Filter | None = None
    line: tuple[int, int] = (-1, -1)
    """(file index, line) where it is configured; files in `Program.files`."""


@dataclass(frozen=True, eq=False)
class Contents:
    """What a variable at `address` holds at the start on some PEs, instead of what their image
    says."""

    address: int
    pes: np.ndarray  # int32 [n]: PE indices
    data: np.ndarray  # uint8 [n, bytes]


@dataclass
class Program:
    """A whole compiled program. Coordinates are (x, y) in the rectangle; PE index = y*width + x."""

    arch: str  # "wse2" or "wse3"
    width: int
    height: int
    images: list[Image]
    image_of: np.ndarray  # int32 [height*width] -> images
    routes: list[Route] = field(default_factory=list)  # distinct routes
    route_of: np.ndarray = field(default_factory=lambda: np.full((0, 24), -1, np.int32))
    """int32 [height*width, 24] -> routes, -1 where a colour has no route."""
    exports: dict[str, tuple[bool, str]] = field(default_factory=dict)
    """@export_name: name -> (is function, CSL type text), in order of declaration."""
    params: dict[str, str] = field(default_factory=dict)  # --params as text, for out.json
    files: list[str] = field(default_factory=list)  # source paths, for `Image.lines`
    digests: list[str] = field(default_factory=list)  # SHA-256 of each file, or none at all
    fabric: tuple[int, int] = (0, 0)  # --fabric-dims
    offsets: tuple[int, int] = (0, 0)  # --fabric-offsets
    streaming: dict[str, int] = field(default_factory=dict)
    """memcpy streaming colours, e.g. {"MEMCPYH2D_1": 14, "MEMCPYD2H_1": 16}."""
    half: str = "ieee"
    """What the 16-bit float is (--fp16-format): "ieee", "bf16" or "cb16"."""
    contents: list[Contents] = field(default_factory=list)
    """Initial contents that differ between PEs of one image, in order: the last one counts."""
    warnings: list[str] = field(default_factory=list)
