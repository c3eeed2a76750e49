"""Mailboxes, mail that comes in, and replies on their way out."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.migrating import protect

revision = "tickets_0005"
down_revision = "tickets_0004"
branch_labels = None
depends_on = None

COLUMNS = ("mail_id", "in_reply_to", "sender_address", "subject_line", "held_reason")
INDEXES = ("uq_message_received", "ix_message_mail", "ix_message_mailbox_created", "ix_message_mailbox_happened")


def upgrade() -> None:
    op.create_table(
        "mailbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("partition_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("queue_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("external_ids", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailbox")),
    )
    op.create_index("ix_mailbox_created", "mailbox", ["tenant_id", "created_at", "id"])
    op.create_index("ix_mailbox_updated", "mailbox", ["tenant_id", "updated_at", "id"])
    op.create_index("ix_mailbox_name", "mailbox", ["tenant_id", "name", "id"])
    op.add_column("message", sa.Column("mailbox_id", sa.Uuid(), nullable=True))
    for name in COLUMNS:
        op.add_column("message", sa.Column(name, sa.Text(), nullable=True))
    op.create_index("ix_message_mailbox_happened", "message", ["tenant_id", "mailbox_id", "happened_at", "id"])
    op.create_index("ix_message_mailbox_created", "message", ["tenant_id", "mailbox_id", "created_at", "id"])
    op.create_index("ix_message_mail", "message", ["tenant_id", "mail_id"])
    op.create_index(
        "uq_message_received",
        "message",
        ["tenant_id", "mailbox_id", "mail_id"],
        unique=True,
        postgresql_where=sa.text("direction = 'in'"),
    )
    op.create_table(
        "mail_out",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("address_hash", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "message_id", name=op.f("pk_mail_out")),
    )
    op.create_index("ix_mail_out_ticket", "mail_out", ["tenant_id", "ticket_id"])
    protect("mailbox")
    protect("mail_out")


def downgrade() -> None:
    op.drop_table("mail_out")
    for index in INDEXES:
        op.drop_index(index, "message")
    for name in COLUMNS:
        op.drop_column("message", name)
    op.drop_column("message", "mailbox_id")
    op.drop_table("mailbox")
