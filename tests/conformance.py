"""Run the programs of a local checkout of public CSL programs with our tools.

`python -m tests.conformance CHECKOUT [--arch wse2] [--only 'gemv-*'] [--timeout 600] [--jobs 1]`
runs every program's own commands files (`commands*.sh`, or what `--commands` names), as they are,
and prints a table: program, architecture, result, cycles, seconds. A program passes when its
commands file ends well and it prints SUCCESS or PASS, fails when it prints FAIL instead; "ran"
means that it ended well and has no such line. A program that leaves one of its arrays, a fault
here and not on the hardware, runs once more with ``--no-bounds``; the result then says "bounds
off", with the line. The architecture is the one that the file's name or its first `--arch` gives,
else cslc's default. Nothing of the checkout is changed: each run works in a copy. With
`--sdk-option=--timing=unit` or `--sdk-option=--shuffle-seed=N` it finds results that depend on
time or on the order of tasks.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

ARCHS = ("wse2", "wse3")
_CYCLES = re.compile(r"^cycles +([\d,]+)$", re.MULTILINE)
_SUCCESS = re.compile(r"\b(SUCCESS|PASS(ED)?)\b", re.IGNORECASE)
_FAILURE = re.compile(r"^.*\bFAIL(?:ED|URE)?\b.*$", re.MULTILINE)
_ARCH = re.compile(r"arch\W{0,3}(wse[23])\b")
_BOUNDS = re.compile(r"^error: .* at (\S+:\d+): (.*--no-bounds.*)$", re.MULTILINE)
"""A fault of an array that was left, with its line."""
_ERROR = re.compile(r"(error\b|Error\b|unsupported|deadlock)", re.IGNORECASE)


@dataclass(frozen=True)
class Case:
    """One program's commands file, `directory` relative to the checkout, and its architecture."""

    directory: Path
    script: str
    arch: str

    @property
    def name(self) -> str:
        """The folder, with the file unless its name says no more than the architecture."""
        plain = self.script in ("commands.sh", f"commands_{self.arch}.sh")
        return str(self.directory if plain else self.directory / self.script)


@dataclass(frozen=True)
class Outcome:
    """What a run came to; `result` is one of `_KINDS`."""

    case: Case
    result: str
    detail: str
    cycles: int | None
    seconds: float


def find_cases(
    checkout: Path, archs: Sequence[str], only: str, scripts: Sequence[str] = ("commands*.sh",)
) -> list[Case]:
    """The programs that have a commands file, by path; `only` is a glob of names or paths."""
    paths = {path for script in scripts for path in checkout.rglob(script) if path.is_file()}
    found = (
        Case(path.parent.relative_to(checkout), path.name, _architecture(path)) for path in paths
    )
    chosen = (
        case
        for case in found
        if case.arch in archs
        and (fnmatch(case.directory.name, only) or fnmatch(str(case.directory), only))
    )
    return sorted(chosen, key=lambda case: (str(case.directory), case.arch, case.script))


def _architecture(path: Path) -> str:
    named = next((arch for arch in ARCHS if arch in path.stem), None)
    if named is not None:
        return named
    given = _ARCH.search(path.read_text(errors="replace"))
    return ARCHS[0] if given is None else given[1]


def run_case(
    checkout: Path, case: Case, timeout: float, logs: Path | None, options: Sequence[str] = ()
) -> Outcome:
    """Run one commands file with options of pyflame-sdk; once more with bounds off if it leaves
    an array."""
    outcome, text = _attempt(checkout, case, timeout, logs, *options)
    left = _BOUNDS.search(text) if outcome.result == "fail" else None
    if left is None:
        return outcome
    again, _ = _attempt(checkout, case, timeout, logs, *options, "--no-bounds")
    if again.result not in ("pass", "ran"):
        return outcome
    return replace(
        again, result=f"{again.result}, bounds off", detail=f"{left[1]}: {left[2].split(';')[0]}"
    )


