"""Loads every module that registers rules of the evaluator."""

from __future__ import annotations

from pyflame.runtime.csl.sema import (
    builtins_control,
    builtins_json,
    builtins_queues,
    builtins_strings,
    builtins_tasks,
    builtins_values,
    calls,
    control,
    dsd,
    dsd_modify,
    dsd_ops,
    dsr,
    expr,
    fifo,
    filters,
    formatting,
    intrinsics,
    layout,
    loops,
    memory,
    tensor,
    type_exprs,
    variables,
)

_MODULES = (
    builtins_control, builtins_json, builtins_queues, builtins_strings, builtins_tasks,
    builtins_values, calls, control, dsd, dsd_modify, dsd_ops, dsr, expr, fifo, filters,
    formatting, intrinsics, layout, loops, memory, tensor, type_exprs, variables,
)  # fmt: skip


def load_rules() -> int:
    """Importing this module registers the rules; returns how many modules have some."""
    return len(_MODULES)
