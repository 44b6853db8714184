"""people approvals and messages."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "person_link",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["created_by_id"], ["person.id"], name=op.f("fk_person_link_created_by_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_person_link_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_person_link_token_hash")),
    )
    op.create_index(op.f("ix_person_link_person_id"), "person_link", ["person_id"], unique=False)

    op.create_table(
        "approval",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=12), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.String(length=255), nullable=False),
        sa.Column("asked_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("api_token_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=255), nullable=False),
        sa.Column("decided_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["api_token_id"], ["api_token.id"], name=op.f("fk_approval_api_token_id")),
        sa.ForeignKeyConstraint(["asked_by_id"], ["person.id"], name=op.f("fk_approval_asked_by_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_approval_campaign_id")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["person.id"], name=op.f("fk_approval_decided_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
    )
    op.create_index("ix_approval_campaign", "approval", ["campaign_id", "id"], unique=False)

    op.create_table(
        "endpoint",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told", sa.JSON(), nullable=True),
        sa.Column("progress_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_endpoint_campaign_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoint")),
        sa.UniqueConstraint("campaign_id", name=op.f("uq_endpoint_campaign_id")),
    )
    op.create_index("ix_endpoint_progress", "endpoint", ["progress_at"], unique=False)
    op.create_table(
        "message",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("endpoint_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("uid", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("give_up_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoint.id"], name=op.f("fk_message_endpoint_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("endpoint_id", "key", name=op.f("uq_message_endpoint_id_key")),
        sa.UniqueConstraint("uid", name=op.f("uq_message_uid")),
    )
    op.create_index("ix_message_due", "message", ["state", "endpoint_id", "next_at", "id"], unique=False)
    op.create_index("ix_message_endpoint", "message", ["endpoint_id", "id"], unique=False)

    op.create_table(
        "message_try",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_message_try_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_try")),
    )
    op.create_index(op.f("ix_message_try_message_id"), "message_try", ["message_id"], unique=False)

    op.add_column("api_token", sa.Column("hint", sa.String(length=8), nullable=False, server_default=""))
    op.add_column("api_token", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))

    op.create_index("ix_audit_entry_act", "audit_entry", ["act", "id"], unique=False)
    op.create_index("ix_audit_entry_at", "audit_entry", ["at"], unique=False)
    op.create_index("ix_audit_entry_person", "audit_entry", ["person_id", "id"], unique=False)
    _audit_entry_only_grows()

    op.add_column("campaign", sa.Column("is_test", sa.Boolean(), nullable=False, server_default=sa.false()))
    _add_test_of_id()
    op.create_index("ix_campaign_test_of", "campaign", ["test_of_id", "id"], unique=False)
    op.add_column("wave", sa.Column("tells_calls", sa.Boolean(), nullable=False, server_default=sa.false()))
    # The address that an API caller named becomes an endpoint of the campaign; of one under way it is told from now on.
    op.execute(
        f"""INSERT INTO endpoint (campaign_id, name, url, secret, events, created_at, failures, disabled_words)
        SELECT id, '', webhook_url, webhook_secret,
            CASE WHEN notify_on_call_complete THEN {_json('["campaign", "call"]')} ELSE {_json('["campaign"]')} END,
            created_at, 0, ''
        FROM campaign WHERE webhook_url IS NOT NULL"""
    )
    op.execute(
        """UPDATE endpoint SET progress_at = created_at WHERE campaign_id IN
        (SELECT id FROM campaign WHERE state IN ('scheduled', 'running', 'paused', 'stopping'))"""
    )
    op.execute(
        """UPDATE wave SET tells_calls = true WHERE finished_at IS NULL AND campaign_id IN
        (SELECT id FROM campaign WHERE notify_on_call_complete AND webhook_url IS NOT NULL)"""
    )
    op.drop_column("campaign", "webhook_secret")
    op.drop_column("campaign", "webhook_url")
    op.drop_column("campaign", "notify_on_call_complete")

    op.add_column("person", sa.Column("phone", sa.String(length=20), nullable=True))
    op.add_column("person", sa.Column("oidc_subject", sa.String(length=500), nullable=True))
    op.create_index("ix_person_oidc_subject", "person", ["oidc_subject"], unique=True)

    op.add_column("provider_state", sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("provider_state", sa.Column("tried_words", sa.Text(), nullable=True))
    op.add_column("provider_state", sa.Column("is_tried_well", sa.Boolean(), nullable=True))
    op.add_column("provider_state", sa.Column("quota", sa.JSON(), nullable=True))
    op.add_column("provider_state", sa.Column("quota_at", sa.DateTime(timezone=True), nullable=True))


def _audit_entry_only_grows() -> None:
    """The triggers of core/append_only.py. A later migration that copies the table (SQLite's batch mode) makes them anew."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            """CREATE TRIGGER audit_entry_is_not_changed BEFORE UPDATE ON audit_entry
    BEGIN SELECT RAISE(ABORT, 'audit_entry only grows'); END"""
        )
        op.execute(
            """CREATE TRIGGER audit_entry_is_not_removed BEFORE DELETE ON audit_entry
    BEGIN SELECT RAISE(ABORT, 'audit_entry only grows'); END"""
        )
        op.execute(
            """CREATE TRIGGER audit_entry_is_not_replaced BEFORE INSERT ON audit_entry
    WHEN EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'audit_entry only grows'); END"""
        )
    else:
        op.execute(
            """CREATE OR REPLACE FUNCTION audit_entry_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'audit_entry only grows'; END $$"""
        )
        op.execute(
            """CREATE TRIGGER audit_entry_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_only_grows()"""
        )


def _json(text: str) -> str:
    return f"'{text}'" if op.get_bind().dialect.name == "sqlite" else f"'{text}'::json"


def _add_test_of_id() -> None:
    """SQLite adds a column with its foreign key in one statement, or not at all without copying the table."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("ALTER TABLE campaign ADD COLUMN test_of_id INTEGER REFERENCES campaign (id)")
    else:
        op.add_column("campaign", sa.Column("test_of_id", sa.BigInteger(), nullable=True))
        op.create_foreign_key("fk_campaign_test_of_id", "campaign", "campaign", ["test_of_id"], ["id"])


def downgrade() -> None:
    raise NotImplementedError("go back by restoring the backup made before the upgrade")
