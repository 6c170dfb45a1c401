"""Stands in for the SDK's package of this name."""
