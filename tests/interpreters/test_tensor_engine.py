"""Running modules: arguments, results, limits, and what is refused."""

import weakref

import numpy as np
import pytest
from xdsl.parser import Parser

from pyflame.dialects import new_context
from pyflame.errors import DTypeError, LimitError, PyFlameError, ShapeError, UnsupportedError
from pyflame.runtime.interpreters.tensor import TensorInterpreter, run_module
from pyflame.runtime.interpreters.tensor.engine import find_function, last_uses

PROGRAM = """
func.func @main(%x: tensor<2x3xf32>, %y: tensor<3xf32>) -> (tensor<2x3xf32>, tensor<2xf32>) {
  %0 = pyflame.add %x, %y : tensor<2x3xf32>, tensor<3xf32> -> tensor<2x3xf32>
  %1 = pyflame.sum %0 dims [1] : tensor<2x3xf32> -> tensor<2xf32>
  func.return %0, %1 : tensor<2x3xf32>, tensor<2xf32>
}
"""
X, Y = np.ones((2, 3), np.float32), np.arange(3, dtype=np.float32)


def parse(text):
    module = Parser(new_context(), text).parse_module()
    module.verify()
    return module


def test_all_results_come_back():
    total, rows = run_module(parse(PROGRAM), X, Y)
    np.testing.assert_array_equal(total, X + Y)
    np.testing.assert_array_equal(rows, [6, 6])


def test_functions_call_functions():
    module = parse(
        """
        func.func @twice(%x: tensor<2xf32>) -> tensor<2xf32> {
          %0 = pyflame.add %x, %x : tensor<2xf32>, tensor<2xf32> -> tensor<2xf32>
          func.return %0 : tensor<2xf32>
        }
        func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
          %0 = func.call @twice(%x) : (tensor<2xf32>) -> tensor<2xf32>
          %1 = func.call @twice(%0) : (tensor<2xf32>) -> tensor<2xf32>
          func.return %1 : tensor<2xf32>
        }
        """
    )
    x = np.array([1, 2], np.float32)
    np.testing.assert_array_equal(run_module(module, x)[0], 4 * x)
    np.testing.assert_array_equal(run_module(module, x, function="twice")[0], 2 * x)


def test_endless_calls_end():
    module = parse(
        """
        func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
          %0 = func.call @main(%x) : (tensor<2xf32>) -> tensor<2xf32>
          func.return %0 : tensor<2xf32>
        }
        """
    )
    with pytest.raises(LimitError, match=r"^calls in function 'main' nest too deeply to run$"):
        run_module(module, np.ones(2, np.float32))


def test_the_number_of_arguments_must_fit():
    with pytest.raises(ShapeError, match=r"^function 'main' takes 2 arguments, got 1$"):
        run_module(parse(PROGRAM), X)


def test_argument_shapes_must_fit():
    with pytest.raises(ShapeError, match=r"^argument 1 has shape \[2\], expected \[3\]$"):
        run_module(parse(PROGRAM), X, Y[:2])


def test_arguments_are_not_cast_silently():
    with pytest.raises(
        DTypeError, match=r"^argument 0 has dtype float64, expected float32; cast it$"
    ):
        run_module(parse(PROGRAM), X.astype(np.float64), Y)


def test_a_missing_function_is_named_with_those_there_are():
    with pytest.raises(
        PyFlameError, match=r"^function 'other' is not in the module, which has: main$"
    ):
        run_module(parse(PROGRAM), X, Y, function="other")


def test_ops_of_other_dialects_are_all_listed():
    module = parse(
        """
        func.func @main(%x: f32) -> f32 {
          %0 = arith.addf %x, %x : f32
          %1 = arith.mulf %0, %x : f32
          func.return %1 : f32
        }
        """
    )
    with pytest.raises(UnsupportedError) as error:
        run_module(module, np.float32(1))
    assert str(error.value) == (
        "2 things are not supported:\n"
        "  - arith.addf: the tensor interpreter runs pyflame and func ops\n"
        "  - arith.mulf: the tensor interpreter runs pyflame and func ops"
    )


def test_an_absurd_size_is_refused_before_it_is_made():
    module = parse(
        """
        func.func @main() -> tensor<1000000000000xf32> {
          %0 = pyflame.full 0.0 : f64 -> tensor<1000000000000xf32>
          func.return %0 : tensor<1000000000000xf32>
        }
        """
    )
    with pytest.raises(LimitError) as error:
        run_module(module)
    assert str(error.value) == (
        "pyflame.full makes tensor<1000000000000xf32> of 4000000000000 bytes while 0 bytes are "
        "alive; the limit of the interpreter is 4294967296 (raise it with max_bytes=)"
    )


def chain(length):
    """A chain of additions in which two values of 4000 bytes are alive at a time."""
    lines = [
        f"%{i} = pyflame.add %{i - 1}, %{i - 1} : tensor<1000xf32>, tensor<1000xf32> "
        "-> tensor<1000xf32>"
        for i in range(1, length)
    ]
    return parse(
        "func.func @main() -> tensor<1000xf32> {\n"
        "%0 = pyflame.full 0.0 : f64 -> tensor<1000xf32>\n"
        + "\n".join(lines)
        + f"\nfunc.return %{length - 1} : tensor<1000xf32>\n}}"
    )


def test_dead_values_are_freed():
    run_module(chain(50), max_bytes=8000)
    with pytest.raises(LimitError):
        run_module(chain(50), max_bytes=7999)


def test_dead_arrays_are_released():
    made, alive = [], []

    class Watching(TensorInterpreter):
        def _run_op(self, op, inputs):
            result = super()._run_op(op, inputs)
            made.extend(weakref.ref(value) for value in result.values)
            alive.append(sum(ref() is not None for ref in made))
            return result

    module = chain(50)
    Watching(module).run_ssacfg_region(find_function(module, None).body, ())
    assert max(alive) == 2


def test_a_value_dies_at_its_last_use():
    module = parse(PROGRAM)
    block = find_function(module, None).body.block
    add, total, ret = block.ops
    assert last_uses(block) == {add: [*block.args], ret: [add.results[0], total.results[0]]}


def test_an_interpreter_runs_more_than_once():
    module = chain(5)
    interpreter = TensorInterpreter(module, 8000)
    body = find_function(module, None).body
    for _ in range(3):
        assert interpreter.run_ssacfg_region(body, ())[0].shape == (1000,)


@pytest.mark.parametrize("shape", ["x".join(["1"] * 33), "0x1000000000x1000000000"])
def test_shapes_that_numpy_lacks_are_refused(shape):
    module = parse(
        f"""
        func.func @main() -> tensor<{shape}xf32> {{
          %0 = pyflame.full 0.0 : f64 -> tensor<{shape}xf32>
          func.return %0 : tensor<{shape}xf32>
        }}
        """
    )
    with pytest.raises(LimitError, match="the interpreter takes up to 32, and sizes whose"):
        run_module(module)
