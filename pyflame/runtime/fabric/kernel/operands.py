"""Operands of DSD operations: from descriptor to record, and where element i lies.

A record (K_ words) is made when an operation starts. Memory operands become a run of addresses;
`locate` gives the run that begins at element i: its address, its step and its length.
"""

from __future__ import annotations

from pyflame.runtime.fabric.kernel import opcodes as oc
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.events import fault
from pyflame.runtime.fabric.kernel.jit import kernel

INDEX_BYTES = 2
"""What `.index` counts in where it moves a memory DSD: 16-bit words."""


@kernel
def lane_at(m, pe, lane):
    """Where the words of a lane that the program can use lie in ds."""
    return pe * m.g[w.G_DS_WORDS] + m.g[w.G_LANE_AT + lane]


@kernel
def record(m, pe, lane, k):
    """Where operand record k (0 destination, 1 src0, 2 src1) of a lane lies in ds."""
    return lane_at(m, pe, lane) + w.LIVE_WORDS + k * w.OPERAND_RECORD


@kernel
def slot_at(m, pe, place):
    """Where a descriptor slot lies in ds; slots that nothing writes are shared by all PEs."""
    if place >= w.SHARED_SLOT:
        return m.g[w.G_SHARED] + place - w.SHARED_SLOT
    return pe * m.g[w.G_DS_WORDS] + place


@kernel
def scratch(lane, k):
    """Address of a lane's scratch word: 0 destination, 1 src0, 2 src1, 3 the scalar."""
    return w.SCRATCH + lane * w.LANE_SCRATCH + 4 * k


@kernel
def set_limits(m, pe, o, base):
    """Bound a memory operand by the object that holds its base, or by the memory."""
    low = 0
    high = w.MEMORY_BYTES
    if m.g[w.G_BOUNDS] != 0:
        image = m.pe[pe * w.PE_WORDS + w.IMAGE]
        at = m.im[image + w.I_OBJECTS]
        first = 0
        last = m.im[image + w.I_OBJECT_COUNT]
        while first < last:
            middle = (first + last) >> 1
            if m.im[at + 2 * middle] <= base:
                first = middle + 1
            else:
                last = middle
        if first > 0 and base < m.im[at + 2 * first - 1]:
            low = m.im[at + 2 * first - 2]
            high = m.im[at + 2 * first - 1]
    m.ds[o + w.K_LOW] = low
    m.ds[o + w.K_HIGH] = high


@kernel
def set_operand(m, pe, lane, k, kind, number, size):
    """Fill operand record k from an operand of `kind`; False after a fault.

    For descriptors `number` is the slot's place in the PE's ds block; for scalars and pointers it
    is the register's value.
    """
    ds = m.ds
    o = record(m, pe, lane, k)
    ds[o + w.K_SLOT] = -1
    ds[o + w.K_POSITION] = 0
    ds[o + w.K_PACK] = 1
    ds[o + w.K_WIDTH] = 1
    if kind == oc.O_NONE:
        ds[o + w.K_KIND] = w.K_NONE
        return True
    if kind == oc.O_SCALAR:
        ds[o + w.K_KIND] = w.K_SCALAR
        ds[o + w.K_ADDRESS] = scratch(lane, k)
        ds[o + w.K_STEP] = 0
        at = pe * w.MEMORY_STRIDE + scratch(lane, k)
        if size == 4:
            m.m32[at >> 2] = number & 0xFFFFFFFF
        else:
            m.m16[at >> 1] = number & 0xFFFF
        return True
    if kind == oc.O_POINTER:
        ds[o + w.K_KIND] = w.K_LINEAR
        ds[o + w.K_ADDRESS] = number
        ds[o + w.K_STEP] = 0
        set_limits(m, pe, o, number)
        return aligned(m, pe, o, size)
    s = slot_at(m, pe, number)
    if kind == oc.O_DSR and ds[s + w.D_SAVE] > 0:
        ds[o + w.K_SLOT] = s
        ds[o + w.K_POSITION] = ds[s + w.D_POSITION]
    if not set_from_descriptor(m, pe, o, s, size):
        return False
    indexed = ds[s + w.D_FLAGS] & oc.FLAG_INDEXED
    if indexed and (ds[o + w.K_KIND] == w.K_LINEAR or ds[o + w.K_KIND] == w.K_NESTED):
        ds[o + w.K_ADDRESS] += INDEX_BYTES * max(ds[lane_at(m, pe, lane) + w.L_INDEX], 0)
    return True


