"""Which results let a model answer, and which do not."""

from typing import Any

import numpy as np
import pytest

from analytics_svc.back_tests.rules import Measured, check_can_test, decide_verdict, leaking_features
from services.errors import WrongState


def measured(contestant: str, *, auc: float, loss: float | None = None) -> Measured:
    rest: dict[str, Any] = dict.fromkeys(("brier", "ece", "gini", "total_error", "buyers_error"))
    return Measured(contestant=contestant, auc=auc, auc_standard_error=0.01, log_loss=loss, calibration=[], **rest)


def field(**losses: float | None) -> list[Measured]:
    """A model of AUC .78 and log loss .48 against others."""
    usual: dict[str, float | None] = {"mbg_nbd": 0.50, "bg_nbd": 0.51} | losses
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
        ({"bg_nbd": 0.47, "incumbent": 0.4}, True, ["behind_incumbent", "behind_bg_nbd"]),
    ],
)
def test_the_champion_must_be_beaten_and_the_simple_models_not_lost_to(losses: dict[str, float], combined: bool, behind: list[str]) -> None:
    assert decide_verdict(field(**losses), combined=combined) == behind


@pytest.mark.parametrize(("area", "behind"), [(0.79, []), (0.7901, ["behind_heuristic"])])
def test_a_rule_of_thumb_may_be_ahead_by_one_standard_error_and_no_more(area: float, behind: list[str]) -> None:
    others = [each for each in field() if each.contestant != "heuristic"]
    assert decide_verdict([*others, measured("heuristic", auc=area)], combined=True) == behind


@pytest.mark.parametrize("status", ["validated", "rejected", "retired"])
def test_only_a_trained_model_and_the_champion_are_tested(status: str) -> None:
    with pytest.raises(WrongState):
        check_can_test(status)


def test_a_feature_that_changes_when_the_future_is_hidden_leaks() -> None:
    then = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert leaking_features(then, then.copy(), ["a", "b"]) == []
    assert leaking_features(then, np.array([[1.0, 2.0], [3.0, 4.5]]), ["a", "b"]) == ["b"]
