"""The simulator's instruction set: what CSL functions are compiled to and the machine executes.

A processing element (PE) has

* `memory`: 48 KB of bytes, byte-addressed, little-endian; globals and addressed locals live there;
* `registers`: 64-bit signed integers, a frame of `Function.registers` per activation. Values are
  kept canonical: an iN is sign-extended, a uN zero-extended, bool is 0 or 1, a float is its bit
  pattern (f32 in the low 32 bits, f16/bf16/cb16 in the low 16), a pointer is a byte address, an id
  (colour, queue, task) its number, a function pointer its index in `Image.functions`;
* `descriptors`: the DSDs. Every DSD-typed variable, constant and temporary has a static slot of
  `DESCRIPTOR_WORDS` integers (functions are not recursive, so slots are per function). The first
  slots are the DSRs: see `dsr_slot`.

An instruction is six integers `(op, t, a, b, c, d)`: an `Op`, a `Type` code where the operation is
typed, and four operands. Unless said otherwise `a` is the destination register and `b`, `c` are
source registers. Jump targets are absolute indices into `Image.code`.
"""

from __future__ import annotations

from enum import IntEnum, auto

INSTRUCTION_WORDS = 6
DESCRIPTOR_WORDS = 24
DSR_IDS = 64
"""Ids per DSR file in the descriptor table (architectures allow fewer)."""
FIRST_FREE_SLOT = 4 * DSR_IDS


class Type(IntEnum):
    """Type codes of typed instructions; `bytes` is the size in memory."""

    BOOL = 0
    I8 = 1
    U8 = 2
    I16 = 3
    U16 = 4
    I32 = 5
    U32 = 6
    I64 = 7
    U64 = 8
    F16 = 9
    BF16 = 10
    F32 = 11
    CB16 = 12

    @property
    def bytes(self) -> int:
        """Size of a value in PE memory."""
        return _TYPE_BYTES[self]


_TYPE_BYTES = {
    Type.BOOL: 1, Type.I8: 1, Type.U8: 1, Type.I16: 2, Type.U16: 2, Type.I32: 4, Type.U32: 4,
    Type.I64: 8, Type.U64: 8, Type.F16: 2, Type.BF16: 2, Type.F32: 4, Type.CB16: 2,
}  # fmt: skip


class DsrFile(IntEnum):
    """The register files that hold DSDs."""

    DEST = 0
    SRC0 = 1
    SRC1 = 2
    EXTRA = 3  # xdsr and the fifo files


def dsr_slot(file: DsrFile, number: int) -> int:
    """The descriptor slot of DSR `number` of `file`."""
    return file * DSR_IDS + number


