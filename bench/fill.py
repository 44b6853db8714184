"""A database that has been in use for long: finished campaigns whose contacts, attempts and deliveries fill its tables."""

from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from core.models import Agent, Campaign, Wave

# In one statement each: a million rows in Python objects would take longer than all that is measured.
_SERIES = {
    "sqlite": "WITH RECURSIVE series(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM series WHERE i < :rows) ",
    "postgresql": "WITH series AS (SELECT generate_series(1, :rows) AS i) ",
}
_BODY = {"sqlite": "zeroblob(300)", "postgresql": "decode(repeat('00', 300), 'hex')"}
_NUMBER = "'+1202' || CAST(1000000 + i AS varchar)"
_TABLES = (
    f"""INSERT INTO contact (id, campaign_id, position, number, clock, context, state, reason, wave_id, tries, attempts, settled_at)
        {{series}} SELECT i, :campaign_id, i, {_NUMBER}, 0, '{{{{}}}}', 'answered', '', :wave_id, 1, 1, :now FROM series""",
    f"""INSERT INTO target (wave_id, number, contact_id, ref) {{series}}
        SELECT :wave_id, {_NUMBER}, i, 'old-' || CAST(i AS varchar) FROM series""",
    """INSERT INTO attempt (contact_id, wave_id, call_id, status, retry_follows, ask, do_not_call, first_seen_at) {series}
        SELECT i, :wave_id, 'old-' || CAST(i AS varchar), 'answered', false, false, false, :now FROM series""",
    f"""INSERT INTO delivery (wave_id, campaign_id, key, received_at, body, headers, verdict, form, event, number, contact_id,
        status, note, address) {{series}}
        SELECT :wave_id, :campaign_id, 'sha256:old-' || CAST(i AS varchar), :now, {{body}}, '[]', 'applied', 'a form',
        'call.completed', {_NUMBER}, i, 'answered', '', '127.0.0.1' FROM series""",
)


def fill(engine: Engine, rows: int) -> None:
    """So many contacts, each in a wave, with one attempt and one delivery; then they are counted for the planner, as in time."""
    now = datetime.now(UTC)
    with Session(engine) as session:
        agent = Agent(name="Long ago", uuid=str(uuid4()), created_at=now)
        campaign = Campaign(
            name="Long ago", agent=agent, state="completed", state_since=now, created_at=now, size=rows, lines=10
        )
        session.add(campaign)
        session.flush()
        wave = Wave(
            campaign_id=campaign.id, ordinal=1, state="finished", state_since=now, cut_at=now, size=rows, lines=10, name_sent="",
            request={}, token_hash="long ago", token="", secret="", counts={"answered": rows},
        )  # fmt: skip
        session.add(wave)
        session.flush()
        kind = engine.dialect.name
        given = {"rows": rows, "campaign_id": campaign.id, "wave_id": wave.id, "now": now.replace(tzinfo=None)}
        for statement in _TABLES:
            filled = statement.format(series=_SERIES[kind], body=_BODY[kind])
            session.execute(text(filled), {name: value for name, value in given.items() if f":{name}" in filled})
        session.commit()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if kind == "postgresql":
            connection.execute(text("SELECT setval(pg_get_serial_sequence('contact', 'id'), :rows)"), {"rows": rows})
        connection.execute(text("ANALYZE"))
