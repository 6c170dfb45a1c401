#!/usr/bin/env cs_python
"""Runs this compiled program: on the simulator, or on a machine with --cmaddr.

The program's directory holds the CSL files, this script and commands_*.sh, which compile and run.
Inputs come from inputs.npz beside this script, those in --inputs x.npz take their places; results
go to --outputs y.npz. Where expected.npz lies beside it and no other inputs are given, the results
are compared with it. Prints the cycles that the program took, and SUCCESS!
"""

import argparse
import json
import os
import sys

import numpy as np

# What the compiler knows of the program: its rectangle, tensors and time stamps.
PROGRAM = json.loads(r"""{}""")

ROWS, COLS = 0, 1
# Largest difference from expected.npz, relative to the largest expected value.
TOLERANCE = {"float32": 1e-5, "float16": 4e-3}
STAMP_WORDS = 3  # 16-bit words of a time stamp, low word first


def rectangle():
    """(rows, columns) of the program."""
    return PROGRAM["rows"], PROGRAM["cols"]


def whole_shape(tensor, extent):
    """The tensor's shape with every dimension padded to whole tiles."""
    return [size if axis is None else size * extent[axis] for axis, size in tensor["dims"]]


def to_tiles(array, tensor, extent):
    """The tiles of `array`, one for each PE of the rectangle: [rows, columns, elements of a tile].

    Dimensions that an axis of the rectangle cuts are padded with zeros to whole tiles; an axis
    that cuts none holds replicas.
    """
    dims = tensor["dims"]
    padded = np.zeros(whole_shape(tensor, extent), tensor["storage"])
    padded[tuple(slice(n) for n in array.shape)] = array
    shape, at = [], {}
    for axis, size in dims:
        if axis is not None:
            at[axis] = len(shape)
            shape.append(extent[axis])
        shape.append(size)
    blocks = padded.reshape(shape)
    leading = [at[axis] for axis in (ROWS, COLS) if axis in at]
    inner = [dim for dim in range(len(shape)) if dim not in leading]
    blocks = blocks.transpose(leading + inner)
    for axis in (ROWS, COLS):
        if axis not in at:
            blocks = np.expand_dims(blocks, axis)
    blocks = np.broadcast_to(blocks, (*extent, *(size for _, size in dims)))
    return np.ascontiguousarray(blocks).reshape(*extent, -1)


def from_tiles(tiles, tensor, extent):
    """The array whose tiles `to_tiles` made; of replicas, the one at the root or the first."""
    dims, root = tensor["dims"], tensor["root"]
    cut = [axis for axis, _ in dims]
    blocks = tiles.reshape(*extent, *(size for _, size in dims))
    for axis in (COLS, ROWS):
        if axis not in cut:
            blocks = np.take(blocks, root[axis] or 0, axis=axis)
    axes = [axis for axis in (ROWS, COLS) if axis in cut]
    order = []
    for dim, axis in enumerate(cut):
        if axis is not None:
            order.append(axes.index(axis))
        order.append(len(axes) + dim)
    array = blocks.transpose(order).reshape(whole_shape(tensor, extent))
    array = array[tuple(slice(n) for n in tensor["shape"])]
    return array.astype(tensor["dtype"], order="C")


def to_words(tiles):
    """The 32-bit words that carry `tiles`: 16-bit elements in the low half of a word."""
    if tiles.dtype.itemsize == 4:
        return tiles.reshape(-1).view(np.uint32)
    return tiles.reshape(-1).view(np.uint16).astype(np.uint32)


def from_words(words, dtype):
    """The elements of type `dtype` that `words` carry."""
    if np.dtype(dtype).itemsize == 4:
        return words.view(dtype)
    return words.astype(np.uint16).view(dtype)


def read_arrays(path):
    """The arrays of an .npz file by name."""
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def check_inputs(inputs):
    """What is wrong with `inputs`, one line for each mistake."""
    wanted = {t["name"]: t for t in PROGRAM["tensors"] if t["purpose"] == "input"}
    problems = [f"input {name!r} is missing" for name in wanted if name not in inputs]
    problems += [
        f"input {name!r} is unknown; the program takes {', '.join(wanted) or 'none'}"
        for name in inputs
        if name not in wanted
    ]
    for name, tensor in wanted.items():
        if name not in inputs:
            continue
        have, want = inputs[name], tensor
        if list(have.shape) != want["shape"] or have.dtype != np.dtype(want["dtype"]):
            problems.append(
                f"input {name!r} is {have.dtype} of shape {list(have.shape)}, "
                f"expected {want['dtype']} of shape {want['shape']}"
            )
    return problems


