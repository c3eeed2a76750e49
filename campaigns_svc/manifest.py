"""What the campaigns service is."""

from fastapi import APIRouter

from campaigns_svc.campaigns import course
from campaigns_svc.confirmations.operations import ASK
from campaigns_svc.confirmations.sending import ask
from campaigns_svc.consumers import HANDLERS
from campaigns_svc.sends import sending, starting
from services.events import campaigns as events
from services.events import campaigns_course as course_events
from services.events import campaigns_sends as send_events
from services.manifests import Manifest, Noun


def _routers() -> list[APIRouter]:
    from campaigns_svc.audiences import routes as audiences
    from campaigns_svc.campaigns import routes as campaigns
    from campaigns_svc.holdouts import routes as holdouts
    from campaigns_svc.results import routes as results
    from campaigns_svc.senders import routes as senders
    from campaigns_svc.sends import routes as sends
    from campaigns_svc.suppressions import routes as suppressions
    from campaigns_svc.templates import routes as templates
    from campaigns_svc.tracking import routes as tracking

    parts = [senders.router, templates.router, audiences.router, suppressions.router, holdouts.router]
    return [*parts, campaigns.router, sends.campaign_router, results.router, sends.router, tracking.router]


manifest = Manifest(
    name="campaigns",
    package="campaigns_svc",
    port=8014,
    nouns=[
        Noun("sender", "senders"),
        Noun("template", "templates"),
        Noun("audience", "audiences"),
        Noun("suppression", "suppressions"),
        Noun("holdout", "holdouts"),
        Noun("campaign", "campaigns"),
        Noun("send", "sends"),
        Noun("tracking", "track"),
    ],
    routers=_routers,
    public=["/v1/track/clicks/", "/v1/track/opens/", "/v1/track/unsubscribe/"],
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
        course_events.HoldoutCreated,
        course_events.HoldoutUpdated,
        course_events.HoldoutArchived,
        course_events.HoldoutRestored,
        course_events.CampaignCreated,
        course_events.CampaignUpdated,
        course_events.CampaignSubmitted,
        course_events.CampaignApproved,
        course_events.CampaignRejected,
        course_events.CampaignScheduled,
        course_events.CampaignStarted,
        course_events.CampaignPaused,
        course_events.CampaignResumed,
        course_events.CampaignCompleted,
        course_events.CampaignStopped,
        course_events.CampaignArchived,
        course_events.CampaignRestored,
        send_events.SendSent,
        send_events.SendSkipped,
        send_events.SendFailed,
        send_events.SendOpened,
        send_events.SendClicked,
    ],
    consumes=["crm.contacts", "crm.pipeline", "crm.analytics", "crm.platform"],
    handlers=HANDLERS,
    fail_points=sending.FAIL_POINTS,
    jobs={course.START: starting.start, course.SEND: sending.send, ASK: ask},
)
