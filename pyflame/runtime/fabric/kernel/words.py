"""Where everything lives: word numbers of the machine's arrays.

The machine's state is a handful of flat arrays (`Arrays`); this module names their words. Blocks
repeat per PE, per channel (one colour at one router) or per live operation, so an address is
always `block + WORD`. The kernel sees the names as integer constants.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pyflame.runtime.fabric.isa import Op


class Arrays(NamedTuple):
    """The machine's whole state, as the kernel sees it: flat arrays, nothing else."""

    g: np.ndarray  # int64: globals, G_ words
    pe: np.ndarray  # int64: one block of PE_WORDS per PE
    rg: np.ndarray  # int64: one register file per PE
    ds: np.ndarray  # int32: per PE descriptors, operand records, FIFO states
    ch: np.ndarray  # int64: one block per channel
    im: np.ndarray  # int64: program tables, read only
    ev: np.ndarray  # int64: event heap, run lists, moves, output log
    hs: np.ndarray  # int64: host streams, one block of HS_WORDS + PEs each
    hd: np.ndarray  # uint32: data of host streams
    m8: np.ndarray  # uint8: memory of all PEs, MEMORY_STRIDE bytes each
    m16: np.ndarray  # the same bytes as uint16
    m32: np.ndarray  # … as uint32
    mf: np.ndarray  # … as float32
    tr: np.ndarray  # int64: the recording, see record.py; one word if there is none


MEMORY_BYTES = 48 * 1024  # arch.memory_bytes; state.py checks that they agree
SCRATCH = MEMORY_BYTES  # after a PE's memory: per lane 16 bytes, src0 src1 scalar dest
LANE_SCRATCH = 16
MEMORY_STRIDE = MEMORY_BYTES + 192
FOREVER = 1 << 60
ENDLESS = 0x7FFF
LANES = 9  # live operations: 8 microthreads and the main thread's own
MAIN = 8
QUEUES = 8
COLORS = 24
TASKS = 64  # ids per task kind
HOST_KIND = 3  # task kind of launches
HOST_TASK = 28  # memcpy's own task id: launches compete as this one
TEARDOWN_TASK = 29
NULL_TASK = 31
FRAME_HEAD = 4  # words before a frame's registers: return pc, caller, result register, registers
LANE_MASK = (1 << LANES) - 1
READ_SHIFT = 16  # LIVE: bit 16 + q while an operation reads input queue q
WRITE_SHIFT = 32  # LIVE: bit 32 + q while an operation writes output queue q

# --- globals -------------------------------------------------------------------------------------
(
    G_NOW, G_PES, G_WIDTH, G_HEIGHT, G_WSE3, G_HALF, G_FAULT, G_FAULT_PE, G_FAULT_PC, G_FAULT_TIME,
    G_FAULT_A, G_FAULT_B, G_MAX_CYCLES, G_MAX_INSTRUCTIONS, G_SHUFFLE, G_HEAP, G_NEXT, G_RUN,
    G_ROUTERS, G_MOVES, G_LOG, G_LOG_SIZE, G_DEPTH, G_CHANNEL_WORDS, G_DS_WORDS, G_REGISTERS,
    G_HOP, G_RAMP, G_SETUP, G_DSR, G_CLASH, G_TASK, G_DSR_USE, G_BOUNDS, G_WAITING, G_STREAMS,
    G_STREAM_WORDS, G_ROUTER_RUN, G_ROUTER_NEXT, G_MOVE_LIST, G_HEAP_LIST, G_NEXT_LIST, G_RUN_LIST,
    G_LOG_LIST, G_HOPS, G_STEPS, G_MATH, G_FDIV, G_IDIV, G_IMUL, G_BYTE, G_TRACE, G_SHARED,
    G_SINKS, G_POKED, G_FAULT_TASK, G_TAKEN, G_LOOP, G_IDIV_CONSTANT, G_PREDICATE,
) = range(60)  # fmt: skip
G_COST = 64  # cost of each Op
G_RATE = G_COST + len(Op)  # elements per cycle of each DsdOp
G_STRIDE_WIDTH = G_RATE + 64  # elements per cycle by |stride| mod 8
G_IN_DEPTH = G_STRIDE_WIDTH + 9  # and strides 0 and 1
G_OUT_DEPTH = G_IN_DEPTH + QUEUES
G_WORDS = G_OUT_DEPTH + QUEUES

