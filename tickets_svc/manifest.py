"""What the tickets service is."""

from fastapi import APIRouter

from services.events.tickets import TICKET_EVENTS
from services.events.tickets_desk import DESK_EVENTS
from services.events.tickets_messages import MESSAGE_EVENTS
from services.events.tickets_routing import ROUTING_EVENTS
from services.manifests import Manifest, Noun
from tickets_svc.consumers import HANDLERS
from tickets_svc.imports.command import imports
from tickets_svc.messages import sending
from tickets_svc.routing import running
from tickets_svc.tickets import movements


def _routers() -> list[APIRouter]:
    from tickets_svc.agents import routes as agents
    from tickets_svc.mailboxes import routes as mailboxes
    from tickets_svc.messages import routes as messages
    from tickets_svc.queues import routes as queues
    from tickets_svc.routing import routes as routing
    from tickets_svc.steps import routes as steps
    from tickets_svc.tickets import routes as tickets

    return [
        tickets.router,
        steps.router,
        messages.router,
        mailboxes.router,
        messages.mail_router,
        queues.router,
        agents.router,
        routing.router,
    ]


manifest = Manifest(
    name="tickets",
    package="tickets_svc",
    port=8013,
    nouns=[
        Noun("ticket", "tickets"),
        Noun("queue", "queues"),
        Noun("agent", "agents"),
        Noun("mailbox", "mailboxes"),
        Noun("routing_rule", "routing-rules"),
    ],
    routers=_routers,
    contracts=[*TICKET_EVENTS, *DESK_EVENTS, *MESSAGE_EVENTS, *ROUTING_EVENTS],
    consumes=["crm.contacts", "crm.analytics", "crm.platform"],
    handlers=HANDLERS,
    fail_points=sending.FAIL_POINTS,
    jobs={
        "continue_ticket": movements.continue_when_due,
        "close_ticket": movements.close_when_due,
        "route_waiting": running.route_waiting,
        "send_reply": sending.send_reply,
    },
    commands={"import": imports},
)
