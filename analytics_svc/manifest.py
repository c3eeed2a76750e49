"""What the analytical service is."""

from fastapi import APIRouter

from analytics_svc.back_tests import operations as back_tests
from analytics_svc.consumers import HANDLERS
from analytics_svc.customers.command import value
from analytics_svc.history import child as history_child
from analytics_svc.history import operations as history
from analytics_svc.models import operations as models
from analytics_svc.rebuilds import command as rebuilds
from analytics_svc.scores import operations as scores
from services.events.analytics import CustomerScored, ModelPromoted, ModelRejected, ModelRetired, ModelTrained, ModelValidated
from services.manifests import Manifest, Noun


def _routers() -> list[APIRouter]:
    from analytics_svc.back_tests import routes as back_tests
    from analytics_svc.churn import routes as churn
    from analytics_svc.cohorts import routes as cohorts
    from analytics_svc.customers import routes as customers
    from analytics_svc.models import routes as models
    from analytics_svc.pyramid import routes as pyramid

    return [customers.router, churn.router, back_tests.router, models.router, pyramid.router, cohorts.router]


manifest = Manifest(
    name="analytics",
    package="analytics_svc",
    port=8015,
    nouns=[Noun("customer", "customers"), Noun("model", "models"), Noun("pyramid", "pyramid"), Noun("cohort", "cohorts")],
    routers=_routers,
    contracts=[CustomerScored, ModelTrained, ModelValidated, ModelRejected, ModelPromoted, ModelRetired],
    consumes=["crm.campaigns", "crm.pipeline", "crm.platform", "crm.tickets"],
    handlers=HANDLERS,
    jobs={
        "fit_models": models.fit_models,
        "fit_first_models": models.fit_first_models,
        "back_test": back_tests.back_test,
        "promote_model": back_tests.promote_validated,
        "score_touched": scores.score_touched,
        "score_all": scores.score_all,
        "score_sweep": scores.sweep,
        "flush_history": history.flush_history,
        "tidy_history": history.tidy_history,
    },
    schedules={"score_sweep": 3600.0, "flush_history": 30.0, "tidy_history": 86_400.0},
    fail_points=(*history_child.FAIL_POINTS, *rebuilds.FAIL_POINTS),
    commands={"value": value, "rebuild": rebuilds.rebuild},
)
