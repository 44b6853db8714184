"""Send one delivery to ourselves, over the public address: the way that the provider's take."""

from core.connection import BODY, note_answer
from core.database import writing
from core.models import ConnectionTest
from jobs.queue import CONNECTION, begin
from jobs.runtime import now, session_scope, settings, vault
from provider.outgoing import TIMEOUTS, send
from provider.wire import Wire


def try_connection(test_id: int) -> None:
    """The job. Twice does no harm."""
    begin(settings().redis_url, CONNECTION, test_id)
    with session_scope() as session:
        test = session.get(ConnectionTest, test_id)
        if test is None or test.answered_at is not None:
            return
        url, secret = f"{test.address}/webhooks/{vault().open(test.token)}", vault().open(test.secret)
        session.rollback()  # nothing of the database is held while it is under way
        wire = Wire(TIMEOUTS, allow_private=True, whom="public address")  # ours, wherever it leads
        outcome = send(wire, url, secret, f"test_{test_id}", BODY, now())
        with writing(session):
            note_answer(session, test_id, outcome, now())
