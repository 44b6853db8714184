"""Send one person one notice: claim, commit, hand it to the mail server or the chat service, record."""

import logging
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from config import Mail
from core.database import writing
from core.notices import MAIL, Letter, claim_notice, record_notice
from jobs.mail import send, smtp_code
from jobs.queue import NOTICE, begin
from jobs.runtime import now, session_scope, settings, vault
from provider.chat import say

log = logging.getLogger(__name__)

NO_MAIL = "No mail server is set: SMTP_HOST."
LOST_KEY = "The room's address cannot be read any more, because SECRET_KEY was changed: type it again."


def send_notice(notice_id: int) -> None:
    """Twice does no harm: only the first one has it. Whoever dies after sending leaves it to be sent once more."""
    begin(settings().redis_url, NOTICE, notice_id)
    with session_scope() as session:
        with writing(session):
            letter = claim_notice(session, notice_id, now())
        if letter is None:
            return
        problem = _mail(letter) if letter.way == MAIL else _chat(letter)
        if problem:
            log.warning("notice %s was not sent: %s", notice_id, problem)
        with writing(session):
            record_notice(session, notice_id, problem, now())


def _mail(letter: Letter) -> str:
    mail = settings().mail
    if mail is None:
        return NO_MAIL
    try:
        send(mail, _message(mail, letter))
    except Exception as error:
        # The words of a mail server name the address: they have no place in a log.
        return f"The mail server did not take it ({type(error).__name__} {smtp_code(error)})."
    return ""


def _chat(letter: Letter) -> str:
    try:
        address = vault().open(letter.chat or "")
    except ValueError:
        return LOST_KEY
    return say(address, letter.subject, _words(letter))


def _message(mail: Mail, letter: Letter) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = " ".join(letter.subject.split())
    message["From"], message["To"], message["Date"] = mail.sender, letter.email, format_datetime(now())
    message["Message-ID"] = make_msgid(domain=mail.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"{_words(letter)}\n\nWhat you are told of is chosen in your account: {_site()}/account/notices\n"
    )
    return message


def _words(letter: Letter) -> str:
    link = f"\n{_site()}/campaigns/{letter.campaign_id}" if letter.campaign_id else ""
    return f"{letter.words}{link}"


def _site() -> str:
    return settings().public_url or settings().local_url
