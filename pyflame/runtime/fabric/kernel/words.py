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
    qu: np.ndarray  # int64: per PE the input and output queues that the program uses
    rg: np.ndarray  # int64: one register file per PE
    ds: np.ndarray  # int32: per PE live operations, FIFO states, descriptors
    ch: np.ndarray  # int32: one block per channel
    cf: np.ndarray  # int64: wavelets in the routers' FIFOs
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
UNENDING = (1 << 31) - 1  # elements of an operation that ends only by a control wavelet
ENDLESS = 0x7FFF
LANES = 9  # live operations: 8 microthreads and the main thread's own
MAIN = 8
QUEUES = 8
ROTATIONS = 2  # pairs of rotating tasks of a program
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
    G_ROUTERS, G_MOVES, G_LOG, G_LOG_SIZE, G_DEPTH, G_DS_WORDS, G_REGISTERS,
    G_HOP, G_RAMP, G_SETUP, G_DSR, G_CLASH, G_TASK, G_DSR_USE, G_BOUNDS, G_WAITING, G_STREAMS,
    G_STREAM_WORDS, G_ROUTER_RUN, G_ROUTER_NEXT, G_MOVE_LIST, G_HEAP_LIST, G_NEXT_LIST, G_RUN_LIST,
    G_LOG_LIST, G_HOPS, G_STEPS, G_MATH, G_FDIV, G_IDIV, G_IMUL, G_BYTE, G_TRACE, G_SHARED,
    G_SINKS, G_POKED, G_QUEUE_WORDS, G_FIFO_AT, G_WORK, G_CYCLES, G_LOOKS, G_MOVED, G_LANE_STEPS,
    G_VECTORS, G_ELEMENTS, G_AHEAD, G_FAULT_TASK, G_TAKEN, G_LOOP, G_IDIV_CONSTANT, G_PREDICATE,
    G_LOST, G_LOST_FIRST,
) = range(71)  # fmt: skip
G_COST = 72  # cost of each Op
G_RATE = G_COST + len(Op)  # elements per cycle of each DsdOp
G_STRIDE_WIDTH = G_RATE + 64  # elements per cycle by |stride| mod 8
G_IN_DEPTH = G_STRIDE_WIDTH + 9  # and strides 0 and 1
G_OUT_DEPTH = G_IN_DEPTH + QUEUES
G_IN_AT = G_OUT_DEPTH + QUEUES  # where each input queue lies in a PE's part of qu, -1 none
G_OUT_AT = G_IN_AT + QUEUES
G_LANE_AT = G_OUT_AT + QUEUES  # where each lane's words lie in a PE's part of ds, -1 none
G_WORDS = G_LANE_AT + LANES

# --- per PE --------------------------------------------------------------------------------------
(
    STATUS, PC, FRAME, TASK, BUSY, MAIN_AT, SLOT, WAKE, ACTIVE, BLOCKED, HIGH, UT_BLOCKED, LIVE,
    IMAGE, ROUTER_ON, RR_COLOR, RR_OUT, RR_UT, TORN, HOST_FUNCTION, HOST_READY, BUSY_CYCLES,
    STALL_CYCLES, INSTRUCTIONS, INSTRUCTIONS_ALL, TASK_COUNT, WAIT_QUEUE, WAIT_SINCE, TSC_ON,
    TSC_BASE, RNG_KEY, RNG_COUNT, IN_MASK, OUT_MASK, COLOR_MASK, UNBLOCKS, TASK_SINCE, FRAME_END,
    HEAP_AT, HOST_WAIT, MAIN_LEVEL, MAIN_TURN, UNMASKED, UNBLOCKED, QUEUE_TABLE, FLUSHING, FLUSHED,
    CONTROL_MASK, CARRY, REPEATED, ROTATED,
) = range(51)  # fmt: skip
SINCE_LAUNCH, TWICE = 1, 2  # bits of UNBLOCKED: in this launch; more than once in some launch
HOST_ARGS = ROTATED + ROTATIONS  # 15 launch arguments
LAST_TASK = HOST_ARGS + 15  # id of the task picked last
CHANNEL_OF = HOST_ARGS + 16  # channel block of each colour, -1 none
PE_WORDS = CHANNEL_OF + COLORS

# --- queues (qu): head, count, then entries; output queues keep the entries' colours before them --
RAMP_STAGES = 2  # wavelets that an input queue holds beyond its depth: on the way from the router
IN_HEAD = 2
OUT_COLORS = 2  # 8 bits for each of up to 8 entries
OUT_SENT = 3  # who wrote last: (instruction + 1) << SENT_SHIFT | colour; 0 is nobody
OUT_HEAD = 4
OUT_CAPACITY = 8
SENT_SHIFT = 5

# --- one live operation (ds), followed by its three operand records -------------------------------
(
    L_OP, L_N, L_POS, L_START, L_ASYNC, L_ACTIVATE, L_UNBLOCK, L_UNBLOCK_KIND, L_ON_CONTROL,
    L_ON_CONTROL_ID, L_PRIORITY, L_PC, L_OUT, L_INDEX, L_HALF, L_RESULT, L_EXPLICIT, L_STEP,
    L_IN0, L_SINCE, L_TASK,
) = range(21)  # fmt: skip
LIVE_WORDS = 21

IDLE, RUNNING, IN_OPERATION, IN_ELEMENT = range(4)  # STATUS: what the main thread does

# --- wavelets in queues and router FIFOs: payload, flags, time to move on ------------------
CONTROL_BIT = 1 << 32
ADVANCE_BIT = 1 << 33  # moves the switch of the sender's router only
FLAG_MASK = (1 << 34) - 1
PAYLOAD = (1 << 32) - 1
TIME_SHIFT = 34
LAST_CYCLE = (1 << 29) - 1