class Op(IntEnum):
    """Operation codes. r(x) is register x of the current frame."""

    # control
    NOP = 0
    LDI = auto()  # r(a) = d
    MOV = auto()  # r(a) = r(b)
    JMP = auto()  # pc = d
    JZ = auto()  # if r(a) == 0: pc = d
    JNZ = auto()  # if r(a) != 0: pc = d
    CALL = auto()  # call function d; arguments are r(b) … r(b+c-1); result to r(a) (a < 0: none);
    # t = 1: the CSL compiler expands the call in place, so that it costs nothing
    CALLR = auto()  # as CALL, function index in r(d)
    RET = auto()  # return r(a) (a < 0: none); in a task's outermost frame: end of task
    TRAP = auto()  # stop with Fault(d): failed @assert (message index c in Image.strings) …

    # scalar arithmetic, typed by t (integers wrap; shifts take the count from r(c))
    ADD = auto()
    SUB = auto()
    MUL = auto()
    DIV = auto()  # integers truncate toward zero; division by zero is a fault; d = 1, as in MOD:
    # the divisor is known at compile time, so that integers cost less
    MOD = auto()
    AND = auto()
    OR = auto()
    XOR = auto()
    SHL = auto()
    SHR = auto()  # arithmetic for signed types
    NEG = auto()  # r(a) = -r(b)
    NOT = auto()  # bitwise complement, or logical not for BOOL
    EQ = auto()  # comparisons give bool
    NE = auto()
    LT = auto()
    LE = auto()
    GT = auto()
    GE = auto()
    CAST = auto()  # r(a) = @as(type t, r(b) of type c)
    WRAP = auto()  # r(a) = low bits of r(b) as type t (bit cast, canonical form)
    MATH = auto()  # r(a) = Math(d) of r(b) [and r(c)] in type t

    # memory: t says width and canonical form; effective address = r(b) + d, in bytes
    LOAD = auto()  # r(a) = [r(b) + d]   (b < 0: absolute address d)
    STORE = auto()  # [r(b) + d] = r(a)   (b < 0: absolute address d)
    COPY = auto()  # copy d bytes to r(a) from r(b)
    FILL = auto()  # zero d bytes at r(a)

    # descriptors (slots are literals unless said otherwise)
    DCOPY = auto()  # slot a = slot b
    DCONST = auto()  # slot a = Image.descriptors row d
    DLEN = auto()  # slot a . extent = r(b)          (@set_dsd_length)
    DBASE = auto()  # slot a . base = r(b), offset 0  (@set_dsd_base_addr)
    DOFF = auto()  # slot a . offset += r(b) * d bytes (@increment_dsd_offset)
    DSTRIDE = auto()  # slot a . stride = r(b)          (@set_dsd_stride)
    DFIELD = auto()  # slot a . word d = r(b)  (runtime-built DSDs: extent, base, strides, queue …)
    DGET = auto()  # r(a) = word d of slot b
    DSRLOAD = auto()  # DSR slot a = slot b, options row d (save_address, async, activate …)
    DSD = auto()  # DSD operation: operand table row d, see DsdOperands; r(a) = completed (a >= 0)
    DLD = auto()  # r(a) = element r(c) of slot b, element type t; blocks on fabric operands (@map)
    DST = auto()  # element r(c) of slot b = r(a), element type t; blocks on fabric operands (@map)
    DCOUNT = auto()  # r(a) = number of elements of slot b

    # tasks and queues
    ACTIVATE = auto()  # local task r(a)
    BLOCK = auto()  # block BlockKind(b) number r(a)
    UNBLOCK = auto()  # unblock BlockKind(b) number r(a)
    PRIORITY = auto()  # task r(a) priority high if r(b) else low

    # environment
    XCOORD = auto()  # r(a) = column in the program rectangle
    YCOORD = auto()  # r(a) = row in the program rectangle
    TSC = auto()  # r(a) = 48-bit time stamp counter
    TSCCTL = auto()  # d: 0 disable, 1 enable, 2 reset
    HOSTUNBLOCK = auto()  # this PE is ready for the next host command
    RANDOM = auto()  # r(a) = 32 random bits of this PE's seeded counter-based generator
    SEED = auto()  # seed this PE's generator with r(a)
    PRINT = auto()  # append to this PE's output: PrintKind(b), value r(a) or string index d
    TRACE = auto()  # append to this PE's debug trace: PrintKind(b), value r(a) or string d, key c

    # router, at run time
    ROUTESET = auto()  # colour r(a): rx mask r(b), tx mask r(c) at switch position d
    SWITCHPOS = auto()  # colour r(a): current position = r(b)
    SWITCHVALID = auto()  # colour r(a): position d valid if r(b)
    SWITCHMODE = auto()  # colour r(a): ring mode r(b), pop mode r(c)
    TEARDOWNEXIT = auto()  # colour r(a) resumes
    TEARDOWNPENDING = auto()  # r(a) = colour r(b) is suspended
    ROUTEGET = auto()  # r(a) = mask (d & 1: tx, else rx) of colour r(b) at position d >> 1
    FILTERSET = auto()  # filter r(a), see Image.filters: FilterWord d = r(b)

    # the loop of @map, which the CSL compiler makes as tight as the datapath allows
    MAPNEXT = auto()  # r(a) += 1; if r(a) < r(b): pc = d   (free: DLD and DST cost)

    # a check of the simulator, which the hardware does not have
    BOUND = auto()  # stop with Fault.BAD_INDEX unless 0 <= r(a) < d   (free)

    # configuration of the core and its router, read or written at run time
    FILTERGET = auto()  # r(a) = FilterWord d of filter r(b)
    SWITCHGET = auto()  # r(a) = SwitchState d of colour r(b)
    QUEUESTATUS = auto()  # r(a) = mask of the queues that are in QueueState d
    MAINPRIORITY = auto()  # the main thread runs at MainLevel r(a)
    EXCEPTIONS = auto()  # stop at the FloatException kinds of mask r(a), at no others

    # queues, at run time; d & 1: the output queue of that number, else the input queue
    QFLUSH = auto()  # start the teardown task once queue r(a) is empty
    QFLUSHEXIT = auto()  # queue r(a) is no longer flushed
    QFLUSHPENDING = auto()  # r(a) = queue r(b) was flushed and its flush not left
    QUEUESET = auto()  # queue r(a), which is empty, serves colour r(b); input: filtered if r(c)
    CONTROLMASK = auto()  # control_transform changes ids of control tasks by XOR with r(a)


