"""Functions, modules, nesting and route bodies stay readable; migrations, tests and benches are free."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.rules.tree import Module, is_migration, modules

FUNCTION_LINES = 50
MODULE_LINES = 400
NESTING = 3
ROUTE_STATEMENTS = 3

Function = ast.FunctionDef | ast.AsyncFunctionDef
DEEPER = ast.For | ast.AsyncFor | ast.While | ast.If | ast.With | ast.AsyncWith | ast.Try | ast.TryStar | ast.Match
ROUTE_METHODS = {"get", "post", "put", "patch", "delete", "head", "options", "api_route", "operation"}


def violations(root: Path) -> list[str]:
    """Everything over one of the four limits, with its size."""
    return [each for module in modules(root) if not is_migration(module) for each in _too_large(module)]


def _too_large(module: Module) -> Iterator[str]:
    if (lines := len(module.text.splitlines())) > MODULE_LINES:
        yield f"{module.at(1)}: {lines} lines, {MODULE_LINES} is the limit"
    for node in ast.walk(module.tree):
        if isinstance(node, Function):
            yield from (f"{module.at(node.lineno)}: {node.name} {complaint}" for complaint in _complaints(node))


def _complaints(function: Function) -> Iterator[str]:
    assert function.end_lineno is not None
    if (lines := function.end_lineno - function.lineno + 1) > FUNCTION_LINES:
        yield f"has {lines} lines, {FUNCTION_LINES} is the limit"
    if (depth := max(_depth(statement) for statement in function.body)) > NESTING:
        yield f"nests {depth} deep, {NESTING} is the limit"
    statements = len(function.body) - (ast.get_docstring(function) is not None)
    if statements > ROUTE_STATEMENTS and any(_is_route(decorator) for decorator in function.decorator_list):
        yield f"is a route of {statements} statements, {ROUTE_STATEMENTS} is the limit"


def _depth(node: ast.AST) -> int:
    """How deep blocks nest from `node` on; a function inside starts anew."""
    if isinstance(node, Function | ast.ClassDef | ast.Lambda):
        return 0
    inner = max((_depth(child) - _is_elif(node, child) for child in ast.iter_child_nodes(node)), default=0)
    return inner + isinstance(node, DEEPER)


def _is_elif(node: ast.AST, child: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child] and child.col_offset == node.col_offset


def _is_route(decorator: ast.expr) -> bool:
    if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
        return False
    return decorator.func.attr in ROUTE_METHODS and isinstance(decorator.func.value, ast.Name)
