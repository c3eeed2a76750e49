"""JSON merge patch (RFC 7396) over a record's changeable fields."""

from typing import Any

from pydantic import BaseModel


def merge(target: Any, patch: Any) -> Any:
    """The document `target` after `patch`: objects merge by key, null removes a key, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def apply_patch(row: Any, patch: BaseModel) -> bool:
    """Set on `row` what `patch` names; answers whether anything differs. Null clears; a nested object merges by key.

    Only fields that the caller sent count (pydantic's fields_set), so an absent field is left as it is.
    """
    changed = False
    for name in patch.model_fields_set:
        value = patch.model_dump(include={name}, exclude_unset=True)[name]
        present = getattr(row, name)
        if isinstance(value, dict):
            value = merge(present, value)
        if value != present:
            setattr(row, name, value)
            changed = True
    return changed
