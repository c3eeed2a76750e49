"""How each operation of the API is driven to success: one recipe for each operation id, from one file for each service."""

import importlib
from pathlib import Path

from tests.journeys.recipes.making import RECIPES, World

for _path in sorted((Path(__file__).parent / "recipes").glob("*.py")):
    importlib.import_module(f"tests.journeys.recipes.{_path.stem}")

PLATFORM = {"tenants.create"}
STREAMS = {"events.stream"}
__all__ = ["PLATFORM", "RECIPES", "STREAMS", "World"]
