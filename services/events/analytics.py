"""What analytics learns of customers, and the models it learns with."""

from typing import ClassVar, Literal

from services.contracts import Amount, Bps, Code, Contract, Count, Currency, Day, Event, Id, Instant, Number, State


class ScoreReason(Contract):
    """A part of a churn score: what was seen (`number`, beside what is `usual` for this customer where that says something).

    `contribution_milli` is what it adds to the log-odds of leaving, against the average customer, in thousandths. The English
    sentence is made where the reason is read.
    """

    code: Code
    number: Number
    usual: Number | None = None
    contribution_milli: int


class ScoreState(State):
    """What a customer is worth from now on; `id` is the contact. Money in the currency's minor units, shares in basis points.

    `churn_bps` is the probability that the customer buys nothing within `churn_horizon_days`, and `value_at_risk_minor` that share
    of the lifetime value. `tier` is the customer's place among all by value: the first 1 %, the next 4 %, 15 % and 80 %. `reasons` are
    the largest parts of the churn score. They are absent until a churn model answers.
    """

    as_of: Day
    scored_at: Instant
    currency: Currency
    horizon_days: Count
    discount_bps: Bps
    lifetime_value_minor: Amount
    expected_purchases_milli: Count
    p_alive_bps: Bps
    p_buys_bps: Bps
    revenue_to_date_minor: Amount
    margin_to_date_minor: Amount
    model_ids: list[Id]
    tier: Literal["top", "big", "medium", "small"] | None = None
    churn_bps: Bps | None = None
    churn_horizon_days: Count | None = None
    value_at_risk_minor: Amount | None = None
    reasons: list[ScoreReason] = []


class CustomerScored(Event):
    """A customer's value (by 5 % or more), churn (by 2 points or more) or tier moved, or was told for the first time.

    A consumer keeps the latest.
    """

    type: ClassVar[str] = "analytics.customer.scored.v1"
    state: ScoreState


class ModelParameter(Contract):
    """A fitted parameter with its standard error."""

    name: Code
    value: Number
    standard_error: Number | None = None


class ModelState(State):
    """A fitted model: what it is for, what it learnt from, and what it found.

    It learnt from the `customers` that had bought by `window_to`, as known at `known_at`. Time is in weeks; the parameter that is
    an amount (gamma of gamma_gamma) is in major units of `currency`. `margin_rate` is the share of revenue that was margin in
    that window, over the orders that named their costs. A model of the kind value is of one of the families bg_nbd, mbg_nbd and
    pareto_nbd (parameters r, alpha, s, beta). A model of the kind churn is the closed form alone (mbg_nbd), or that and
    weights in one logit (mbg_nbd_logit): `weight.…` are the weights and `mean.…` the average customer.
    """

    kind: Literal["value", "spend", "churn"]
    family: Literal["bg_nbd", "gamma_gamma", "mbg_nbd", "mbg_nbd_logit", "pareto_nbd"]
    status: Literal["trained", "validated", "rejected", "champion", "retired"]
    validated: bool
    window_from: Day
    window_to: Day
    known_at: Instant
    customers: Count
    log_likelihood: Number
    parameters: list[ModelParameter]
    currency: Currency | None = None
    margin_rate: Number | None = None


class ModelTrained(Event):
    """A model was fitted. Emitted once, as the subject's first event. A tenant's first model of a kind is born champion."""

    type: ClassVar[str] = "analytics.model.trained.v1"
    state: ModelState


class ModelPromoted(Event):
    """The model answers from now on."""

    type: ClassVar[str] = "analytics.model.promoted.v1"
    state: ModelState


class ModelScore(Contract):
    """How a contestant of a back-test did in the mean over its days; what it does not forecast is absent.

    `deviance` is the mean Poisson deviance of the purchases expected.
    """

    contestant: Code
    auc: Number | None = None
    log_loss: Number | None = None
    brier: Number | None = None
    ece: Number | None = None
    gini: Number | None = None
    total_error: Number | None = None
    deviance: Number | None = None


class ModelValidated(Event):
    """The model beat the champion (`incumbent_id`; none for a first model) on days in the past and lost to nothing simpler."""

    type: ClassVar[str] = "analytics.model.validated.v1"
    state: ModelState
    incumbent_id: Id | None = None
    horizon_days: Count
    origins: list[Day]
    scores: list[ModelScore]


class ModelRejected(Event):
    """The model lost on days in the past to those that `behind` names, and will not answer."""

    type: ClassVar[str] = "analytics.model.rejected.v1"
    state: ModelState
    incumbent_id: Id | None = None
    horizon_days: Count
    origins: list[Day]
    scores: list[ModelScore]
    behind: list[Code]


class ModelRetired(Event):
    """Another model took its place."""

    type: ClassVar[str] = "analytics.model.retired.v1"
    state: ModelState
