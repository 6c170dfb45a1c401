"""Reference interpreters: one package per dialect that can be run."""
