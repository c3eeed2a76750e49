"""Inside a service, imports point down: routes, operations, queries, schemas, models, rules; also through modules of other names."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.architecture.rules.tree import LAYERS, Module, modules


def violations(root: Path) -> list[str]:
    """A layer that reaches a layer above it, or its own in another way than by being in another capability."""
    named = {module.name: module for module in modules(root)}
    found = []
    for module in named.values():
        if module.layer is not None:
            found += [
                f"{module.at(line)}: {module.layer} may not reach {other.capability}.{other.layer}"
                for line, other in _reached(module, named)
                if not _is_below(module, other)
            ]
    return sorted(found)


def _is_below(module: Module, other: Module) -> bool:
    assert module.layer is not None
    assert other.layer is not None
    step = LAYERS.index(other.layer) - LAYERS.index(module.layer)
    return step > 0 or (step == 0 and module.capability != other.capability)


def _reached(module: Module, named: Mapping[str, Module]) -> Iterator[tuple[int, Module]]:
    """Every layer imported, with the line of the import that leads to it directly or through modules that are no layer."""
    for line, first in _imported(module, named):
        seen, waiting = set[str](), [first]
        while waiting:
            other = waiting.pop()
            if other.layer is not None:
                yield line, other
            elif other.name not in seen:
                seen.add(other.name)
                waiting += [each for _, each in _imported(other, named)]


def _imported(module: Module, named: Mapping[str, Module]) -> Iterator[tuple[int, Module]]:
    for line, name in module.imports:
        other = named.get(name) or named.get(name.rpartition(".")[0])
        if other is not None and other.service == module.service and other.name != module.service:
            yield line, other
