"""What must be there before opportunities can be imported: users, accounts, products, a reason and a pipeline, each made once."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from pipeline_svc.imports.sales_files import Sales
from pipeline_svc.imports.sending import code_of
from services.client import NotAnswered, get, post

STAGES: list[dict[str, Any]] = [
    {"key": "prospecting", "name": "Prospecting", "probability_bps": 1_000},
    {"key": "engaging", "name": "Engaging", "probability_bps": 5_000},
    {"key": "won", "name": "Won", "kind": "won"},
    {"key": "lost", "name": "Lost", "kind": "lost"},
]
AT_ONCE = 500


@dataclass(frozen=True)
class Setting:
    """The ids of what opportunities refer to, by the names of the files."""

    users: dict[str, str]
    customers: dict[str, str]
    products: dict[str, str]
    reason_id: str
    pipeline_id: str
    stages: dict[str, str]


async def prepare(client: httpx.AsyncClient, sales: Sales, *, label: str, currency: str) -> Setting:
    """Make what is missing, and hold what is there against the files. Raises NotAnswered."""
    pipeline = {"name": label, "currency": currency, "stages": STAGES}
    (pipeline_id,) = await _upsert(client, "pipelines", {"pipeline": pipeline}, label=label)
    (reason_id,) = await _upsert(client, "reasons", {"not-stated": {"kind": "lost", "text": "not stated"}}, label=label)
    made = (await get(client, f"/v1/pipelines/{pipeline_id}"))["stages"]
    return Setting(
        users={agent: await _user(client, agent, label=label) for agent in sales.agents},
        customers=await _customers(client, sales, label=label),
        products=await _products(client, sales, label=label),
        reason_id=reason_id,
        pipeline_id=pipeline_id,
        stages={stage["key"]: stage["id"] for stage in made},
    )


async def _upsert(client: httpx.AsyncClient, noun: str, bodies: dict[str, dict[str, Any]], *, label: str) -> list[str]:
    """The ids of the records that bear these external ids of `label`, in their order."""
    operations = [{"op": "upsert", "key": {"source": label, "id": key}, "data": data} for key, data in bodies.items()]
    found: list[str] = []
    for begin in range(0, len(operations), AT_ONCE):
        answer = await post(client, f"/v1/{noun}/batch", {"operations": operations[begin : begin + AT_ONCE]})
        for result in answer["results"]:
            if result.get("problem"):
                raise NotAnswered(f"/v1/{noun}/batch refused one of the {noun}: {result['problem']['detail']}")
            found.append(result["id"])
    return found


async def _customers(client: httpx.AsyncClient, sales: Sales, *, label: str) -> dict[str, str]:
    bodies = {
        code_of(account.name): {
            "kind": "organization",
            "legal_name": account.name,
            "origin": {"source": label},
            **({"industry": account.industry} if account.industry else {}),
            **({"country": account.country} if account.country else {}),
        }
        for account in sales.customers
    }
    ids = await _upsert(client, "contacts", bodies, label=label)
    return dict(zip((account.name for account in sales.customers), ids, strict=True))


async def _products(client: httpx.AsyncClient, sales: Sales, *, label: str) -> dict[str, str]:
    bodies = {
        key: {"sku": f"{label}:{key}"[:128], "name": product.name, **({"line": product.line} if product.line else {})}
        for key, product in sales.products.items()
    }
    ids = await _upsert(client, "products", bodies, label=label)
    for product_id in ids:
        if (await get(client, f"/v1/products/{product_id}"))["status"] == "draft":
            await post(client, f"/v1/products/{product_id}/launch", {})
    return dict(zip(bodies, ids, strict=True))


async def _user(client: httpx.AsyncClient, agent: str, *, label: str) -> str:
    """The user of an agent, known by an address that is made of the name and the label and that reaches nobody."""
    address = address_of(agent, label)
    page = await get(client, "/v1/users", filter=f'email = "{address}"')
    users: Sequence[dict[str, str]] = page["items"] or [await post(client, "/v1/users", {"email": address, "name": agent})]
    return users[0]["id"]


def address_of(agent: str, label: str) -> str:
    """The made-up e-mail address of an agent: `Moses Frase` of `crm_sales` is `moses.frase@crm-sales.example.com`."""
    return f"{_slug(agent, '.')[:64]}@{_slug(label, '-')[:60]}.example.com"


def _slug(text: str, joint: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", joint, plain).strip(joint) or "x"
