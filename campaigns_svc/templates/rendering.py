"""From a template's words and a contact's values to a mail: Liquid within limits, HTML escaped, every missing value found."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from liquid import BoundTemplate, Environment
from liquid.exceptions import LiquidError, UndefinedError
from liquid.undefined import FalsyStrictUndefined

from .values import BrokenTemplate, MissingVariable, Values

MOST_SUBJECT = 300


class _Limited(Environment):
    """Liquid without files, in which a template can neither run for long nor grow without end."""

    loop_iteration_limit = 1_000
    context_depth_limit = 10
    local_namespace_limit = 20_000
    output_stream_limit = 500_000

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        for tag in ("include", "render"):
            del self.tags[tag]


_PLAIN = _Limited(undefined=FalsyStrictUndefined)
_HTML = _Limited(undefined=FalsyStrictUndefined, autoescape=True)


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a contact reads."""

    subject: str
    html: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """The parsed words of a template."""

    subject: BoundTemplate
    html: BoundTemplate | None
    text: BoundTemplate

    def parts(self) -> dict[str, BoundTemplate]:
        """The parts that there are, by name."""
        found = {"subject": self.subject, "html": self.html, "text": self.text}
        return {name: part for name, part in found.items() if part is not None}

    def variables(self) -> set[str]:
        """The dotted names of everything that the words ask for."""
        return {str(path) for part in self.parts().values() for path in part.global_variable_paths()}

    def render(self, values: Values) -> Rendered:
        """The mail for `values`; what is None or not there is missing, unless the words say what stands for it.

        Raises MissingVariable, BrokenTemplate.
        """
        shown = {name: _known(value) for name, value in values.items() if value is not None}
        try:
            done = {name: part.render(**shown) for name, part in self.parts().items()}
        except UndefinedError as error:
            raise MissingVariable(str(error).partition(" is undefined")[0].strip("'")) from error
        except LiquidError as error:
            raise BrokenTemplate(_complaint(error)) from error
        subject = " ".join(done["subject"].split())[:MOST_SUBJECT]
        return Rendered(subject, done.get("html"), done["text"])


@lru_cache(maxsize=256)
def parse_words(subject: str, html: str | None, text: str) -> Words:
    """The words, parsed. Raises BrokenTemplate naming the part."""
    parts: dict[str, BoundTemplate | None] = {"html": None}
    for name, source, language in (("subject", subject, _PLAIN), ("html", html, _HTML), ("text", text, _PLAIN)):
        try:
            parts[name] = language.from_string(source) if source is not None else None
        except LiquidError as error:
            raise BrokenTemplate(f"{name}: {_complaint(error)}") from error
    assert parts["subject"] is not None
    assert parts["text"] is not None
    return Words(parts["subject"], parts["html"], parts["text"])


def _known(value: object) -> object:
    return {name: inner for name, inner in value.items() if inner is not None} if isinstance(value, Mapping) else value


def _complaint(error: LiquidError) -> str:
    return str(error).partition("\n")[0][:200]
