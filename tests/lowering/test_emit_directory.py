"""The output directory is written as a whole, and never over a stranger's files."""

import json
import os

import numpy as np
import pytest

from pyflame.errors import PyFlameError
from pyflame.lowering.emit.directory import REPORT, write_directory
from pyflame.lowering.emit.npz import npz_bytes


def program(**files: str) -> dict[str, bytes]:
    named = {name.replace("_", "."): text.encode() for name, text in files.items()}
    report = {"generator": "pyflame", "files": [*named, REPORT]}
    return {**named, REPORT: json.dumps(report).encode()}


def test_files_are_written_and_scripts_can_be_run(tmp_path):
    paths = write_directory(tmp_path / "a" / "out", program(run_py="x", layout_csl="y"))
    assert [path.name for path in paths] == ["run.py", "layout.csl", REPORT]
    assert os.access(tmp_path / "a" / "out" / "run.py", os.X_OK)
    assert sorted(os.listdir(tmp_path / "a")) == ["out"]


def test_an_earlier_program_is_replaced_and_what_it_had_more_is_removed(tmp_path):
    write_directory(tmp_path, program(a_csl="old", b_csl="old"))
    (tmp_path / "notes.txt").write_text("mine")
    write_directory(tmp_path, program(a_csl="new"))
    assert (tmp_path / "a.csl").read_text() == "new"
    assert not (tmp_path / "b.csl").exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_strangers_file_is_not_overwritten(tmp_path):
    (tmp_path / "run.py").write_text("mine")
    with pytest.raises(PyFlameError, match=r"not overwriting run\.py"):
        write_directory(tmp_path, program(run_py="x", a_csl="y"))
    assert (tmp_path / "run.py").read_text() == "mine"
    assert os.listdir(tmp_path) == ["run.py"]


@pytest.mark.parametrize("name", ["../evil", "/etc/x", "..", "", "a/b"])
def test_a_forged_report_makes_us_touch_nothing_outside(tmp_path, name):
    (tmp_path / "out").mkdir()
    (tmp_path / "evil").write_text("mine")
    report = {"generator": "pyflame", "files": [name, REPORT]}
    (tmp_path / "out" / REPORT).write_text(json.dumps(report))
    write_directory(tmp_path / "out", program(a_csl="y"))
    assert (tmp_path / "evil").read_text() == "mine"


@pytest.mark.parametrize("name", ["../evil.csl", "/tmp/evil.csl", "a/b.csl"])
def test_nothing_is_written_outside(tmp_path, name):
    with pytest.raises(PyFlameError, match="would be written outside"):
        write_directory(tmp_path / "out", {name: b"x", REPORT: b"{}"})
    assert not any(tmp_path.iterdir())


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(PyFlameError, match="the output directory is a file"):
        write_directory(tmp_path / "out", program(a_csl="y"))


def test_a_failure_leaves_the_directory_as_it_was(tmp_path, monkeypatch):
    write_directory(tmp_path / "out", program(a_csl="old"))

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("pyflame.lowering.emit.directory._write", fail)
    with pytest.raises(PyFlameError, match="disk full"):
        write_directory(tmp_path / "out", program(a_csl="new"))
    assert (tmp_path / "out" / "a.csl").read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]


def test_arrays_give_the_same_bytes_at_any_time_of_day(tmp_path, monkeypatch):
    arrays = {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "s": np.float16(1.5)}
    first = npz_bytes(arrays)
    monkeypatch.setattr("time.localtime", lambda *_: (2030, 1, 1, 0, 0, 0, 0, 1, 0))
    assert npz_bytes(arrays) == first
    (tmp_path / "x.npz").write_bytes(first)
    with np.load(tmp_path / "x.npz") as stored:
        np.testing.assert_array_equal(stored["x"], arrays["x"])
        assert stored["s"] == arrays["s"]
