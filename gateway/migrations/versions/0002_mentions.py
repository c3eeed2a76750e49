"""Whom an event of the journal names, so that a customer's story can be told; the events that are there are read again for it."""

import sqlalchemy as sa
from alembic import op

from services.migrating import protect

revision = "gateway_0002"
down_revision = "gateway_0001"
branch_labels = None
depends_on = None

MENTIONED = """
INSERT INTO journal_mention (tenant_id, contact_id, event_id, seq, noun, type, occurred_at)
SELECT DISTINCT tenant_id, named::uuid, event_id, seq, split_part(subject, '/', 1), type, (event::jsonb ->> 'time')::timestamptz
FROM journal_entry CROSS JOIN LATERAL (
    SELECT split_part(subject, '/', 2) AS named WHERE split_part(subject, '/', 1) IN ('contact', 'customer')
    UNION SELECT event::jsonb #>> '{data,state,contact_id}'
) AS mention WHERE named IS NOT NULL
"""


def upgrade() -> None:
    op.create_table(
        "journal_mention",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("contact_id", sa.Uuid(), primary_key=True),
        sa.Column("event_id", sa.Uuid(), primary_key=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("noun", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_journal_mention_time", "journal_mention", ["tenant_id", "contact_id", "occurred_at", "event_id"])
    op.execute("ALTER TABLE journal_entry NO FORCE ROW LEVEL SECURITY")  # the owner reads every tenant's, this once
    op.execute(MENTIONED)
    op.execute("ALTER TABLE journal_entry FORCE ROW LEVEL SECURITY")
    protect("journal_mention")


def downgrade() -> None:
    op.drop_table("journal_mention")
