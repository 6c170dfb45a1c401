"""CSL front end: reads CSL text, evaluates it at compile time and produces simulator programs.

The room knows the language and the instruction set of the simulator; it knows nothing about the
compiler's dialects, so that a bug of the compiler cannot hide in its own judge.
"""
