"""Rows of waves have no foreign keys (on PostgreSQL to check them cost more than to write them), and who is not due has no entry."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEYS = (("reservation", "wave"), ("reservation", "contact"), ("reservation", "campaign"), ("target", "wave"), ("target", "contact"))


def upgrade() -> None:
    for table, to in KEYS:
        with op.batch_alter_table(table) as rows:
            rows.drop_constraint(f"fk_{table}_{to}_id", type_="foreignkey")
    op.drop_index("ix_contact_due", "contact")
    is_due = sa.text("due_at IS NOT NULL")
    op.create_index("ix_contact_due", "contact", ["campaign_id", "due_at"], sqlite_where=is_due, postgresql_where=is_due)


def downgrade() -> None:
    op.drop_index("ix_contact_due", "contact")
    op.create_index("ix_contact_due", "contact", ["campaign_id", "due_at"])
    for table, to in KEYS:
        with op.batch_alter_table(table) as rows:
            rows.create_foreign_key(f"fk_{table}_{to}_id", to, [f"{to}_id"], ["id"])
