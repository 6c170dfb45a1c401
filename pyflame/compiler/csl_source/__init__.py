"""Between CSL files and the dialect `csl_source`, without loss in either direction.

- `rows`: which op stands for which class of the syntax tree, field by field
- `importing`: a program that the front end has checked becomes a module
- `exporting`: a module becomes files

It stands in this room because it needs both the front end, which knows no dialects, and the
dialect, which knows no front end.
"""

from __future__ import annotations

from pyflame.compiler.csl_source.exporting import export_program, program_of
from pyflame.compiler.csl_source.importing import ImportedProgram, import_program

__all__ = ["ImportedProgram", "export_program", "import_program", "program_of"]
