"""`pyflame-cslc`: compile a CSL program for the simulator; takes the flags of `cslc`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyflame.runtime.fabric.image import Program

MAX_INTEGER_DIGITS = 40
_NO_EFFECT = "accepted for compatibility; no effect on the simulator"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the compiler; returns the exit code: 0, 1 for a mistake in the program, 2 for usage."""
    arguments = _parser().parse_args(argv)
    from pyflame.errors import PyFlameError

    try:
        program = _compile(arguments)
    except PyFlameError as error:
        _print_error(error)
        return 1
    except OSError as error:
        print(f"error: cannot write -o {arguments.output}: {_reason(arguments, error)}",
              file=sys.stderr)  # fmt: skip
        return 1
    for warning in program.warnings:
        print(warning, file=sys.stderr)
    if arguments.verbose:
        _print_summary(program, arguments.output)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyflame-cslc",
        description="Compile the CSL program whose layout block is in LAYOUT.",
        epilog="pyflame-cs-python runs a host script on the result.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("layout", metavar="LAYOUT", type=Path, help="the .csl file with the layout block")
    add("-o", "--output", metavar="DIR", type=Path, default=Path("out"), help="default: out")
    add("--arch", choices=("wse2", "wse3"), default="wse2", help="default: wse2")
    add("--params", metavar="K:V,…", type=key_values, action="append", default=[],
        help="values of the layout's params; may be given several times")  # fmt: skip
    add("--colors", metavar="K:V,…", type=key_values, action="append", default=[],
        help="values of the layout's params of type color")  # fmt: skip
    add("--fabric-dims", metavar="W,H", type=_pair, help="columns and rows of the whole fabric")
    add("--fabric-offsets", metavar="X,Y", type=_pair, default=(0, 0),
        help="place of the program's rectangle on the fabric")  # fmt: skip
    add("--import-path", metavar="DIR", type=Path, action="append", default=[],
        help="where imported files are looked for, beside the importer's directory")  # fmt: skip
    add("--memcpy", action="store_true", help="the program uses <memcpy> (its margins are checked)")
    add("--fp16-format", choices=("ieee", "f16", "cb16", "bfloat16", "bf16"), default="ieee",
        help="what f16 means: IEEE half (also f16), cb16 or bfloat16 (also bf16)")  # fmt: skip
    add("--max-inlined-iterations", metavar="N", type=_count,
        help="most iterations of one 'inline' loop; default: no limit")  # fmt: skip
    add("--max-comptime-steps", metavar="N", type=_count,
        help="most loop iterations and calls at compile time")  # fmt: skip
    add("--channels", metavar="N", type=_channels, default=1, help=_NO_EFFECT)
    add("--width-west-buf", metavar="N", type=int, default=0, help=_NO_EFFECT)
    add("--width-east-buf", metavar="N", type=int, default=0, help=_NO_EFFECT)
    add("--max-parallelism", metavar="N", type=int, help=_NO_EFFECT)
    add("--verbose", action="store_true", help="say on stderr what was compiled")
    return parser


def _compile(arguments: argparse.Namespace) -> Program:
    from pyflame.runtime.csl import compile_program
    from pyflame.runtime.host.artifact import write_artifact

    limits = {}
    if arguments.max_comptime_steps is not None:
        limits["comptime_limit"] = arguments.max_comptime_steps
    params = {k: v for group in arguments.params for k, v in group.items()}
    colors = {k: v for group in arguments.colors for k, v in group.items()}
    program = compile_program(
        arguments.layout,
        arch=arguments.arch,
        params=params | colors,
        fabric_dims=arguments.fabric_dims,
        fabric_offsets=arguments.fabric_offsets,
        import_paths=arguments.import_path,
        fp16_format=arguments.fp16_format,
        inline_limit=arguments.max_inlined_iterations,
        **limits,
    )
    if arguments.fabric_dims is not None:
        _check_fabric(program, arguments)
    write_artifact(arguments.output, program, colors={k: str(v) for k, v in colors.items()})
    return program


def _check_fabric(program: Program, arguments: argparse.Namespace) -> None:
    """The rectangle, with memcpy's margins, has to lie on the fabric, and that on the wafer."""
    from pyflame.arch import target
    from pyflame.errors import ResourceError

    arch = target(program.arch)
    (columns, rows), (x, y) = arguments.fabric_dims, arguments.fabric_offsets
    margin = arch.memcpy_margin if arguments.memcpy else (0, 0)
    least = arch.memcpy_offset if arguments.memcpy else (0, 0)
    if columns > arch.fabric[0] or rows > arch.fabric[1]:
        raise ResourceError(
            f"--fabric-dims={columns},{rows}: a {program.arch} has "
            f"{arch.fabric[0]} × {arch.fabric[1]} PEs"
        )
    if x < least[0] or y < least[1]:
        raise ResourceError(
            f"--fabric-offsets={x},{y}: with --memcpy expected at least "
            f"--fabric-offsets={least[0]},{least[1]}"
        )
    # The margin counts both sides; the offset already holds the west and north side of it.
    need = (
        program.width + max(margin[0], x + margin[0] - least[0]),
        program.height + max(margin[1], y + margin[1] - least[1]),
    )
    if need[0] > columns or need[1] > rows:
        raise ResourceError(
            f"--fabric-dims={columns},{rows} is too small for a rectangle of {program.width} × "
            f"{program.height} PEs at {x},{y}; expected at least --fabric-dims={need[0]},{need[1]}"
        )


def _reason(arguments: argparse.Namespace, error: OSError) -> str:
    """Why the output directory cannot be written."""
    if arguments.output.is_file():
        return "it is a file; expected the name of a directory"
    return f"{error.strerror}: {error.filename}"


def _print_error(error: Exception) -> None:
    text = str(error)
    diagnostics = getattr(error, "diagnostics", None)
    if diagnostics is None:
        text = f"error: {text}"
    print(text, file=sys.stderr)
    if diagnostics is not None:
        count = sum(d.severity == "error" for d in diagnostics)
        print(f"{count} error{'s' if count != 1 else ''}", file=sys.stderr)


def _print_summary(program: Program, output: Path) -> None:
    print(
        f"{output}: {program.arch}, {program.width} × {program.height} PEs, "
        f"{len(program.images)} PE programs, exports {', '.join(program.exports) or 'nothing'}",
        file=sys.stderr,
    )


def key_values(text: str) -> dict[str, int]:
    """The values of ``--params=N:4,M:0x10`` by name."""
    values: dict[str, int] = {}
    for item in filter(None, text.split(",")):
        name, colon, value = item.partition(":")
        if not colon or not name.isidentifier():
            raise argparse.ArgumentTypeError(f"{item!r} is not of the form name:value")
        if len(value) > MAX_INTEGER_DIGITS:
            raise argparse.ArgumentTypeError(f"the value of {name} has {len(value)} digits")
        try:
            values[name] = int(value, 0)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"the value of {name} is {value!r}; expected an integer"
            ) from None
    return values


def _pair(text: str) -> tuple[int, int]:
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form columns,rows")
    return int(parts[0]), int(parts[1])


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= len(text) <= 18:
        raise argparse.ArgumentTypeError(f"{text[:40]!r}; expected a number")
    return int(text)


def _channels(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 16:
        raise argparse.ArgumentTypeError(f"{text!r} channels; expected 1 to 16")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
