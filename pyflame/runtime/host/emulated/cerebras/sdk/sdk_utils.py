"""Helpers for 16-bit data and time stamps."""

from pyflame.runtime.host.sdk_utils import calculate_cycles, input_array_to_u32, memcpy_view

__all__ = ["calculate_cycles", "input_array_to_u32", "memcpy_view"]