def _attempt(
    checkout: Path, case: Case, timeout: float, logs: Path | None, *options: str
) -> tuple[Outcome, str]:
    """Run a commands file in a copy of the checkout (programs share folders of it)."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as temporary:
        copy = Path(temporary) / "checkout"
        shutil.copytree(checkout, copy, ignore=shutil.ignore_patterns(".git"))
        tool = [sys.executable, "-P", "-m", "pyflame.cli.sdk", "--report"]
        command = [*tool, *options, "--", "bash"]
        begin = time.monotonic()
        code, text = _run([*command, case.script], copy / case.directory, timeout)
        seconds = time.monotonic() - begin
    if logs is not None:
        name = "-".join((*case.directory.parts, Path(case.script).stem, case.arch)) + "".join(
            options
        )
        (logs / f"{name}.log").write_text(text)
    result, detail = _judge(code, text)
    cycles = [int(number.replace(",", "")) for number in _CYCLES.findall(text)]
    return Outcome(case, result, detail, sum(cycles) if cycles else None, seconds), text


def _run(command: Sequence[str], directory: Path, timeout: float) -> tuple[int | None, str]:
    """Exit code (None after `timeout` seconds) and everything that was printed."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "MPLBACKEND": "Agg"}
    process = subprocess.Popen(
        command, cwd=directory, env=environment, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        text, _ = process.communicate(timeout=timeout)
        return process.returncode, text
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)  # pyflame-sdk passes it on to the whole command
        text, _ = process.communicate()
        return None, text


def _judge(code: int | None, text: str) -> tuple[str, str]:
    if code is None:
        return "timeout", _last_line(text)
    if code != 0:
        return "fail", _reason(text)
    if _SUCCESS.search(text):
        return "pass", ""
    failure = _FAILURE.search(text)
    return ("fail", failure[0].strip()) if failure else ("ran", "it prints no SUCCESS line")


def _reason(text: str) -> str:
    """The line that says most about a failure: the first error of ours, or the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if _ERROR.search(line)]
    if named:
        at = lines.index(named[0])
        return " ".join(lines[at : at + 2]) if named[0].endswith(":") else named[0]
    return lines[-1] if lines else "no output"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def rows(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """A Markdown table of `outcomes` and a line of totals."""
    yield "| Program | Arch | Result | Cycles | Seconds | Detail |"
    yield "|---|---|---|---:|---:|---|"
    for o in outcomes:
        cycles = "" if o.cycles is None else f"{o.cycles:,}"
        detail = o.detail.replace("|", "\\|")[:150]
        yield (
            f"| {o.case.name} | {o.case.arch} | {o.result} | {cycles} "
            f"| {o.seconds:.1f} | {detail} |"
        )
    counts = {kind: sum(o.result == kind for o in outcomes) for kind in _KINDS}
    yield ""
    yield "; ".join(f"{count} {kind}" for kind, count in counts.items())


_GOOD = ("pass", "ran", "pass, bounds off", "ran, bounds off")
_KINDS = (*_GOOD, "fail", "timeout")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cases; exit code 0 when none failed, 1 otherwise, 2 for usage."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance")
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--arch", choices=ARCHS, action="append", help="default: both")
    parser.add_argument("--commands", metavar="GLOB", action="append",
                        help="names of commands files; default: commands*.sh")  # fmt: skip
    parser.add_argument("--only", metavar="GLOB", default="*", help="names or paths of programs")
    parser.add_argument("--timeout", metavar="S", type=float, default=600.0, help="for each run")
    parser.add_argument("--jobs", metavar="N", type=int, default=1)
    parser.add_argument("--logs", metavar="DIR", type=Path, help="keep what each run printed")
    parser.add_argument("--sdk-option", metavar="OPTION", action="append", default=[],
                        help="of pyflame-sdk, such as --sdk-option=--shuffle-seed=3")  # fmt: skip
    options = parser.parse_args(argv)
    checkout = options.checkout.resolve()
    scripts = options.commands or ["commands*.sh"]
    cases = find_cases(checkout, options.arch or ARCHS, options.only, scripts)
    if not cases:
        parser.error(f"{checkout} has no {' or '.join(scripts)} that --only={options.only} names")
    if options.logs is not None:
        options.logs.mkdir(parents=True, exist_ok=True)

    def run(case: Case) -> Outcome:
        outcome = run_case(checkout, case, options.timeout, options.logs, options.sdk_option)
        if sys.stderr.isatty():
            print(f"{outcome.result:8} {case.arch} {case.directory}", file=sys.stderr)
        return outcome

    with ThreadPoolExecutor(options.jobs) as pool:
        outcomes = list(pool.map(run, cases))
    print("\n".join(rows(outcomes)))
    return 0 if all(o.result in _GOOD for o in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
