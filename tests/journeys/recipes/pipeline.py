"""How the operations of pipeline succeed."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.journeys.recipes.making import ORDER, SEARCH, World, history_of, jobs_of, on, plain


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
