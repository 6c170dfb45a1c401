"""From a lazy graph to something that runs.

- `graph`: nodes and graphs; imports no xDSL
- `trace`: a graph as one module of the `pyflame` dialect
- `executable`: what can run, and the reference that does
- `cache`: the same structure is compiled once
- `evaluate`: data for nodes; imports the compiler when first called

This package imports nothing, so that building graphs stays light.
"""
