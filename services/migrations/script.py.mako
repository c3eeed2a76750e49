<%!
    import re

    def plain(code):
        code = re.sub(r",\s*info=\{[^}]*\}", "", code)
        return re.sub(r" *# ###.*\n?", "", code).strip()
%>"""${message}."""

import sqlalchemy as sa
from alembic import op
from services.migrating import protect

${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${plain(upgrades) if upgrades else "pass"}


def downgrade() -> None:
    ${plain(downgrades) if downgrades else "pass"}
