"""`rules.py` takes values and returns values: no database, no web, no clock, no chance, no settings."""

import ast
from pathlib import Path

from tests.architecture.rules.tree import is_within, modules

IMPURE = (
    *("sqlalchemy", "asyncpg", "alembic", "fastapi", "starlette", "aiohttp", "httpx"),
    *("os", "time", "random", "secrets", "pydantic_settings"),
    *("services.settings", "services.clock", "services.database"),
)
CLOCK_CALLS = {"now", "utcnow", "today"}


def violations(root: Path) -> list[str]:
    """Impure imports and calls of the clock in the `rules` of a capability."""
    found = []
    for module in modules(root):
        if module.layer == "rules":
            found += [
                f"{module.at(line)}: rules are pure and may not import {name}"
                for line, name in module.imports
                if any(is_within(name, impure) for impure in IMPURE)
            ]
            found += [
                f"{module.at(node.lineno)}: rules are pure and may not ask the clock: .{node.func.attr}()"
                for node in ast.walk(module.tree)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCK_CALLS
            ]
    return found
