"""What no schema can say: nobody but us makes up a cursor, a key stands for its first body, and what ends has not ended yet."""

from datetime import UTC, datetime

import schemathesis
from hypothesis import strategies as st

moments = st.datetimes(datetime(2000, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC))
schemathesis.openapi.format("date-time", moments.map(datetime.isoformat))


@schemathesis.hook
def map_case(context, case):
    if case.meta and case.meta.generation.mode.is_positive and case.query:
        case.query.pop("cursor", None)
    return case


@schemathesis.hook
def filter_failure(context, failure, case, response) -> bool:
    """A made-up cursor, a key for another body, an end that has come, people who all are on the do-not-call list: refused.

    So is a pause of what is over.
    """
    if type(failure).__name__ != "RejectedPositiveData" or response.status_code not in (409, 422):
        return True
    if response.status_code == 409:
        return not case.path.endswith(("/pause", "/resume", "/stop"))
    places = [complaint["loc"] for complaint in response.json()["detail"]]
    return any(
        place not in (["query", "cursor"], ["header", "Idempotency-Key"], ["body", "expires_at"], ["body", "list"])
        for place in places
    )
