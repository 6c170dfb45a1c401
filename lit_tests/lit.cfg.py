"""How lit runs the tests in this folder; docs/tools/testing.md describes how to write one."""

# pyright: reportUndefinedVariable=false

import os
import sys
from pathlib import Path

import lit.formats

config.name = "PyFlame"  # noqa: F821
config.test_format = lit.formats.ShTest()  # noqa: F821
config.suffixes = [".csl", ".mlir", ".py"]  # noqa: F821
config.excludes = ["lit.cfg.py", "Inputs"]  # noqa: F821
config.test_source_root = os.path.dirname(__file__)  # noqa: F821

# The tools of the environment that lit runs in, and no limit or setting from outside.
path = [str(Path(sys.executable).parent), *config.environment["PATH"].split(os.pathsep)]  # noqa: F821
config.environment["PATH"] = os.pathsep.join(path)  # noqa: F821
for name in [n for n in config.environment if n.startswith("PYFLAME_")]:  # noqa: F821
    del config.environment[name]  # noqa: F821

config.maxIndividualTestTime = 60  # noqa: F821
