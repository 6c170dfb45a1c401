"""Compile-time evaluation, type checking and code generation: one evaluator for all three.

The evaluator walks the syntax tree with values that are either known at compile time or live in
the machine's registers, memory and descriptors. What is known is computed at once; for the rest,
instructions are emitted.
"""