# --- per PE --------------------------------------------------------------------------------------
(
    STATUS, PC, FRAME, TASK, BUSY, MAIN_AT, SLOT, WAKE, ACTIVE, BLOCKED, HIGH, UT_BLOCKED, LIVE,
    IMAGE, ROUTER_ON, RR_COLOR, RR_OUT, RR_UT, TORN, HOST_FUNCTION, HOST_READY, BUSY_CYCLES,
    STALL_CYCLES, INSTRUCTIONS, INSTRUCTIONS_ALL, TASK_COUNT, WAIT_QUEUE, WAIT_SINCE, TSC_ON,
    TSC_BASE, RNG_KEY, RNG_COUNT, IN_MASK, OUT_MASK, COLOR_MASK, UNBLOCKS, TASK_SINCE, FRAME_END,
    HEAP_AT, HOST_WAIT, MAIN_LEVEL, MAIN_TURN, UNMASKED,
) = range(43)  # fmt: skip
HOST_ARGS = 43  # 15 launch arguments
LAST_TASK = HOST_ARGS + 15  # id of the task picked last
CHANNEL_OF = HOST_ARGS + 16  # channel block of each colour, -1 none
IN_QUEUE = CHANNEL_OF + COLORS
IN_CAPACITY = 10  # deepest queue and two ramp stages
IN_WORDS = 2 + IN_CAPACITY  # head, count, entries
OUT_QUEUE = IN_QUEUE + QUEUES * IN_WORDS
OUT_CAPACITY = 8
OUT_WORDS = 2 + 2 * OUT_CAPACITY  # head, count, entries (wavelet, colour)
OUT_SENT = OUT_QUEUE + QUEUES * OUT_WORDS  # per output queue, who wrote last: see SENT_SHIFT
LIVE_OPS = OUT_SENT + QUEUES
SENT_SHIFT = 5  # OUT_SENT: (instruction + 1) << 5 | colour; 0 is nobody

# --- one live operation --------------------------------------------------------------------------
(
    L_OP, L_N, L_POS, L_START, L_ASYNC, L_ACTIVATE, L_UNBLOCK, L_UNBLOCK_KIND, L_ON_CONTROL,
    L_ON_CONTROL_ID, L_PRIORITY, L_PC, L_OUT, L_INDEX, L_HALF, L_RESULT, L_EXPLICIT, L_STEP,
    L_SCALAR, L_FIRED, L_IN0, L_IN1, L_SINCE, L_TASK,
) = range(24)  # fmt: skip
LIVE_WORDS = 24
PE_WORDS = LIVE_OPS + LANES * LIVE_WORDS

IDLE, RUNNING, IN_OPERATION, IN_ELEMENT = range(4)  # STATUS: what the main thread does

# --- wavelets in queues and router FIFOs: payload, flags, time to move on ------------------
CONTROL_BIT = 1 << 32
ADVANCE_BIT = 1 << 33
FLAG_MASK = (1 << 34) - 1
PAYLOAD = (1 << 32) - 1
TIME_SHIFT = 34
LAST_CYCLE = (1 << 29) - 1

# --- per PE descriptors (ds) ---------------------------------------------------------------------
SHARED_SLOT = 1 << 24  # slot places from here on count in the part of ds that all PEs share
SLOT_WORDS = 28  # DESCRIPTOR_WORDS and the options resolved by a DSR load
(S_ACTIVATE, S_UNBLOCK, S_UNBLOCK_KIND, S_ASYNC) = (24, 25, 26, 27)
(
    K_KIND, K_ADDRESS, K_STEP, K_E1, K_E2, K_E3, K_S0, K_S1, K_S2, K_POSITION, K_QUEUE, K_PACK,
    K_WIDTH, K_FIFO, K_SLOT, K_FLAGS, K_COLOR, K_LOW, K_HIGH,
) = range(19)  # fmt: skip
OPERAND_RECORD = 19
(K_NONE, K_LINEAR, K_NESTED, K_CIRCULAR, K_SCALAR, K_FABIN, K_FABOUT, K_FIFO_KIND) = range(8)
FIFO_STATE = 2  # head, count

# --- per channel (ch) ----------------------------------------------------------------------------
(
    C_CURRENT, C_RING, C_POP, C_SUSPENDED, C_SWAP, C_POSITION, C_POSITION1, C_POSITION2,
    C_POSITION3, C_FILTER, C_COUNT, C_PORTS, C_RR, C_ARRIVED, C_ARRIVED_PORT, C_MOVED, C_DYNAMIC,
) = range(17)  # fmt: skip
C_FIFO = 17  # per port: head, count, then entries
# C_FIFO words per port: 2 + G_DEPTH

# --- images (im): the first words of each image's block -------------------------------------------
(
    I_CODE, I_CODE_SIZE, I_FUNCTIONS, I_FUNCTION_COUNT, I_OPERANDS, I_OPTIONS, I_DESCRIPTORS,
    I_TASKS, I_PARAMETERS, I_FIFOS, I_FIFO_COUNT, I_OBJECTS, I_OBJECT_COUNT, I_TEARDOWN,
    I_QUEUE_OF, I_IN_COLOR, I_OUT_COLOR, I_SLOTS, I_INIT, I_DYNAMIC, I_FILTERS, I_FILTER_COUNT,
) = range(22)  # fmt: skip
IMAGE_WORDS = 22

# --- host streams (hs) ----------------------------------------------------------------------------
(
    H_KIND, H_COLOR, H_X, H_Y, H_W, H_H, H_COUNT, H_DATA, H_LEFT, H_ON, H_DONE_AT,
) = range(11)  # fmt: skip
HS_WORDS = 11
H_IN, H_OUT = 1, 2

LOG_WORDS = 6  # pe, cycle, kind (+ TRACE_KIND for TRACE), value, string, key
TRACE_KIND = 64
MOVE_WORDS = 4
