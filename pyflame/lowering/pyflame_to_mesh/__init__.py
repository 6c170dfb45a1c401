"""From whole tensors with layouts to tiles and movement: `pyflame` to `mesh`.

- `convert`: the pass `convert-pyflame-to-mesh`, its table of rows, and what it refuses
- `emit`: building mesh ops in the place of a tensor op
- `scalar`: what each elementwise op is as `arith` and `math` ops on one element
- `elementwise`, `contraction`, `reduction`, `movement`: one row per op class
"""
