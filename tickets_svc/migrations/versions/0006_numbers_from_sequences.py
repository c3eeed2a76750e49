"""Numbers of tickets come from a sequence for each tenant, from which nobody waits for another's commit (decision 0026)."""

import sqlalchemy as sa
from alembic import op

from services.migrating import protect

revision = "tickets_0006"
down_revision = "tickets_0005"
branch_labels = None
depends_on = None

DRAW = """
CREATE FUNCTION next_ticket_number() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    name text := 'ticket_number_' || replace(current_setting('mitra.tenant')::uuid::text, '-', '');
BEGIN
    IF to_regclass(name) IS NULL THEN  -- the tenant's first ticket: who opens it at the same time waits here until it is committed
        PERFORM pg_advisory_xact_lock(7130, hashtext(name));
        EXECUTE format('CREATE SEQUENCE IF NOT EXISTS %I', name);
    END IF;
    RETURN nextval(name::regclass);
END
$$
"""
GO_ON = """
DO $$
DECLARE
    name text;
    first bigint;
BEGIN
    FOR name, first IN SELECT 'ticket_number_' || replace(tenant_id::text, '-', ''), last_number + 1 FROM ticket_counter LOOP
        EXECUTE format('CREATE SEQUENCE %I START %s', name, first);
    END LOOP;
END
$$
"""
COUNT = """
INSERT INTO ticket_counter (tenant_id, last_number)
SELECT substr(sequencename, 15)::uuid, coalesce(last_value, 0) FROM pg_sequences WHERE sequencename LIKE 'ticket\\_number\\_%'
"""
DROP = """
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT sequencename FROM pg_sequences WHERE sequencename LIKE 'ticket\\_number\\_%' LOOP
        EXECUTE format('DROP SEQUENCE %I', name);
    END LOOP;
END
$$
"""


def upgrade() -> None:
    op.execute("ALTER TABLE ticket_counter NO FORCE ROW LEVEL SECURITY")  # the owner reads every tenant's, this once
    op.execute(GO_ON)
    op.drop_table("ticket_counter")
    op.execute(DRAW)
    op.execute("REVOKE ALL ON FUNCTION next_ticket_number FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION next_ticket_number TO mitra_app")


def downgrade() -> None:
    op.execute("DROP FUNCTION next_ticket_number")
    op.create_table(
        "ticket_counter",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_ticket_counter")),
    )
    op.execute(COUNT)
    op.execute(DROP)
    protect("ticket_counter")
