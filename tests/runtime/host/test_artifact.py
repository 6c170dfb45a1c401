"""Compiled directories: what is written is read back, damage is noticed, bytes repeat."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import zipfile
from dataclasses import fields
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyflame.errors import InvalidModelError, LimitError, PyFlameError
from pyflame.runtime.fabric.image import Fifo, Filter, Position, Program, Queue, Route, Task
from pyflame.runtime.fabric.isa import PopMode, TaskKind, Type
from pyflame.runtime.fabric.machine import Machine
from pyflame.runtime.host.artifact import read_artifact, write_artifact
from pyflame.runtime.host.codec import Decoder
from tests.runtime.fabric.checked import everything
from tests.runtime.host.fake import make_program


def rich_program() -> Program:
    """A program that has something in every kind of field."""
    program = make_program(2, 2)
    image = program.images[0]
    image.tasks.append(Task(TaskKind.DATA, 4, 1, (Type.F32,)))
    image.input_queues.append(Queue(2, 4))
    image.fifos.append(Fifo(8, 4, Type.U16))
    image.blocked.append((0, 9))
    image.teardown[3] = 0
    image.strings.append("grüße")
    program.routes.append(
        Route(
            (Position(1, 16), Position(2, 16)), ring=True, pop=PopMode.ALWAYS_POP, filter=Filter(2)
        )
    )
    program.route_of[1, 4] = 0
    return program


def assert_same(a: object, b: object) -> None:
    if isinstance(a, np.ndarray):
        assert isinstance(b, np.ndarray)
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    elif hasattr(a, "__dataclass_fields__"):
        assert type(a) is type(b)
        for field in fields(a):  # type: ignore[arg-type]
            assert_same(getattr(a, field.name), getattr(b, field.name))
    elif isinstance(a, list):
        assert isinstance(b, list)
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    else:
        assert type(a) is type(b)
        assert a == b


def test_a_program_is_read_as_it_was_written(tmp_path: Path) -> None:
    program = rich_program()
    write_artifact(tmp_path, program)
    assert_same(read_artifact(tmp_path), program)


def test_host_scripts_find_params_and_colors_as_strings(tmp_path: Path) -> None:
    write_artifact(tmp_path, make_program(), colors={"C": "8"})
    content = json.loads((tmp_path / "out.json").read_text())
    assert content["params"] == {"N": "6"}
    assert content["colors"] == {"C": "8"}
    assert content["symbols"][3] == {
        "id": 3, "name": "main", "kind": "function", "type": "fn()void"
    }  # fmt: skip


def test_equal_programs_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_artifact(tmp_path / name, rich_program())
    for file in ("out.json", "program.json", "program.npz"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    with zipfile.ZipFile(tmp_path / "one" / "program.npz") as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_nothing_but_the_three_files_is_left(tmp_path: Path) -> None:
    write_artifact(tmp_path, make_program())
    write_artifact(tmp_path, make_program())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.json", "program.json", "program.npz"]


def change(directory: Path, edit: object) -> None:
    path = directory / "program.json"
    head = json.loads(path.read_text())
    edit(head)  # type: ignore[operator]
    path.write_text(json.dumps(head))


def set_in(*path: str | int, value: object):
    def edit(head: dict) -> None:
        place = head
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (set_in("format", value="other"), "is not a compiled program of PyFlame"),
        (set_in("version", value=99), "has format version 99; this PyFlame reads 3: "),
        (set_in("sha256", value="0"), "digests differ"),
        (set_in("program", "width", value="3"), "program.width is '3'; expected int"),
        (set_in("program", "width", value=4), "image_of has shape (6,); expected (8,)"),
        (set_in("program", "width", value=1 << 30), "PEs; expected 1 to 1048576"),
        (set_in("program", "arch", value="wse9"), "unknown architecture 'wse9'"),
        (
            set_in("program", "extra", value=1),
            "program has the members arch, contents, digests, exports, extra, ",
        ),
        (set_in("program", "exports", value=[["a", [1, "x"]]]), "is 1; expected bool"),
        (
            set_in("program", "image_of", value=["int32", 1 << 30, 6]),
            "program.image_of is ['int32', 1073741824, 6]; expected a range within ",
        ),
        (
            set_in("program", "image_of", value=[["int32"], 0, 6]),
            "program.image_of is [['int32'], 0, 6]; expected an array reference",
        ),
        (
            set_in("program", "image_of", value=["object", 0, 6]),
            "expected an array reference",
        ),
        (
            set_in("program", "images", 0, "functions", 0, "entry", value=2),
            "pe.csl: entry of 'main' is 2; expected 0 to 1",
        ),
        (
            set_in("program", "images", 0, "symbols", 0, 1, "size", value=1 << 20),
            "size of 'a' is 1048576; expected 0 to 49152",
        ),
    ],
)
def test_a_changed_file_is_refused(compiled: Path, edit: object, message: str) -> None:
    change(compiled, edit)
    with pytest.raises(InvalidModelError) as caught:
        read_artifact(compiled)
    assert message in str(caught.value)


def test_an_instruction_that_points_outside_is_refused(tmp_path: Path) -> None:
    program = make_program()
    program.images[0].code[0, 2] = 7  # RET of a register that main does not have
    write_artifact(tmp_path, program)
    with pytest.raises(InvalidModelError, match="a of RET at main, instruction 0 is 7; expected "):
        read_artifact(tmp_path)


def test_a_directory_without_a_program_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InvalidModelError) as caught:
        read_artifact(tmp_path / "nothing")
    assert str(caught.value) == (
        f"'{tmp_path / 'nothing'}' holds no compiled program (program.json is missing); "
        "compile it with pyflame-cslc -o first"
    )


def test_deep_nesting_and_double_keys_are_refused(compiled: Path) -> None:
    (compiled / "program.json").write_text("[" * 100_000)
    with pytest.raises(InvalidModelError, match="nests deeper"):
        read_artifact(compiled)
    (compiled / "program.json").write_text('{"format": 1, "format": 2}')
    with pytest.raises(InvalidModelError, match="'format' stands twice"):
        read_artifact(compiled)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_damage_gets_past_the_reader_in_another_way(compiled: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["program.json", "program.npz"]))
    whole = (compiled / name).read_bytes()
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (compiled / name).write_bytes(bytes(content[: data.draw(st.integers(1, len(content)))]))
    try:
        read_artifact(compiled)
    except PyFlameError:
        pass
    finally:
        (compiled / name).write_bytes(whole)


def numbers(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The places of all numbers in a JSON value."""
    if type(value) is int:
        return [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(
        value, list) else ()  # fmt: skip
    return [place for key, item in items for place in numbers(item, (*path, key))]


ODD = [-(1 << 63), -1, 0, 1, 2, 5, 24, 64, 49152, 1 << 16, 1 << 31, 1 << 40, 1 << 63, 1 << 70]


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_changed_number_is_refused_or_makes_a_machine(
    tmp_path: Path, data: st.DataObject
) -> None:
    """Changed numbers in program.json and words in the arrays, whose digest is made anew."""
    program = everything()
    for _ in range(data.draw(st.integers(0, 2))):
        image = program.images[data.draw(st.integers(0, 1))]
        words = image.code if data.draw(st.booleans()) else image.operands
        at = data.draw(st.integers(0, max(words.size - 1, 0)))
        if words.size:
            words.reshape(-1)[at] = data.draw(st.sampled_from(ODD[:12]))
    write_artifact(tmp_path, program)
    head = json.loads((tmp_path / "program.json").read_text())
    places = numbers(head["program"], ("program",))
    for _ in range(data.draw(st.integers(0, 2))):
        set_in(*data.draw(st.sampled_from(places)), value=data.draw(st.sampled_from(ODD)))(head)
    (tmp_path / "program.json").write_text(json.dumps(head))
    with contextlib.suppress(PyFlameError):
        Machine(read_artifact(tmp_path))


def test_arrays_that_name_one_range_often_have_a_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_artifact(tmp_path, make_program())
    size = Decoder({}, "").budget
    assert size == 4 << 30
    monkeypatch.setattr("pyflame.runtime.host.artifact.Decoder", partial(Decoder, budget=100))
    with pytest.raises(LimitError, match=r"the arrays of the program take more than \d+ bytes"):
        read_artifact(tmp_path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"descr": "<i8", "fortran_order": False, "shape": (2**40,)}, "bytes of data; its header"),
        ({"descr": "<i8", "fortran_order": False, "shape": (-1,)}, "its header says -1"),
        ({"descr": "|O", "fortran_order": False, "shape": (1,)}, "holds object with 1 axes"),
    ],
)
def test_the_header_of_an_array_must_fit_its_data(
    tmp_path: Path, header: dict[str, object], message: str
) -> None:
    write_artifact(tmp_path, make_program())
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, header)  # type: ignore[arg-type]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("int64.npy", member.getvalue() + bytes(8))
    (tmp_path / "program.npz").write_bytes(content.getvalue())
    change(tmp_path, set_in("sha256", value=hashlib.sha256(content.getvalue()).hexdigest()))
    with pytest.raises(InvalidModelError, match=message):
        read_artifact(tmp_path)


def test_a_rectangle_beyond_the_memory_is_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: object) -> None:
        raise MemoryError("Unable to allocate 34.3 GiB")

    monkeypatch.setattr("pyflame.runtime.fabric.state.build", build)
    with pytest.raises(LimitError, match=r"3 × 2 PEs do not fit this computer's memory \(Unable"):
        Machine(make_program())