class Math(IntEnum):
    """Functions of `Op.MATH`, computed in float64 and rounded once to the type."""

    SQRT = 0
    EXP = 1
    LOG = 2
    SIN = 3
    COS = 4
    TANH = 5
    POW = 6
    FLOOR = 7
    CEIL = 8
    ABS = 9
    INV = 10
    INVSQRT = 11
    SIGMOID = 12
    MIN = 13
    MAX = 14
    TAN = 15
    CLZ = 16
    CTZ = 17
    POPCNT = 18
    SIGN = 19
    SCALE = 20  # r(b) * 2 ** r(c), of which r(c) is an integer


class FilterWord(IntEnum):
    """Words of a wavelet filter, as `image.Filter` names them; COUNT is the running count."""

    KIND = 0
    LIMIT1 = 1
    LIMIT2 = 2
    MAX_COUNTER = 3
    INIT_COUNTER = 4
    MIN_IDX = 5
    MAX_IDX = 6
    COUNT_DATA = 7
    COUNT_CONTROL = 8
    FILTER_CONTROL = 9
    COUNT = 10


class SwitchState(IntEnum):
    """What `Op.SWITCHGET` reads."""

    POSITION = 0
    RING = 1
    POP = 2


class QueueState(IntEnum):
    """What `Op.QUEUESTATUS` asks of all queues of one direction."""

    INPUT_EMPTY = 0
    INPUT_FULL = 1
    OUTPUT_EMPTY = 2
    OUTPUT_FULL = 3


class MainLevel(IntEnum):
    """Priorities of the main thread among microthreads, which are low, medium or high."""

    MEDIUM_LOW = 0  # above low
    MEDIUM = 1  # in turn with medium
    MEDIUM_HIGH = 2  # above medium
    HIGH = 3  # in turn with high


class FloatException(IntEnum):
    """Bits of `Op.EXCEPTIONS`."""

    UNDERFLOW = 0
    OVERFLOW = 1
    INEXACT = 2
    INVALID = 3
    DIVIDE_BY_ZERO = 4


class BlockKind(IntEnum):
    """What `Op.BLOCK` and `Op.UNBLOCK` name."""

    TASK = 0  # local or data task id
    COLOR = 1
    INPUT_QUEUE = 2
    MICROTHREAD = 3


class PrintKind(IntEnum):
    """Pieces of `<simprint>` and `<debug>` output."""

    STRING = 0
    I16 = 1
    U16 = 2
    I32 = 3
    U32 = 4
    F16 = 5
    F32 = 6
    HEX16 = 7
    HEX32 = 8
    BOOL = 9
    NEWLINE = 10
    TIMESTAMP = 11
    COORDS = 12  # "PE(x,y): "
    BIN16 = 13
    BIN32 = 14
    I8 = 15
    U8 = 16


class DsdKind(IntEnum):
    """Word 0 of a descriptor."""

    NONE = 0
    MEM1D = 1
    MEM4D = 2
    FABIN = 3
    FABOUT = 4
    CIRCBUF = 5
    FIFO = 6


