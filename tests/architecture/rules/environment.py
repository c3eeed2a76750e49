"""Importing a module reads no environment: settings come as an argument."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.rules.tree import Module, modules

READER = "services.settings"
NAMES = {"environ", "environb", "getenv"}


def violations(root: Path) -> list[str]:
    """Every use of the environment that runs at import outside `services/settings.py`, and every settings object made at import."""
    return [each for module in modules(root) for each in _reads(module)]


def _reads(module: Module) -> Iterator[str]:
    for node in _run_at_import(module.tree):
        if isinstance(node, ast.Attribute | ast.Name) and _last_name(node) in NAMES and module.name != READER:
            yield f"{module.at(node.lineno)}: {_last_name(node)} is read at import"
        if isinstance(node, ast.Call) and _last_name(node.func).endswith("Settings"):
            yield f"{module.at(node.lineno)}: {_last_name(node.func)} is made at import"


def _run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        parts: list[ast.AST] = [*node.decorator_list, node.args]
    else:
        parts = [] if isinstance(node, ast.Lambda) else list(ast.iter_child_nodes(node))
    for part in parts:
        yield from _run_at_import(part)


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