@kernel
def set_from_descriptor(m, pe, o, s, size):
    """Fill the operand record at o from the descriptor at s."""
    ds = m.ds
    kind = ds[s + w.D_KIND]
    if kind == oc.KIND_FABIN or kind == oc.KIND_FABOUT:
        return set_fabric(m, pe, o, s, size)
    if kind == oc.KIND_FIFO:
        return set_fifo(m, pe, o, s, size)
    base = ds[s + w.D_BASE]
    if kind == oc.KIND_MEM1D:
        ds[o + w.K_KIND] = w.K_LINEAR
        ds[o + w.K_ADDRESS] = base + ds[s + w.D_OFFSET]
        ds[o + w.K_STEP] = ds[s + w.D_STRIDE] * size
    elif kind == oc.KIND_MEM4D:
        ds[o + w.K_KIND] = w.K_NESTED
        ds[o + w.K_ADDRESS] = base + ds[s + w.D_OFFSET]
        for i in range(3):
            ds[o + w.K_E1 + i] = max(ds[s + w.D_EXTENT0 + 1 + i], 1)
            ds[o + w.K_S0 + i] = ds[s + w.D_STRIDE0 + i] * size
        ds[o + w.K_STEP] = ds[s + w.D_STRIDE0 + 3] * size
    elif kind == oc.KIND_CIRCBUF:
        if ds[s + w.D_WRAP] <= 0:
            fault(m, oc.F_BAD_DSD, pe, kind, s)
            return False
        ds[o + w.K_KIND] = w.K_CIRCULAR
        ds[o + w.K_ADDRESS] = base
        ds[o + w.K_STEP] = size
        ds[o + w.K_E1] = ds[s + w.D_WRAP]
        ds[o + w.K_POSITION] = ds[s + w.D_POSITION] + ds[s + w.D_OFFSET] // size
    else:
        fault(m, oc.F_BAD_DSD, pe, kind, 0)
        return False
    if ds[s + w.D_EXTENT] < 0 or (ds[s + w.D_EXTENT] > w.ENDLESS and kind != oc.KIND_MEM4D):
        fault(m, oc.F_BAD_EXTENT, pe, ds[s + w.D_EXTENT], 0)
        return False
    set_limits(m, pe, o, base)
    return aligned(m, pe, o, size)


@kernel
def aligned(m, pe, o, size):
    """Memory operands must start on an even byte; 32-bit ones may start on an odd halfword."""
    if m.ds[o + w.K_ADDRESS] & 1:
        fault(m, oc.F_MISALIGNED, pe, m.ds[o + w.K_ADDRESS], size)
        return False
    return True


@kernel
def set_fabric(m, pe, o, s, size):
    """Fill an operand record from a fabin or fabout descriptor."""
    ds = m.ds
    into = ds[s + w.D_KIND] == oc.KIND_FABIN
    q = ds[s + w.D_QUEUE]
    if q < 0 or q >= w.QUEUES:
        fault(m, oc.F_BAD_ID, pe, q, 1)
        return False
    table = m.pe[pe * w.PE_WORDS + w.QUEUE_TABLE]
    color = m.im[table + (w.T_IN_COLOR if into else w.T_OUT_COLOR) + q]
    if not into and color < 0:
        color = ds[s + w.D_COLOR]
    if not into and color >= w.COLORS:
        fault(m, oc.F_BAD_ID, pe, color, 0)
        return False
    ds[o + w.K_KIND] = w.K_FABIN if into else w.K_FABOUT
    ds[o + w.K_QUEUE] = q
    ds[o + w.K_COLOR] = color
    ds[o + w.K_FLAGS] = ds[s + w.D_FLAGS]
    ds[o + w.K_PACK] = 2 if size == 2 and ds[s + w.D_SIMD] >= 2 else 1
    # simd_64 takes two wavelets of two halves each with one issue slot
    ds[o + w.K_WIDTH] = 4 if size == 2 and ds[s + w.D_SIMD] == 4 else ds[o + w.K_PACK]
    return True


