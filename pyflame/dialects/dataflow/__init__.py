"""The `dataflow` dialect: how one PE does it.

- `attributes`: directions, routes, purposes of buffers
- `types`: views (windows of buffers) and completion tokens
- `routes`: the routes of buses and chains, and which colour a PE sends and receives on
- `program`: program, phase, task, finish, buffer, channel
- `roles`: what differs from PE to PE, evaluated by the layout
- `vector`: view, and the ops that one DSD operation performs
- `compute`: map and matmul
- `communication`: send, recv, reduce_step, await
- `dialect`: the dialect object

See docs/dialects/dataflow.md.
"""
