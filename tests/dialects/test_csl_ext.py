"""What the verifiers of `csl_ext` refuse, and that every op of its tables is complete."""

import pytest
from xdsl.dialects import test
from xdsl.dialects.builtin import DYNAMIC_INDEX, IntegerType, MemRefType, f16, f32, i16, i32
from xdsl.dialects.csl import ColorType, DsdKind, DsdType
from xdsl.utils.exceptions import VerifyException

from pyflame.arch import WSE2, WSE3
from pyflame.dialects.csl.builtins import DSD_BUILTINS, matches
from pyflame.dialects.csl.declarations import ArrayOp, GetIdOp
from pyflame.dialects.csl.dsd import DsdOp, FabDsdOp, MapOp
from pyflame.dialects.csl.types import DsrFile, DsrType, IdKind, IdType, RouteAttr, SwitchAttr

MEMORY = DsdType(DsdKind.mem1d_dsd)


def values(*types):
    return test.TestOp(result_types=types).results


@pytest.mark.parametrize(
    "rx, tx", [([], ["ramp"]), (["ramp", "ramp"], ["east"]), (["up"], ["ramp"])]
)
def test_a_route_has_distinct_known_ports(rx, tx):
    with pytest.raises((VerifyException, ValueError)):
        RouteAttr.of(rx, tx)


def test_a_switch_starts_at_one_of_its_positions():
    with pytest.raises(VerifyException, match="starts at position 2 of 0 to 1"):
        SwitchAttr.of([("tx", "west")], start=2)


@pytest.mark.parametrize("kind", [IdKind.INPUT_QUEUE, IdKind.LOCAL_TASK, IdKind.CONTROL_TASK])
def test_an_id_is_one_that_some_architecture_has(kind):
    GetIdOp(kind, GetIdOp.LIMITS[kind] - 1).verify()
    with pytest.raises(VerifyException, match=f"{kind.value} {GetIdOp.LIMITS[kind]} is not in"):
        GetIdOp(kind, GetIdOp.LIMITS[kind]).verify()


def test_queue_ids_are_those_of_the_widest_architecture():
    widest = max(len(arch.input_queue_depths) for arch in (WSE2, WSE3))
    assert GetIdOp.LIMITS[IdKind.INPUT_QUEUE] == widest


def test_an_array_has_a_fixed_shape():
    with pytest.raises(VerifyException, match="is not static"):
        ArrayOp("a", MemRefType(f32, [DYNAMIC_INDEX])).verify()


def test_every_dsd_builtin_has_a_rate_on_every_architecture():
    for arch in (WSE2, WSE3):
        assert set(DSD_BUILTINS) <= set(arch.rates)


@pytest.mark.parametrize("name", sorted(DSD_BUILTINS))
def test_a_builtin_takes_dsds_and_the_scalars_of_its_row(name):
    row = DSD_BUILTINS[name]
    scalar = {"f32": f32, "f16": f16, "x16": i16, "x32": i32}
    types = [
        scalar[element] if index in row.only else MEMORY
        for index, element in enumerate(row.sources)
    ]
    DsdOp(name, *values(MEMORY, *types)).verify()
    with pytest.raises(VerifyException, match=f"@{name} takes {1 + len(types)} operands"):
        DsdOp(name, *values(MEMORY, *types, MEMORY)).verify()


def test_registers_stand_only_where_their_file_does():
    dest, src1 = DsrType(DsrFile.DEST), DsrType(DsrFile.SRC1)
    DsdOp("fmovs", *values(dest, src1)).verify()
    with pytest.raises(VerifyException, match="cannot be written"):
        DsdOp("fmovs", *values(src1, src1)).verify()
    with pytest.raises(VerifyException, match="is a dest register"):
        DsdOp("fmovs", *values(dest, dest)).verify()


def test_scalars_match_by_width_and_kind():
    assert matches("f32", f32) and not matches("f32", f16)
    assert matches("x16", IntegerType(16)) and not matches("x16", i32)


def test_a_map_without_dsds_would_never_end():
    with pytest.raises(VerifyException, match="needs at least one DSD"):
        MapOp("f", values(f32)).verify()


def test_only_an_output_dsd_sends_control_wavelets():
    queue, color, extent = values(IdType(IdKind.INPUT_QUEUE), ColorType(), i16)
    with pytest.raises(VerifyException, match="only an output DSD"):
        FabDsdOp(queue, color, extent, control=True).verify()
