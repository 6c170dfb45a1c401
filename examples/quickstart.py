"""From a trained network to CSL and back: the road of docs/tour.md on real data.

Trains scikit-learn's MLP classifier on its handwritten digits, moves the weights into the tensor
API, lays the network out on an 8×8 rectangle of processing elements (PEs), compiles it to CSL and
runs the CSL in the simulator; then the same network once more from an ONNX file.

    python examples/quickstart.py [--output DIR] [--target wse2|wse3]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import pyflame as pf
import pyflame_rt as rt

GRID = pf.MeshLayout.grid(8, 8)
BATCH = 64
LAYERS = ("w1", "b1", "w2", "b2")


def train() -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Weights of a 64-256-10 network, and the held-out images and labels."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    x_train, x_test, y_train, y_test = train_test_split(images, labels, random_state=0)
    model = MLPClassifier((256,), activation="relu", max_iter=40, tol=1e-3, random_state=0)
    model.fit(x_train, y_train)
    (w1, w2), (b1, b2) = model.coefs_, model.intercepts_
    weights = dict(zip(LAYERS, (w1, b1, w2, b2), strict=True))
    print(f"trained 64-256-10 in {model.n_iter_} epochs; scikit-learn says "
          f"{model.score(x_test, y_test):.2%} on {len(y_test)} held-out digits")  # fmt: skip
    return {name: w.astype(np.float32) for name, w in weights.items()}, x_test, y_test


def network(images: np.ndarray, weights: dict[str, np.ndarray]) -> pf.Tensor:
    """The logits of `images`, as a lazy tensor laid out on the grid."""
    x = pf.from_numpy(images, layout=GRID, name="x")
    w1, b1, w2, b2 = (pf.from_numpy(weights[name], name=name) for name in LAYERS)
    return pf.relu(x @ w1 + b1) @ w2 + b2


def save_onnx(weights: dict[str, np.ndarray], path: Path) -> None:
    """The same network as an ONNX file for batches of `BATCH` images."""
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["h"]),
        helper.make_node("Relu", ["h"], ["a"]),
        helper.make_node("Gemm", ["a", "w2", "b2"], ["logits"]),
    ]
    shapes = {"x": [BATCH, 64], "logits": [BATCH, 10]}
    x, logits = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    )
    initializers = [numpy_helper.from_array(w, name) for name, w in weights.items()]
    graph = helper.make_graph(nodes, "digits", [x], [logits], initializers)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)


def report(name: str, logits: np.ndarray, reference: np.ndarray, labels: np.ndarray) -> None:
    """One line: how far the logits are from the reference's, and the accuracy."""
    error = np.abs(logits - reference).max() / np.abs(reference).max()
    accuracy = (logits.argmax(1) == labels).mean()
    print(f"  {name:34} accuracy {accuracy:7.2%}   largest difference {error:.1e} of the largest")
    if error > 1e-5:
        sys.exit(f"{name}: logits differ from the CPU reference by {error:.1e}")


def main() -> None:
    """Run the whole road."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="where the programs go (default: temporary)")
    parser.add_argument("--target", choices=("wse2", "wse3"), default="wse2")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pyflame-") as temporary:
        run(options.output or Path(temporary), options.target)


def run(output: Path, target: str) -> None:
    """Train, evaluate, compile, simulate, compare."""
    weights, images, labels = train()
    logits = network(images, weights).numpy()
    print(f"CPU reference on all {len(labels)} digits: {(logits.argmax(1) == labels).mean():.2%}")

    batch, expected = images[:BATCH], logits[:BATCH]
    options = pf.CodeGenOptions(output_dir=str(output / "digits"), target=target)
    program = pf.compile_to_csl(network(batch, weights), options)
    size = sum(len(text) for text in program.sources.values())
    print(f"compiled a batch of {BATCH} for {GRID.rows}×{GRID.cols} PEs: "
          f"{len(program.generated_files)} files, {size} bytes of text")  # fmt: skip
    simulated = pf.simulate(program)

    save_onnx(weights, output / "digits.onnx")
    session = rt.InferenceSession(output / "digits.onnx")
    onnx_options = pf.CodeGenOptions(
        str(output / "digits_onnx"), target, fabric_width=GRID.cols, fabric_height=GRID.rows
    )
    from_onnx = pf.simulate(session.compile_to_csl(onnx_options, inputs={"x": batch}))

    print(f"a batch of {BATCH}, against the CPU reference:")
    report("CSL in the simulator", simulated.outputs[0], expected, labels[:BATCH])
    report(
        "ONNX on the CPU reference", session.run(None, {"x": batch})[0], expected, labels[:BATCH]
    )
    report("ONNX, CSL in the simulator", from_onnx.outputs[0], expected, labels[:BATCH])

    print(f"cycles: predicted {program.report.predicted_cycles}, simulated {simulated.cycles}")
    print(program.report.memory_table())


if __name__ == "__main__":
    main()
