"""What the domain refuses, in words for people; one place at the edge turns these into pages, fragments and JSON."""


class DomainError(Exception):
    """The act was refused; the message says why, to a person."""


class NotFound(DomainError):
    """There is no such thing, or not for you."""


class Conflict(DomainError):
    """Somebody else was first, or what you saw is no longer what is there."""


class AwaitsApproval(Conflict):
    """A second person was asked about this campaign: until they answer, or it is taken back, nothing about it changes."""


class IllegalMove(Conflict):
    """A state does not lead to the one asked for."""


class Invalid(DomainError):
    """The input is wrong; `field` names where."""

    def __init__(self, message: str, field: str | None = None):
        super().__init__(message)
        self.field = field


class DatabaseBusy(DomainError):
    """The database could not take a write in time; nothing was changed, trying again later is safe."""
