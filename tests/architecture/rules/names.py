"""A module is named after what it holds: names that say nothing are refused, also for tests and benches."""

from pathlib import Path

from tests.architecture.rules.tree import is_service

BANNED = {"utils", "helpers", "common", "misc", "base", "manager", "core"}


def violations(root: Path) -> list[str]:
    """Every module and package with a banned name."""
    packages = [path for path in root.iterdir() if path.name in {"services", "tests", "bench"} or is_service(path.name)]
    paths = [path.relative_to(root) for package in packages for path in (package, *package.rglob("*"))]
    return sorted(f"{path}: the name says nothing" for path in paths if path.suffix in {"", ".py"} and path.stem in BANNED)
