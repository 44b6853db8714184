"""Reading a delivery: from the provider's bytes, in any of the envelopes in use, to our facts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.facts import CallFact, CampaignFact
from provider import fields, words
from provider.fields import Places, Record, every, first, first_of

EVENT_HEADER = "x-webhook-event"
MOST_EVENTS = 2000


@dataclass(frozen=True, slots=True)
class Reading:
    """What one body says. `problem` is a sentence, where it cannot be read. Neither facts nor a problem: not for us."""

    event: str | None
    calls: tuple[CallFact, ...] = ()
    campaigns: tuple[CampaignFact, ...] = ()
    problem: str | None = None


def read(
    body: bytes, headers: Mapping[str, str], *, extra_words: Mapping[str, words.Meaning] = words.NO_WORDS
) -> Reading:
    """Read one delivery after it was verified. Never raises: what cannot be read comes back with its problem."""
    told_in_header = next((fields.word(value) for name, value in headers.items() if name.lower() == EVENT_HEADER), None)
    try:
        # NaN and Infinity are no JSON, but a provider's library may write them: they say nothing.
        document = json.loads(body, parse_constant=lambda _: None)
        if isinstance(document, list):
            return _read_events(fields.records_of(document), told_in_header, extra_words)
        if isinstance(document, dict):
            return _read_envelope(document, told_in_header, extra_words)
    except RecursionError:
        return Reading(told_in_header, problem="The body is nested too deeply.")
    except ValueError as error:
        return Reading(told_in_header, problem=fields.storable(f"The body is not JSON that can be read: {error}.", 300))
    return Reading(told_in_header, problem="The body is JSON, but neither an object nor a list.")


def _read_envelope(document: Record, event: str | None, extra_words: Mapping[str, words.Meaning]) -> Reading:
    """One event, or an envelope around several. A record that names its call is one call, whatever lists it holds."""
    places = fields.layers(document, without="campaign")
    alone = _read_event(document, event, extra_words, places)
    events = [] if _names_call(places) else fields.listed(document)
    if not events:
        return alone
    inside = _read_events(events, alone.event, extra_words)
    return Reading(alone.event, inside.calls or alone.calls, alone.campaigns + inside.campaigns, inside.problem)


def _read_events(events: Sequence[Record], event: str | None, extra_words: Mapping[str, words.Meaning]) -> Reading:
    if len(events) > MOST_EVENTS:
        return Reading(event, problem=f"The body holds {len(events)} events; at most {MOST_EVENTS} are read.")
    readings = [_read_event(record, event, extra_words, fields.layers(record, without="campaign")) for record in events]
    return Reading(
        next((reading.event for reading in readings if reading.event), event),
        tuple(call for reading in readings for call in reading.calls),
        tuple(campaign for reading in readings for campaign in reading.campaigns),
    )


def _read_event(record: Record, event: str | None, extra_words: Mapping[str, words.Meaning], places: Places) -> Reading:
    """`places` are the record's layers, but for its campaign."""
    event = first_of(record, fields.EVENT, fields.word) or event
    call = _call_fact(places, event, extra_words)
    about_campaign = words.is_about_campaign(event)
    # A campaign may have a reference, and a "number" that is none; a call id or a phone number makes it a call's event.
    if _names_call(places) or (fields.is_phone(call.number) if about_campaign else call.number or call.ref):
        return Reading(event, calls=(call,))
    campaign = campaign_fact(record, event=event)
    if about_campaign or _counts_calls(campaign):
        return Reading(event, campaigns=(campaign,))
    if call.status is not None and (call.call_id or words.is_about_call(event)):
        return Reading(event, calls=(call,))
    return Reading(event)


def _names_call(places: Places) -> bool:
    return first(places, fields.CALL_ID, fields.word) is not None


def _counts_calls(campaign: CampaignFact) -> bool:
    return campaign.provider_id is not None and any(
        counter is not None for counter in (campaign.total, campaign.initiated, campaign.completed, campaign.failed)
    )


def call_fact(
    record: Record, *, event: str | None = None, extra_words: Mapping[str, words.Meaning] = words.NO_WORDS
) -> CallFact:
    """What one record says of one call: an event, or a `Call` of `GET /calls`, bare or in an envelope."""
    return _call_fact(fields.layers(record, without="campaign"), event, extra_words)


def _call_fact(places: Places, event: str | None, extra_words: Mapping[str, words.Meaning]) -> CallFact:
    duration = fields.duration(places)
    ended_at = first(places, fields.ENDED_AT, fields.instant)
    verdict = words.status_of(
        first(places, fields.STATUS, fields.word),
        every(places, fields.OUTCOMES, fields.word),
        duration=duration,
        answered_by=first(places, fields.ANSWERED_BY, fields.word),
        event=event,
        next_action=first(places, fields.NEXT_ACTION, fields.word),
        ended=ended_at is not None,
        extra_words=extra_words,
    )
    return CallFact(
        status=verdict.status,
        # A bare `id` further out is the event's own.
        call_id=first(places, fields.CALL_ID, fields.word) or first_of(places[0], fields.BARE_ID, fields.word),
        number=first(places, fields.NUMBER, fields.number),
        ref=next(iter(fields.refs(places)), None),
        word=verdict.word,
        unknown_words=verdict.unknown_words,
        retry_follows=verdict.retry_follows,
        ask=verdict.ask,
        do_not_call=verdict.do_not_call,
        started_at=first(places, fields.STARTED_AT, fields.instant),
        ended_at=ended_at,
        told_at=first(places, fields.TOLD_AT, fields.instant, outermost=True),
        duration=duration,
        recording_url=first(places, fields.RECORDING, fields.link),
        summary=first(places, fields.SUMMARY, fields.summary),
        transcript=first(places, fields.TRANSCRIPT, fields.transcript),
        sentiment=first(places, fields.SENTIMENT, fields.sentiment),
        direction=first(places, fields.DIRECTION, fields.word),
        from_number=first(places, fields.FROM_NUMBER, fields.number),
    )


def campaign_fact(record: Record, *, event: str | None = None) -> CampaignFact:
    """What one record says of one campaign: a progress event, or the answer to creating, getting or listing one."""
    places = fields.layers(record, without="call")
    status = first(places, fields.CAMPAIGN_STATUS, fields.word)
    targets = next((held for place in places if isinstance(held := place.get("targets"), list)), [])
    return CampaignFact(
        provider_id=first(places, fields.CAMPAIGN_ID, fields.word) or first_of(places[0], fields.BARE_ID, fields.word),
        status=status,
        over=words.campaign_is_over(status, event),
        name=first(places, fields.CAMPAIGN_NAME, fields.text_up_to(300)),
        total=first(places, fields.TOTAL, fields.count),
        initiated=first(places, fields.INITIATED, fields.count),
        completed=first(places, fields.COMPLETED, fields.count),
        failed=first(places, fields.FAILED, fields.count),
        refs=fields.refs((*places, *fields.records_of(targets))),
    )