class Word(IntEnum):
    """Words of a descriptor."""

    KIND = 0
    BASE = 1  # byte address of the array
    OFFSET = 2  # bytes added to BASE
    EXTENT = 3  # elements (mem4d: product, kept up to date); 0x7fff endless
    STRIDE = 4  # elements (mem1d)
    EXTENT0 = 5  # mem4d extents, outermost first, 4 words (unused outer ones are 1)
    STRIDE0 = 9  # mem4d: element distance between successive indices of each level, outermost first
    COLOR = 13
    QUEUE = 14
    FLAGS = 15  # DescriptorFlag bits
    INDEX = 16  # fabout: index of its wavelets where the operation gives none
    WRAP = 17  # circbuf wraparound, elements
    FIFO = 18  # fifo number in Image.fifos
    SAVE = 19  # DSR: save_address set
    SIMD = 20  # 0 architecture default, 1 off, 2 simd_32 (two 16-bit per wavelet), 4 simd_64 …
    UT = 21  # microthread chosen on the load, -1 none
    OPTIONS = 22  # row of Image.options set by DSRLOAD, -1 none
    POSITION = 23  # circbuf / save_address: elements already walked


class DescriptorFlag(IntEnum):
    """Bits of `Word.FLAGS`."""

    CONTROL = 1
    ADVANCE_SWITCH = 2
    INDEXED = 4  # wavelet_index_offset given
    TRANSFORM = 8  # control_transform
    ZERO_FIRST = 128  # fabout: clear the first source when the operation ends
    ZERO_SECOND = 256  # … the second, or the only one

    @staticmethod
    def priority(level: int) -> int:
        """The bits that give the operation a microthread priority, as `Option.PRIORITY`."""
        return (level + 1) << PRIORITY_SHIFT


PRIORITY_SHIFT = 4
"""From here on FLAGS holds a priority, one more than the level; 0 is none."""


class FifoAction(IntEnum):
    """What an operation does at a full or an empty FIFO."""

    TEST_OR_SUSPEND = 0  # a synchronous one ends with false, an asynchronous one waits
    TERMINATE = 1  # it ends with true
    SUSPEND = 2  # it waits
    FAULT = 3


class Operand(IntEnum):
    """Kinds of operand in a row of `Image.operands`."""

    NONE = 0
    SLOT = 1  # DSD in descriptor slot n, loaded into a DSR before the operation (costs dsr_load)
    DSR = 2  # DSR slot n
    SCALAR = 3  # register n of the frame
    POINTER = 4  # register n holds the address of one element (stride 0)


class DsdOp(IntEnum):
    """DSD operations. Values are rows of the table that `kernel.table` makes."""

    MOV16 = 0
    MOV32 = 1
    FMOVH = 2
    FMOVS = 3
    FADDS = 4
    FSUBS = 5
    FMULS = 6
    FMAXS = 7
    FADDH = 8
    FSUBH = 9
    FMULH = 10
    FMAXH = 11
    FMACS = 12
    FMACH = 13
    FMACHS = 14
    FADDHS = 15
    FNEGS = 16
    FNEGH = 17
    FABSS = 18
    FABSH = 19
    FH2S = 20
    FS2H = 21
    FH2XP16 = 22
    FS2XP16 = 23
    XP162FH = 24
    XP162FS = 25
    ADD16 = 26
    ADDC16 = 27
    SUB16 = 28
    AND16 = 29
    OR16 = 30
    XOR16 = 31
    SLL16 = 32
    SLR16 = 33
    SAR16 = 34
    CLZ = 35
    CTZ = 36
    POPCNT = 37
    FNORMH = 38
    FNORMS = 39
    FSCALEH = 40
    FSCALES = 41
    DFILT = 42


class DsdOperands(IntEnum):
    """Columns of a row of `Image.operands`; each operand takes two columns (kind, number)."""

    OP = 0  # DsdOp
    DEST_KIND = 1
    DEST = 2
    SRC0_KIND = 3
    SRC0 = 4
    SRC1_KIND = 5
    SRC1 = 6
    SCALAR_KIND = 7  # the fourth operand of the multiply-add family
    SCALAR = 8
    OPTIONS = 9  # row of Image.options, -1 none


