"""Which wording of a purpose is asked, and what a purpose may be asked for."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.errors import Conflict, invalid_field

Wording = Mapping[str, Any]

MOST_WORDINGS = 100


class KeyTaken(Conflict):
    """Another purpose of the tenant has this key."""

    code = "key_taken"


class KeyIsFixed(Conflict):
    """An upsert tells another key than the purpose was born with."""

    code = "key_fixed"


def worded(present: Sequence[Wording], language: str, text: str, *, at: datetime) -> list[Wording]:
    """The wordings with `text` as the newest version in `language`; as they are where it is the newest already. Raises Invalid."""
    newest = _newest(present, language)
    if newest is not None and newest["text"] == text:
        return list(present)
    if len(present) >= MOST_WORDINGS:
        raise invalid_field("/text", "too_many", f"A purpose has at most {MOST_WORDINGS} wordings")
    version = newest["version"] + 1 if newest else 1
    return [*present, {"language": language, "version": version, "text": text, "since": at.isoformat()}]


def wording_asked(wordings: Sequence[Wording], language: str | None, version: int | None = None) -> Wording:
    """The wording for whom speaks `language`: its newest version (or the one that is named) in this language, else in that without its
    region, else in the purpose's first one. Raises Invalid for a version that there is not.
    """
    spoken = [tag for tag in (language, (language or "").partition("-")[0], wordings[0]["language"]) if tag]
    known = next(tag for tag in spoken if _newest(wordings, tag) is not None)
    if version is None:
        newest = _newest(wordings, known)
        assert newest is not None
        return newest
    found = [each for each in wordings if each["language"] == known and each["version"] == version]
    if not found:
        raise invalid_field("/wording_version", "unknown_wording", f"The purpose has no wording {version} in '{known}'")
    return found[0]


def check_may_ask(channels: Sequence[str], channel: str, *, archived: bool) -> None:
    """Raises Invalid for a purpose that is archived, or a channel that it does not name."""
    if archived:
        raise invalid_field("/purpose", "archived", "This purpose is archived: nobody is asked for it any more")
    if channel not in channels:
        raise invalid_field("/channel", "unknown_channel", f"The channels of this purpose are {', '.join(channels)}")


def check_key_stays(present: str, sent: str) -> None:
    """Raises KeyIsFixed."""
    if sent != present:
        raise KeyIsFixed(f"The key of this purpose is '{present}', and so it stays")


def check_languages(languages: Sequence[str]) -> None:
    """Raises Invalid where a new purpose has two wordings in one language."""
    for place, language in enumerate(languages):
        if language in languages[:place]:
            raise invalid_field(f"/wordings/{place}/language", "repeated", "A language has one first wording")


def _newest(wordings: Sequence[Wording], language: str) -> Wording | None:
    return max((each for each in wordings if each["language"] == language), key=lambda each: each["version"], default=None)
