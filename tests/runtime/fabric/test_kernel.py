"""How the kernel is compiled and laid out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyflame.arch import WSE2, WSE3
from pyflame.runtime.fabric import isa
from pyflame.runtime.fabric.image import Function
from pyflame.runtime.fabric.kernel import jit, opcodes, words
from pyflame.runtime.fabric.kernel.table import SIZES
from pyflame.runtime.fabric.state import register_need, used_slots
from tests.runtime.fabric.asm import F32, Asm


@pytest.mark.parametrize(
    ("enumeration", "prefix"),
    [(isa.Op, ""), (isa.DsdOp, ""), (isa.Math, "M_"), (isa.Fault, "F_"), (isa.Type, "T_")],
)
def test_plain_numbers_agree_with_the_instruction_set(enumeration, prefix: str) -> None:
    for member in enumeration:
        assert getattr(opcodes, prefix + member.name) == member


def test_word_numbers_of_descriptors_and_options_agree() -> None:
    for member in isa.Word:
        if member.name[:-1] not in ("EXTENT", "STRIDE") or member.name in ("EXTENT0", "STRIDE0"):
            assert getattr(opcodes, f"W_{member.name}") == member
    for member in isa.Option:
        short = {"SAVE_ADDRESS": "SAVE"}.get(member.name, member.name)
        assert getattr(opcodes, f"P_{short}") == member


def test_queues_of_both_architectures_fit_the_layout() -> None:
    for arch in (WSE2, WSE3):
        assert max(arch.input_queue_depths) + 2 <= words.IN_CAPACITY
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
    monkeypatch.setattr(jit, "_writable", lambda directory: tmp_path in directory.parents)
    assert tmp_path / "pyflame" == jit.cache_directory().parent


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
