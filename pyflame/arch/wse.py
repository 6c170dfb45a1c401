"""WSE-2 and WSE-3: sizes, identifiers, queues, rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pyflame.arch.cycles import WSE2_CYCLES, CycleModel
from pyflame.errors import ResourceError


def _rates(**rates: float) -> Mapping[str, float]:
    return MappingProxyType(dict(rates))


# Elements per cycle of DSD operations by CSL builtin name without "@"  [D, SDK appendix table].
# fmacs and fmuls are absent from the documented list: one per cycle [L, measured on WSE-2].
# Two source streams in memory halve a rate that makes them meet in a bank, see `memory_rate`.
_RATES_WSE2 = _rates(
    mov16=4, add16=4, sub16=4, and16=4, or16=4, xor16=4, mov32=2,
    faddh=4, fsubh=4, fmulh=4, fmach=4, fmovh=4, fnegh=4, fabsh=4, fnormh=4, fscaleh=4,
    fadds=2, fsubs=2, fmovs=2, fnegs=2, fabss=2, fnorms=2, fscales=2,
    faddhs=2, fmachs=2,
    fmaxs=1, fmaxh=1, fh2s=1, fs2h=1, fs2xp16=1, fh2xp16=1, xp162fs=1, xp162fh=1,
    sll16=1, slr16=1, sar16=1, addc16=1, clz=1, ctz=1, popcnt=1, dfilt=1,
    fmacs=1, fmuls=1,
)  # fmt: skip
_RATES_WSE3 = _rates(
    mov16=8, add16=8, sub16=8, and16=8, or16=8, xor16=8, mov32=4,
    faddh=8, fsubh=8, fmulh=8, fmach=8, fmovh=8, fnegh=8, fabsh=8, fnormh=8, fscaleh=8,
    fadds=4, fsubs=4, fmovs=4, fnegs=4, fabss=4, fnorms=4, fscales=4,
    faddhs=4, fmachs=4,
    fmaxs=4, fmaxh=8, fh2s=4, fs2h=4, fs2xp16=4, fh2xp16=8, xp162fs=4, xp162fh=8,
    sll16=4, slr16=4, sar16=4, addc16=8, clz=1, ctz=1, popcnt=1, dfilt=1,
    fmacs=1, fmuls=1,
)  # fmt: skip


@dataclass(frozen=True)
class Arch:
    """One generation of the wafer-scale engine, as programs see it."""

    name: str
    """CSL architecture name, ``"wse2"`` or ``"wse3"``."""
    fabric: tuple[int, int]
    """Columns × rows of PEs on the wafer."""
    usable: tuple[int, int]
    """Columns × rows left for a program when memcpy is in use."""
    input_queue_depths: tuple[int, ...]
    """Wavelets that input queue i holds."""
    output_queue_depths: tuple[int, ...]
    """Wavelets that output queue i holds."""
    memcpy_queues: tuple[int, ...]
    """Input and output queues that memcpy keeps."""
    refused_output_queues: tuple[int, ...]
    """Output queues of these that a program may not initialise at all."""
    data_tasks_by_queue: bool
    """True where data tasks bind to input queues (WSE-3), False where they bind to colours."""
    chosen_microthreads: bool
    """True where programs choose microthreads (`.ut_id`), False where they follow from queues."""
    first_local_task: int
    """Lowest id of a local task."""
    switchable_colors: frozenset[int]
    """Colours whose routes may have switch positions."""
    switch_overrides_both: bool
    """True where a switch position may replace rx and tx at once."""
    filters_per_router: int
    rates: Mapping[str, float]
    """Peak elements per cycle of each DSD operation."""
    cycles: CycleModel = field(default_factory=CycleModel)

    stride_width: tuple[int, ...] = (1, 2, 8, 8, 2, 8, 8, 2)
    """Elements per cycle that a memory operand allows by |stride| mod 8; 0 and 1 are full rate.
    D; for 4 the documentation contradicts itself (2 to 4)."""
    memory_bytes: int = 48 * 1024  # D: local SRAM of a PE
    runtime_reserve_bytes: int = 8 * 1024  # G: code, stack and memcpy runtime, before user data
    memory_banks: int = 8  # D
    colors: int = 24  # D: routable colours 0..23
    memcpy_colors: tuple[int, ...] = (21, 22, 23)  # D
    last_local_task: int = 30  # D
    last_control_task: int = 63  # D
    memcpy_local_tasks: tuple[int, ...] = (27, 28, 30)  # D
    memcpy_control_tasks: tuple[int, ...] = (33, 34, 35, 36, 37)  # D
    teardown_task: int = 29  # D
    null_task: int = 31  # D
    microthreads: int = 8  # D
    memcpy_microthread: int = 0  # D
    switch_positions: int = 4  # D
    max_extent: int = 0x7FFF  # D: 0x7fff itself means "endless"
    dsr_ids: int = 16  # G: ids 0..7 are seen in public programs
    wavelet_bits: int = 32  # D
    clock_hz: float = 850e6  # E: host scripts; other sources say up to 1.1 GHz
    memcpy_margin: tuple[int, int] = (7, 2)  # D: columns and rows that memcpy adds
    memcpy_offset: tuple[int, int] = (4, 1)  # D: smallest --fabric-offsets with memcpy

    @property
    def user_colors(self) -> tuple[int, ...]:
        """Colours that a program with memcpy may use, lowest first."""
        return tuple(c for c in range(self.colors) if c not in self.memcpy_colors)

    @property
    def user_input_queues(self) -> tuple[int, ...]:
        """Input queues that a program with memcpy may use, lowest first."""
        every = range(len(self.input_queue_depths))
        return tuple(q for q in every if q not in self.memcpy_queues)

    def memory_rate(self, builtin: str, sources: int) -> float:
        """Elements per cycle of a DSD operation that reads `sources` vectors of memory at once.

        The banks are 16 bytes wide together, so two streams that take 16 bytes a cycle each always
        meet; slower ones need not, if their arrays are placed well.
        """
        size = 2 if builtin.endswith(("h", "16")) else 4
        rate = self.rates[builtin]
        return rate / self.cycles.bank_conflict if sources > 1 and rate * size >= 16 else rate

    def dsd_cycles(self, operands: int, cycles: float) -> float:
        """Cycles of a DSD operation whose elements take `cycles`: the compiler loads its DSRs."""
        model = self.cycles
        use = model.dsr_use if operands else 0
        return model.dsd_setup + model.dsr_load * operands + use + cycles

    @property
    def user_output_queues(self) -> tuple[int, ...]:
        """Output queues that a program with memcpy may use, lowest first."""
        every = range(len(self.output_queue_depths))
        return tuple(q for q in every if q not in self.memcpy_queues)

    @property
    def user_local_tasks(self) -> tuple[int, ...]:
        """Local task ids that a program with memcpy may bind, lowest first."""
        taken = {*self.memcpy_local_tasks, self.teardown_task}
        every = range(self.first_local_task, self.last_local_task + 1)
        return tuple(i for i in every if i not in taken)


WSE2 = Arch(
    name="wse2",
    fabric=(757, 996),  # D
    usable=(750, 994),  # D
    input_queue_depths=(6, 6, 4, 4, 2, 2, 2, 2),  # D
    output_queue_depths=(2, 2, 6, 6, 2, 2),  # D
    memcpy_queues=(0,),  # D
    refused_output_queues=(0,),  # D
    data_tasks_by_queue=False,  # D
    chosen_microthreads=False,  # D
    first_local_task=0,  # D
    switchable_colors=frozenset(range(24)),  # D
    switch_overrides_both=False,  # D
    filters_per_router=6,  # D (SPADA's documents count 4)
    rates=_RATES_WSE2,
    cycles=WSE2_CYCLES,
)
WSE3 = Arch(
    name="wse3",
    fabric=(762, 1172),  # D (one tutorial says 1176)
    usable=(755, 1170),  # D
    input_queue_depths=(8, 8, 4, 4, 4, 4, 4, 4),  # D
    output_queue_depths=(8, 8, 8, 8, 8, 8, 8, 8),  # D
    memcpy_queues=(0, 1),  # D
    refused_output_queues=(0,),  # X: public programs of SDK 1.4 send from queue 1
    data_tasks_by_queue=True,  # D
    chosen_microthreads=True,  # D
    first_local_task=8,  # D
    switchable_colors=frozenset({*range(10), 12, 13, 16, 17, 20, 21}),  # D
    switch_overrides_both=True,  # D
    filters_per_router=6,  # G: as WSE-2
    rates=_RATES_WSE3,
)
TARGETS: Mapping[str, Arch] = MappingProxyType({arch.name: arch for arch in (WSE2, WSE3)})
"""Every known architecture by its CSL name."""


def target(name: str) -> Arch:
    """The architecture called `name`.

    Raises:
        ResourceError: there is none of that name.
    """
    try:
        return TARGETS[name]
    except KeyError:
        known = ", ".join(TARGETS)
        raise ResourceError(f"target {name!r} is unknown; expected one of {known}") from None
