"""The tables, a file for each subject; everything is importable from here."""

from core.models.calling import Attempt, Contact, Delivery, Reservation, Target, Wave
from core.models.campaigns import Campaign, ContactList, Row
from core.models.people import ApiToken, AuditEntry, Person, SignIn, SignInFailure
from core.models.places import Agent, CreateKey, Lease, ProviderState, Setting

__all__ = [
    "Agent", "ApiToken", "Attempt", "AuditEntry", "Campaign", "Contact", "ContactList", "CreateKey", "Delivery", "Lease", "Person",
    "ProviderState", "Reservation", "Row", "Setting", "SignIn", "SignInFailure", "Target", "Wave",
]  # fmt: skip
