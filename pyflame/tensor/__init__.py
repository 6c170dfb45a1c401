"""The tensor API: lazy tensors, and the functions that make and combine them."""
