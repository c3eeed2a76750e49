"""How the operations of pipeline succeed."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from tests.journeys.recipes.making import ANY, ORDER, RECIPES, SEARCH, Request, World, history_of, jobs_of, on, plain


def _order_in(*verbs: str, **fields: Any) -> Callable[[World], Awaitable[str]]:
    return lambda world: world.order(*verbs, **fields)


plain("orders.list", "GET", "/v1/orders")
plain("orders.search", "POST", "/v1/orders/search", SEARCH)
plain("orders.create", "POST", "/v1/orders", ORDER)
plain("orders.batch", "POST", "/v1/orders/batch", {"operations": [{"op": "create", "data": ORDER}]})
on("orders.get", "GET", "/v1/orders/{}", _order_in())
on("orders.update", "PATCH", "/v1/orders/{}", _order_in(), {"channel": "shop"})
on("orders.place", "POST", "/v1/orders/{}/place", _order_in(), {})
on("orders.pay", "POST", "/v1/orders/{}/pay", _order_in("place"), {})
on("orders.refund", "POST", "/v1/orders/{}/refund", _order_in("place", "pay"), {})
on("orders.fulfill", "POST", "/v1/orders/{}/fulfill", _order_in("place"), {})
on("orders.return", "POST", "/v1/orders/{}/return", _order_in("place", "fulfill"), {})
on("orders.complete", "POST", "/v1/orders/{}/complete", _order_in("place", "pay", "fulfill"), {})
on("orders.cancel", "POST", "/v1/orders/{}/cancel", _order_in(), {})
on("orders.archive", "POST", "/v1/orders/{}/archive", _order_in())
on("orders.restore", "POST", "/v1/orders/{}/restore", _order_in("archive"))
history_of("orders", _order_in())
jobs_of("pipeline")

REASON = {"kind": "lost", "text": "Price"}
STAGES: list[dict[str, Any]] = [
    {"key": "new", "name": "New", "probability_bps": 1_000},
    {"key": "won", "name": "Won", "kind": "won"},
    {"key": "lost", "name": "Lost", "kind": "lost"},
]
PIPELINE = {"name": "Sales", "currency": "EUR", "stages": STAGES}
PRODUCT = {"sku": "lamp", "name": "Lamp"}


def _made(noun: str, body: dict[str, Any], *verbs: str) -> Callable[[World], Awaitable[str]]:
    async def make(world: World) -> str:
        record = await world.made(f"/v1/{noun}", body | ({"sku": uuid4().hex} if noun == "products" else {}))
        for verb in verbs:
            await world.made(f"/v1/{noun}/{record['id']}/{verb}", {})
        return str(record["id"])

    return make


async def _put_stages(world: World) -> Request:
    return Request("PUT", f"/v1/pipelines/{await _made('pipelines', PIPELINE)(world)}/stages", {"stages": STAGES}, ANY)


for _noun, _body, _patch in (
    ("reasons", REASON, {"text": "Dear"}),
    ("products", PRODUCT, {"name": "L"}),
    ("pipelines", PIPELINE, {"name": "S"}),
):
    plain(f"{_noun}.list", "GET", f"/v1/{_noun}")
    plain(f"{_noun}.search", "POST", f"/v1/{_noun}/search", SEARCH)
    plain(f"{_noun}.create", "POST", f"/v1/{_noun}", _body)
    plain(
        f"{_noun}.batch",
        "POST",
        f"/v1/{_noun}/batch",
        {"operations": [{"op": "create", "data": _body | ({"sku": "b"} if "sku" in _body else {})}]},
    )
    on(f"{_noun}.get", "GET", f"/v1/{_noun}/{{}}", _made(_noun, _body))
    on(f"{_noun}.update", "PATCH", f"/v1/{_noun}/{{}}", _made(_noun, _body), _patch)
    on(f"{_noun}.archive", "POST", f"/v1/{_noun}/{{}}/archive", _made(_noun, _body))
    on(f"{_noun}.restore", "POST", f"/v1/{_noun}/{{}}/restore", _made(_noun, _body, "archive"))
    history_of(_noun, _made(_noun, _body))
on("reasons.retire", "POST", "/v1/reasons/{}/retire", _made("reasons", REASON))
on("products.launch", "POST", "/v1/products/{}/launch", _made("products", PRODUCT))
on("products.retire", "POST", "/v1/products/{}/retire", _made("products", PRODUCT, "launch"))
on("pipelines.retire", "POST", "/v1/pipelines/{}/retire", _made("pipelines", PIPELINE))
on("pipelines.reactivate", "POST", "/v1/pipelines/{}/reactivate", _made("pipelines", PIPELINE, "retire"))
RECIPES["pipelines.put_stages"] = _put_stages
