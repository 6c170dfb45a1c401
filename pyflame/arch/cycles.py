"""The cycle model's constants: what the simulator charges and the compiler predicts with."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class CycleModel:
    """Costs in clock cycles. Results of a program never depend on them, only its cycle counts.

    The defaults are those of WSE-3. A letter says where a number comes from, see
    docs/cycle-model.md: C, read from instruction traces of the SDK's simulator (single
    instructions, dispatch to dispatch); P, the model of HPDC'24; L, chosen so that published counts
    of whole programs come out; G, a guess.

    A DSD operation over n elements costs
    ``dsd_setup + dsr_load × (operands not yet in a DSR) + n / rate``, and `dsr_use` between the
    last DSR that was loaded and the operation. The rate is halved (`bank_conflict`) when the two
    source streams meet in a memory bank.
    """

    dsd_setup: int = 0  # C: the next instruction follows when the last elements have begun
    dsr_load: int = 1  # C: one instruction per descriptor
    dsr_use: int = 3  # C: an operation is dispatched 4 cycles after the last DSR load
    bank_conflict: int = 2  # C, L: streams that meet in a bank take two cycles for one
    hop: int = 2  # C: one router to the next, on the wafer as well
    ramp: int = 3  # C: core to router or router to core, each way
    alu: int = 1  # C: one scalar instruction
    operand: int = 0  # C: a constant or a copy, which the using instruction holds
    load: int = 1  # C: scalar load from memory
    store: int = 1  # C: scalar store to memory
    branch: int = 3  # C: a jump that is not taken: no prediction, so it waits for its condition
    branch_taken: int = 6  # C: a jump that is taken
    loop: int = 6  # C: from the end of a loop to its begin
    call: int = 1  # G: call and return together cost twice this
    fdiv: int = 24  # G: scalar f32/f16 division, "tens of cycles" [E comments]
    idiv: int = 24  # G: scalar integer division and remainder
    idiv_constant: int = 4  # G: … by a known number: multiply, shift, correct the sign
    imul: int = 1  # C: scalar integer multiplication
    math: int = 40  # G: sqrt, exp, log, tanh, sin …: "tens of cycles"
    map_setup: int = 27  # L: beginning a @map: MeshGEMM's tiles of 8 and 16 rows
    map_element: int = 1  # L: per element that @map reads or writes, beyond the function's work
    task_start: int = 3  # C: from the last wavelet of an operation to the task it activates
    activate: int = 1  # C: the @activate instruction itself
    host_command: int = 100  # G: fixed cost of a memcpy command or launch
    host_words_per_cycle: int = 1  # G: 32-bit words per cycle between host and wafer, all channels

    def unit(self) -> CycleModel:
        """Every cost one cycle: for checking that results do not depend on time."""
        ones = dict.fromkeys(self.__dataclass_fields__, 1)
        return replace(self, **ones)


WSE2_CYCLES = CycleModel(
    hop=1,  # P
    ramp=2,  # P
    branch=1,  # L: the tiled stencil with tiles of 1×1 and 3×3, as the next three
    branch_taken=3,  # L
    loop=4,  # L
    task_start=2,  # L
)
"""WSE-2, as far as it is known to differ."""

UNROLLED_TRIPS = 16
"""C: the CSL compiler unrolls a loop of known bounds that has at most this many trips."""

PREDICATED_INSTRUCTIONS = 8
"""C: the CSL compiler predicates an `if` of at most this many scalar instructions, or it jumps."""
