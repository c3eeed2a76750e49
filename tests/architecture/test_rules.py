"""Every rule finds what is planted against it, lets the right form pass, and finds nothing in the tree."""

from pathlib import Path
from types import ModuleType

import pytest

from tests.architecture.rules import calls, environment, layers, names, promises, purity, siblings, sizes, tree

ROOT = Path(__file__).resolve().parents[2]
RULES = [calls, environment, layers, names, promises, purity, siblings, sizes]


def plant(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__.rpartition(".")[2])
def test_the_tree_keeps_the_rule(rule: ModuleType) -> None:
    assert rule.violations(ROOT) == []


def test_the_rules_see_the_tree() -> None:
    assert {"services/embedded.py", "services/provisioning.py"} <= {str(module.path) for module in tree.modules(ROOT)}


@pytest.mark.parametrize(
    ("lower", "upper"),
    [
        ("rules", "models"),
        ("models", "schemas"),
        ("schemas", "queries"),
        ("queries", "operations"),
        ("operations", "routes"),
        ("rules", "routes"),
    ],
)
def test_a_layer_may_not_import_one_above_it(tmp_path: Path, lower: str, upper: str) -> None:
    plant(
        tmp_path, {f"pipeline_svc/orders/{upper}.py": "", f"pipeline_svc/orders/{lower}.py": f"from pipeline_svc.orders import {upper}\n"}
    )
    assert layers.violations(tmp_path) == [f"pipeline_svc/orders/{lower}.py:1: {lower} may not reach orders.{upper}"]


@pytest.mark.parametrize(
    "way", ["from pipeline_svc.orders.routes import place", "import pipeline_svc.orders.routes", "from . import routes"]
)
def test_an_upward_import_is_found_however_it_is_written(tmp_path: Path, way: str) -> None:
    plant(
        tmp_path,
        {"gateway/keys/models.py": "", "pipeline_svc/orders/routes.py": "", "pipeline_svc/orders/rules.py": f"def f():\n    {way}\n"},
    )
    assert layers.violations(tmp_path) == ["pipeline_svc/orders/rules.py:2: rules may not reach orders.routes"]


def test_an_upward_import_through_a_module_of_another_name_is_found(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "pipeline_svc/orders/operations.py": "",
            "pipeline_svc/orders/refunds.py": "from pipeline_svc.orders.operations import place_order\nfrom . import refunds\n",
            "pipeline_svc/orders/queries.py": "import asyncio\nfrom pipeline_svc.orders import refunds\n",
        },
    )
    assert layers.violations(tmp_path) == ["pipeline_svc/orders/queries.py:2: queries may not reach orders.operations"]


def test_layers_point_down_across_capabilities_of_a_service_too(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "analytics_svc/facts/operations.py": "",
            "analytics_svc/facts/models.py": "",
            "analytics_svc/customers/operations.py": "from analytics_svc.facts import operations, models\n",
            "analytics_svc/customers/queries.py": "from analytics_svc.facts.operations import add_fact\n",
        },
    )
    assert layers.violations(tmp_path) == ["analytics_svc/customers/queries.py:1: queries may not reach facts.operations"]


def test_imports_that_point_down_are_let_pass(tmp_path: Path) -> None:
    downward = {
        "pipeline_svc/orders/routes.py": "from pipeline_svc.orders import operations, queries, schemas\n",
        "pipeline_svc/orders/operations.py": "from pipeline_svc.orders import models, queries, rules, schemas\n",
        "pipeline_svc/orders/queries.py": "from pipeline_svc.orders.models import Order\n",
        "pipeline_svc/orders/schemas.py": "from services.events.pipeline import OrderState\n",
        "pipeline_svc/orders/models.py": "import sqlalchemy\n",
        "pipeline_svc/orders/rules.py": "from datetime import date\n",
        "analytics_svc/value/fit.py": "import numpy\nfrom analytics_svc.value import likelihood\n",
        "analytics_svc/value/likelihood.py": "import scipy\n",
    }
    plant(tmp_path, downward)
    assert layers.violations(tmp_path) == []


@pytest.mark.parametrize(
    ("path", "line", "refused"),
    [
        ("pipeline_svc/orders/operations.py", "from contacts_svc.contacts import models", "contacts_svc.contacts.models"),
        ("gateway/routing/routes.py", "import analytics_svc.manifest", "analytics_svc.manifest"),
        ("services/relay.py", "from pipeline_svc import manifest", "pipeline_svc.manifest"),
        ("services/outbox.py", "from services.events import pipeline", "services.events.pipeline"),
        ("services/outbox.py", "from services.events.pipeline import OrderPlaced", "services.events.pipeline.OrderPlaced"),
        ("services/outbox.py", "from .events import pipeline", "services.events.pipeline"),
        ("services/events/pipeline.py", "from sqlalchemy import Column", "sqlalchemy.Column"),
        ("services/events/pipeline.py", "from services import clock", "services.clock"),
    ],
)
def test_an_import_across_packages_is_refused(tmp_path: Path, path: str, line: str, refused: str) -> None:
    plant(tmp_path, {path: f"{line}\n"})
    name = path.removesuffix(".py").replace("/", ".")
    assert siblings.violations(tmp_path) == [f"{path}:1: {name} may not import {refused}"]


def test_kit_contracts_and_libraries_may_be_imported(tmp_path: Path) -> None:
    contracts = [
        "from typing import Literal",
        "from pydantic import Field",
        "from services.contracts import Event",
        "from services.events import types",
    ]
    operations = [
        "import services.outbox, gatewaylib",
        "from services.events.pipeline import OrderPlaced",
        "from pipeline_svc.orders import models",
    ]
    plant(tmp_path, {"services/events/pipeline.py": "\n".join(contracts), "pipeline_svc/orders/operations.py": "\n".join(operations)})
    plant(tmp_path, {"services/relay.py": "import asyncpg\n"})
    assert siblings.violations(tmp_path) == []


