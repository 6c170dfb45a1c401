"""The cycle model's constants: what the simulator charges and the compiler predicts with."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class CycleModel:
    """Costs in clock cycles. Results of a program never depend on them, only its cycle counts.

    A DSD operation over n elements costs
    ``dsd_setup + dsr_load × (operands not yet in a DSR) + n / rate`` where the rate is halved
    (`bank_conflict`) when two f32 source streams of unit stride start in the same bank pair.
    Measured on WSE-2 for n = 5,124: n·1 + 6 with preloaded DSRs, n/2 + 35 without [L].
    """

    dsd_setup: int = 6  # L: one DSD operation whose operands are all in DSRs
    dsr_load: int = 9  # L: (35 - 6) / 3 operands, rounded down
    bank_conflict: int = 2  # L: f32 pair with a bank clash takes twice as long
    hop: int = 1  # P: one router to the next
    ramp: int = 2  # P: core to router or router to core, each way (T_R)
    alu: int = 1  # G: one scalar instruction
    load: int = 2  # G: scalar load from memory
    store: int = 1  # G: scalar store to memory
    branch: int = 2  # G: taken or not
    call: int = 4  # G: call and return together cost twice this
    fdiv: int = 24  # G: scalar f32/f16 division, "tens of cycles" [E comments]
    idiv: int = 24  # G: scalar integer division and remainder
    imul: int = 2  # G: scalar integer multiplication
    math: int = 40  # G: sqrt, exp, log, tanh, sin …: "tens of cycles"
    map_element: int = 1  # L: per element that @map reads or writes, beyond the function's work:
    # @map of one @fmach takes 6.3 + n/rate per element, dsd_setup included
    task_start: int = 14  # L: picking and starting a task (10 to 30 seen)
    activate: int = 2  # G: the @activate instruction itself
    host_command: int = 100  # G: fixed cost of a memcpy command or launch
    host_words_per_cycle: int = 1  # G: 32-bit words per cycle between host and wafer, all channels

    def unit(self) -> CycleModel:
        """Every cost one cycle: for checking that results do not depend on time."""
        ones = dict.fromkeys(self.__dataclass_fields__, 1)
        return replace(self, **ones)
