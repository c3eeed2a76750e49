"""What may be done with a model, and how a fit becomes the parameters that are kept and told."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

import numpy as np

from analytics_svc.value.bg_nbd import BgNbdFit, BgNbdParameters
from analytics_svc.value.gamma_gamma import GammaGammaFit, GammaGammaParameters
from services.errors import Conflict, WrongState

ModelKind = Literal["value", "spend"]
FAMILIES: Mapping[ModelKind, str] = {"value": "bg_nbd", "spend": "gamma_gamma"}


class NotEnoughHistoryYet(Conflict):
    """The purchases known so far cannot identify a model."""

    code = "not_enough_history"


class FitDidNotConverge(Conflict):
    """The search for the maximum likelihood ended without finding it."""

    code = "fit_did_not_converge"


class SpendHasNoMean(Conflict):
    """Spends differ so much between customers that the model gives the next one no finite mean."""

    code = "spend_has_no_mean"


def check_can_promote(status: str) -> None:
    """Raises WrongState for any model but one that is trained."""
    if status != "trained":
        raise WrongState("promote", state=status, verbs_that_fit=[])


def check_fit(fit: BgNbdFit | GammaGammaFit) -> None:
    """Raises FitDidNotConverge; SpendHasNoMean for a spend model with q at most 1, which could not answer for new customers."""
    if not fit.converged:
        raise FitDidNotConverge("The likelihood of these purchases has no maximum that could be found")
    if isinstance(fit, GammaGammaFit) and fit.parameters.q <= 1:
        raise SpendHasNoMean(f"The expected spend is not finite with q = {fit.parameters.q:.3f}")


def parameters_of(fit: BgNbdFit | GammaGammaFit) -> list[dict[str, str | None]]:
    """The parameters of a fit with their standard errors as decimal text, in the order of the papers."""
    errors = asdict(fit.standard_errors) if fit.standard_errors is not None else {}
    return [
        {"name": name, "value": decimal_text(value), "standard_error": decimal_text(errors[name]) if name in errors else None}
        for name, value in asdict(fit.parameters).items()
    ]


def value_parameters(parameters: Sequence[Mapping[str, Any]]) -> BgNbdParameters:
    """The parameters of a kept value model as numbers."""
    return BgNbdParameters(**{parameter["name"]: float(parameter["value"]) for parameter in parameters})


def spend_parameters(parameters: Sequence[Mapping[str, Any]]) -> GammaGammaParameters:
    """The parameters of a kept spend model as numbers; gamma in major units of the tenant's currency."""
    return GammaGammaParameters(**{parameter["name"]: float(parameter["value"]) for parameter in parameters})


def decimal_text(value: float) -> str:
    """A number as plain decimal text that reads back as the same number (down to 18 digits after the point)."""
    return np.format_float_positional(value, precision=18, trim="-")
