"""The cycle model's constants: what the simulator charges and the compiler predicts with."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class CycleModel:
    """Costs in clock cycles. Results of a program never depend on them, only its cycle counts.

    A DSD operation over n elements costs
    ``dsd_setup + dsr_load × (operands not yet in a DSR) + n / rate`` where the rate is halved
    (`bank_conflict`) when two f32 source streams of unit stride start in the same bank pair.
    Measured on WSE-2 for n = 5,124 between two readings of the time stamp counter: n·1 + 6 with
    preloaded DSRs, n/2 + 35 without [L]. Most of the 6 is the reading: in a loop over @map each
    operation of up to 8 elements takes 3 cycles, and 5 at 16 elements [L].
    """

    dsd_setup: int = 1  # L: one DSD operation whose operands are all in DSRs; in loops, see above
    dsr_load: int = 9  # L: (35 - 6) / 3 operands, rounded down
    bank_conflict: int = 2  # L: f32 pair with a bank clash takes twice as long
    hop: int = 1  # P: one router to the next
    ramp: int = 2  # P: core to router or router to core, each way (T_R)
    alu: int = 1  # G: one scalar instruction
    operand: int = 0  # L: a constant or a copy, which the using instruction holds
    load: int = 1  # L: scalar load from memory: loops around @fmacs and @map, MeshGEMM, stencil
    store: int = 1  # L: scalar store to memory; as load
    branch: int = 1  # L: taken or not; as load
    call: int = 1  # L: call and return together cost twice this; as load
    fdiv: int = 24  # G: scalar f32/f16 division, "tens of cycles" [E comments]
    idiv: int = 24  # G: scalar integer division and remainder
    imul: int = 2  # G: scalar integer multiplication
    math: int = 40  # G: sqrt, exp, log, tanh, sin …: "tens of cycles"
    map_element: int = 1  # L: per element that @map reads or writes, beyond the function's work
    task_start: int = 4  # L: picking and starting a task: MeshGEMM without compute, stencil
    activate: int = 2  # G: the @activate instruction itself
    host_command: int = 100  # G: fixed cost of a memcpy command or launch
    host_words_per_cycle: int = 1  # G: 32-bit words per cycle between host and wafer, all channels

    def unit(self) -> CycleModel:
        """Every cost one cycle: for checking that results do not depend on time."""
        ones = dict.fromkeys(self.__dataclass_fields__, 1)
        return replace(self, **ones)