class Option(IntEnum):
    """Columns of a row of `Image.options`; -1 means not given. Ids may come from registers:
    a value v <= -16 names register -(v + 16) of the issuing frame."""

    ASYNC = 0  # 1 asynchronous
    ACTIVATE = 1  # local task id
    UNBLOCK = 2  # id
    UNBLOCK_KIND = 3  # BlockKind of UNBLOCK
    PRIORITY = 4  # 0 low, 1 main's level, 2 medium, 3 high
    UT = 5  # microthread id
    SAVE_ADDRESS = 6  # on a DSR load
    ON_CONTROL = 7  # OnControl
    ON_CONTROL_ID = 8
    INDEX = 9  # .index


class OnControl(IntEnum):
    """What a control wavelet does to an operation that reads it."""

    NOTHING = 0
    TERMINATE = 1
    ACTIVATE = 2
    UNBLOCK = 3  # plus the BlockKind of what is unblocked


OPTION_WORDS = 10
OPERAND_WORDS = 10


class TaskKind(IntEnum):
    """How a task is started."""

    LOCAL = 0
    DATA = 1
    CONTROL = 2


class Direction(IntEnum):
    """Ports of a router; masks are `1 << Direction`. NORTH is toward smaller y."""

    NORTH = 0
    SOUTH = 1
    EAST = 2
    WEST = 3
    RAMP = 4


class SwitchCommand(IntEnum):
    """Two-bit commands of a control wavelet."""

    NOP = 0
    ADVANCE = 1
    RESET = 2
    TEARDOWN = 3


class PopMode(IntEnum):
    """When a control wavelet's first slot leaves the forwarded copy."""

    NO_POP = 0
    ALWAYS_POP = 1
    POP_ON_ADVANCE = 2
    POP_ON_ADVANCE_NOP = 3


class Fault(IntEnum):
    """Why a machine stopped. The machine's driver turns one into a SimulationError."""

    NONE = 0
    ASSERT = 1  # @assert failed
    OUT_OF_BOUNDS = 2  # address outside memory, or a DSD outside its array
    QUEUE_BUSY = 3  # two live operations on one queue
    MICROTHREAD_BUSY = 4  # two live operations on one microthread
    NO_ROUTE = 5  # wavelet on a colour without a route at this router
    TWO_ARRIVALS = 6  # wavelets from two rx directions of a colour in one cycle
    NO_CONSUMER = 7  # delivered on the ramp but no queue or task takes this colour
    DIVIDE = 8  # integer division by zero
    TWO_FABIN = 9  # WSE-3: two fabric inputs in one operation
    BAD_DSD = 10  # an operation met a descriptor it cannot take
    RUNAWAY = 11  # instruction limit
    RECURSION = 12  # call depth limit
    UNINITIALISED_QUEUE = 13
    BAD_TASK = 14  # activate of an id that no task is bound to
    BAD_EXTENT = 15
    MISALIGNED = 16  # 16- or 32-bit access at an odd, or 32-bit at an odd 16-bit, address
    BAD_ID = 17  # a colour, queue, task or function number out of range at run time
    ASYNC_MEMORY = 18  # asynchronous operation without a fabric or FIFO operand
    FIFO_WIDTH = 19  # element width of the operation differs from the FIFO's
    BAD_INDEX = 20  # an index of an array is negative or not below its size
    EXCEPTION = 21  # a floating-point exception that the program unmasked
    NO_RESULT = 22  # a function that returns a value ran off its end
    STOLEN = 23  # a data task is to take a wavelet that a live operation reads
    QUEUE_NOT_EMPTY = 24  # a queue changes its colour while it holds wavelets
    FIFO_FULL = 25  # a push to a full FIFO whose full_action is to fault
    FIFO_EMPTY = 26  # a pop from an empty FIFO whose empty_action is to fault
