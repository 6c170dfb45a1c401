"""What each op of the `mesh` dialect does: one method per op, all PEs at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    ReturnedValues,
    TerminatorValue,
    impl,
    impl_terminator,
    register_impls,
)
from xdsl.ir import SSAValue

from pyflame.dialects.mesh import local, movement, panels
from pyflame.dialects.mesh.attributes import Axis, Kind, element_of, layout_of, shape_of, tile_of
from pyflame.errors import LimitError, VerifyError
from pyflame.runtime.interpreters.mesh.placement import (
    axis_view,
    collect,
    distribute,
    poison,
    spoil,
    valid,
)
from pyflame.runtime.interpreters.mesh.scalar import dtype_of, run_body

MAX_STEPS = 1_000_000
"""Bound on the panels of one loop."""

_REDUCE: dict[Kind, Callable[..., np.ndarray]] = {
    Kind.SUM: np.sum, Kind.PROD: np.prod, Kind.MAX: np.max, Kind.MIN: np.min,
}  # fmt: skip
_IDENTITY = {Kind.SUM: 0, Kind.PROD: 1, Kind.MAX: -np.inf, Kind.MIN: np.inf}


def _finish(tiles: np.ndarray, result: SSAValue) -> PythonValues:
    """`tiles` as the value of `result`: its element type, its padding poisoned."""
    dtype = dtype_of(element_of(result))
    whole = np.broadcast_to(tiles, (*layout_of(result).rectangle, *tile_of(result)))
    return (spoil(whole.astype(dtype), layout_of(result), shape_of(result)),)


def _oriented(tiles: np.ndarray, map: tuple[int, ...], rank: int) -> np.ndarray:
    """`tiles` with its dimensions in the order of the result's, size 1 where it has none."""
    kept = sorted((to, 2 + d) for d, to in enumerate(map) if to >= 0)
    repeated = [2 + d for d, to in enumerate(map) if to < 0]
    ordered = tiles.transpose(0, 1, *(d for _, d in kept), *repeated)
    there = {to for to, _ in kept}
    sizes = iter(ordered.shape[2:])
    return ordered.reshape(
        *tiles.shape[:2], *(next(sizes) if d in there else 1 for d in range(rank))
    )


