"""What a team tree may look like."""

from collections.abc import Mapping
from uuid import UUID

from services.errors import Conflict


class TeamAboveItself(Conflict):
    """A team would stand above itself."""

    code = "team_cycle"


def check_no_cycle(team_id: UUID, parent_id: UUID | None, parents: Mapping[UUID, UUID | None]) -> None:
    """Raises TeamAboveItself, naming the path, when `parent_id` stands at or below `team_id` in the tree `parents`."""
    path = [team_id]
    while parent_id is not None:
        path.append(parent_id)
        if parent_id == team_id:
            raise TeamAboveItself(f"The team would stand above itself: {' → '.join(str(each) for each in path)}")
        parent_id = parents.get(parent_id)
