"""What may be done with a model, and how a fit becomes the parameters that are kept and told."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

import numpy as np

from analytics_svc.churn.learning import Learnt
from analytics_svc.churn.scorer import ChurnModel
from analytics_svc.value.bg_nbd import BgNbdParameters
from analytics_svc.value.families import FamilyName, PurchaseFit, PurchaseModel, purchase_model
from analytics_svc.value.gamma_gamma import GammaGammaFit, GammaGammaParameters
from services.errors import Conflict, WrongState

ModelKind = Literal["value", "spend", "churn"]
KINDS: tuple[ModelKind, ...] = ("churn", "spend", "value")
CLOSED_FORM = ("r", "alpha", "a", "b")


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is kept of a fit, whatever its kind."""

    family: str
    customers: float
    log_likelihood: float
    parameters: list[dict[str, str | None]]


class NotEnoughHistoryYet(Conflict):
    """The purchases known so far cannot identify a model."""

    code = "not_enough_history"


class FitDidNotConverge(Conflict):
    """The search for the maximum likelihood ended without finding it."""

    code = "fit_did_not_converge"


class SpendHasNoMean(Conflict):
    """Spends differ so much between customers that the model gives the next one no finite mean."""

    code = "spend_has_no_mean"


def check_can_promote(kind: str, status: str) -> None:
    """Raises WrongState for a model that is not validated, and for a spend model that is not trained: those are not back-tested."""
    if status != ("trained" if kind == "spend" else "validated"):
        raise WrongState("promote", state=status, verbs_that_fit=["back-test"] if kind != "spend" and status == "trained" else [])


def check_fit(fit: PurchaseFit | GammaGammaFit) -> None:
    """Raises FitDidNotConverge; SpendHasNoMean for a spend model with q at most 1, which could not answer for new customers."""
    if not fit.converged:
        raise FitDidNotConverge("The likelihood of these purchases has no maximum that could be found")
    if isinstance(fit, GammaGammaFit) and fit.parameters.q <= 1:
        raise SpendHasNoMean(f"The expected spend is not finite with q = {fit.parameters.q:.3f}")


def fitted(family: Literal[FamilyName, "gamma_gamma"], fit: PurchaseFit | GammaGammaFit) -> Fitted:
    """What is kept of the fit of a value or spend model. Raises FitDidNotConverge, SpendHasNoMean."""
    check_fit(fit)
    return Fitted(family, fit.customers, fit.log_likelihood, parameters_of(fit))


def fitted_churn(learnt: Learnt) -> Fitted:
    """What is kept of a churn model: the closed form with its standard errors, the weights, and the average customer."""
    model = learnt.model
    named = {"intercept": model.intercept, "weight.closed_form": model.closed_form_weight, "weight.horizon": model.horizon_weight}
    named |= {f"weight.{name}": value for name, value in model.weights.items()}
    named |= {f"mean.{name}": value for name, value in model.means.items()}
    rest: list[dict[str, str | None]] = [{"name": n, "value": decimal_text(v), "standard_error": None} for n, v in named.items()]
    return Fitted(learnt.family, learnt.closed_form.customers, learnt.log_likelihood, parameters_of(learnt.closed_form) + rest)


def churn_model_of(parameters: Sequence[Mapping[str, Any]]) -> ChurnModel:
    """A kept churn model as numbers."""
    value = {parameter["name"]: float(parameter["value"]) for parameter in parameters}
    own = {"weight.closed_form", "weight.horizon"}
    return ChurnModel(
        closed_form=BgNbdParameters(**{name: value[name] for name in CLOSED_FORM}),
        intercept=value["intercept"],
        closed_form_weight=value["weight.closed_form"],
        horizon_weight=value["weight.horizon"],
        weights={name.partition(".")[2]: value[name] for name in value if name.startswith("weight.") and name not in own},
        means={name.partition(".")[2]: value[name] for name in value if name.startswith("mean.")},
    )


def parameters_of(fit: PurchaseFit | GammaGammaFit) -> list[dict[str, str | None]]:
    """The parameters of a fit with their standard errors as decimal text, in the order of the papers."""
    errors = asdict(fit.standard_errors) if fit.standard_errors is not None else {}
    return [
        {"name": name, "value": decimal_text(value), "standard_error": decimal_text(errors[name]) if name in errors else None}
        for name, value in asdict(fit.parameters).items()
    ]


def purchase_model_of(family: str, parameters: Sequence[Mapping[str, Any]]) -> PurchaseModel:
    """A kept value model as numbers."""
    return purchase_model(cast(FamilyName, family), {parameter["name"]: float(parameter["value"]) for parameter in parameters})


def spend_parameters(parameters: Sequence[Mapping[str, Any]]) -> GammaGammaParameters:
    """The parameters of a kept spend model as numbers; gamma in major units of the tenant's currency."""
    return GammaGammaParameters(**{parameter["name"]: float(parameter["value"]) for parameter in parameters})


def decimal_text(value: float) -> str:
    """A number as plain decimal text that reads back as the same number (down to 18 digits after the point)."""
    return np.format_float_positional(value, precision=18, trim="-")
