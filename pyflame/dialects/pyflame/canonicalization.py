"""Canonical forms of the `pyflame` dialect: traits that ops carry, and the patterns they name.

Folds that would change an encoding (a layout) do not apply: moving data is not an identity.
"""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern
from xdsl.traits import HasCanonicalizationPatternsTrait


def _replace(op: Operation, value: SSAValue, rewriter: PatternRewriter) -> None:
    """Replace the one result of `op` by `value` if their types, encodings included, agree."""
    if op.results[0].type == value.type:
        rewriter.replace(op, (), (value,))


def _producer(op: Operation) -> Operation | None:
    """The op that makes the first operand of `op`, or None for a block argument."""
    owner = op.operands[0].owner
    return owner if isinstance(owner, Operation) else None


class FoldInvolution(RewritePattern):
    """f(f(x)) = x."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        inner = _producer(op)
        if inner is not None and type(inner) is type(op):
            _replace(op, inner.operands[0], rewriter)


class FoldIdempotent(RewritePattern):
    """f(f(x)) = f(x)."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        inner = _producer(op)
        if inner is not None and type(inner) is type(op):
            _replace(op, inner.results[0], rewriter)


class FoldIdentity(RewritePattern):
    """An op whose result has exactly its operand's type and holds the same elements."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        _replace(op, op.operands[0], rewriter)


class MergeReshapes(RewritePattern):
    """reshape(reshape(x)) = reshape(x)."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        from pyflame.dialects.pyflame.movement import ReshapeOp

        inner = _producer(op)
        if isinstance(inner, ReshapeOp) and isinstance(op, ReshapeOp):
            rewriter.replace(op, op.rebuilt(inner.x))


class FoldIdentityTranspose(RewritePattern):
    """A transpose that keeps every dimension in place."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        from pyflame.dialects.pyflame.movement import TransposeOp

        if isinstance(op, TransposeOp):
            permutation = op.permutation.get_values()
            if list(permutation) == sorted(permutation):
                _replace(op, op.x, rewriter)


class MergeTransposes(RewritePattern):
    """transpose(transpose(x)) is one transpose."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        from pyflame.dialects.pyflame.movement import TransposeOp

        inner = _producer(op)
        if isinstance(op, TransposeOp) and isinstance(inner, TransposeOp):
            first = inner.permutation.get_values()
            merged = tuple(first[axis] for axis in op.permutation.get_values())
            rewriter.replace(
                op, TransposeOp(inner.x, permutation=merged, result_type=op.result.type)
            )


class FoldsInvolution(HasCanonicalizationPatternsTrait):
    """The op undoes itself."""

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        return (FoldInvolution(),)


class FoldsIdempotent(HasCanonicalizationPatternsTrait):
    """Applying the op twice is applying it once."""

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        return (FoldIdempotent(),)


class FoldsIdentityCast(HasCanonicalizationPatternsTrait):
    """A cast to the same type is nothing."""

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        return (FoldIdentity(),)


class FoldsReshapes(HasCanonicalizationPatternsTrait):
    """Reshapes to the same shape vanish, chains become one."""

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        return (FoldIdentity(), MergeReshapes())


class FoldsTransposes(HasCanonicalizationPatternsTrait):
    """Transposes that move nothing vanish, chains become one."""

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        return (FoldIdentityTranspose(), MergeTransposes())
