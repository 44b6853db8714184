"""Take out what is kept no longer, in short transactions; rung now and then."""

from core.database import writing
from core.retention import forget_some
from jobs.queue import CLEAN_UP, begin
from jobs.runtime import now, session_scope, settings


def clean_up(_row_id: int) -> None:
    """The job. Twice does no harm."""
    begin(settings().redis_url, CLEAN_UP, _row_id)
    with session_scope() as session:
        more = True
        while more:
            with writing(session):
                more = forget_some(session, now())
