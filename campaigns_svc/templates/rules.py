"""What may be done with a template, and whether its words can be sent."""

from collections.abc import Sequence
from typing import Protocol

from services.errors import Invalid, WrongState, invalid_field

from .rendering import Rendered, Words, parse_words
from .values import BrokenTemplate, MissingVariable, Values

TRANSITIONS = {"publish": {"draft": "published"}, "retire": {"published": "retired"}}
CONTACT_VARIABLES = ("given_name", "family_name", "display_name", "language", "country")
RESERVED = frozenset({"contact", "unsubscribe_url"})
SAMPLE_CONTACT = {"given_name": "Asha", "family_name": "Rao", "display_name": "Asha Rao", "language": "en", "country": "IN"}
SAMPLE_URL = "https://example.com/unsubscribe"


class Written(Protocol):
    """The words of a template."""

    @property
    def subject(self) -> str: ...
    @property
    def html(self) -> str | None: ...
    @property
    def text(self) -> str: ...
    @property
    def variables(self) -> Sequence[str]: ...


def decide_status(verb: str, status: str) -> str:
    """The status after `verb`. Raises WrongState."""
    after = TRANSITIONS[verb].get(status)
    if after is None:
        raise WrongState(verb, state=status, verbs_that_fit=_fitting(status))
    return after


def check_can_change(status: str) -> None:
    """Raises WrongState for a template that is published: its words stay as they are."""
    if status != "draft":
        raise WrongState("update", state=status, verbs_that_fit=_fitting(status))


def check_can_revise(status: str) -> None:
    """Raises WrongState for a draft, which is changed itself."""
    if status == "draft":
        raise WrongState("revise", state=status, verbs_that_fit=_fitting(status))


def check_can_publish(template: Written) -> None:
    """Every variable is known and the words render for a sample contact. Raises Invalid that says what does not."""
    asked = words_of(template).variables()
    unknown = sorted(name for name in asked if not _is_known(name, template.variables))
    if unknown:
        names = ", ".join(unknown)
        raise invalid_field("/variables", "unknown_variable", f"Nobody gives a value to {names}: declare it, or use a field of contact")
    render_sample(template, sample_values(template))


def sample_values(template: Written) -> Values:
    """Values for everything that a template may ask for."""
    return {"contact": SAMPLE_CONTACT, "unsubscribe_url": SAMPLE_URL, **{name: name for name in template.variables}}


def render_sample(template: Written, values: Values) -> Rendered:
    """What the words say for `values`. Raises Invalid for a value that is missing, or words that cannot be rendered."""
    try:
        return words_of(template).render({"unsubscribe_url": SAMPLE_URL, **values})
    except MissingVariable as error:
        raise Invalid(f"There is no value for {error}", code="missing_variable") from error
    except BrokenTemplate as error:
        raise Invalid(str(error), code="broken_template") from error


def words_of(template: Written) -> Words:
    """The words of a template, parsed. Raises Invalid that says what is wrong with them."""
    try:
        return parse_words(template.subject, template.html, template.text)
    except BrokenTemplate as error:
        raise Invalid(str(error), code="broken_template") from error


def _is_known(name: str, declared: Sequence[str]) -> bool:
    head, _, rest = name.partition(".")
    return rest in CONTACT_VARIABLES if head == "contact" else name == "unsubscribe_url" or name in declared


def _fitting(status: str) -> list[str]:
    return [verb for verb, moves in TRANSITIONS.items() if status in moves] + (["revise"] if status != "draft" else [])