@register_impls
class MeshFunctions(InterpreterFunctions):
    """The `mesh` dialect on arrays ``[rows, cols, *tile]``."""

    @impl(local.ComputeOp)
    def run_compute(
        self, interpreter: Interpreter, op: local.ComputeOp, args: PythonValues
    ) -> PythonValues:
        rank = len(shape_of(op.result))
        inputs = [
            _oriented(tiles, map, rank) for tiles, map in zip(args, op.map_values, strict=True)
        ]
        (result,) = run_body(op.body.block, inputs)
        return _finish(result, op.result)

    @impl(local.LocalReduceOp)
    def run_local_reduce(
        self, interpreter: Interpreter, op: local.LocalReduceOp, args: PythonValues
    ) -> PythonValues:
        tiles, kind = args[0].astype(dtype_of(element_of(op.result))), op.kind.data
        identity = tiles.dtype.type(_IDENTITY[kind])
        for dim in op.dim_values:
            mask = valid(layout_of(op.x), shape_of(op.x), dim)
            if mask is not None:
                np.copyto(tiles, identity, where=~mask)
        axes = tuple(2 + d for d in op.dim_values)
        reduced = _REDUCE[kind](tiles, axis=axes, keepdims=True, initial=identity)
        return _finish(reduced.reshape(*tiles.shape[:2], *tile_of(op.result)), op.result)

    @impl(local.MatmulOp)
    def run_matmul(
        self, interpreter: Interpreter, op: local.MatmulOp, args: PythonValues
    ) -> PythonValues:
        acc, a, b, *length = args
        a = np.swapaxes(a, -1, -2) if op.transpose_a is not None else a
        b = np.swapaxes(b, -1, -2) if op.transpose_b is not None else b
        k = length[0] if length else a.shape[-1]
        rank = acc.ndim - 2
        a = _with_batch(a[..., :k], rank).astype(np.float32)
        b = _with_batch(b[..., :k, :], rank).astype(np.float32)
        return _finish(acc + np.matmul(a, b), op.result)

    @impl(local.ReshapeOp)
    def run_reshape(
        self, interpreter: Interpreter, op: local.ReshapeOp, args: PythonValues
    ) -> PythonValues:
        (tiles,) = args
        return _finish(tiles.reshape(*tiles.shape[:2], *tile_of(op.result)), op.result)

    @impl(panels.ForPanelsOp)
    def run_for_panels(
        self, interpreter: Interpreter, op: panels.ForPanelsOp, args: PythonValues
    ) -> PythonValues:
        for step, (start, length) in enumerate(op.panels()):
            if step == MAX_STEPS:
                raise LimitError(
                    f"mesh.for_panels over {op.extent.value.data} elements takes more than "
                    f"{MAX_STEPS} steps, the limit of the interpreter"
                )
            args = interpreter.run_ssacfg_region(op.body, (start, length, *args), "for_panels")
        return args

    @impl_terminator(local.YieldOp)
    def run_yield(
        self, interpreter: Interpreter, op: local.YieldOp, args: PythonValues
    ) -> tuple[TerminatorValue, PythonValues]:
        return ReturnedValues(args), ()

    @impl(movement.BroadcastOp)
    def run_broadcast(
        self, interpreter: Interpreter, op: movement.BroadcastOp, args: PythonValues
    ) -> PythonValues:
        tiles, start, length = args
        dim = op.dim.value.data
        tile, axis = tile_of(op.x)[dim], layout_of(op.x).split[dim]
        if axis is not None:
            owner, start = divmod(start, tile)
            tiles = np.take(tiles, [owner], axis=axis)
        if start + length > tile:
            raise VerifyError(
                f"mesh.broadcast of {length} elements from {start} leaves its tile of {tile}"
            )
        shape = list(tiles.shape)
        shape[2 + dim] = shape_of(op.result)[dim]
        panel = np.full(shape, poison(tiles.dtype), tiles.dtype)
        at = [slice(None)] * tiles.ndim
        at[2 + dim] = slice(length)
        panel[tuple(at)] = np.take(tiles, range(start, start + length), axis=2 + dim)
        return _finish(panel, op.result)

    @impl(movement.AllReduceOp)
    def run_all_reduce(
        self, interpreter: Interpreter, op: movement.AllReduceOp, args: PythonValues
    ) -> PythonValues:
        return _finish(_combine(args[0], op.kind.data, op.along), op.result)

    @impl(movement.ReduceOp)
    def run_reduce(
        self, interpreter: Interpreter, op: movement.ReduceOp, args: PythonValues
    ) -> PythonValues:
        return _finish(_combine(args[0], op.kind.data, op.along), op.result)

    @impl(movement.AllGatherOp)
    def run_all_gather(
        self, interpreter: Interpreter, op: movement.AllGatherOp, args: PythonValues
    ) -> PythonValues:
        return _finish(_gathered(args[0], op.x, op.dim.value.data), op.result)

    @impl(movement.GatherOp)
    def run_gather(
        self, interpreter: Interpreter, op: movement.GatherOp, args: PythonValues
    ) -> PythonValues:
        return _finish(_gathered(args[0], op.x, op.dim.value.data), op.result)

    @impl(movement.AllSliceOp)
    def run_all_slice(
        self, interpreter: Interpreter, op: movement.AllSliceOp, args: PythonValues
    ) -> PythonValues:
        return _finish(_sliced(args[0], op.result, op.dim.value.data), op.result)

    @impl(movement.ScatterOp)
    def run_scatter(
        self, interpreter: Interpreter, op: movement.ScatterOp, args: PythonValues
    ) -> PythonValues:
        axis = op.along.number
        root = layout_of(op.x).roots[axis]
        assert root is not None
        held = np.broadcast_to(np.take(args[0], [root], axis=axis), args[0].shape)
        return _finish(_sliced(held, op.result, op.dim.value.data), op.result)

    @impl(movement.ShiftOp)
    def run_shift(
        self, interpreter: Interpreter, op: movement.ShiftOp, args: PythonValues
    ) -> PythonValues:
        (tiles,) = args
        axis, offset = op.along.number, op.offset.value.data
        shifted = np.roll(tiles, offset, axis=axis)
        if op.rotate is None:
            source = np.arange(tiles.shape[axis]) - offset
            outside = (source < 0) | (source >= tiles.shape[axis])
            np.copyto(shifted, 0, where=axis_view(outside, axis, tiles.ndim))
        return _finish(shifted, op.result)

    @impl(movement.HaloExchangeOp)
    def run_halo_exchange(
        self, interpreter: Interpreter, op: movement.HaloExchangeOp, args: PythonValues
    ) -> PythonValues:
        layout, shape, tile = layout_of(op.x), shape_of(op.x), tile_of(op.x)
        whole = collect(args[0], layout, shape)
        for dim, (low, high) in enumerate(op.halos):
            axis = layout.split[dim]
            first = np.arange(1 if axis is None else layout.extent(axis)) * tile[dim]
            index = (first[:, None] + np.arange(-low, tile[dim] + high)).ravel()
            inside = (index >= 0) & (index < shape[dim])
            whole = np.take(whole, np.where(inside, index, 0), axis=dim)
            np.copyto(whole, 0, where=~axis_view(inside, dim, whole.ndim))
        return _finish(distribute(whole, layout), op.result)

    @impl(movement.RedistributeOp)
    def run_redistribute(
        self, interpreter: Interpreter, op: movement.RedistributeOp, args: PythonValues
    ) -> PythonValues:
        whole = collect(args[0], layout_of(op.x), shape_of(op.x))
        return _finish(distribute(whole, layout_of(op.result)), op.result)


