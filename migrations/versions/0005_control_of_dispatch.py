"""campaigns can be paced, guarded and explained; submissions that a restored database does not know are kept."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("campaign", sa.Column("latest_start_at", sa.DateTime(timezone=True)))
    op.add_column("campaign", sa.Column("start_by", sa.String(10), nullable=False, server_default="us"))
    op.add_column("campaign", sa.Column("pace", sa.String(10), nullable=False, server_default="flowing"))
    op.add_column("campaign", sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
    # Nobody chose it for what was launched before.
    op.add_column("campaign", sa.Column("breaker_percent", sa.Integer()))
    op.add_column("campaign", sa.Column("breaker_calls", sa.Integer(), nullable=False, server_default="20"))
    op.add_column("campaign", sa.Column("next_words", sa.Text(), nullable=False, server_default=""))
    op.add_column("campaign", sa.Column("state_by", sa.String(255), nullable=False, server_default=""))
    op.add_column("campaign", sa.Column("next_at", sa.DateTime(timezone=True)))
    op.add_column("campaign", sa.Column("hold_words", sa.Text(), nullable=False, server_default=""))
    op.add_column("campaign", sa.Column("lines_wanted", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("campaign", sa.Column("lines_wanted_since", sa.DateTime(timezone=True)))
    op.add_column("campaign", sa.Column("breaker_from", sa.DateTime(timezone=True)))
    op.add_column("wave", sa.Column("starts_at", sa.DateTime(timezone=True)))
    op.add_column("wave", sa.Column("polled_at", sa.DateTime(timezone=True)))
    op.add_column("wave", sa.Column("differs_since", sa.DateTime(timezone=True)))
    op.add_column("provider_state", sa.Column("quota_asked_at", sa.DateTime(timezone=True)))
    op.create_table(
        "lost_submission",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("campaign_id", BIG, nullable=False, index=True),
        sa.Column("campaign_name", sa.String(255), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("go back by restoring the backup made before the upgrade")
