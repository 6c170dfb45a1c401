"""Stands in for the SDK's package of this name inside `pyflame-cs-python` runs only."""
