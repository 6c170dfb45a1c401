"""Mesh to dataflow: one SPMD program becomes one PE program, parametric in its place.

- `indexing`: index arithmetic that folds constants
- `tiles`: where a value's tile lies in a buffer
- `emitter`: the program under construction: buffers, channels, roles, phases
- `state`: what the rules share: where every value lives, and what a result gets
- `storage`: which buffer a value gets: in place, in the output, or fresh
- `elementwise`: scalar bodies as DSD operations or one map
- `local`: compute, local_reduce, matmul, reshape
- `buses`: broadcast and all-reduce along an axis, and their sequences
- `movement`: broadcast, the collectives
- `panels`: loops over panels
- `convert`: the table of rules, and the pass

See docs/dialects/dataflow.md for the protocols and why they are right.
"""
