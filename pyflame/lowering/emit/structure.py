"""How modules, functions, control flow and variables print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.dialects import csl, memref, scf
from xdsl.dialects.csl import ComptimeStructType
from xdsl.ir import Block, Operation, SSAValue

from pyflame.dialects.csl.declarations import ParamOp
from pyflame.errors import Gap, UnsupportedError
from pyflame.lowering.emit.engine import Engine, Expr, StatementRule, ValueRule
from pyflame.lowering.emit.literals import constant, csl_type, zero
from pyflame.lowering.emit.names import fixed_name, quoted
from pyflame.lowering.emit.scalar import call, element

# Functions


def _signature(p: Engine, op: csl.FuncOp | csl.TaskOp, keyword: str) -> str:
    args = [
        f"{p.bind_name(arg, arg.name_hint or f'arg{index}')}: {csl_type(arg.type)}"
        for index, arg in enumerate(op.body.block.args)
    ]
    outputs = op.function_type.outputs.data
    result = csl_type(outputs[0]) if outputs else "void"
    return f"{keyword} {op.sym_name.data}({', '.join(args)}) {result}"


def _func(p: Engine, op: csl.FuncOp) -> None:
    with p.names.scope(), p.braces(_signature(p, op, "fn")):
        p.block(op.body.block)


def _task(p: Engine, op: csl.TaskOp) -> None:
    if op.id is not None:
        raise UnsupportedError(
            Gap(f"id on csl.task @{op.sym_name.data}", why="bind it with csl_ext.bind_task")
        )
    with p.names.scope(), p.braces(_signature(p, op, "task")):
        p.block(op.body.block)


def _return(p: Engine, op: csl.ReturnOp) -> None:
    if op.ret_val is not None:
        p.line(f"return {p.text(op.ret_val)};")


def _call(p: Engine, op: csl.CallOp) -> None:
    args = ", ".join(p.text(arg) for arg in op.args)
    _result(p, op.result, Expr(f"{fixed_name(op.callee.string_value())}({args})", atom=True))


def _member_call(p: Engine, op: csl.MemberCallOp) -> None:
    args = ", ".join(p.text(arg) for arg in op.args)
    _result(
        p, op.result, Expr(f"{p.use(op.struct)}.{fixed_name(op.field.data)}({args})", atom=True)
    )


def _result(p: Engine, result: SSAValue | None, expr: Expr) -> None:
    if result is None:
        p.line(f"{expr.text};")
    else:
        typed = not isinstance(result.type, ComptimeStructType)
        p.declare("const", result, Expr(expr.text, typed=typed))


# Variables


def _variable(p: Engine, op: csl.VariableOp) -> None:
    child = op.get_element_type()
    text = zero(child) if op.default is None else constant(op.default)
    p.declare("var", op.res, Expr(text))


def _load_var(p: Engine, op: csl.LoadVarOp) -> None:
    p.declare("const", op.res, p.expr(op.var))


def _store_var(p: Engine, op: csl.StoreVarOp) -> None:
    p.line(f"{p.use(op.var)} = {p.text(op.new_value)};")


def _store(p: Engine, op: memref.StoreOp) -> None:
    p.line(f"{element(p, op.memref, op.indices)} = {p.text(op.value)};")


def _address_of(p: Engine, op: csl.AddressOfOp) -> Expr:
    return Expr(f"&{p.use(op.value)}")


def _address_of_statement(p: Engine, op: csl.AddressOfOp) -> None:
    """At file level a pointer is a variable, which is what the host can be given."""
    expr = _address_of(p, op)
    if isinstance(op.parent_op(), csl.CslModuleOp):
        p.declare("var", op.res, expr)
    else:
        p.bind(op.res, expr)


def _pointer_cast(p: Engine, op: csl.PtrCastOp) -> Expr:
    return call("@ptrcast", csl_type(op.result.type), p.text(op.ptr))


# Modules and structs


def _import(p: Engine, op: csl.ImportModuleConstOp) -> None:
    params = f", {p.text(op.params)}" if op.params is not None else ""
    hint = op.result.name_hint or op.module.data.strip("<>").rsplit("/", 1)[-1]
    name = p.bind_name(op.result, hint)
    p.line(f"const {name} = @import_module({quoted(op.module.data)}{params});")


def _param(p: Engine, op: csl.ParamOp) -> None:
    value = f" = {p.text(op.init_value)}" if op.init_value is not None else ""
    _declare_param(p, op.param_name.data, op.res, value)


def _param_of_any_type(p: Engine, op: ParamOp) -> None:
    _declare_param(p, op.sym_name.data, op.result, "")


def _declare_param(p: Engine, name: str, result: SSAValue, value: str) -> None:
    p.bind(result, Expr(name, atom=True))
    type = "" if isinstance(result.type, ComptimeStructType) else f": {csl_type(result.type)}"
    p.line(f"param {name}{type}{value};")


def struct(fields: Sequence[str]) -> str:
    """A struct or tuple literal."""
    return f".{{ {', '.join(fields)} }}" if fields else ".{}"


def _struct(p: Engine, op: csl.ConstStructOp) -> Expr:
    fields = [
        f".{key} = {constant(value)}" for key, value in (op.items.data if op.items else {}).items()
    ]
    names = op.ssa_fields.data if op.ssa_fields else ()
    fields += [
        f".{fixed_name(name.data)} = {p.text(value)}"
        for name, value in zip(names, op.ssa_values, strict=True)
    ]
    return Expr(struct(fields), atom=True, typed=False)


def _member(p: Engine, op: csl.MemberAccessOp) -> Expr:
    typed = not isinstance(op.result.type, ComptimeStructType)
    return Expr(f"{p.use(op.struct)}.{fixed_name(op.field.data)}", atom=True, typed=typed)


def _string(p: Engine, op: csl.ConstStrOp) -> Expr:
    return Expr(quoted(op.value.data), atom=True, literal=True)


# Control flow


def _if(p: Engine, op: scf.IfOp) -> None:
    for result in op.results:
        p.declare("var", result, Expr(zero(result.type)))
    _if_chain(p, op, "", list(op.results))


def _if_chain(p: Engine, op: scf.IfOp, prefix: str, targets: list[SSAValue]) -> None:
    if not targets and _is_empty(op.true_region.block) and op.false_region.blocks:
        p.line(f"{prefix}if (!{p.use(op.cond)}) {{")
        _branch(p, op.false_region.block, targets)
        p.line("}")
        return
    p.line(f"{prefix}if ({p.text(op.cond)}) {{")
    _branch(p, op.true_region.block, targets)
    if not op.false_region.blocks:
        p.line("}")
        return
    other = op.false_region.block
    nested = _only_if(other)
    if nested is not None and not targets:
        _if_chain(p, nested, "} else ", [])
        return
    p.line("} else {")
    _branch(p, other, targets)
    p.line("}")


def _is_empty(block: Block) -> bool:
    return all(isinstance(op, scf.YieldOp) for op in block.ops)


def _only_if(block: Block) -> scf.IfOp | None:
    """The if without results that is all the block does."""
    ops = list(block.ops)
    if len(ops) == 2 and isinstance(ops[0], scf.IfOp) and not ops[0].results:
        return ops[0]
    return None


def _branch(p: Engine, block: Block, targets: Sequence[SSAValue]) -> None:
    with p.indented():
        p.block(block)
        _assign(p, targets, _yielded(block))


def _yielded(block: Block) -> Sequence[SSAValue]:
    last = block.last_op
    return last.operands if isinstance(last, scf.YieldOp) else ()


def _assign(p: Engine, targets: Sequence[SSAValue], values: Sequence[SSAValue]) -> None:
    """Assign all `values` to the variables `targets` at once."""
    pairs = [
        (p.use(target), value)
        for target, value in zip(targets, values, strict=True)
        if p.text(target) != p.text(value)
    ]
    if len(pairs) > 1:
        # An earlier assignment must not change what a later one reads.
        for _, value in pairs:
            expr = p.expr(value)
            if not expr.literal:
                p.declare("const", value, expr, hint="next")
    for target, value in pairs:
        p.line(f"{target} = {p.text(value)};")


def _carried(p: Engine, args: Sequence[SSAValue], inits: Sequence[SSAValue]) -> None:
    for arg, init in zip(args, inits, strict=True):
        p.declare("var", arg, p.expr(init), hint=arg.name_hint or "carried")


def _for(p: Engine, op: scf.ForOp) -> None:
    block = op.body.block
    induction, *args = block.args
    _carried(p, args, op.iter_args)
    for result, arg in zip(op.results, args, strict=True):
        p.bind(result, p.expr(arg))
    type = csl_type(induction.type)
    bounds = [p.expr(value) for value in (op.lb, op.ub, op.step)]
    if all(bound.literal for bound in bounds):
        lb, ub, step = (bound.text for bound in bounds)
        span = ub if (lb, step) == ("0", "1") else f"{lb}, {ub}, {step}"
        name = p.bind_name(induction, induction.name_hint or "i")
        with p.braces(f"for (@range({type}, {span})) |{name}|"):
            p.block(block)
            _assign(p, args, _yielded(block))
        return
    ub, step = p.name(op.ub), p.name(op.step)
    name = p.declare("var", induction, p.expr(op.lb), hint=induction.name_hint or "i")
    with p.braces(f"while ({name} < {ub}) : ({name} += {step})"):
        p.block(block)
        _assign(p, args, _yielded(block))


def _while(p: Engine, op: scf.WhileOp) -> None:
    before, after = op.before_region.block, op.after_region.block
    _carried(p, before.args, op.arguments)
    condition = before.last_op
    assert isinstance(condition, scf.ConditionOp)
    for result, arg, value in zip(op.results, after.args, condition.args, strict=True):
        if value in before.args:
            p.bind(result, p.expr(value))
        else:
            p.declare("var", result, Expr(zero(result.type)), hint=value.name_hint)
        p.bind(arg, p.expr(result))
    with p.captured() as test, p.indented():
        p.block(before)
        _assign(p, op.results, condition.args)
    if not test:
        with p.braces(f"while ({p.text(condition.condition)})"):
            p.block(after)
            _assign(p, before.args, _yielded(after))
        return
    with p.braces("while (true)"):
        p.lines.extend(test)
        with p.braces(f"if (!{p.use(condition.condition)})"):
            p.line("break;")
        p.block(after)
        _assign(p, before.args, _yielded(after))


def _nothing(p: Engine, op: Operation) -> None:
    """Terminators: the parent op prints what they carry."""


# Layout


def _layout(p: Engine, op: csl.LayoutOp) -> None:
    with p.braces("layout"):
        p.block(op.body.block)


def _set_rectangle(p: Engine, op: csl.SetRectangleOp) -> None:
    p.line(f"@set_rectangle({p.text(op.x_dim)}, {p.text(op.y_dim)});")


def _set_tile_code(p: Engine, op: csl.SetTileCodeOp) -> None:
    params = f", {p.text(op.params)}" if op.params is not None else ""
    place = f"{p.text(op.x_coord)}, {p.text(op.y_coord)}"
    p.line(f"@set_tile_code({place}, {quoted(op.file.data)}{params});")


def _get_color(p: Engine, op: csl.GetColorOp) -> Expr:
    return call("@get_color", p.text(op.id))


STRUCTURE_VALUES: Mapping[type[Operation], ValueRule] = {
    csl.ConstStructOp: _struct,
    csl.MemberAccessOp: _member,
    csl.ConstStrOp: _string,
    csl.PtrCastOp: _pointer_cast,
    csl.GetColorOp: _get_color,
}
"""Structure ops with a value."""

STRUCTURE_STATEMENTS: Mapping[type[Operation], StatementRule] = {
    csl.FuncOp: _func,
    csl.TaskOp: _task,
    csl.ReturnOp: _return,
    csl.CallOp: _call,
    csl.MemberCallOp: _member_call,
    csl.VariableOp: _variable,
    csl.LoadVarOp: _load_var,
    csl.StoreVarOp: _store_var,
    csl.AddressOfOp: _address_of_statement,
    csl.ImportModuleConstOp: _import,
    csl.ParamOp: _param,
    ParamOp: _param_of_any_type,
    csl.LayoutOp: _layout,
    csl.SetRectangleOp: _set_rectangle,
    csl.SetTileCodeOp: _set_tile_code,
    memref.StoreOp: _store,
    scf.IfOp: _if,
    scf.ForOp: _for,
    scf.WhileOp: _while,
    scf.YieldOp: _nothing,
    scf.ConditionOp: _nothing,
}
"""Structure ops and how they print."""
