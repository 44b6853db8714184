"""lists, calling hours, and whom not to call."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "suppression",
        sa.Column("id", BIG, nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("created_by_id", BIG, nullable=True),
        sa.Column("api_token_id", BIG, nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["api_token_id"], ["api_token.id"], name=op.f("fk_suppression_api_token_id")),
        sa.ForeignKeyConstraint(["created_by_id"], ["person.id"], name=op.f("fk_suppression_created_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppression")),
        sa.UniqueConstraint("number", name=op.f("uq_suppression_number")),
    )
    op.create_index("ix_suppression_created", "suppression", ["created_at"], unique=False)
    op.create_table(
        "suppression_import",
        sa.Column("id", BIG, nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("stored_as", sa.String(length=80), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("rows_read", sa.Integer(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("known", sa.Integer(), nullable=False),
        sa.Column("invalid", sa.Integer(), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("created_by_id", BIG, nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("import_claim", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(["created_by_id"], ["person.id"], name=op.f("fk_suppression_import_created_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppression_import")),
    )
    op.create_table(
        "remembered_columns",
        sa.Column("header_hash", sa.String(length=64), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("header_hash", name=op.f("pk_remembered_columns")),
    )

    op.add_column("campaign", sa.Column("recent_days", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("campaign", sa.Column("hours_days", sa.JSON(), nullable=False, server_default="[0, 1, 2, 3, 4]"))
    op.add_column("campaign", sa.Column("hours_from", sa.Integer(), nullable=True))
    op.add_column("campaign", sa.Column("hours_to", sa.Integer(), nullable=True))
    op.add_column("campaign", sa.Column("hours_by", sa.String(length=10), nullable=False, server_default="campaign"))
    op.add_column("campaign", sa.Column("clocks", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("campaign", sa.Column("left_out", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("contact", sa.Column("clock", sa.Integer(), nullable=False, server_default="0"))
    ready = sa.text("state = 'ready'")
    op.create_index(
        "ix_contact_clock",
        "contact",
        ["campaign_id", "clock", "position"],
        unique=False,
        sqlite_where=ready,
        postgresql_where=ready,
    )
    due = sa.text("due_at IS NOT NULL")
    op.create_index(
        "ix_contact_clock_due",
        "contact",
        ["campaign_id", "clock", "due_at"],
        unique=False,
        sqlite_where=due,
        postgresql_where=due,
    )
    op.add_column("agent", sa.Column("on_missing", sa.String(length=5), nullable=False, server_default="warn"))

    with op.batch_alter_table("contact_list") as table:
        table.alter_column("campaign_id", existing_type=BIG, nullable=True)
        table.add_column(sa.Column("name", sa.String(length=255), nullable=False, server_default=""))
        table.add_column(sa.Column("created_by", sa.String(length=255), nullable=False, server_default=""))
        table.add_column(sa.Column("task", sa.String(length=10), nullable=False, server_default="read"))
        table.add_column(sa.Column("source_id", BIG, nullable=True))
        table.add_column(sa.Column("source_states", sa.JSON(), nullable=False, server_default="[]"))
        table.add_column(sa.Column("correction", sa.String(length=80), nullable=True))
        table.add_column(sa.Column("keep", sa.String(length=5), nullable=False, server_default="first"))
        table.add_column(sa.Column("rows_expected", sa.Integer(), nullable=True))
        table.add_column(sa.Column("edited", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE contact_list SET judged_at = changed_at WHERE state = 'ready'")
    _rows_by_list_and_number()


def _rows_by_list_and_number() -> None:
    """A row's key is its list and its number there; on SQLite the table is the tree of that key, so it is written anew."""
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint("fk_row_list_id", "row", type_="foreignkey")
        op.drop_constraint("uq_row_list_id_row_number", "row", type_="unique")
        op.drop_constraint("pk_row", "row", type_="primary")
        op.drop_column("row", "id")
        op.create_primary_key("pk_row", "row", ["list_id", "row_number"])
        return
    op.drop_index("ix_row_verdict", "row")
    op.rename_table("row", "old_row")
    op.create_table(
        "row",
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=False),
        sa.Column("cells", sa.JSON(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=True),
        sa.Column("caller_id", sa.String(length=20), nullable=True),
        sa.Column("time_zone", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("list_id", "row_number", name=op.f("pk_row")),
        sqlite_with_rowid=False,
    )
    columns = "list_id, row_number, cells, verdict, reason, number, caller_id, time_zone"
    op.execute(f"INSERT INTO row ({columns}) SELECT {columns} FROM old_row ORDER BY list_id, row_number")
    op.drop_table("old_row")
    op.create_index("ix_row_verdict", "row", ["list_id", "verdict", "row_number"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("go back by restoring the backup made before the upgrade")
