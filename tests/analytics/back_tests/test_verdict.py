"""Which results let a model answer, and which do not."""

from typing import Any

import numpy as np
import pytest

from analytics_svc.back_tests.rules import (
    Measured,
    best_family,
    check_can_test,
    decide_churn_verdict,
    decide_value_verdict,
    leaking_features,
)
from analytics_svc.value.families import FamilyName
from services.errors import WrongState


def measured(contestant: str, *, auc: float, loss: float | None = None, deviance: float | None = None) -> Measured:
    rest: dict[str, Any] = dict.fromkeys(("brier", "ece", "gini", "total_error", "buyers_error"))
    return Measured(contestant=contestant, auc=auc, auc_standard_error=0.01, log_loss=loss, deviance=deviance, calibration=[], **rest)


def field(**losses: float | None) -> list[Measured]:
    """A model of AUC .78 and log loss .48 against others."""
    usual: dict[str, float | None] = {"mbg_nbd": 0.50, "bg_nbd": 0.51, "pareto_nbd": 0.51} | losses
    rules = [measured(name, auc=0.78) for name in ("heuristic", "carry_forward", "last_26_weeks")]
    others = [measured(name, auc=0.76, loss=loss) for name, loss in usual.items() if loss is not None]
    return [measured("model", auc=0.78, loss=0.48), *others, *rules]


@pytest.mark.parametrize(
    ("losses", "combined", "behind"),
    [
        ({}, True, []),
        ({"incumbent": 0.49}, True, []),
        ({"incumbent": 0.48}, True, ["behind_incumbent"]),
        ({"incumbent": 0.47}, False, ["behind_incumbent"]),
        ({"mbg_nbd": 0.47}, True, ["behind_mbg_nbd"]),
        ({"mbg_nbd": 0.47}, False, []),
        ({"pareto_nbd": 0.47}, True, ["behind_pareto_nbd"]),
        ({"pareto_nbd": 0.47}, False, []),
        ({"bg_nbd": 0.47}, False, ["behind_bg_nbd"]),
        ({"bg_nbd": 0.47, "incumbent": 0.4}, True, ["behind_incumbent", "behind_bg_nbd"]),
    ],
)
def test_the_champion_must_be_beaten_and_the_simple_models_not_lost_to(losses: dict[str, float], combined: bool, behind: list[str]) -> None:
    assert decide_churn_verdict(field(**losses), combined=combined) == behind


@pytest.mark.parametrize(("area", "behind"), [(0.79, []), (0.7901, ["behind_heuristic"])])
def test_a_rule_of_thumb_may_be_ahead_by_one_standard_error_and_no_more(area: float, behind: list[str]) -> None:
    others = [each for each in field() if each.contestant != "heuristic"]
    assert decide_churn_verdict([*others, measured("heuristic", auc=area)], combined=True) == behind


def value_field(**deviances: float) -> list[Measured]:
    """Three families of AUC .78, of which Pareto/NBD has the least deviance, against rules of thumb."""
    usual = {"bg_nbd": 0.72, "mbg_nbd": 0.721, "pareto_nbd": 0.719, "carry_forward": 2.4, "last_26_weeks": 3.1} | deviances
    return [measured("heuristic", auc=0.79), *(measured(name, auc=0.78, loss=0.5, deviance=value) for name, value in usual.items())]


@pytest.mark.parametrize(
    ("family", "deviances", "behind"),
    [
        ("pareto_nbd", {}, []),
        ("bg_nbd", {}, ["behind_pareto_nbd"]),
        ("mbg_nbd", {}, ["behind_bg_nbd", "behind_pareto_nbd"]),
        ("bg_nbd", {"pareto_nbd": 0.73}, []),
        ("bg_nbd", {"pareto_nbd": 0.72}, []),
        ("pareto_nbd", {"incumbent": 0.7195}, []),
        ("pareto_nbd", {"incumbent": 0.719}, ["behind_incumbent"]),
        ("pareto_nbd", {"carry_forward": 0.71}, ["behind_carry_forward"]),
    ],
)
def test_the_family_with_the_least_deviance_may_answer(family: FamilyName, deviances: dict[str, float], behind: list[str]) -> None:
    assert decide_value_verdict(value_field(**deviances), family, incumbent_in_sample=False) == behind


def test_a_champion_that_has_seen_the_days_of_the_test_proves_nothing() -> None:
    field = value_field(incumbent=0.6)
    assert decide_value_verdict(field, "pareto_nbd", incumbent_in_sample=True) == []
    assert decide_value_verdict(field, "pareto_nbd", incumbent_in_sample=False) == ["behind_incumbent"]


def test_a_value_model_that_ranks_behind_a_rule_of_thumb_is_refused() -> None:
    others = [each for each in value_field() if each.contestant != "heuristic"]
    ahead = [*others, measured("heuristic", auc=0.7901)]
    assert decide_value_verdict(ahead, "pareto_nbd", incumbent_in_sample=False) == ["behind_heuristic"]


@pytest.mark.parametrize(
    ("deviances", "best"),
    [({}, "pareto_nbd"), ({"mbg_nbd": 0.7}, "mbg_nbd"), ({"bg_nbd": 0.719}, "bg_nbd"), ({"pareto_nbd": 0.8}, "bg_nbd")],
)
def test_the_best_family_is_the_simplest_of_the_least_deviance(deviances: dict[str, float], best: str) -> None:
    assert best_family(value_field(**deviances)) == best


@pytest.mark.parametrize("status", ["validated", "rejected", "retired"])
def test_only_a_trained_model_and_the_champion_are_tested(status: str) -> None:
    with pytest.raises(WrongState):
        check_can_test(status)


def test_a_feature_that_changes_when_the_future_is_hidden_leaks() -> None:
    then = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert leaking_features(then, then.copy(), ["a", "b"]) == []
    assert leaking_features(then, np.array([[1.0, 2.0], [3.0, 4.5]]), ["a", "b"]) == ["b"]
