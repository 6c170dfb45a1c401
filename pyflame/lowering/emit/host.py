"""What the host needs to know of a program, as plain data, and the script that runs it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    DictionaryAttr,
    IntegerAttr,
    IntegerType,
    ModuleOp,
    StringAttr,
    TensorType,
)
from xdsl.ir import Attribute

from pyflame.dialects.dataflow.types import is_element
from pyflame.dialects.mesh.attributes import layout_of, shape_of, tile_of
from pyflame.dtypes import from_mlir
from pyflame.errors import UnsupportedError

LINT = "  # pyright: ignore[reportMissingImports]"
"""A remark in `runner.py` that is for our own tools."""

PROGRAM = "csl_ext.program"
"""Attribute of a csl module that holds the host's table."""


@dataclass(frozen=True)
class HostTensor:
    """A tensor that the host sends or fetches.

    `shape` and `dtype` are what the user sees; every PE holds a row-major tile of shape `tile` and
    type `storage` in the exported array `symbol`. `split` names the rectangle's axis that cuts
    each dimension (0 rows, 1 columns), or None; `root` where along each axis an output is held, or
    None where everywhere.
    """

    name: str
    symbol: str
    purpose: str
    shape: tuple[int, ...]
    dtype: str
    storage: str
    split: tuple[int | None, ...]
    tile: tuple[int, ...]
    root: tuple[int | None, int | None]

    def row(self) -> dict[str, Any]:
        """The tensor as `runner.py` knows it: `split` and `tile` as pairs, in ``dims``."""
        row = asdict(self)
        row["dims"] = list(zip(row.pop("split"), row.pop("tile"), strict=True))
        return row


@dataclass(frozen=True)
class HostProgram:
    """A compiled program as its host sees it.

    `stamps` says what each time stamp marks, `arrays` the bytes of every array of a PE by name,
    `channels` colours and queues by name, `phases` label and predicted cycles of each phase,
    `buffers` the memory of a PE, row by row.
    """

    target: str
    rows: int
    cols: int
    tensors: tuple[HostTensor, ...]
    stamps: tuple[str, ...]
    arrays: Mapping[str, int]
    channels: Mapping[str, Mapping[str, Any]]
    phases: tuple[Mapping[str, Any], ...] = ()
    buffers: tuple[Mapping[str, Any], ...] = ()

    @property
    def predicted_cycles(self) -> int | None:
        """Cycles that the cost model predicts, if every phase has a prediction."""
        if not self.phases or any("cycles" not in phase for phase in self.phases):
            return None
        return sum(phase["cycles"] for phase in self.phases)

    @property
    def inputs(self) -> list[HostTensor]:
        """What the host sends before the launch."""
        return [tensor for tensor in self.tensors if tensor.purpose == "input"]

    @property
    def outputs(self) -> list[HostTensor]:
        """What the host fetches after it."""
        return [tensor for tensor in self.tensors if tensor.purpose == "output"]


def host_program(module: ModuleOp) -> HostProgram:
    """The host's table of a module at the csl level.

    Raises:
        UnsupportedError: the module has none, because it was not made by
            ``convert-dataflow-to-csl``.
    """
    table = module.attributes.get(PROGRAM)
    if not isinstance(table, DictionaryAttr):
        raise UnsupportedError(
            f"a host script for a module without the attribute {PROGRAM}",
            hint="convert-dataflow-to-csl writes it",
        )
    plain = _plain(table)
    tensors = tuple(_tensor(row) for row in plain["tensors"])
    return HostProgram(
        plain["target"],
        plain["rows"],
        plain["cols"],
        tensors,
        tuple(plain["stamps"]),
        {row["name"]: row["bytes"] for row in plain["arrays"]},
        {row.pop("name"): row for row in plain["channels"]},
        tuple(plain["phases"]),
        tuple(plain["memory"]),
    )


def _plain(attr: Attribute) -> Any:
    match attr:
        case DictionaryAttr():
            return {key: _plain(value) for key, value in attr.data.items()}
        case ArrayAttr():
            return [_plain(value) for value in attr]
        case StringAttr():
            return attr.data
        case IntegerAttr():
            return attr.value.data
        case DenseArrayBase():
            return list(cast(DenseArrayBase[IntegerType], attr).get_values())
        case _:
            return attr


def _tensor(row: Mapping[str, Any]) -> HostTensor:
    type: TensorType[Attribute] = row["type"]
    layout = layout_of(type)
    dtype = from_mlir(str(type.element_type)).numpy
    storage = from_mlir(str(row["storage"])).numpy
    if not is_element(row["storage"]):
        raise UnsupportedError(f"a tensor of {row['storage']} between host and PEs")
    return HostTensor(
        row["name"],
        row["symbol"],
        row["purpose"],
        shape_of(type),
        str(dtype),
        str(storage),
        layout.split,
        tile_of(type),
        layout.roots,
    )


def run_script(program: HostProgram, cmaddr: str = "") -> str:
    """``run.py``: `runner.py` with the program's table in it.

    `cmaddr` is the machine that the script uses when its command line names none.
    """
    table = {
        "rows": program.rows,
        "cols": program.cols,
        "cmaddr": cmaddr,
        "predicted": program.predicted_cycles,
        "stamps": list(program.stamps),
        "tensors": [tensor.row() for tensor in program.tensors],
    }
    text = Path(__file__).with_name("runner.py").read_text(encoding="utf-8")
    place = 'json.loads(r"""{}"""'
    before, found, after = text.replace(LINT, "").partition(place)
    assert found, "runner.py has lost the place of its table"
    return f'{before}json.loads(r"""{_json_rows(table)}"""{after}'


def _json_rows(table: Mapping[str, Any]) -> str:
    """JSON with one tensor on each line; three quotes in a row do not occur in JSON."""
    rows: Sequence[Any] = table["tensors"]
    head = {key: value for key, value in table.items() if key != "tensors"}
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    body = f"\n{lines}\n" if rows else ""
    return f'{json.dumps(head)[:-1]},\n "tensors": [{body}]}}'
