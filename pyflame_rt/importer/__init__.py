"""ONNX models to `pyflame` modules."""

from __future__ import annotations

from pyflame_rt.importer import contraction, elementwise, movement, reduction  # fill the table
from pyflame_rt.importer.graph import ImportedModel, ModelInput, OnnxModel
from pyflame_rt.importer.registry import onnx_op, supported_operators

__all__ = [
    "ImportedModel",
    "ModelInput",
    "OnnxModel",
    "contraction",
    "elementwise",
    "movement",
    "onnx_op",
    "reduction",
    "supported_operators",
]
