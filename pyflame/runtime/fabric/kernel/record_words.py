"""Where everything lies in a recording, the array `tr` of `record.py`."""

from __future__ import annotations

from pyflame.runtime.fabric.kernel import words as w

# --- the first words of tr ------------------------------------------------------------------------
(
    T_BINS, T_SHIFT, T_CELLS, T_ROWS, T_SPANS, T_SPAN_MAX, T_SPAN_COUNT, T_SPAN_FULL, T_MOVES,
    T_MOVE_MAX, T_MOVE_COUNT, T_MOVE_FULL, T_NODES, T_NODE_MAX, T_NODE_COUNT, T_CHANNELS, T_QUEUES,
    T_TAG, T_FROM, T_TO, T_FINISH, T_PREVIOUS, T_TURNS, T_TURN_MAX, T_TURN_COUNT, T_TURN_FULL,
    T_SPAN_LEAST, T_NODE_PAUSE, T_STEPS,
) = range(29)  # fmt: skip
HEAD_WORDS = 29

# --- one cell per PE and bin ----------------------------------------------------------------------
A_BUSY, A_STALL, A_LINK, A_LEVELS = 0, 1, 2, 7
"""Cycles; cycles; per direction wavelets and above them a bit per colour; 16 levels of 4 bits."""
CELL_WORDS = 8
COUNT_MASK = (1 << 32) - 1

# --- one row per PE -------------------------------------------------------------------------------
(R_DETAIL, R_TASK, R_TASK_AT, R_TASK_PC, R_NODE, R_ACTIVE, R_TAG, R_TAG_AT, R_TAG_QUEUE) = range(9)
R_WAITED = 9  # per lane, of its running operation
R_HIGH = R_WAITED + w.LANES  # highest level of each queue: 8 input, 8 output
R_SINCE = R_HIGH + 2 * w.QUEUES  # when each level changed last
R_HELD = R_SINCE + 2 * w.QUEUES  # wavelets × cycles that they lay in each queue
ROW_WORDS = R_HELD + 2 * w.QUEUES

# --- spans, moves, turns of switches, nodes ------------------------------------------------------
(S_PE, S_LANE, S_BEGIN, S_END, S_PC, S_INFO, S_COUNT) = range(7)
SPAN_WORDS = 7
SHORT = 32
"""Cycles of the shortest spans that are kept when only long ones are, at first."""
ON_MEMORY, TASK_SPAN = 9, 10
"""Values of S_LANE beyond the lanes. S_INFO is a task's code, or of an operation
op | (input queue + 1) << 8 | (output queue + 1) << 12 | cycles it waited << 16."""
(M_TIME, M_WHAT) = range(2)
MOVE_WORDS = 2
"""M_WHAT is colour | input port << 5 | tx mask << 8 | control << 13 | pe << 16."""
(U_TIME, U_WHAT, U_MASKS) = range(3)
TURN_WORDS = 3
"""U_WHAT is colour | current position << 5 | pe << 8; U_MASKS has 10 bits per position,
rx | tx << 5, which are 0 in a position that is not valid."""
(N_PE, N_BEGIN, N_TAG, N_PC, N_QUEUE, N_WAITED, N_COUNT, N_FIRST) = range(8)
NODE_WORDS = 8
FROM_LAUNCH = -1
"""N_QUEUE of a node that a launch by the host set going."""
TIME_BITS = 30
HOST_TAG = -1
"""The tag of wavelets that the host sent."""
