"""Write the generated tables of docs/status.md between their markers.

python docs/generate_status.py          rewrite docs/status.md
python docs/generate_status.py --check  exit 1 if that would change it
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

STATUS = Path(__file__).with_name("status.md")


def tensor_ops() -> str:
    """Every op of the `pyflame` dialect and how far down it goes."""
    from pyflame.dialects.pyflame.decompositions import DECOMPOSITIONS
    from pyflame.dialects.pyflame.dialect import OPS
    from pyflame.lowering.pyflame_to_mesh.convert import ROWS

    rows = ["| Op | CPU reference | CSL |", "|---|---|---|"]
    for op in sorted(OPS, key=lambda op: op.mnemonic()):
        way = "yes" if op in ROWS else "decomposed" if op in DECOMPOSITIONS else "no"
        rows.append(f"| `{op.mnemonic()}` | yes | {way} |")
    return "\n".join(rows)


def onnx_operators() -> str:
    """Every ONNX operator with a converter, and from which opset on."""
    from pyflame_rt.importer import supported_operators

    listed = supported_operators()
    names = ", ".join(f"{name} ({since})" for name, since in listed.items())
    return f"{len(listed)} operators, each with the oldest opset it is converted from: {names}."


def passes() -> str:
    """Every pass in the table."""
    from pyflame.passes import get_all_passes

    rows = ["| Pass | What it does |", "|---|---|"]
    for name, load in get_all_passes().items():
        doc = (load().__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
        rows.append(f"| `{name}` | {re.sub(r' +', ' ', doc)} |")
    return "\n".join(rows)


SECTIONS: dict[str, Callable[[], str]] = {
    "tensor-ops": tensor_ops,
    "onnx-operators": onnx_operators,
    "passes": passes,
}


def generated(text: str) -> str:
    """`text` with every marked section made anew."""
    for name, make in SECTIONS.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise SystemExit(f"{STATUS.name}: expected one {begin} … {end}")
        head, rest = text.split(begin)
        text = f"{head}{begin}\n{make()}\n{end}{rest.split(end)[1]}"
    return text


def main() -> int:
    """Rewrite or check; the exit code says whether the file was up to date."""
    old = STATUS.read_text()
    new = generated(old)
    if "--check" in sys.argv[1:]:
        if old != new:
            print(f"{STATUS.name} is out of date; run python docs/generate_status.py")
        return int(old != new)
    STATUS.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
