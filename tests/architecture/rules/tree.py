"""The packages of Mitra as syntax trees: what every rule looks at."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

LAYERS = ("routes", "operations", "queries", "schemas", "models", "rules")
"""The files of a capability; imports point down this list only."""


@dataclass(frozen=True)
class Module:
    """One Python file: `path` from the root of the tree, `name` with dots (a package has the name of its folder)."""

    path: Path
    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of the file."""
        return ast.parse(self.text, str(self.path))

    @property
    def service(self) -> str:
        """The top-level package that the module is in."""
        return self.path.parts[0]

    @property
    def capability(self) -> str | None:
        """The folder of a service that the module is in; None for the kit and for a service's own files."""
        inside = is_service(self.service) and len(self.path.parts) > 2 and self.path.parts[1] != "migrations"
        return self.path.parts[1] if inside else None

    @property
    def layer(self) -> str | None:
        """The layer of a capability that the module is; None for every other module."""
        is_layer = self.capability is not None and len(self.path.parts) == 3 and self.path.stem in LAYERS
        return self.path.stem if is_layer else None

    @cached_property
    def imports(self) -> tuple[tuple[int, str], ...]:
        """Line and full name of everything imported, `from a import b` as `a.b`; inside functions too."""
        return tuple(_imports(self))

    def at(self, line: int) -> str:
        """The place, as an editor takes it."""
        return f"{self.path}:{line}"


def is_service(package: str) -> bool:
    """Whether a top-level package is a deployable service rather than the kit."""
    return package == "gateway" or package.endswith("_svc")


def is_within(name: str, package: str) -> bool:
    """Whether the dotted `name` is `package` or something inside it."""
    return name == package or name.startswith(f"{package}.")


def modules(root: Path) -> Iterator[Module]:
    """Every module of the kit and the services under `root`; packages that do not exist yet are passed over."""
    for package in sorted(path.name for path in root.iterdir() if path.name == "services" or is_service(path.name)):
        for path in sorted((root / package).rglob("*.py")):
            yield read(path, root)


def read(path: Path, root: Path) -> Module:
    """The module in the file `path`, named as seen from `root`."""
    inside = path.relative_to(root)
    parts = inside.with_suffix("").parts
    return Module(inside, ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path.read_text(encoding="utf-8"))


def is_migration(module: Module) -> bool:
    """Whether the module is a step of a migration history, which is written once and never read as design."""
    return re.search(r"\bmigrations/versions/", module.path.as_posix()) is not None


def _imports(module: Module) -> Iterator[tuple[int, str]]:
    package = module.path.with_suffix("").parts[:-1]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            start = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{start}.{alias.name}") for alias in node.names)
