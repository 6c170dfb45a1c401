"""What every op of the `pyflame` dialect shares: one result, whose type its rule decides."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from xdsl.dialects.builtin import NoneAttr, TensorType
from xdsl.dialects.utils.enum_attribute import EnumAttribute
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import IRDLOperation, VarOperandDef, result_def, traits_def
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from pyflame.dialects.pyflame import rules
from pyflame.dialects.pyflame.spec import TensorSpec
from pyflame.dialects.pyflame.types import (
    from_attribute,
    spec_of,
    tensor_type,
    to_attribute,
)
from pyflame.errors import PyFlameError


class PyFlameOp(IRDLOperation, ABC):
    """A pure function from tensors to one tensor.

    Operands and attributes determine the result's shape and element type through the rule that
    stands under the op's name in `rules.RULES`. Builders therefore take operands and attributes
    only:

    ```python
    SumOp(x, dims=(0, 1), keepdims=True)
    ```

    Attribute values are plain Python. `RESULT_ARGUMENTS` names the rule's arguments that the
    result type itself carries, such as the shape of a `reshape`; the builder takes them too, but
    they are no attributes.
    """

    result = result_def(TensorType)

    traits = traits_def(Pure())

    RESULT_ARGUMENTS: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        *operands: SSAValue | Operation,
        result_type: TensorType[Attribute] | None = None,
        **attributes: Any,
    ) -> None:
        """Build the op on `operands` (all of them, in order) with `attributes`.

        `result_type` overrides the inferred type, to give the result an encoding (a layout);
        its shape and element type must be the inferred ones.

        Raises:
            PyFlameError: the operands or attributes do not fit.
        """
        if result_type is None:
            result_type = self.infer_type(operands, attributes)
        kept = {k: v for k, v in attributes.items() if k not in self.RESULT_ARGUMENTS}
        definition = self.get_irdl_definition()
        variadic = any(isinstance(d, VarOperandDef) for _, d in definition.operands)
        super().__init__(
            operands=[operands] if variadic else operands,
            properties={key: self._attribute(key, value) for key, value in kept.items()},
            result_types=[result_type],
        )

    @classmethod
    def _attribute(cls, name: str, value: Any) -> Attribute | None:
        """`value` as property `name`; a string becomes the enum that the property asks for."""
        if isinstance(value, str):
            constraint = cls.get_irdl_definition().properties[name].constr
            for base in constraint.get_bases() or ():
                if issubclass(base, EnumAttribute):
                    return base(base.enum_type(value))
        return to_attribute(value)

    @classmethod
    def mnemonic(cls) -> str:
        """The op's name within the dialect, such as ``"add"``."""
        return cls.name.removeprefix("pyflame.")

    @classmethod
    def infer(cls, operands: Sequence[TensorSpec], attributes: Mapping[str, Any]) -> TensorSpec:
        """Shape and element type of the result.

        Raises:
            PyFlameError: the operands or attributes do not fit.
        """
        return rules.infer(cls.mnemonic(), operands, attributes)

    @classmethod
    def infer_type(
        cls, operands: Sequence[SSAValue | Operation], attributes: Mapping[str, Any]
    ) -> TensorType[Attribute]:
        """The inferred result type, with `infer_encoding`'s encoding."""
        values = [SSAValue.get(operand) for operand in operands]
        spec = cls.infer([spec_of(value.type) for value in values], attributes)
        return tensor_type(spec, cls.infer_encoding(values, spec))

    @classmethod
    def infer_encoding(cls, operands: Sequence[SSAValue], result: TensorSpec) -> Attribute | None:
        """The encoding (layout) of a result that nobody chose one for: none."""
        return None

    def attribute_values(self) -> dict[str, Any]:
        """The op's attributes as plain Python, as the rules and the interpreter take them."""
        return {name: from_attribute(value) for name, value in self.properties.items()}

    def rule_arguments(self) -> dict[str, Any]:
        """`attribute_values`, and the rule's arguments that the result type carries."""
        spec = self.spec
        carried = {name: getattr(spec, name) for name in self.RESULT_ARGUMENTS}
        return {**self.attribute_values(), **carried}

    @property
    def spec(self) -> TensorSpec:
        """Shape and element type of the result."""
        return spec_of(self.result.type)

    def verify_(self) -> None:
        """Check the result type against the rule; the message states both."""
        operands = [spec_of(operand.type) for operand in self.operands]
        try:
            expected = self.infer(operands, self.rule_arguments())
        except PyFlameError as error:
            raise VerifyException(str(error)) from error
        if self.spec != expected:
            raise VerifyException(
                f"{self.mnemonic()}: result is {self.spec}, "
                f"but operands and attributes give {expected}"
            )

    def retyped(self, result_type: TensorType[Attribute]) -> Self:
        """The same op on the same operands with another encoding in its result type."""
        return type(self)(*self.operands, result_type=result_type, **self.attribute_values())

    def rebuilt(self, *operands: SSAValue | Operation) -> Self:
        """The same op with the same attributes and result type on other operands."""
        return type(self)(*operands, result_type=self.result.type, **self.attribute_values())


class ElementwiseOp(PyFlameOp, ABC):
    """An op that computes each element of the result from the elements that broadcast to it."""

    @classmethod
    def infer_encoding(cls, operands: Sequence[SSAValue], result: TensorSpec) -> Attribute | None:
        """The encoding that all operands of the result's shape agree on, if any."""
        same = {
            value.type.encoding
            for value in operands
            if isinstance(value.type, TensorType) and value.type.get_shape() == result.shape
        }
        return same.pop() if len(same) == 1 and NoneAttr() not in same else None


__all__ = ["ElementwiseOp", "PyFlameOp"]
