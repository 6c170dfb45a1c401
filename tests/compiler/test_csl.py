"""Compiling to a directory: options, files, folding, rectangles, failures."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from xdsl.parser import Parser

import pyflame as pf
from pyflame.compiler.csl import (
    CodeGenOptions,
    CSLCodeGenerator,
    compile_module,
    compile_to_csl,
    program_files,
)
from pyflame.compiler.trace import trace
from pyflame.dialects import new_context
from pyflame.errors import LayoutError, MemoryLimitError, ShapeError, UnsupportedError
from pyflame.lowering.emit.directory import REPORT


def array(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(dtype)


def layer() -> pf.Tensor:
    x, w, b = (pf.from_numpy(array(*shape)) for shape in ((6, 5), (5, 7), (7,)))
    return pf.relu(x @ w + b)


def options(path: Path, **fields) -> CodeGenOptions:
    return CodeGenOptions(output_dir=str(path), fabric_width=2, fabric_height=2, **fields)


def test_a_program_is_written_and_described(tmp_path):
    result = compile_to_csl(layer(), options(tmp_path / "out"))
    assert result.success and result.error_message == ""
    assert result.rectangle == (2, 2)
    names = [Path(path).name for path in result.generated_files]
    assert sorted(names) == sorted(path.name for path in (tmp_path / "out").iterdir())
    assert {"layout.csl", "pe.csl", "run.py", "commands_wse2.sh"} <= set(result.sources)
    assert {"inputs.npz", "expected.npz"} <= set(names)
    report = json.loads((tmp_path / "out" / REPORT).read_text())
    assert report["files"] == names
    assert report["rectangle"] == {"rows": 2, "cols": 2}
    assert report["predicted_cycles"]["total"] == sum(
        phase["cycles"] for phase in report["predicted_cycles"]["phases"]
    )


def test_the_same_graph_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        compile_to_csl(layer(), options(tmp_path / name, generate_debug_info=True))
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_a_result_tells_why_it_failed(tmp_path):
    bad = options(tmp_path, runtime_address="nowhere")
    result = CSLCodeGenerator().generate(pf.get_graph(layer()), bad)
    assert not result.success and not result.generated_files
    assert "runtime_address 'nowhere'; expected host:port" in result.error_message


def test_all_that_is_wrong_with_options_is_listed():
    bad = CodeGenOptions(target="wse9", runtime_address="x", output_dir="")
    with pytest.raises(UnsupportedError) as info:
        bad.check()
    assert len(info.value.gaps) == 3


@pytest.mark.parametrize("field, value", [("fabric_width", -1), ("fabric_height", 5000)])
def test_a_rectangle_off_the_wafer_is_refused(field, value):
    with pytest.raises(UnsupportedError, match=f"{field} {value}"):
        CodeGenOptions(**{field: value}).check()


def test_comments_can_be_left_out(tmp_path):
    with_comments = compile_to_csl(layer(), options(tmp_path / "a")).sources["pe.csl"]
    without = compile_to_csl(layer(), options(tmp_path / "b", emit_comments=False)).sources[
        "pe.csl"
    ]
    assert "// phase" in with_comments and "//" not in without


def test_debug_info_stamps_phases_and_keeps_every_level(tmp_path):
    result = compile_to_csl(layer(), options(tmp_path, generate_debug_info=True))
    levels = {"tensor": "pyflame.", "mesh": "mesh.", "dataflow": "dataflow.", "csl": "csl_ext."}
    for level, dialect in levels.items():
        assert dialect in result.sources[f"program.{level}.mlir"]
    assert result.sources["pe.csl"].count("stamp(") > 3


def test_without_optimization_the_program_is_another_one(tmp_path):
    x, w = pf.from_numpy(array(4, 4)), pf.from_numpy(array(4, 4))
    y = x @ w + x @ w
    fast = compile_to_csl(y, options(tmp_path / "a")).sources["pe.csl"]
    plain = compile_to_csl(y, options(tmp_path / "b", optimize=False)).sources["pe.csl"]
    assert len(fast) < len(plain)


def test_a_machine_gets_its_whole_fabric_and_its_address(tmp_path):
    sources = compile_to_csl(layer(), options(tmp_path, runtime_address="cs2:9000")).sources
    assert "--fabric-dims=757,996" in sources["commands_wse2.sh"]
    assert '"cmaddr": "cs2:9000"' in sources["run.py"]


def test_the_simulator_gets_a_fabric_that_just_fits(tmp_path):
    sources = compile_to_csl(layer(), options(tmp_path)).sources
    assert "--fabric-dims=9,4 --fabric-offsets=4,1" in sources["commands_wse2.sh"]


def test_layouts_and_options_that_disagree_are_refused(tmp_path):
    x = pf.from_numpy(array(8, 8), layout=pf.MeshLayout.grid(4, 4))
    with pytest.raises(LayoutError, match=r"4×4 PEs .* the options ask for 2×2"):
        program_files(trace(pf.get_graph(pf.relu(x))), options(tmp_path))


def test_what_the_mesh_does_not_take_is_computed_here(tmp_path):
    y = pf.from_numpy(array(3, 5)) + pf.arange(5) * 2.0
    result = compile_to_csl(y, options(tmp_path))
    assert result.success, result.error_message
    with np.load(tmp_path / "inputs.npz") as stored:
        np.testing.assert_array_equal(stored["constant0"], np.arange(5, dtype=np.float32))


def test_a_program_on_random_numbers_stays_a_program(tmp_path):
    a, b = pf.randn([4, 6]), pf.randn([6, 5])
    result = compile_to_csl(a @ b, options(tmp_path))
    assert result.success, result.error_message
    with np.load(tmp_path / "inputs.npz") as stored:
        np.testing.assert_array_equal(stored["constant0"], a.numpy())
        np.testing.assert_array_equal(stored["constant1"], b.numpy())
    assert "fmacs" in result.sources["pe.csl"]


def test_integers_and_masks_that_only_the_host_computes_are_computed_here(tmp_path):
    y = pf.from_numpy(array(4, 4)) @ pf.eye(4) + pf.randint(0, 9, [4]).to(pf.float32)
    assert compile_to_csl(y, options(tmp_path)).success


MODULE = """func.func @main(%x: tensor<{n}x{n}xf32> {{pyflame.name = "x"}})
    -> tensor<{n}x{n}xf32> {{
  %0 = pyflame.exp %x : tensor<{n}x{n}xf32> -> tensor<{n}x{n}xf32>
  func.return %0 : tensor<{n}x{n}xf32>
}}"""


def module(n: int = 4):
    return Parser(new_context(), MODULE.format(n=n)).parse_module()


def test_a_module_without_data_has_neither_inputs_nor_expected_results(tmp_path):
    result = compile_module(module(), options(tmp_path))
    assert not any(path.endswith(".npz") for path in result.generated_files)


def test_an_input_that_the_program_does_not_take_is_refused(tmp_path):
    with pytest.raises(ShapeError, match="inputs 'y' are given, but the program takes 'x'"):
        compile_module(module(), options(tmp_path), {"y": array(4, 4)})


def test_an_open_rectangle_grows_until_it_fits(tmp_path):
    result = compile_module(module(200), CodeGenOptions(output_dir=str(tmp_path)))
    rows, cols = result.rectangle
    report = json.loads(result.sources[REPORT])["memory"]
    assert rows * cols > 1
    assert report["data_bytes"] <= report["limit_bytes"] - report["reserved_bytes"]


def test_a_given_rectangle_that_is_too_small_names_one_that_is_not(tmp_path):
    small = CodeGenOptions(output_dir=str(tmp_path), fabric_width=1, fabric_height=1)
    with pytest.raises(MemoryLimitError, match="smallest rectangle") as info:
        compile_module(module(200), small)
    rows, cols = map(int, re.search(r"fits is (\d+)×(\d+)", str(info.value)).groups())
    fitting = CodeGenOptions(output_dir=str(tmp_path), fabric_width=cols, fabric_height=rows)
    assert compile_module(module(200), fitting).success
    assert rows * cols > 1


def test_the_emitted_script_runs_on_the_simulator(tmp_path):
    """The program as it ships: its own commands, run by a shell."""
    compile_to_csl(layer(), options(tmp_path))
    sdk = Path(sys.executable).with_name("pyflame-sdk")
    outputs = tmp_path / "y.npz"
    command = [str(sdk), "--", "bash", str(tmp_path / "commands_wse2.sh"), "--outputs", outputs]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    assert "SUCCESS!" in done.stdout and "cycles: " in done.stdout
    with np.load(outputs) as stored:
        np.testing.assert_allclose(stored["result0"], layer().numpy(), rtol=1e-5, atol=1e-5)


def test_the_smallest_rectangle_is_found_for_layouts_that_name_one(tmp_path):
    grid = pf.MeshLayout.grid(2, 2)
    x = pf.from_numpy(np.zeros((512, 512), np.float32), layout=grid)
    result = compile_to_csl(x @ pf.zeros([512, 512]), options(tmp_path))
    assert not result.success
    assert "The smallest rectangle of this shape that fits is 13×13 PEs." in result.error_message
