"""Dataflow programs to CSL modules: the last step before text."""
