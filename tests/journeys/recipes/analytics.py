"""How the operations of analytics succeed."""

from collections.abc import Awaitable, Callable

from tests.journeys.recipes.making import RECIPES, SEARCH, Request, World, history_of, jobs_of, on, plain


async def tested(world: World) -> str:
    """A churn model that has been held against the past."""
    await world.model()
    await world.mitra.drain()
    asked = await world.made("/v1/models/back-test", {"origins": ["2025-09-01"]})
    await world.mitra.drain()
    job = (await world.client.get(f"/v1/analytics-jobs/{asked['id']}")).json()
    return str(job["result"]["model_id"])


async def promotable(world: World) -> str:
    """A spend model that waits: the others would have to win a back-test first."""
    await world.model()
    return str(next(model["id"] for model in world.models if (model["kind"], model["status"]) == ("spend", "trained")))


async def back_test(world: World) -> Request:
    """A model has to be there."""
    await world.model()
    return Request("POST", "/v1/models/back-test", {"origins": ["2025-09-01"]}, ids=False)


def asked_of_buyers(path: str) -> Callable[[World], Awaitable[Request]]:
    """A question about everybody, in a company where some have bought."""

    async def recipe(world: World) -> Request:
        await world.model()
        return Request("GET", path, ids=False)

    return recipe


plain("customers.list", "GET", "/v1/customers?order_by=-lifetime_value_minor")
plain("customers.search", "POST", "/v1/customers/search", SEARCH)
on("customers.summary", "GET", "/v1/customers/{}/summary", World.customer)
on("customers.value", "GET", "/v1/customers/{}/value", World.customer)
on("customers.churn", "GET", "/v1/customers/{}/churn?horizon=90", World.customer)
plain("models.list", "GET", "/v1/models")
plain("models.fit", "POST", "/v1/models/fit", {})
RECIPES["models.back_test"] = back_test
on("models.calibration", "GET", "/v1/models/{}/calibration", tested)
on("models.calibration_plot", "GET", "/v1/models/{}/calibration.png", tested)
on("models.get", "GET", "/v1/models/{}", World.model)
on("models.promote", "POST", "/v1/models/{}/promote", promotable, {})
on("models.forecast", "GET", "/v1/models/{}/forecast?from=2026-03-01&to=2026-06-01", World.model)
plain("pyramid.get", "GET", "/v1/pyramid")
RECIPES["cohorts.get"] = asked_of_buyers("/v1/cohorts?from=2024-01-01")
RECIPES["cohorts.repeat_intervals"] = asked_of_buyers("/v1/cohorts/repeat-intervals")
history_of("customers", World.customer)
history_of("models", World.model)
jobs_of("analytics")
