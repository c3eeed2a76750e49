"""What moves the lifecycle of contacts: their orders, their standing, and the hand that holds it."""

import sqlalchemy as sa
from alembic import op

from services.migrating import protect

revision = "contacts_0003"
down_revision = "contacts_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("contact", sa.Column("lifecycle_override", sa.Text))
    op.create_table(
        "contact_order",
        sa.Column("tenant_id", sa.Uuid, primary_key=True),
        sa.Column("order_id", sa.Uuid, primary_key=True),
        sa.Column("contact_id", sa.Uuid, nullable=False),
        sa.Column("bought_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_contact_order_contact", "contact_order", ["tenant_id", "contact_id", "bought_at"])
    op.create_table(
        "contact_standing",
        sa.Column("tenant_id", sa.Uuid, primary_key=True),
        sa.Column("contact_id", sa.Uuid, primary_key=True),
        sa.Column("interacted_at", sa.DateTime(timezone=True)),
        sa.Column("disqualified_at", sa.DateTime(timezone=True)),
        sa.Column("active_until_at", sa.DateTime(timezone=True)),
    )
    due = sa.text("active_until_at IS NOT NULL")
    op.create_index("ix_contact_standing_due", "contact_standing", ["tenant_id", "active_until_at"], postgresql_where=due)
    protect("contact_order")
    protect("contact_standing")


def downgrade() -> None:
    op.drop_table("contact_standing")
    op.drop_table("contact_order")
    op.drop_column("contact", "lifecycle_override")
