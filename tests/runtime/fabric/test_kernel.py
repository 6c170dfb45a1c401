"""How the kernel is compiled and laid out."""

from __future__ import annotations

import io
import queue
import threading
from pathlib import Path

import numpy as np
import pytest

from pyflame.arch import WSE2, WSE3
from pyflame.runtime.fabric import isa, tables
from pyflame.runtime.fabric.image import Function
from pyflame.runtime.fabric.kernel import jit, opcodes, words
from pyflame.runtime.fabric.kernel.table import SIZES
from pyflame.runtime.fabric.machine import Machine
from pyflame.runtime.fabric.report import footprint
from pyflame.runtime.fabric.tables import register_need, used_slots
from tests.runtime.fabric.asm import F32, U32, Asm, program
from tests.runtime.fabric.programs import two_pes


@pytest.mark.parametrize(
    ("enumeration", "prefix"),
    [(isa.Op, ""), (isa.DsdOp, ""), (isa.Math, "M_"), (isa.Fault, "F_"), (isa.Type, "T_")],
)
def test_plain_numbers_agree_with_the_instruction_set(enumeration, prefix: str) -> None:
    for member in enumeration:
        assert getattr(opcodes, prefix + member.name) == member


def test_word_numbers_of_options_agree() -> None:
    for member in isa.Option:
        short = {"SAVE_ADDRESS": "SAVE"}.get(member.name, member.name)
        assert getattr(opcodes, f"P_{short}") == member


def test_words_of_one_kind_of_descriptor_do_not_share_a_place() -> None:
    for places in tables.KIND_WORDS.values():
        used = [*tables.COMMON_WORDS.values(), *places.values()]
        extents = set(range(words.D_EXTENT0, words.D_STRIDE0 + 4))
        assert len(set(used)) == len(tables.COMMON_WORDS) and set(places.values()) <= extents
    assert set(tables.WORD_PLACE) == set(range(isa.DESCRIPTOR_WORDS))


def test_queues_of_both_architectures_fit_the_layout() -> None:
    for arch in (WSE2, WSE3):
        assert max(arch.output_queue_depths) <= words.OUT_CAPACITY
        assert arch.memory_bytes == words.MEMORY_BYTES
        assert arch.teardown_task == words.TEARDOWN_TASK and arch.null_task == words.NULL_TASK


def test_every_dsd_operation_has_sizes_and_a_rate() -> None:
    for op in isa.DsdOp:
        assert op in SIZES
        assert op.name.lower() in WSE2.rates and op.name.lower() in WSE3.rates


def test_cache_name_changes_with_any_kernel_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "kernel"
    copy.mkdir()
    for source in jit.KERNEL.glob("*.py"):
        (copy / source.name).write_bytes(source.read_bytes())
    (tmp_path / "isa.py").write_bytes((jit.KERNEL.parent / "isa.py").read_bytes())
    monkeypatch.setattr(jit, "KERNEL", copy)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    before = jit.cache_directory()
    (copy / "tasks.py").write_text("# changed\n")
    assert jit.cache_directory() != before
    assert before.parent == tmp_path


def test_cache_lies_in_the_users_directory_where_the_package_is_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(jit, "_compiled", lambda directory: False)
    monkeypatch.setattr(jit, "_writable", lambda directory: tmp_path in directory.parents)
    assert tmp_path / "pyflame" == jit.cache_directory().parent


def test_a_cache_that_somebody_else_wrote_beside_the_package_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(jit, "KERNEL", tmp_path / "kernel")
    (tmp_path / "isa.py").touch()
    beside = jit.cache_directory()
    assert beside.is_relative_to(tmp_path / "kernel")
    monkeypatch.setattr(jit, "_writable", lambda directory: False)
    assert not jit.cache_directory().is_relative_to(tmp_path)
    beside.mkdir(parents=True)
    (beside / "loop.nbi").touch()
    assert jit.cache_directory() == beside


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def test_a_person_learns_that_the_simulator_is_being_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for stderr, expected in (
        (io.StringIO(), ""),
        (
            Screen(),
            "pyflame: compiling the simulator, once for this installation; it takes about half a "
            "minute; no directory to keep it in is writable, NUMBA_CACHE_DIR can name one …\n",
        ),
    ):
        monkeypatch.setattr("sys.stderr", stderr)
        jit._NoCache().load_overload(None, None)
        assert stderr.getvalue() == expected


def test_one_process_compiles_while_others_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: queue.Queue[str] = queue.Queue()
    monkeypatch.setattr(jit, "_tell", said.put)
    first = jit._compiling(tmp_path / "cache" / "compiling")
    assert first is not None and said.empty()

    def wait() -> None:
        held = jit._compiling(tmp_path / "cache" / "compiling")
        assert held is not None
        held.close()

    second = threading.Thread(target=wait)
    second.start()
    assert said.get(timeout=60) == jit.WAITING
    assert second.is_alive()
    first.close()
    second.join(timeout=60)
    assert not second.is_alive()


def test_only_used_descriptor_slots_take_memory() -> None:
    a = Asm()
    x = a.array("x", F32, 4)
    slot = a.mem(x, 4)
    a.function("go")
    a.load_dsr(isa.dsr_slot(isa.DsrFile.SRC1, 3), slot)
    a.ret()
    assert list(used_slots(a.image())) == [isa.dsr_slot(isa.DsrFile.SRC1, 3), slot]


def test_register_file_holds_the_deepest_chain_of_calls() -> None:
    a = Asm()
    for name, callee in (("a", 1), ("b", 2), ("c", None), ("d", 2)):
        a.function(name, registers=10)
        if callee is not None:
            a.emit(isa.Op.CALL, a=-1, d=callee)
        a.ret()
    image = a.image()
    assert isinstance(image.functions[0], Function)
    assert register_need(image) == 3 * (10 + words.FRAME_HEAD) + 16
    assert np.issubdtype(image.code.dtype, np.integer)


def test_a_pe_has_only_the_queues_and_lanes_that_its_program_uses() -> None:
    """Two PEs with one queue each, and the microthread of the one that sends."""
    machine = Machine(two_pes()[0])
    g = machine.arrays.g
    assert np.flatnonzero(g[words.G_IN_AT :][: words.QUEUES] >= 0).tolist() == [2]
    assert np.flatnonzero(g[words.G_OUT_AT :][: words.QUEUES] >= 0).tolist() == [2]
    assert np.flatnonzero(g[words.G_LANE_AT :][: words.LANES] >= 0).tolist() == [2, words.MAIN]
    assert footprint(machine.arrays)["per_pe"] < words.MEMORY_BYTES + 2500


def test_images_that_differ_in_constants_only_share_code() -> None:
    machines = []
    for constants in ((7, 7), (7, 8), (7, 8, 9)):
        row = []
        for value in constants:
            a = Asm()
            x = a.array("x", U32, 1)
            a.function("go")
            a.ldi(0, value)
            a.emit(isa.Op.STORE, U32, a=0, b=-1, d=x.address)
            a.unblock_host()
            a.ret()
            row.append(a)
        machine = Machine(program([row]))
        machine.launch("go")
        values = machine.read_symbol_array("x", 0, 0, len(row), 1, 1)
        assert values.ravel().tolist() == list(constants)
        machines.append(machine)
    one, two, three = (len(m.arrays.im) for m in machines)
    assert two - one < 8 and three - two < words.IMAGE_WORDS + 8
