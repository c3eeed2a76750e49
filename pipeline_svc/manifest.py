"""What the pipeline service is."""

from fastapi import APIRouter

from pipeline_svc.activities import movements as activity_movements
from pipeline_svc.consumers import HANDLERS
from pipeline_svc.imports.sales_command import imports
from pipeline_svc.opportunities import timers
from services.events import pipeline as events
from services.events import pipeline_activities as activity_events
from services.events import pipeline_assignment as assignment_events
from services.events import pipeline_catalogue as catalogue
from services.events import pipeline_leads as lead_events
from services.events import pipeline_opportunities as deals
from services.manifests import Manifest, Noun


def _routers() -> list[APIRouter]:
    from pipeline_svc.activities import routes as activities
    from pipeline_svc.assignment import routes as assignment
    from pipeline_svc.leads import routes as leads
    from pipeline_svc.opportunities import routes as opportunities
    from pipeline_svc.orders import routes as orders
    from pipeline_svc.pipelines import routes as pipelines
    from pipeline_svc.products import routes as products
    from pipeline_svc.reasons import routes as reasons

    return [
        activities.router,
        assignment.router,
        leads.router,
        opportunities.router,
        orders.router,
        pipelines.router,
        products.router,
        reasons.router,
    ]


manifest = Manifest(
    name="pipeline",
    package="pipeline_svc",
    port=8012,
    nouns=[
        Noun("activity", "activities"),
        Noun("assignment_rule", "assignment-rules"),
        Noun("lead", "leads"),
        Noun("order", "orders"),
        Noun("pipeline", "pipelines"),
        Noun("product", "products"),
        Noun("reason", "reasons"),
        Noun("opportunity", "opportunities"),
    ],
    routers=_routers,
    contracts=[
        activity_events.ActivityPlanned,
        activity_events.ActivityUpdated,
        activity_events.ActivityRescheduled,
        activity_events.ActivityStarted,
        activity_events.ActivityCompleted,
        activity_events.ActivityCancelled,
        activity_events.ActivityOverdue,
        activity_events.ActivityArchived,
        activity_events.ActivityRestored,
        assignment_events.AssignmentRuleCreated,
        assignment_events.AssignmentRuleChanged,
        assignment_events.AssignmentRuleArchived,
        assignment_events.AssignmentRuleRestored,
        assignment_events.AssignmentRun,
        lead_events.LeadOpened,
        lead_events.LeadUpdated,
        lead_events.LeadAssigned,
        lead_events.LeadStarted,
        lead_events.LeadQualified,
        lead_events.LeadConverted,
        lead_events.LeadDisqualified,
        lead_events.LeadRecycled,
        lead_events.LeadArchived,
        lead_events.LeadRestored,
        events.OrderCreated,
        events.OrderPlaced,
        events.OrderChanged,
        events.OrderPaid,
        events.OrderRefunded,
        events.OrderFulfilled,
        events.OrderReturned,
        events.OrderCompleted,
        events.OrderCancelled,
        events.OrderArchived,
        events.OrderRestored,
        catalogue.ReasonCreated,
        catalogue.ReasonUpdated,
        catalogue.ReasonRetired,
        catalogue.ReasonArchived,
        catalogue.ReasonRestored,
        catalogue.ProductCreated,
        catalogue.ProductChanged,
        catalogue.ProductLaunched,
        catalogue.ProductRetired,
        catalogue.ProductArchived,
        catalogue.ProductRestored,
        catalogue.PipelineCreated,
        catalogue.PipelineChanged,
        catalogue.PipelineRetired,
        catalogue.PipelineReactivated,
        catalogue.PipelineArchived,
        catalogue.PipelineRestored,
        deals.OpportunityCreated,
        deals.OpportunityUpdated,
        deals.OpportunityStageChanged,
        deals.OpportunityWon,
        deals.OpportunityLost,
        deals.OpportunityReopened,
        deals.OpportunityStalled,
        deals.OpportunityResumed,
        deals.OpportunityAssigned,
        deals.OpportunityArchived,
        deals.OpportunityRestored,
    ],
    consumes=["crm.contacts", "crm.analytics", "crm.platform"],
    handlers=HANDLERS,
    jobs={
        "activity_overdue": activity_movements.mark_overdue,
        timers.STALL: timers.look_at_opportunity,
        timers.STALL_OF_PIPELINE: timers.look_at_pipeline,
    },
    commands={"import": imports},
)