def _with_batch(tiles: np.ndarray, rank: int) -> np.ndarray:
    """`tiles` with batch dimensions of size 1 put in front, up to `rank` tile dimensions."""
    missing = rank - (tiles.ndim - 2)
    return tiles.reshape(*tiles.shape[:2], *(1,) * missing, *tiles.shape[2:])


def _combine(tiles: np.ndarray, kind: Kind, axis: Axis) -> np.ndarray:
    """Partial values of an axis combined, for every PE of it."""
    return _REDUCE[kind](tiles, axis=axis.number, keepdims=True)


def _gathered(tiles: np.ndarray, x: SSAValue, dim: int) -> np.ndarray:
    """The whole of dimension `dim` at every PE of the axis that cuts it."""
    axis = layout_of(x).split[dim]
    assert axis is not None
    blocks = np.moveaxis(tiles, axis, 1 + dim)  # PE axis right before the dimension that it cuts
    shape = list(tiles.shape)
    shape[axis] = 1
    shape[2 + dim] *= tiles.shape[axis]
    return np.take(blocks.reshape(shape), range(shape_of(x)[dim]), axis=2 + dim)


def _sliced(tiles: np.ndarray, result: SSAValue, dim: int) -> np.ndarray:
    """The own part of dimension `dim` at every PE; the last ones may run past its end."""
    axis, tile = layout_of(result).split[dim], tile_of(result)[dim]
    assert axis is not None
    first = axis_view(np.arange(tiles.shape[axis]) * tile, axis, tiles.ndim)
    index = first + axis_view(np.arange(tile), 2 + dim, tiles.ndim)
    index = np.minimum(index, max(tiles.shape[2 + dim] - 1, 0))
    if not tiles.size:
        return np.empty((*tiles.shape[:2], *tile_of(result)), tiles.dtype)
    return np.take_along_axis(tiles, index, axis=2 + dim)