@pytest.mark.parametrize(
    "line",
    [
        "from sqlalchemy import select",
        "import fastapi",
        "import time",
        "from os import environ",
        "from services import clock",
        "from services.settings import Settings",
        "today = date.today()",
        "at = datetime.datetime.now(UTC)",
    ],
)
def test_an_impure_rule_is_found(tmp_path: Path, line: str) -> None:
    plant(tmp_path, {"pipeline_svc/orders/rules.py": f"{line}\n", "pipeline_svc/orders/operations.py": f"{line}\n"})
    assert [each.partition(" rules are pure")[0] for each in purity.violations(tmp_path)] == ["pipeline_svc/orders/rules.py:1:"]


def test_a_rule_may_reckon_with_dates_and_errors(tmp_path: Path) -> None:
    lines = ["from datetime import date, timedelta", "from services.errors import Conflict", "due = date(2026, 1, 1)"]
    plant(tmp_path, {"pipeline_svc/orders/rules.py": "\n".join(lines)})
    assert purity.violations(tmp_path) == []


def nested(depth: int) -> str:
    lines = [f"{'    ' * level}{'if x:' if level % 2 else 'for x in y:'}" for level in range(1, depth + 1)]
    return "\n".join(["def f():", *lines, "    " * (depth + 1) + "pass\n"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def f():\n" + "    x = 1\n" * 49, None),
        ("def f():\n" + "    x = 1\n" * 50, "f has 51 lines, 50 is the limit"),
        ("class A:\n    async def f(self):\n" + "        x = 1\n" * 50, "f has 51 lines, 50 is the limit"),
        ("x = 1\n" * 400, None),
        ("x = 1\n" * 401, "401 lines, 400 is the limit"),
        (nested(3), None),
        (nested(4), "f nests 4 deep, 3 is the limit"),
        ("def f():\n    if a:\n        pass\n" + "    elif b:\n        pass\n" * 5 + "    else:\n        pass\n", None),
        (
            "def f():\n  if a:\n    pass\n  elif b:\n    with c:\n      try:\n        pass\n      except E:\n        if d: pass\n",
            "f nests 4 deep, 3 is the limit",
        ),
        (
            "def f():\n  if a:\n    pass\n  else:\n    if b:\n      while c:\n        with d:\n          pass\n",
            "f nests 4 deep, 3 is the limit",
        ),
        ('@router.get("/x")\nasync def f():\n    """Doc."""\n    a = 1\n    b = 2\n    return a + b\n', None),
        (
            '@router.operation("GET", "/x")\nasync def f():\n    a = 1\n    b = 2\n    c = 3\n    return a\n',
            "f is a route of 4 statements, 3 is the limit",
        ),
        ("@app.command()\ndef f():\n    a = 1\n    b = 2\n    c = 3\n    return a\n", None),
    ],
)
def test_what_is_too_large_is_found(tmp_path: Path, text: str, found: str | None) -> None:
    plant(tmp_path, {"contacts_svc/contacts/routes.py": text, "contacts_svc/migrations/versions/0001.py": text, "tests/test_x.py": text})
    complaints = [each.split(": ", maxsplit=1) for each in sizes.violations(tmp_path)]
    assert [text for _, text in complaints] == ([found] if found else [])
    assert {place.partition(":")[0] for place, _ in complaints} <= {"contacts_svc/contacts/routes.py"}


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "misc", "base", "manager", "core"])
def test_a_name_that_says_nothing_is_refused(tmp_path: Path, name: str) -> None:
    plant(tmp_path, {f"services/{name}.py": "", f"gateway/{name}/routes.py": "", f"tests/kit/{name}.py": "", "services/database.py": ""})
    places = [f"gateway/{name}", f"services/{name}.py", f"tests/kit/{name}.py"]
    assert names.violations(tmp_path) == [f"{place}: the name says nothing" for place in places]


def test_hash_and_print_are_refused_outside_their_place(tmp_path: Path) -> None:
    text = "print(hash(1))\n"
    plant(
        tmp_path,
        {"services/command.py": text, "services/relay.py": text, "services/clean.py": "x.hash(1)\nconsole.print(2)\ndef __hash__(): ...\n"},
    )
    assert calls.violations(tmp_path) == [
        "services/command.py:1: no hash() here",
        "services/relay.py:1: no print() here",
        "services/relay.py:1: no hash() here",
    ]


def test_a_mark_for_later_is_refused(tmp_path: Path) -> None:
    plant(tmp_path, {"gateway/keys/rules.py": "x = 1\ny = 2  # TODO: later\nz = 'FIXME'\nTODOS = 3\n"})
    assert promises.violations(tmp_path) == [
        "gateway/keys/rules.py:2: TODO is an issue, not a line",
        "gateway/keys/rules.py:3: FIXME is an issue, not a line",
    ]


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("URL = os.environ['URL']", "environ is read at import"),
        ("def f(url=os.getenv('URL')): ...", "getenv is read at import"),
        ("class A:\n    url = environ.get('URL')", "environ is read at import"),
        ("settings = Settings()", "Settings is made at import"),
        ("def f():\n    return os.environ['URL'], Settings()", None),
        ("f = lambda: os.environ", None),
        ("class Settings(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix='MITRA_')", None),
    ],
)
def test_reading_the_environment_at_import_is_found(tmp_path: Path, line: str, read: str | None) -> None:
    plant(tmp_path, {"services/bus/kafka.py": line, "services/settings.py": "URL = os.environ['URL']\n"})
    assert [each.partition(": ")[2] for each in environment.violations(tmp_path)] == ([read] if read else [])
