"""Anything in any order: launches, claims, answers, reports and people's decisions against a model of the provider."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from core.asking import question, record_calls, record_campaign, record_evidence, schedule_next
from core.clocks import hours_of, zones_of
from core.control import act_on
from core.database import Base, prepare_engine, writing
from core.decisions import it_was_sent, leave_out, send_again, try_again
from core.dispatch import live_campaigns
from core.errors import Conflict, Invalid
from core.facts import AttemptStatus, CallFact, CampaignFact, FieldError, Sent
from core.hours import open_until
from core.inbox import Envelope, Letter, address_of, receive
from core.models import Attempt, Campaign, Contact, ProviderState, Reservation, Suppression, Target, Wave
from core.provider_state import clear
from core.reasons import wave_next
from core.schedule import wave_length
from core.states import ENDED_CAMPAIGNS, OPEN_WAVES, CampaignState, ContactState, WaveState
from core.submission import give_back
from tests.core.cast import LAUNCHER, VAULT, answer, check_boxes, claimed, launched, number, set_hours, suppress, tick

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LONGEST_PAUSE = timedelta(seconds=5)  # jobs/submit.py: an older claim does not POST
MOST_CAMPAIGNS = 3
TRUE_ANSWERS = (Sent.REFUSED, Sent.NOT_SENT, Sent.THROTTLED, Sent.KEY_REFUSED)
PLACES = st.integers(0, 7)
# Monday noon, and what a person may set: nearly always, an hour on some days, and nothing.
HOURS = st.sampled_from(
    [
        {"days": list(range(7)), "from": 0, "to": 1440, "by": "campaign"},
        {"days": [0, 2, 4], "from": 11 * 60, "to": 12 * 60 + 20, "by": "campaign"},
        {"days": list(range(7)), "from": 9 * 60, "to": 17 * 60, "by": "number"},
        {"from": None, "to": None},
    ]
)


@dataclass
class Taken:
    """A wave that the provider really has: whom it calls, and what it said of each call so far."""

    wave_id: int
    numbers: list[str]
    said: list[CallFact] = field(default_factory=list)


class Dispatch(RuleBasedStateMachine):
    """Every rule is something that may happen at any time; places choose among what is there."""

    def __init__(self):
        super().__init__()
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        Base.metadata.create_all(prepare_engine(engine))
        self.session = Session(engine, expire_on_commit=False)
        self.now = START
        self.campaigns = []
        self.claims = []
        self.answers = []
        self.taken: dict[int, Taken] = {}
        self.letters = 0
        self.bells = []

    def teardown(self):
        if self.campaigns:
            self.let_everything_end()
        self.session.close()
        self.session.get_bind().dispose()

    # What happens here

    @precondition(lambda self: len(self.campaigns) < MOST_CAMPAIGNS)
    @rule(
        people=st.integers(1, 5), first=st.integers(0, 3), lines=st.integers(1, 3), wave_size=st.sampled_from([None, 1, 2]),
        retry_by=st.sampled_from(["us", "provider"]), retries=st.integers(0, 2), recent_days=st.sampled_from([0, 0, 1]),
        hours=HOURS, pace=st.sampled_from(["flowing", "strict"]),
    )  # fmt: skip
    def launch(self, people, first, lines, wave_size, retry_by, retries, recent_days, hours, pace):
        chosen = {} if retry_by == "provider" and retries else {f"hours_{name}": value for name, value in hours.items()}
        try:
            launched_now = launched(
                self.session, self.now, people, first, lines=lines, wave_size=wave_size, retry_by=retry_by,
                retry_attempts=retries, retry_gap_minutes=5, retry_outcomes=["no_answer", "busy", "failed"],
                recent_days=recent_days, pace=pace, breaker_percent=50, breaker_calls=3, **chosen,
            )  # fmt: skip
        except Invalid:
            return  # everybody on it is barred
        self.campaigns.append(launched_now)

    @rule()
    def tick(self):
        for campaign in self.campaigns:
            self.bells += tick(self.session, campaign, self.now).submit

    @rule(place=PLACES)
    def claim(self, place):
        waves = self.waves(*WaveState)
        if waves:
            self.claim_wave(waves[-1 - place % len(waves)].id)

    def claim_wave(self, wave_id):
        held = claimed(self.session, wave_id, self.now)
        if held is not None:
            reached = (
                select(Attempt.id)
                .join(Target, Target.contact_id == Attempt.contact_id)
                .where(Target.wave_id == wave_id, Attempt.status == AttemptStatus.ANSWERED)
            )
            assert self.session.scalar(reached) is None, "whoever answered is not called again"
            self.nobody_in_it_is_barred(held)
            self.claims.append(held)

    def nobody_in_it_is_barred(self, held):
        """At the moment of the claim: on no do-not-call list, and inside the hours for as long as the wave takes."""
        numbers = {target["to_number"] for target in held.request["targets"]}
        barred = set(self.session.scalars(select(Suppression.number)))
        assert not numbers & barred, "nobody on the do-not-call list is handed over"
        campaign = self.session.get_one(Campaign, held.campaign_id, populate_existing=True)
        wave = self.session.get_one(Wave, held.wave_id, populate_existing=True)
        if hours := hours_of(campaign):
            ends = self.now + wave_length(wave.size, wave.lines)
            for clock in self.session.scalars(select(Contact.clock).where(Contact.wave_id == wave.id)):
                until = open_until(hours, zones_of(campaign, clock), self.now)
                assert until is not None, "nobody is called outside the hours"
                assert until >= ends, "nor is a wave still calling when they end"

    @rule(says=st.sampled_from([Sent.ACCEPTED, Sent.ACCEPTED, Sent.UNKNOWN, Sent.REFUSED]), takes=st.booleans())
    def submit(self, says, takes):
        """What mostly happens: whatever may go is cut, claimed, sent and the answer written down."""
        self.tick()
        for wave in self.waves(WaveState.PLANNED):
            before = len(self.claims)
            self.claim_wave(wave.id)
            if len(self.claims) > before:
                self.post(before, takes, says)
                self.record(len(self.answers) - 1, True)

    @precondition(lambda self: self.taken)
    @rule(status=st.sampled_from([AttemptStatus.NO_ANSWER, AttemptStatus.BUSY]), minutes=st.sampled_from([1, 6, 17]))
    def nobody_is_reached(self, status, minutes):
        """The newest wave ends like this, and a while later it is another one's turn."""
        newest = list(self.taken.values())[-1]
        for called in newest.numbers:
            self.tell(newest, CallFact(status, f"w{newest.wave_id}-{called}", called, told_at=self.now))
        self.now += timedelta(minutes=minutes)
        self.tick()

    @rule()
    def the_settle_time_passes(self):
        for _ in range(2):
            self.now += timedelta(minutes=16)
            self.tick()

    @precondition(lambda self: self.claims)
    @rule(place=PLACES, takes=st.booleans(), says=st.sampled_from([Sent.ACCEPTED, Sent.UNKNOWN, None, *TRUE_ANSWERS]))
    def post(self, place, takes, says):
        """The POST of a claim holder; `says` None is a process that dies before it can write the answer down."""
        held = self.claims.pop(place % len(self.claims))
        if self.now - held.claimed_at >= LONGEST_PAUSE:
            with writing(self.session):
                give_back(self.session, held, "Too late.", self.now)
            return
        if says == Sent.ACCEPTED or (says in (Sent.UNKNOWN, None) and takes):
            self.take(held)
        if says is not None:
            self.answers.append((held, says))

    def take(self, held):
        numbers = [target["to_number"] for target in held.request["targets"]]
        assert held.wave_id not in self.taken, "one POST for each wave"
        self.session.rollback()
        for other in self.taken.values():
            state = self.session.get_one(Wave, other.wave_id, populate_existing=True).state
            if state not in (WaveState.FINISHED, WaveState.ABANDONED):
                assert not set(numbers) & set(other.numbers), "a number is in one open wave at a time"
            assert state not in (WaveState.REFUSED, WaveState.VOID), "what was sent is not given back by itself"
        self.taken[held.wave_id] = Taken(held.wave_id, numbers)

    @precondition(lambda self: self.answers)
    @rule(place=PLACES, named=st.booleans())
    def record(self, place, named):
        held, says = self.answers.pop(place % len(self.answers))
        errors = (FieldError(("body", "targets", 0), "no"),) if says == Sent.REFUSED and named else ()
        answer(self.session, held, says, self.now, errors=errors)

    @rule(place=PLACES)
    def somebody_asks_not_to_be_called(self, place):
        if self.session.scalar(select(Suppression.id).where(Suppression.number == number(place))) is None:
            suppress(self.session, self.now, number(place))

    @precondition(lambda self: self.campaigns)
    @rule(place=PLACES, hours=HOURS)
    def other_hours(self, place, hours):
        campaign = self.campaigns[place % len(self.campaigns)]
        if campaign.retry_by == "us" or not campaign.retry_attempts:
            set_hours(self.session, campaign, **hours)

    @rule(seconds=st.sampled_from([1, 4, 31, 61, 121, 301, 961, 7200, 43200]))
    def time_passes(self, seconds):
        self.now += timedelta(seconds=seconds)

    @rule(seconds=st.sampled_from([-3600, -61, -2]))
    def the_clock_is_put_back(self, seconds):
        self.now += timedelta(seconds=seconds)

    @rule()
    def the_provider_is_well_again(self):
        with writing(self.session):
            state = self.session.get(ProviderState, 1)
            if state is not None:
                clear(state)

    # What the provider tells

    @precondition(lambda self: self.taken)
    @rule(place=PLACES, who=PLACES, call=st.integers(0, 1), status=st.sampled_from(AttemptStatus), again=st.booleans())
    def report(self, place, who, call, status, again):
        """A report of any wave it ever took, however late; `again` repeats the newest one, byte for byte or not."""
        taken = self.one_of(self.taken, place)
        number = taken.numbers[who % len(taken.numbers)]
        fact = CallFact(status, f"w{taken.wave_id}-{number}-{call}", number, told_at=self.now)
        self.tell(taken, taken.said[-1] if again and taken.said else fact)

    @precondition(lambda self: self.taken)
    @rule(place=PLACES, who=PLACES)
    def somebody_answered(self, place, who):
        self.report(place, who, 0, AttemptStatus.ANSWERED, False)

    def tell(self, taken, fact):
        taken.said.append(fact)
        self.deliver(taken, Letter("call", [fact], []))

    @precondition(lambda self: self.taken)
    @rule(place=PLACES, over=st.booleans())
    def report_progress(self, place, over):
        taken = self.one_of(self.taken, place)
        fact = CampaignFact(f"provider-{taken.wave_id}", "done" if over else "running", over, initiated=len(taken.said))
        self.deliver(taken, Letter("campaign", [], [fact]))

    def deliver(self, taken, letter):
        self.session.rollback()
        address = address_of(self.session, self.session.get_one(Wave, taken.wave_id).token_hash)
        self.letters += 1
        for _ in range(2):
            with writing(self.session):
                receive(self.session, address, Envelope(f"id:{self.letters}", b"{}", [], None, ""), letter, self.now)

    @precondition(lambda self: self.taken)
    @rule(place=PLACES)
    def poll(self, place):
        taken = self.one_of(self.taken, place)
        self.session.rollback()
        asked = question(self.session, taken.wave_id, self.now)
        if asked is None:
            return
        with writing(self.session):
            record_calls(self.session, asked, [fact for each in self.taken.values() for fact in each.said], self.now)
        with writing(self.session):
            fact = CampaignFact(f"provider-{taken.wave_id}", "running", name=asked.name_sent, total=asked.size)
            if not record_evidence(self.session, asked, "The list", fact, self.now):
                record_campaign(self.session, asked, fact, self.now)
            schedule_next(self.session, taken.wave_id, "", self.now)

    # What people decide

    @rule(again=st.booleans())
    def decide(self, again):
        for wave in self.waves(WaveState.NEEDS_PERSON):
            with writing(self.session):
                if again:
                    send_again(self.session, wave.id, wave.size, LAUNCHER, self.now)
                else:
                    it_was_sent(self.session, wave.id, LAUNCHER, self.now)

    @rule(out=st.booleans())
    def let_go(self, out):
        for campaign in self.campaigns:
            with writing(self.session):
                if hold := self.session.get_one(Campaign, campaign.id).hold:
                    (leave_out if out and hold == "refused" else try_again)(
                        self.session, campaign.id, LAUNCHER, self.now
                    )

    @precondition(lambda self: self.campaigns)
    @rule(place=PLACES, act=st.sampled_from(["pause", "resume", "resume", "stop"]), twice=st.booleans())
    def press_a_button(self, place, act, twice):
        campaign_id = self.campaigns[place % len(self.campaigns)].id
        for _ in range(1 + twice):
            try:
                with writing(self.session):
                    self.bells += act_on(self.session, campaign_id, act, LAUNCHER, VAULT, self.now).submit
            except Conflict:
                pass
        planned = select(Wave.id).where(Wave.campaign_id == campaign_id, Wave.state == WaveState.PLANNED)
        state = self.session.get_one(Campaign, campaign_id, populate_existing=True).state
        if state != CampaignState.RUNNING:
            assert self.session.scalar(planned) is None, "nothing more goes from the pause or the stop on"

    @rule()
    def redis_is_wiped(self):
        """Bells are lost, and nothing else: the tick rings again."""
        self.bells.clear()

    @precondition(lambda self: self.bells)
    @rule(place=PLACES)
    def a_worker_answers_a_bell(self, place):
        self.claim_wave(self.bells.pop(place % len(self.bells)))

    # What must hold after each of them

    @invariant()
    def everything_says_why_and_what_happens_next(self):
        self.session.rollback()
        for campaign in self.campaigns:
            mine = self.session.get_one(Campaign, campaign.id, populate_existing=True)
            assert all((mine.why, mine.why_since, mine.next_words)), "a campaign always says why, and what happens next"
        for wave in self.session.scalars(select(Wave)):
            assert all((wave.words, wave_next(wave)[0])), "and so does a wave"

    @invariant()
    def the_boxes_are_the_rows(self):
        for campaign in self.campaigns:
            check_boxes(self.session, campaign)

    @invariant()
    def open_waves_hold_exactly_their_numbers(self):
        self.session.rollback()
        in_open_waves = (
            select(Contact.number, Contact.wave_id)
            .join(Wave, Wave.id == Contact.wave_id)
            .where(Wave.state.in_(OPEN_WAVES))
        )
        held = Counter(map(tuple, self.session.execute(select(Reservation.number, Reservation.wave_id))))
        assert held == Counter(map(tuple, self.session.execute(in_open_waves)))

    @invariant()
    def what_was_sent_is_not_sent_again_by_itself(self):
        self.session.rollback()
        for taken in self.taken.values():
            state = self.session.get_one(Wave, taken.wave_id, populate_existing=True).state
            assert state not in (WaveState.PLANNED, WaveState.REFUSED, WaveState.VOID)
            if taken.said:
                assert state in (WaveState.ACCEPTED, WaveState.FINISHED, WaveState.ABANDONED), "a report is evidence"

    def let_everything_end(self):
        """People decide, the provider takes everything and then says nothing more: every campaign comes to its end."""
        for _ in range(80):
            self.the_provider_is_well_again()
            self.decide(False)
            self.let_go(False)
            for campaign in self.campaigns:
                with writing(self.session):
                    mine = self.session.get_one(Campaign, campaign.id, populate_existing=True)
                    mine.hours_from = mine.hours_to = None
                    if mine.state == CampaignState.PAUSED:
                        act_on(self.session, campaign.id, "resume", LAUNCHER, VAULT, self.now)
                for wave_id in tick(self.session, campaign, self.now).submit:
                    held = claimed(self.session, wave_id, self.now)
                    if held is not None:
                        self.take(held)
                        answer(self.session, held, Sent.ACCEPTED, self.now)
            if not live_campaigns(self.session):
                break
            self.now += timedelta(minutes=40)
        self.session.rollback()
        assert set(self.session.scalars(select(Campaign.state))) <= set(ENDED_CAMPAIGNS)
        open_ones = select(Contact.id).where(Contact.settled_at.is_(None), Contact.state != ContactState.EXCLUDED)
        assert self.session.scalars(open_ones).all() == []
        assert self.session.scalars(select(Contact.id).where(Contact.due_at.is_not(None))).all() == []
        assert self.session.scalars(select(Reservation.number)).all() == []
        self.the_boxes_are_the_rows()
        self.whoever_was_reached_counts_as_reached()

    def whoever_was_reached_counts_as_reached(self):
        """Every answered call that the provider told of is an answered person."""
        answered = {
            (taken.wave_id, fact.number)
            for taken in self.taken.values()
            for fact in taken.said
            if fact.status == AttemptStatus.ANSWERED
        }
        for wave_id, called in answered:
            state = self.session.scalar(
                select(Contact.state)
                .join(Target, Target.contact_id == Contact.id)
                .where(Target.wave_id == wave_id, Target.number == called)
            )
            assert state == ContactState.ANSWERED

    def waves(self, *states):
        self.session.rollback()
        return self.session.scalars(select(Wave).where(Wave.state.in_(states)).order_by(Wave.id)).all()

    @staticmethod
    def one_of(things, place):
        return list(things.values())[place % len(things)]


TestDispatch = Dispatch.TestCase
TestDispatch.settings = settings(
    max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
