"""Mailed links: one letter each, to a real mail server, over a connection whose certificate is good; nothing secret is logged."""

import ipaddress
import logging
import re
import socket
import ssl
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from redis import Redis
from sqlalchemy import select, update

from core.audit import Actor
from core.links import find_link, link_state, make_link
from core.models import PersonLink
from jobs.mail import mail_link
from jobs.queue import MAIL, OUTGOING, queue, ring
from jobs.tick import tick_all
from tests.factories import make_person

NOW = datetime.now(UTC)
# What the databases have to do with it is tested with core/links.py.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Mailbox:
    """What a mail server was handed, as it arrived."""

    def __init__(self):
        self.letters = []
        self.is_full = False

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - the server calls it so
        if self.is_full:
            return f"552 the mailbox of {envelope.rcpt_tos[0]} is full"
        self.letters.append((envelope, session.authenticated))
        return "250 OK"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with key and certificate of 127.0.0.1, which nobody has signed but itself."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    build = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    build = build.serial_number(1).not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=1))
    host = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = build.add_extension(host, critical=False).sign(key, hashes.SHA256())
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = tmp_path_factory.mktemp("mail") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *private) + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def mail_server(monkeypatch, settings, certificate, request):
    """`mail_server("starttls")` starts a server and makes it ours; it is a Mailbox."""
    monkeypatch.setenv("MAIL_FROM", "callboard@example.com")
    monkeypatch.setenv("PUBLIC_URL", "https://calls.example.com")

    def start(security="none", **options):
        if security != "none":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            options["ssl_context" if security == "tls" else "tls_context"] = context
        mailbox = Mailbox()
        controller = Controller(mailbox, hostname="127.0.0.1", port=free_port(), **options)
        controller.start()
        request.addfinalizer(controller.stop)
        for name, value in (("HOST", "127.0.0.1"), ("PORT", str(controller.port)), ("SECURITY", security)):
            monkeypatch.setenv(f"SMTP_{name}", value)
        request.getfixturevalue("job_runtime")
        return mailbox

    return start


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def link(session):
    grace = make_person(session, email="grace@example.com", password_hash=None)
    made, _ = make_link(session, grace.id, Actor("An admin"), NOW, by_mail=True)
    session.commit()
    return made


def test_an_invitation_is_mailed_once_and_its_link_is_good(mail_server, session, link, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(logging.getLogger("mail.log"), "propagate", False)  # the test server's own
    mailbox = mail_server()
    for _ in range(2):
        mail_link(link.id)
    [(envelope, _)] = mailbox.letters
    assert (envelope.mail_from, envelope.rcpt_tos) == ("callboard@example.com", ["grace@example.com"])
    letter = message_from_bytes(envelope.content, policy=policy.default)
    assert letter["Subject"] == "Your invitation to Callboard"
    assert letter["Auto-Submitted"] == "auto-generated"
    text = letter.get_content()
    assert "within 72 hours" in text
    token = re.search(r"\nhttps://calls.example.com/links/([\w-]{43})\r?\n", text)[1]
    assert find_link(session, token, NOW).id == link.id
    assert token not in caplog.text
    assert "grace@" not in caplog.text


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_is_believed_only_with_a_good_certificate(
    mail_server, session, link, certificate, monkeypatch, security
):
    mailbox = mail_server(security)
    mail_link(link.id)
    session.expire_all()
    assert (mailbox.letters, link_state(link, NOW)) == ([], "unsent")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    session.execute(update(PersonLink).values(revoked_at=None))
    session.commit()
    mail_link(link.id)
    assert len(mailbox.letters) == 1


def test_a_server_that_does_not_offer_tls_gets_no_letter(mail_server, session, link, monkeypatch):
    mailbox = mail_server()
    monkeypatch.setenv("SMTP_SECURITY", "starttls")
    mail_link(link.id)
    session.expire_all()
    assert (mailbox.letters, link_state(link, NOW)) == ([], "unsent")


def test_our_name_and_password_are_shown_to_a_server_that_asks(mail_server, link, certificate, monkeypatch):
    for name, value in (("SMTP_USERNAME", "us"), ("SMTP_PASSWORD", "secret"), ("SSL_CERT_FILE", str(certificate))):
        monkeypatch.setenv(name, value)
    asked = []

    def authenticator(server, session, envelope, mechanism, data):
        asked.append((data.login, data.password))
        return AuthResult(success=True)

    mailbox = mail_server("starttls", authenticator=authenticator, auth_required=True)
    mail_link(link.id)
    assert asked == [(b"us", b"secret")]
    assert [authenticated for _, authenticated in mailbox.letters] == [True]


@pytest.mark.parametrize("is_away", [True, False], ids=["the server is away", "the mailbox is full"])
def test_what_could_not_be_sent_is_void_and_said_without_an_address(
    mail_server, session, link, caplog, monkeypatch, is_away
):
    monkeypatch.setattr(logging.getLogger("mail.log"), "propagate", False)  # the test server's own
    mailbox = mail_server()
    mailbox.is_full = True
    if is_away:
        monkeypatch.setenv("SMTP_PORT", str(free_port()))
    mail_link(link.id)
    session.expire_all()
    assert link_state(link, NOW) == "unsent"
    assert (
        f"link {link.id} could not be mailed: {'ConnectionRefusedError' if is_away else 'SMTPDataError 552'}"
        in caplog.text
    )
    assert "grace@" not in caplog.text


def test_a_bell_that_was_lost_is_rung_again_by_the_tick_once_a_minute(mail_server, session, link, settings):
    mail_server()
    session.execute(update(PersonLink).values(created_at=datetime.now(UTC) - timedelta(minutes=2)))
    session.commit()
    tick_all()
    tick_all()
    with Redis.from_url(settings.redis_url) as redis:
        assert [(job.func_name, job.args) for job in queue(OUTGOING, redis).jobs] == [
            ("jobs.mail.mail_link", [link.id])
        ]


def test_a_letter_does_not_wait_behind_messages_for_slow_servers(settings):
    for name, row_id in ((OUTGOING, 1), (OUTGOING, 2), (MAIL, 3)):
        ring(settings.redis_url, name, row_id)
    with Redis.from_url(settings.redis_url) as redis:
        assert [job.args for job in queue(OUTGOING, redis).jobs] == [[3], [1], [2]]


def test_without_a_mail_server_nothing_happens_to_a_link(job_runtime, session, link):
    mail_link(link.id)
    mail_link(0)
    assert session.scalars(select(PersonLink.token_hash)).all() == [None]
