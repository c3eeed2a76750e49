"""Services meet only through contracts and HTTP, and the kit knows none of them."""

import sys
from pathlib import Path

from tests.architecture.rules.tree import Module, is_service, is_within, modules


def violations(root: Path) -> list[str]:
    """Imports of a sibling service, of a service by the kit, of a contract by the kit, and of more than needed by a contract."""
    return [
        f"{module.at(line)}: {module.name} may not import {name}"
        for module in modules(root)
        for line, name in module.imports
        if _is_refused(module, name)
    ]


def _is_refused(module: Module, name: str) -> bool:
    package = name.partition(".")[0]
    if is_service(package):
        return package != module.service
    if is_within(module.name, "services.events"):
        allowed = package in {"pydantic", *sys.stdlib_module_names} or is_within(name, "services.contracts")
        return not (allowed or is_within(name, "services.events"))
    return module.service == "services" and is_within(name, "services.events")
