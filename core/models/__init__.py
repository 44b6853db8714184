"""The tables, a file for each subject; everything is importable from here."""

from core.models.calling import Attempt, Contact, Delivery, Reservation, Target, Wave
from core.models.campaigns import Approval, Campaign, ContactList, RememberedColumns, Row
from core.models.inbox import ConnectionTest, DeliveryWord, HeardWord, Replay
from core.models.outgoing import Endpoint, Message, MessageTry, Notice, NoticeChoice
from core.models.people import ApiToken, AuditEntry, Person, PersonLink, SignIn, SignInFailure, WallLink
from core.models.places import Agent, CreateKey, Lease, LostSubmission, ProviderState, Setting
from core.models.suppressions import Suppression, SuppressionImport

__all__ = [
    "Agent", "ApiToken", "Approval", "Attempt", "AuditEntry", "Campaign", "ConnectionTest", "Contact", "ContactList",
    "CreateKey", "Delivery", "DeliveryWord", "Endpoint", "HeardWord", "Lease", "LostSubmission", "Message", "MessageTry",
    "Notice", "NoticeChoice", "Person", "PersonLink", "ProviderState", "RememberedColumns", "Replay", "Reservation", "Row",
    "Setting", "SignIn", "SignInFailure", "Suppression", "SuppressionImport", "Target", "WallLink", "Wave",
]  # fmt: skip
