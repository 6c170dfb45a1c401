"""The `pyflame` dialect: what to compute, as whole tensors with value semantics.

Op classes live in one module per family; `dialect.PyFlame` is the dialect. `rules`, `shapes` and
`spec` do not import xDSL and serve the lazy graph as well, so this package imports nothing.

- `elementwise`: unary, binary, compare, select, clamp, cast
- `contraction`: matmul
- `reduction`: sum, mean, max, min, prod, argmax, argmin, softmax, log_softmax
- `movement`: reshape, transpose, broadcast_to, concatenate, slice, pad
- `creation`: constant, full, arange, rng_uniform, rng_normal, rng_randint
- `decompositions`: what the composite ops mean in terms of the others
"""