def compare(outputs, expected):
    """What differs between `outputs` and `expected`, one line for each array."""
    problems = []
    for name, want in expected.items():
        if name not in outputs:
            problems.append(f"output {name!r} is expected but the program has none such")
            continue
        have = outputs[name]
        if have.shape != want.shape:
            problems.append(f"output {name!r} has shape {have.shape}, expected {want.shape}")
            continue
        if want.size == 0:
            continue
        limit = TOLERANCE.get(str(want.dtype), 0.0)
        scale = np.max(np.abs(want[np.isfinite(want)]), initial=0.0)
        close = np.isclose(have, want, rtol=limit, atol=float(limit * scale), equal_nan=True)
        if not close.all():
            at = np.unravel_index(int(np.argmin(close)), want.shape)
            problems.append(
                f"output {name!r}: {int((~close).sum())} of {want.size} elements differ, first at "
                f"{[int(i) for i in at]}: {have[at]}, expected {want[at]}"
            )
    return problems


def cycles_of(stamps):
    """Cycles of each interval between time stamps on each PE: [rows, columns, intervals]."""
    words = stamps.reshape(*stamps.shape[:2], -1, STAMP_WORDS).astype(np.int64)
    times = words[..., 0] + (words[..., 1] << 16) + (words[..., 2] << 32)
    return np.diff(times, axis=-1)


def print_cycles(stamps):
    """Print what the program took: the largest over PEs, as their clocks are not aligned."""
    intervals = cycles_of(stamps)
    total = intervals.sum(axis=-1)
    y, x = np.unravel_index(int(np.argmax(total)), total.shape)
    predicted = "" if PROGRAM["predicted"] is None else f", predicted {PROGRAM['predicted']}"
    print(f"cycles: {int(total.max())} on the slowest PE (column {x}, row {y}){predicted}")
    if intervals.shape[-1] > 1:
        for index, label in enumerate(PROGRAM["stamps"][1:]):
            print(f"  {label}: {int(intervals[..., index].max())}")


def run(name, cmaddr, inputs):
    """Outputs by name, and the time stamps, of one launch of the program compiled to `name`."""
    from cerebras.sdk.runtime.sdkruntimepybind import (  # pyright: ignore[reportMissingImports]
        MemcpyDataType,
        MemcpyOrder,
        SdkRuntime,
    )

    rows, cols = rectangle()
    widths = {2: MemcpyDataType.MEMCPY_16BIT, 4: MemcpyDataType.MEMCPY_32BIT}

    def options(dtype):
        return {
            "streaming": False,
            "order": MemcpyOrder.ROW_MAJOR,
            "data_type": widths[np.dtype(dtype).itemsize],
            "nonblock": False,
        }

    def fetch(symbol, elements, dtype):
        words = np.zeros(rows * cols * elements, np.uint32)
        runtime.memcpy_d2h(
            words, runtime.get_id(symbol), 0, 0, cols, rows, elements, **options(dtype)
        )
        return from_words(words, dtype).reshape(rows, cols, elements)

    runtime = SdkRuntime(name, cmaddr=cmaddr)
    runtime.load()
    runtime.run()
    for tensor in PROGRAM["tensors"]:
        if tensor["purpose"] == "input":
            tiles = to_tiles(inputs[tensor["name"]], tensor, (rows, cols))
            symbol = runtime.get_id(tensor["symbol"])
            runtime.memcpy_h2d(
                symbol, to_words(tiles), 0, 0, cols, rows, tiles.shape[-1],
                **options(tensor["storage"]),
            )  # fmt: skip
    runtime.launch("main", nonblock=False)
    outputs = {}
    for tensor in PROGRAM["tensors"]:
        if tensor["purpose"] == "output":
            elements = int(np.prod([size for _, size in tensor["dims"]], dtype=np.int64))
            tiles = fetch(tensor["symbol"], elements, tensor["storage"])
            outputs[tensor["name"]] = from_tiles(tiles, tensor, rectangle())
    stamps = fetch("times", STAMP_WORDS * len(PROGRAM["stamps"]), np.uint16)
    runtime.stop()
    return outputs, stamps


def main():
    """The command line; the exit code."""
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--name", default=os.path.join(here, "out"), help="compiled directory")
    parser.add_argument("--cmaddr", default=PROGRAM["cmaddr"] or None, help="IP:port of a machine")
    parser.add_argument("--inputs", metavar="NPZ", help="inputs in place of the saved ones")
    parser.add_argument("--outputs", metavar="NPZ", help="where to write the results")
    args = parser.parse_args()

    saved = os.path.join(here, "inputs.npz")
    inputs = read_arrays(saved) if os.path.exists(saved) else {}
    if args.inputs:
        inputs.update(read_arrays(args.inputs))
    problems = check_inputs(inputs)
    if problems:
        print("\n".join(problems), file=sys.stderr)
        print("give the inputs with --inputs FILE.npz", file=sys.stderr)
        return 1

    outputs, stamps = run(args.name, args.cmaddr, inputs)
    if args.outputs:
        np.savez(args.outputs, **outputs)
    print_cycles(stamps)

    expected = os.path.join(here, "expected.npz")
    if args.inputs is None and os.path.exists(expected):
        problems = compare(outputs, read_arrays(expected))
        if problems:
            print("\n".join(problems), file=sys.stderr)
            return 1
    print("SUCCESS!")
    return 0


if __name__ == "__main__":
    sys.exit(main())
