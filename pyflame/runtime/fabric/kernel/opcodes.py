"""The instruction set's numbers as plain integers, which compiled code treats as constants."""

from __future__ import annotations

from pyflame.runtime.fabric import isa

(
    NOP, LDI, MOV, JMP, JZ, JNZ, CALL, CALLR, RET, TRAP,
    ADD, SUB, MUL, DIV, MOD, AND, OR, XOR, SHL, SHR, NEG, NOT, EQ, NE, LT, LE, GT, GE,
    CAST, WRAP, MATH, LOAD, STORE, COPY, FILL,
    DCOPY, DCONST, DLEN, DBASE, DOFF, DSTRIDE, DFIELD, DGET, DSRLOAD, DSD, DLD, DST, DCOUNT,
    ACTIVATE, BLOCK, UNBLOCK, PRIORITY,
    XCOORD, YCOORD, TSC, TSCCTL, HOSTUNBLOCK, RANDOM, SEED, PRINT, TRACE,
    ROUTESET, SWITCHPOS, SWITCHVALID, SWITCHMODE, TEARDOWNEXIT, TEARDOWNPENDING, ROUTEGET,
    FILTERSET, MAPNEXT, BOUND, FILTERGET, SWITCHGET, QUEUESTATUS, MAINPRIORITY, EXCEPTIONS,
    QFLUSH, QFLUSHEXIT, QFLUSHPENDING, QUEUESET, CONTROLMASK,
) = (int(op) for op in isa.Op)  # fmt: skip
LDC = len(isa.Op)
"""r(a) = constant d of the image: an LDI whose value differs between images that share code."""

(
    T_BOOL, T_I8, T_U8, T_I16, T_U16, T_I32, T_U32, T_I64, T_U64, T_F16, T_BF16, T_F32, T_CB16,
) = (int(t) for t in isa.Type)  # fmt: skip

(
    M_SQRT, M_EXP, M_LOG, M_SIN, M_COS, M_TANH, M_POW, M_FLOOR, M_CEIL, M_ABS, M_INV, M_INVSQRT,
    M_SIGMOID, M_MIN, M_MAX, M_TAN, M_CLZ, M_CTZ, M_POPCNT, M_SIGN, M_SCALE,
) = (int(m) for m in isa.Math)  # fmt: skip

(
    MOV16, MOV32, FMOVH, FMOVS, FADDS, FSUBS, FMULS, FMAXS, FADDH, FSUBH, FMULH, FMAXH, FMACS,
    FMACH, FMACHS, FADDHS, FNEGS, FNEGH, FABSS, FABSH, FH2S, FS2H, FH2XP16, FS2XP16, XP162FH,
    XP162FS, ADD16, ADDC16, SUB16, AND16, OR16, XOR16, SLL16, SLR16, SAR16, CLZ, CTZ, POPCNT,
    FNORMH, FNORMS, FSCALEH, FSCALES, DFILT,
) = (int(d) for d in isa.DsdOp)  # fmt: skip

(
    F_NONE, F_ASSERT, F_OUT_OF_BOUNDS, F_QUEUE_BUSY, F_MICROTHREAD_BUSY, F_NO_ROUTE,
    F_TWO_ARRIVALS, F_NO_CONSUMER, F_DIVIDE, F_TWO_FABIN, F_BAD_DSD, F_RUNAWAY, F_RECURSION,
    F_UNINITIALISED_QUEUE, F_BAD_TASK, F_BAD_EXTENT, F_MISALIGNED, F_BAD_ID,
    F_ASYNC_MEMORY, F_FIFO_WIDTH, F_BAD_INDEX, F_EXCEPTION, F_NO_RESULT, F_STOLEN,
    F_QUEUE_NOT_EMPTY, F_FIFO_FULL, F_FIFO_EMPTY,
) = (int(f) for f in isa.Fault)  # fmt: skip

(
    KIND_NONE, KIND_MEM1D, KIND_MEM4D, KIND_FABIN, KIND_FABOUT, KIND_CIRCBUF, KIND_FIFO,
) = (int(k) for k in isa.DsdKind)  # fmt: skip
(O_NONE, O_SLOT, O_DSR, O_SCALAR, O_POINTER) = (int(o) for o in isa.Operand)
(
    FLAG_CONTROL, FLAG_ADVANCE, FLAG_INDEXED, FLAG_TRANSFORM, FLAG_ZERO_FIRST, FLAG_ZERO_SECOND,
) = (int(f) for f in isa.DescriptorFlag)  # fmt: skip
PRIORITY_SHIFT = isa.PRIORITY_SHIFT
(FIFO_TEST, FIFO_TERMINATE, FIFO_SUSPEND, FIFO_FAULT) = (int(a) for a in isa.FifoAction)
(
    P_ASYNC, P_ACTIVATE, P_UNBLOCK, P_UNBLOCK_KIND, P_PRIORITY, P_UT, P_SAVE, P_ON_CONTROL,
    P_ON_CONTROL_ID, P_INDEX,
) = (int(p) for p in isa.Option)  # fmt: skip
(COUNTER, SPARSE, RANGE) = range(3)
FILTER_COUNT = int(isa.FilterWord.COUNT)
(SWITCH_POSITION, SWITCH_RING, SWITCH_POP) = (int(s) for s in isa.SwitchState)
(INPUT_EMPTY, INPUT_FULL, OUTPUT_EMPTY, OUTPUT_FULL) = (int(q) for q in isa.QueueState)
(LOW, _, MEDIUM, HIGH) = range(4)  # Option.PRIORITY
(LEVEL_MEDIUM_LOW, LEVEL_MEDIUM, LEVEL_MEDIUM_HIGH, LEVEL_HIGH) = (int(v) for v in isa.MainLevel)
(X_UNDERFLOW, X_OVERFLOW, X_INEXACT, X_INVALID, X_DIVIDE) = (int(x) for x in isa.FloatException)
EXCEPTION_KINDS = len(isa.FloatException)
(TASK_LOCAL, TASK_DATA, TASK_CONTROL) = (int(t) for t in isa.TaskKind)
(NORTH, SOUTH, EAST, WEST, RAMP) = (int(d) for d in isa.Direction)
(
    COMMAND_NOP, COMMAND_ADVANCE, COMMAND_RESET, COMMAND_TEARDOWN,
) = (int(c) for c in isa.SwitchCommand)  # fmt: skip
(NO_POP, ALWAYS_POP, POP_ON_ADVANCE, POP_ON_ADVANCE_NOP) = (int(p) for p in isa.PopMode)
(BLOCK_TASK, BLOCK_COLOR, BLOCK_QUEUE, BLOCK_MICROTHREAD) = (int(b) for b in isa.BlockKind)