@kernel
def set_fifo(m, pe, o, s, size):
    """Fill an operand record from a FIFO."""
    ds = m.ds
    image = m.pe[pe * w.PE_WORDS + w.IMAGE]
    number = ds[s + w.D_FIFO]
    if number < 0 or number >= m.im[image + w.I_FIFO_COUNT]:
        fault(m, oc.F_BAD_DSD, pe, oc.KIND_FIFO, number)
        return False
    row = m.im[image + w.I_FIFOS] + w.FIFO_ROW * number
    if m.im[row + 2] != size:
        fault(m, oc.F_FIFO_WIDTH, pe, m.im[row + 2], size)
        return False
    ds[o + w.K_KIND] = w.K_FIFO_KIND
    ds[o + w.K_FIFO] = number
    ds[o + w.K_ADDRESS] = m.im[row]
    ds[o + w.K_STEP] = size
    ds[o + w.K_E1] = m.im[row + 1]
    return True


@kernel
def length_of(m, pe, kind, number):
    """An operand's own length for the length rule; -1 where it has none."""
    if kind == oc.O_NONE or kind == oc.O_SCALAR or kind == oc.O_POINTER:
        return -1
    s = slot_at(m, pe, number)
    length = m.ds[s + w.D_EXTENT]
    return -1 if m.ds[s + w.D_KIND] == oc.KIND_FIFO and length == 0 else length


@kernel
def combined_length(src0, src1, dest):
    """The first non-zero length of src0, src1, dest; 1 if no operand has one; 0x7fff is endless."""
    n = src0
    if n <= 0:
        n = src1
    if n <= 0:
        n = dest
    if n == w.ENDLESS:
        return w.UNENDING
    if n <= 0:
        return 1 if src0 < 0 and src1 < 0 and dest < 0 else 0
    return n


@kernel
def locate(m, o, i):
    """(address, step in bytes, run length) from element i of a memory operand or scalar."""
    ds = m.ds
    kind = ds[o + w.K_KIND]
    step = ds[o + w.K_STEP] + 0
    if kind == w.K_LINEAR:
        return ds[o + w.K_ADDRESS] + (ds[o + w.K_POSITION] + i) * step, step, w.FOREVER
    if kind == w.K_NESTED:
        index = ds[o + w.K_POSITION] + i
        inner = index % ds[o + w.K_E3]
        rest = index // ds[o + w.K_E3]
        c2 = rest % ds[o + w.K_E2]
        rest = rest // ds[o + w.K_E2]
        c1 = rest % ds[o + w.K_E1]
        c0 = rest // ds[o + w.K_E1]
        address = ds[o + w.K_ADDRESS] + inner * step
        address += c0 * ds[o + w.K_S0] + c1 * ds[o + w.K_S1] + c2 * ds[o + w.K_S2]
        return address, step, ds[o + w.K_E3] - inner
    if kind == w.K_CIRCULAR:
        index = (ds[o + w.K_POSITION] + i) % ds[o + w.K_E1]
        return ds[o + w.K_ADDRESS] + index * step, step, ds[o + w.K_E1] - index
    return ds[o + w.K_ADDRESS] + 0, 0, w.FOREVER


@kernel
def within(m, pe, o, address, step, n, size):
    """Check a run of n elements against the operand's bounds; False after a fault.

    A run of more elements than the memory has bytes leaves it, if it moves at all: no sum wraps.
    """
    last = address + min(n - 1, w.MEMORY_BYTES) * step
    low = min(address, last)
    high = max(address, last)
    if low < m.ds[o + w.K_LOW] or high > m.ds[o + w.K_HIGH] - size:
        at = low if low < m.ds[o + w.K_LOW] else high
        fault(m, oc.F_OUT_OF_BOUNDS, pe, at, size | (m.ds[o + w.K_LOW] + 1) << 8)
        return False
    return True
