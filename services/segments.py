"""Routes grouped by the first segment of their path, so that a request is compared with those of its noun only."""

from collections.abc import Sequence

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send


class Segment(BaseRoute):
    """The routes of one first segment (`/v1/orders`). A service has hundreds of routes, and each costs a regular expression;
    FastAPI's own included routers compare every one of them, twice.
    """

    def __init__(self, beginning: str, routes: Sequence[APIRoute]) -> None:
        self.beginning = beginning
        self.routes = list(routes)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """The first route that fits wholly, else the first that fits but for its method."""
        found: tuple[Match, Scope] = Match.NONE, {}
        if scope["type"] != "http" or not scope["path"].startswith(self.beginning):
            return found
        for route in self.routes:
            match, child_scope = route.matches(scope)
            if match is Match.FULL:
                return match, child_scope
            if match is Match.PARTIAL and found[0] is Match.NONE:
                found = match, child_scope
        return found

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the route that was found answer."""
        await scope["route"].handle(scope, receive, send)


def grouped(routes: Sequence[APIRoute]) -> list[Segment]:
    """`routes` by first segment, in the order in which they were declared."""
    found: dict[str, list[APIRoute]] = {}
    for route in routes:
        found.setdefault("/".join(route.path.split("/", 3)[:3]), []).append(route)
    return [Segment(beginning, members) for beginning, members in found.items()]
