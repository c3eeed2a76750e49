"""What the campaigns service is."""

from fastapi import APIRouter

from campaigns_svc.consumers import HANDLERS
from services.events import campaigns as events
from services.manifests import Manifest, Noun


def _routers() -> list[APIRouter]:
    from campaigns_svc.audiences import routes as audiences
    from campaigns_svc.senders import routes as senders
    from campaigns_svc.suppressions import routes as suppressions
    from campaigns_svc.templates import routes as templates

    return [senders.router, templates.router, audiences.router, suppressions.router]


manifest = Manifest(
    name="campaigns",
    package="campaigns_svc",
    port=8014,
    nouns=[
        Noun("sender", "senders"),
        Noun("template", "templates"),
        Noun("audience", "audiences"),
        Noun("suppression", "suppressions"),
    ],
    routers=_routers,
    contracts=[
        events.SenderCreated,
        events.SenderUpdated,
        events.SenderVerified,
        events.SenderBlocked,
        events.SenderArchived,
        events.SenderRestored,
        events.TemplateCreated,
        events.TemplateUpdated,
        events.TemplatePublished,
        events.TemplateArchived,
        events.TemplateRestored,
        events.AudienceCreated,
        events.AudienceUpdated,
        events.AudienceArchived,
        events.AudienceRestored,
        events.SuppressionAdded,
        events.SuppressionLifted,
        events.SubscriptionUnsubscribed,
    ],
    consumes=["crm.contacts", "crm.analytics", "crm.platform"],
    handlers=HANDLERS,
)
