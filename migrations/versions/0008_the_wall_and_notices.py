"""calls are counted by the hour, screens on walls have links, and people are told how campaigns go on."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("wave", sa.Column("calls_by_hour", sa.JSON()))
    op.create_index("ix_attempt_wave", "attempt", ["wave_id"])
    op.create_table(
        "wall_link",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(255), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "notice_choice",
        sa.Column("person_id", BIG, sa.ForeignKey("person.id", name="fk_notice_choice_person_id"), primary_key=True),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("attention", sa.Boolean(), nullable=False),
        sa.Column("failing_percent", sa.Integer()),
        sa.Column("only_own", sa.Boolean(), nullable=False),
        sa.Column("by_mail", sa.Boolean(), nullable=False),
        sa.Column("chat", sa.Text()),
        sa.Column("chat_hint", sa.String(64), nullable=False),
    )
    op.create_table(
        "notice",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("person_id", BIG, sa.ForeignKey("person.id", name="fk_notice_person_id"), nullable=False),
        sa.Column("campaign_id", BIG, sa.ForeignKey("campaign.id", name="fk_notice_campaign_id")),
        sa.Column("way", sa.String(8), nullable=False),
        sa.Column("key", sa.String(120), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.UniqueConstraint("person_id", "way", "key", name="uq_notice_person_id_way_key"),
        sa.Index("ix_notice_due", "state", "next_at"),
    )


def downgrade() -> None:
    for table in ("notice", "notice_choice", "wall_link"):
        op.drop_table(table)
    op.drop_index("ix_attempt_wave", "attempt")
    op.drop_column("wave", "calls_by_hour")
