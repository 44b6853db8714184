"""deliveries can be judged and read again, unknown words be explained, bodies be forgotten, and the connection be tested."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("delivery", sa.Column("kept_ms", sa.Integer()))
    op.add_column("delivery", sa.Column("replayed_at", sa.DateTime(timezone=True)))
    op.add_column("delivery", sa.Column("forgotten_at", sa.DateTime(timezone=True)))
    unmatched = sa.text("contact_id IS NULL AND number IS NOT NULL")
    op.create_index("ix_delivery_number", "delivery", ["number"], sqlite_where=unmatched, postgresql_where=unmatched)
    op.create_table(
        "heard_word",
        sa.Column("word", sa.String(60), primary_key=True),
        sa.Column("first_heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("meaning", sa.String(16)),
        sa.Column("mapped_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "delivery_word",
        sa.Column("word", sa.String(60), primary_key=True),
        sa.Column("delivery_id", BIG, sa.ForeignKey("delivery.id", name="fk_delivery_word_delivery_id"), primary_key=True),
        sa.Index("ix_delivery_word_delivery", "delivery_id"),
    )
    op.create_table(
        "replay",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("wanted", sa.JSON(), nullable=False),
        sa.Column("asked_by", sa.String(255), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("up_to_id", BIG, nullable=False),
        sa.Column("next_id", BIG, nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("moved", sa.JSON(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Index("ix_replay_finished", "finished_at", "id"),
    )
    op.create_table(
        "connection_test",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.String(255), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True)),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.Column("http_status", sa.Integer()),
        sa.Column("words", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    for table in ("connection_test", "replay", "delivery_word", "heard_word"):
        op.drop_table(table)
    op.drop_index("ix_delivery_number", "delivery")
    for column in ("forgotten_at", "replayed_at", "kept_ms"):
        op.drop_column("delivery", column)
