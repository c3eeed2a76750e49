"""The families of purchase models behind one set of functions: what fits, scores, forecasts and back-tests ask for by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

from numpy.typing import ArrayLike

from analytics_svc.value import bg_nbd, lifetime, mbg_nbd, pareto_nbd
from analytics_svc.value.bg_nbd import BgNbdFit, BgNbdParameters
from analytics_svc.value.pareto_nbd import ParetoNbdFit, ParetoNbdParameters
from analytics_svc.value.statistics import Floats, Histories

FamilyName = Literal["bg_nbd", "mbg_nbd", "pareto_nbd"]
NAMES: tuple[FamilyName, ...] = get_args(FamilyName)
PurchaseFit = BgNbdFit | ParetoNbdFit


@dataclass(frozen=True, slots=True)
class _Family:
    parameters: type[BgNbdParameters] | type[ParetoNbdParameters]
    fit: Callable[..., PurchaseFit]
    p_alive: Callable[..., Floats]
    p_buys_within: Callable[..., Floats]
    expected_purchases: Callable[..., Floats]
    discounted_purchases: Callable[..., Floats]


@dataclass(frozen=True, slots=True)
class PurchaseModel:
    """A model that answers: its family and the parameters of it."""

    family: FamilyName
    parameters: BgNbdParameters | ParetoNbdParameters


_FAMILIES: Mapping[FamilyName, _Family] = {
    "bg_nbd": _Family(
        BgNbdParameters, bg_nbd.fit, bg_nbd.p_alive, bg_nbd.p_buys_within, bg_nbd.expected_purchases, lifetime.discounted_purchases
    ),
    "mbg_nbd": _Family(
        BgNbdParameters,
        mbg_nbd.fit,
        mbg_nbd.p_alive,
        mbg_nbd.p_buys_within,
        mbg_nbd.expected_purchases,
        partial(lifetime.discounted_purchases, after_first=True),
    ),
    "pareto_nbd": _Family(
        ParetoNbdParameters,
        pareto_nbd.fit,
        pareto_nbd.p_alive,
        pareto_nbd.p_buys_within,
        pareto_nbd.expected_purchases,
        pareto_nbd.discounted_purchases,
    ),
}


def purchase_model(family: FamilyName, parameters: Mapping[str, float]) -> PurchaseModel:
    """A model of a family from its parameters by name. Raises ValueError where one is not a positive number."""
    kind: Any = _FAMILIES[family].parameters
    return PurchaseModel(family, kind(**parameters))


def fit(family: FamilyName, histories: Histories) -> PurchaseFit:
    """The maximum-likelihood fit of a family. Raises NotEnoughHistory."""
    return _FAMILIES[family].fit(histories)


def p_alive(model: PurchaseModel, histories: Histories) -> Floats:
    """P(alive at T | x, t_x, T) per row."""
    return _FAMILIES[model.family].p_alive(model.parameters, histories)


def p_buys_within(model: PurchaseModel, histories: Histories, horizon: ArrayLike, *, alive: Floats | None = None) -> Floats:
    """P(at least one purchase in the `horizon` weeks after T) per row; `alive` is P(alive) where it has been worked out before."""
    return _FAMILIES[model.family].p_buys_within(model.parameters, histories, horizon, alive=alive)


def expected_purchases(model: PurchaseModel, histories: Histories, horizon: ArrayLike, *, alive: Floats | None = None) -> Floats:
    """E[purchases in the `horizon` weeks after T | x, t_x, T] per row; `alive` as in `p_buys_within`."""
    return _FAMILIES[model.family].expected_purchases(model.parameters, histories, horizon, alive=alive)


def discounted_purchases(
    model: PurchaseModel, histories: Histories, horizon: float, *, annual_discount_rate: float, alive: Floats | None = None
) -> Floats:
    """The same with each week's purchases discounted (see `lifetime`)."""
    discounted = _FAMILIES[model.family].discounted_purchases
    return discounted(model.parameters, histories, horizon, annual_discount_rate=annual_discount_rate, alive=alive)
