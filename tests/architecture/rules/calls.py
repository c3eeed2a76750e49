"""Calls that go wrong quietly: the salted `hash()`, and `print()` outside the command."""

import ast
from pathlib import Path

from tests.architecture.rules.tree import is_within, modules

COMMANDS = ("services.command",)


def violations(root: Path) -> list[str]:
    """Every call of the builtin `hash` (it differs between processes: use zlib.crc32), and of `print` outside the command."""
    found = []
    for module in modules(root):
        is_command = any(is_within(module.name, command) for command in COMMANDS)
        refused = {"hash"} if is_command else {"hash", "print"}
        found += [
            f"{module.at(node.lineno)}: no {node.func.id}() here"
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in refused
        ]
    return found
