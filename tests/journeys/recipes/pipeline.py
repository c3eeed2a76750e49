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


async def _opening(world: World) -> dict[str, Any]:
    """The body of an opportunity in the first stage of a pipeline of its own."""
    pipeline = await world.made("/v1/pipelines", PIPELINE)
    return {"name": "Lamps", "pipeline_id": pipeline["id"], "stage_id": pipeline["stages"][0]["id"]}


def _opportunity(*verbs: str) -> Callable[[World], Awaitable[str]]:
    async def make(world: World) -> str:
        opportunity = await world.made("/v1/opportunities", await _opening(world))
        for verb in verbs:
            await world.made(f"/v1/opportunities/{opportunity['id']}/{verb}", {})
        return str(opportunity["id"])

    return make


def _opportunity_verb(verb: str, *, first: str = "", many: bool = False) -> None:
    """A verb that names records of its own company in its body."""

    async def recipe(world: World) -> Request:
        opening = await _opening(world)
        opportunity = await world.made("/v1/opportunities", opening)
        path = f"/v1/opportunities/{opportunity['id']}"
        if first:
            await world.made(f"{path}/{first}", {})
        body: dict[str, Any] = {"stage_id": opening["stage_id"]} if verb in ("move", "reopen") else {}
        if verb == "lose":
            body = {"reason_id": (await world.made("/v1/reasons", REASON))["id"]}
        if many:
            return Request("POST", f"/v1/opportunities/batch/{verb}", {"items": [body | {"id": opportunity["id"]}]}, ids=False)
        return Request("POST", f"{path}/{verb}", body)

    RECIPES[f"opportunities.{verb}_batch" if many else f"opportunities.{verb}"] = recipe


async def _create_opportunity(world: World) -> Request:
    return Request("POST", "/v1/opportunities", await _opening(world), ids=False)


async def _batch_opportunities(world: World) -> Request:
    return Request("POST", "/v1/opportunities/batch", {"operations": [{"op": "create", "data": await _opening(world)}]}, ids=False)


plain("opportunities.list", "GET", "/v1/opportunities")
plain("opportunities.search", "POST", "/v1/opportunities/search", SEARCH)
RECIPES["opportunities.create"] = _create_opportunity
RECIPES["opportunities.batch"] = _batch_opportunities
for _verb in ("move", "win", "lose"):
    _opportunity_verb(_verb)
    _opportunity_verb(_verb, many=True)
_opportunity_verb("reopen", first="win")
on("opportunities.get", "GET", "/v1/opportunities/{}", _opportunity())
on("opportunities.update", "PATCH", "/v1/opportunities/{}", _opportunity(), {"amount_minor": 5})
on("opportunities.stage_history", "GET", "/v1/opportunities/{}/stage-history", _opportunity())
on("opportunities.assign", "POST", "/v1/opportunities/{}/assign", _opportunity(), {"owner_id": ORDER["contact_id"]})
on("opportunities.archive", "POST", "/v1/opportunities/{}/archive", _opportunity())
on("opportunities.restore", "POST", "/v1/opportunities/{}/restore", _opportunity("archive"))
history_of("opportunities", _opportunity())
