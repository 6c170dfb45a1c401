"""How long a machine runs unless its user says otherwise; light, so that tools can show them."""

from __future__ import annotations

MAX_CYCLES = 100_000_000
"""Cycles of a run."""

MAX_INSTRUCTIONS = 50_000_000
"""Instructions of one task or launched function."""
