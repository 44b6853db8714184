"""Mail a link with which somebody sets a password: make its token, commit, hand the letter to the mail server once."""

import logging
import smtplib
import ssl
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from config import Mail
from core.database import writing
from core.links import INVITATION, LASTS, give_token, note_unsent
from core.models import PersonLink
from jobs.runtime import now, session_scope, settings

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10
INVITED = """Hello,

you are invited to Callboard, {site}.
Open this link within {hours} hours and choose a password:

{link}

It works once. Your user name is {email}.
If you did not expect this letter, leave it: without the link nothing happens.
"""
RESET = """Hello,

a new password for Callboard, {site}, was asked for.
Open this link within {hours} hours and choose one:

{link}

It works once, and signs you out of every other browser. Your user name is {email}.
If you did not ask for it, leave it: your password then stays as it is.
"""


def mail_link(link_id: int) -> None:
    """Twice does no harm: only the first one makes a token. What could not be sent is void, and the person's page says so."""
    mail = settings().mail
    if mail is None:
        return
    with session_scope() as session:
        with writing(session):
            given = give_token(session, link_id, now())
            if given is None:
                return
            message = letter(mail, *given)
        try:
            send(mail, message)
        except Exception as error:
            # The words of a mail server name the address, and a traceback may hold the letter: neither has a place in the log.
            log.warning("link %s could not be mailed: %s %s", link_id, type(error).__name__, smtp_code(error))
            with writing(session):
                note_unsent(session, link_id, now())


def letter(mail: Mail, link: PersonLink, token: str) -> EmailMessage:
    site = settings().public_url or settings().local_url
    invited = link.kind == INVITATION
    message = EmailMessage()
    message["Subject"] = "Your invitation to Callboard" if invited else "A new password for Callboard"
    message["From"] = mail.sender
    message["To"] = link.person.email
    message["Date"] = format_datetime(now())
    message["Message-ID"] = make_msgid(domain=mail.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        (INVITED if invited else RESET).format(
            site=site,
            link=f"{site}/links/{token}",
            email=link.person.email,
            hours=LASTS[link.kind] // timedelta(hours=1),
        )
    )
    return message


def send(mail: Mail, message: EmailMessage) -> None:
    """Raises OSError or SMTPException. With TLS the server's certificate must be good for its name."""
    context = ssl.create_default_context()
    if mail.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(mail.host, mail.port, timeout=TIMEOUT_SECONDS, context=context)
    else:
        server = smtplib.SMTP(mail.host, mail.port, timeout=TIMEOUT_SECONDS)
    with server:
        if mail.security == "starttls":
            server.starttls(context=context)
        if mail.username and mail.password:
            server.login(mail.username, mail.password)
        server.send_message(message)


def smtp_code(error: Exception) -> str:
    return str(getattr(error, "smtp_code", ""))