# --- descriptors (ds) ----------------------------------------------------------------------------
SHARED_SLOT = 1 << 24  # slot places from here on count in the part of ds that all PEs share
(D_KIND, D_BASE, D_OFFSET, D_EXTENT, D_STRIDE, D_EXTENT0) = range(6)
D_STRIDE0 = 9
(D_COLOR, D_QUEUE, D_INDEX, D_SIMD) = (
    5,
    6,
    7,
    8,
)  # fabric DSDs have these in the places of mem4d's
D_WRAP = 5
D_FIFO = 5
(D_FLAGS, D_POSITION) = (13, 14)
DSD_WORDS = 15
# Only DSRs have these: what the load gave.
(D_UT, D_SAVE, D_OPTIONS, S_ACTIVATE, S_UNBLOCK, S_UNBLOCK_KIND, S_ASYNC) = range(15, 22)
SLOT_WORDS = 22

# --- operand records (ds) ------------------------------------------------------------------------
(
    K_KIND, K_ADDRESS, K_STEP, K_E1, K_E2, K_E3, K_S0, K_S1, K_S2, K_POSITION, K_SLOT, K_LOW,
    K_HIGH,
) = range(13)  # fmt: skip
(K_QUEUE, K_PACK, K_WIDTH, K_FLAGS, K_COLOR) = range(4, 9)  # of fabric operands
K_FIFO = 4
OPERAND_RECORD = 13
(K_NONE, K_LINEAR, K_NESTED, K_CIRCULAR, K_SCALAR, K_FABIN, K_FABOUT, K_FIFO_KIND) = range(8)
LANE_WORDS = LIVE_WORDS + 3 * OPERAND_RECORD
FIFO_STATE = 2  # head, count

# --- per channel (ch) ----------------------------------------------------------------------------
(
    C_CURRENT, C_RING, C_POP, C_SUSPENDED, C_SWAP, C_POSITION, C_POSITION1, C_POSITION2,
    C_POSITION3, C_FILTER, C_COUNT, C_PORTS, C_RR, C_ARRIVED, C_ARRIVED_PORT, C_MOVED, C_DYNAMIC,
    C_ENTRIES,
) = range(18)  # fmt: skip
C_NEXT = 18  # the channel that each of four directions leads to, -1 where there is none
C_FIFO = 22  # per port: head, count; its G_DEPTH entries lie in cf, from C_ENTRIES on port by port
CHANNEL_WORDS = C_FIFO + 10

# --- images (im): the first words of each image's block -------------------------------------------
(
    I_CODE, I_CODE_SIZE, I_FUNCTIONS, I_FUNCTION_COUNT, I_OPERANDS, I_OPTIONS, I_DESCRIPTORS,
    I_TASKS, I_PARAMETERS, I_FIFOS, I_FIFO_COUNT, I_OBJECTS, I_OBJECT_COUNT, I_TEARDOWN,
    I_CONSTANTS, I_INIT, I_DYNAMIC, I_FILTERS, I_FILTER_COUNT,
) = range(19)  # fmt: skip
IMAGE_WORDS = 19
FLUSHED_INPUT = COLORS  # handlers of flushed queues follow those of colours, bits likewise
FIFO_ROW = 7  # address, elements, bytes of one, tasks of push and pop, actions if full and empty

# --- queue tables (im), at QUEUE_TABLE: each PE's own if queues may change colours ------------
T_QUEUE_OF = 0  # input queue of each colour, -1 none
T_IN_COLOR = T_QUEUE_OF + COLORS  # colour of each input queue, -1 none
T_OUT_COLOR = T_IN_COLOR + QUEUES  # … of each output queue
T_CONTROL = T_OUT_COLOR + QUEUES  # first control task of each input queue
T_ROTATION = T_CONTROL + QUEUES  # rotation of each input queue's data task, -1 none
T_LIMIT = T_ROTATION + QUEUES  # of each rotation
T_ALTERNATE = T_LIMIT + ROTATIONS  # control task of each rotation
T_REBINDS = T_ALTERNATE + ROTATIONS  # 1 if the program gives queues other colours
QUEUE_TABLE_WORDS = T_REBINDS + 1

# --- host streams (hs) ----------------------------------------------------------------------------
(
    H_KIND, H_COLOR, H_X, H_Y, H_W, H_H, H_COUNT, H_DATA, H_LEFT, H_ON, H_DONE_AT,
) = range(11)  # fmt: skip
HS_WORDS = 11
H_IN, H_OUT = 1, 2

LOG_WORDS = 6  # pe, cycle, kind (+ TRACE_KIND for TRACE), value, string, key
TRACE_KIND = 64
# A move is pe << 10 | kind << 8 | colour << 3 | port.


def lane_words(m: Arrays, pe: int, lane: int) -> np.ndarray:
    """The words of a lane and its operand records, for code that is not compiled."""
    at = pe * int(m.g[G_DS_WORDS]) + int(m.g[G_LANE_AT + lane])
    return m.ds[at : at + LANE_WORDS]


def queue_counts(m: Arrays, number: int) -> np.ndarray:
    """Wavelets in input queue `number`, or output queue `number` - 8, of every PE, int64 [PEs]."""
    at = int(m.g[G_IN_AT + number])
    if at < 0:
        return np.zeros(int(m.g[G_PES]), np.int64)
    return m.qu.reshape(int(m.g[G_PES]), -1)[:, at + 1]
