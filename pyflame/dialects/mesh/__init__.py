"""The `mesh` dialect: where data lives and what moves, as one SPMD program.

- `attributes`: layouts (the encoding of a distributed tensor), axes, kinds of reduction
- `base`: what all ops share
- `local`: compute, local_reduce, matmul, reshape
- `movement`: broadcast, the collectives, shift, halo_exchange, redistribute
- `panels`: for_panels and the intervals it walks
- `reshaping`: which dimensions of a reshape stay as they are
- `dialect`: the dialect object

See docs/dialects/mesh.md.
"""
