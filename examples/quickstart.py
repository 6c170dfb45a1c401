"""From a trained network to CSL and back: the road of docs/tour.md on real data.

Trains scikit-learn's MLP classifier on its handwritten digits, moves the weights into the tensor
API, lays the network out on an 8×8 rectangle of processing elements (PEs), compiles it to CSL and
runs the CSL in the simulator; then the same network once more from an ONNX file.

    python examples/quickstart.py [--output DIR] [--target wse2|wse3]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
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
    model = MLPClassifier((256,), activation="relu", max_iter=40, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 40 epochs are a choice, not a failure
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
    options = pf.CodeGenOptions(str(output / "digits"), target)
    pf.compile_to_csl(network(batch, weights), options)
    simulated = simulate(output / "digits", target)

    save_onnx(weights, output / "digits.onnx")
    session = rt.InferenceSession(output / "digits.onnx")
    options = pf.CodeGenOptions(
        str(output / "digits_onnx"), target, fabric_width=8, fabric_height=8
    )
    session.compile_to_csl(options, inputs={"x": batch})
    from_onnx = simulate(output / "digits_onnx", target)

    print(f"a batch of {BATCH}, against the CPU reference:")
    report("CSL in the simulator", simulated, expected, labels[:BATCH])
    report(
        "ONNX on the CPU reference", session.run(None, {"x": batch})[0], expected, labels[:BATCH]
    )
    report("ONNX, CSL in the simulator", from_onnx, expected, labels[:BATCH])
    print_memory(output / "digits")


def simulate(program: Path, target: str) -> np.ndarray:
    """Run a compiled program by its own script, with the open tools in place of the SDK's."""
    script, results = program / f"commands_{target}.sh", program / "results.npz"
    tool = Path(sys.executable).with_name("pyflame-sdk")
    command = [tool, "--", "bash", script, "--outputs", results]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{script}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    size = sum(file.stat().st_size for file in program.glob("*.csl"))
    print(
        f"{program.name}: {size} bytes of CSL for 8×8 PEs; in the simulator, {done.stdout.strip()}"
    )
    with np.load(results) as arrays:
        return arrays["result0"]


def print_memory(program: Path) -> None:
    """What fills the memory of a PE."""
    memory = json.loads((program / "report.json").read_text())["memory"]
    print(f"memory of a PE, of {memory['limit_bytes']} bytes:")
    rows = {**memory["arrays"], "code and runtime, reserved": memory["reserved_bytes"]}
    for name, size in rows.items():
        print(f"  {name:30}{size:8}")
    print(f"  {'free':30}{memory['limit_bytes'] - sum(rows.values()):8}")


if __name__ == "__main__":
    main()
