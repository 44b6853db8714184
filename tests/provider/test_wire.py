"""One exchange: what surely was not sent, what cannot be known, and no server that holds us."""

import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from provider.wire import Reply, Silence, Timeouts, Wire, is_private
from tests.provider.stub import Stub, answer, drip, hang_up, reset, silence

QUICK = Timeouts(connect=0.5, read=0.3, total=0.6)
WIRE = Wire(QUICK, allow_private=True)
PRIVATE = """
    10.1.2.3 172.16.0.1 192.168.1.1 127.9.9.9 169.254.169.254 100.64.0.1 0.0.0.0 255.255.255.255 224.0.0.1 240.0.0.1
    ::1 :: fe80::1%eth0 fc00::1 ff02::1 ::ffff:10.0.0.1 2002:7f00:1:: 64:ff9b::a00:1 2001:db8::1
"""


def post(url, wire=WIRE, **options):
    return wire.exchange("POST", url, headers={"Authorization": "Bearer key-1"}, body=b"{}", **options)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed one for `localhost`: the server's context and the path that a client may trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    pkcs8 = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, pkcs8, serialization.NoEncryption())
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context, str(path)


def test_an_answer_comes_whole():
    with Stub(answer(201, {"id": 1}, X_Name="v")) as stub:
        reply = post(f"{stub.url}/campaigns")
    assert (reply.status, reply.body, reply.whole, reply.headers["x-name"]) == (201, b'{"id": 1}', True, "v")
    assert stub.asked[0].headers["authorization"] == "Bearer key-1"


def test_a_refused_connection_was_not_sent():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert post(f"http://127.0.0.1:{port}/") == Silence(False, f"127.0.0.1:{port} refused the connection.")


def test_an_unknown_name_was_not_sent():
    assert post("http://nobody.invalid/") == Silence(False, "The name nobody.invalid cannot be resolved.")


def test_a_name_that_no_resolver_takes_was_not_sent():
    assert not post(f"http://{'a' * 70}.example/").begun


def test_a_connect_timeout_was_not_sent():
    with socket.socket() as listener, socket.socket() as filler, socket.socket() as filler_too:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for each in (filler, filler_too):
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        port = listener.getsockname()[1]
        assert post(f"http://127.0.0.1:{port}/") == Silence(False, f"127.0.0.1:{port} did not answer in time.")


def test_plain_http_behind_https_was_not_sent():
    with Stub(answer(200), deaf=True) as stub:
        assert not post(f"https://localhost:{stub.port}/").begun


@pytest.mark.parametrize("act", [hang_up, silence])
def test_a_handshake_that_is_cut_off_or_stands_still_was_not_sent(act):
    with Stub(act, deaf=True) as stub:
        outcome = post(f"https://localhost:{stub.port}/")
    assert outcome == Silence(False, "No TLS connection to the provider came about.")


def test_an_untrusted_certificate_was_not_sent(certificate):
    with Stub(answer(200), tls=certificate[0]) as stub:
        outcome = post(f"https://localhost:{stub.port}/")
    assert not outcome.begun
    assert "certificate is not good" in outcome.words
    assert stub.asked == []


def test_a_certificate_for_another_name_was_not_sent(certificate):
    trusting = Wire(QUICK, allow_private=True, verify=certificate[1])
    with Stub(answer(200), tls=certificate[0]) as stub:
        assert not post(f"https://127.0.0.1:{stub.port}/", trusting).begun


def test_tls_names_the_host_although_the_address_is_dialled(certificate):
    names = []
    certificate[0].sni_callback = lambda _socket, name, _context: names.append(name)
    trusting = Wire(QUICK, allow_private=True, verify=certificate[1])
    with Stub(answer(200, {}), tls=certificate[0]) as stub:
        assert post(f"https://localhost:{stub.port}/", trusting).status == 200
    assert names == ["localhost"]
    assert stub.asked[0].headers["host"] == f"localhost:{stub.port}"


@pytest.mark.parametrize("act", [reset, silence, drip(b"HTTP/1.1 200 OK\r\nX: ")])
def test_tls_that_breaks_after_the_handshake_cannot_be_known(certificate, act):
    trusting = Wire(QUICK, allow_private=True, verify=certificate[1])
    with Stub(act, tls=certificate[0]) as stub:
        assert post(f"https://localhost:{stub.port}/", trusting).begun


@pytest.mark.parametrize("act", [reset, hang_up, b"nonsense\r\n\r\n", b"HTTP/1.1 42"])
def test_a_connection_that_breaks_after_sending_cannot_be_known(act):
    with Stub(act) as stub:
        assert post(stub.url) == Silence(True, "The connection broke after sending had begun.")
    assert len(stub.asked) == 1


@pytest.mark.parametrize("act", [silence, drip(b"HTTP/1.1 200 OK\r\nX-Slow: "), drip(b"HTTP/1.1 ")])
def test_no_answer_in_time_cannot_be_known(act):
    with Stub(act) as stub:
        assert post(stub.url) == Silence(True, "The provider did not answer in time.")


def test_a_dripped_body_ends_at_the_limit_and_keeps_its_status():
    with Stub(drip(b"HTTP/1.1 422 No\r\nContent-Length: 9999\r\n\r\n")) as stub:
        reply = post(stub.url)
    assert (reply.status, reply.whole) == (422, False)


@pytest.mark.parametrize("act", [silence, drip(b"HTTP/1.1 200 OK\r\nX-Slow: ")])
def test_a_wire_with_an_end_keeps_nobody_longer_than_that(act):
    begun = time.monotonic()
    hurried = Wire(Timeouts(connect=30, read=30, total=60), allow_private=True, ends=begun + 0.2)
    with Stub(act) as stub:
        assert all("did not answer in time" in post(stub.url, hurried).words for _ in range(3))
    assert time.monotonic() - begun < 5


def test_a_body_is_read_up_to_the_cap():
    with Stub(answer(200, b"x" * 5000)) as stub:
        reply = post(stub.url, largest=1000)
    assert (len(reply.body), reply.whole) == (1000, False)


def test_a_redirect_is_not_followed():
    with Stub(answer(200)) as target, Stub(answer(307, Location=target.url)) as stub:
        assert post(stub.url).status == 307
    assert target.connections == 0


def test_the_environment_sets_no_proxy_and_no_key(monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password netrc-secret")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with Stub(answer(200)) as stub:
        assert isinstance(post(stub.url), Reply)
    assert stub.asked[0].headers["authorization"] == "Bearer key-1"


def test_a_request_can_be_withdrawn_when_the_connection_stands():
    with Stub(answer(200)) as stub:
        outcome = post(stub.url, may_send=lambda: False)
    assert outcome == Silence(False, "It was too late to send when the connection stood.")
    assert stub.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "[::ffff:127.0.0.1]"])
def test_a_private_address_is_not_even_dialled(host):
    with Stub(answer(200)) as stub:
        outcome = post(f"http://{host}:{stub.port}/", Wire(QUICK))
    assert not outcome.begun
    assert "private network" in outcome.words
    assert stub.connections == 0


def test_a_name_with_one_private_address_among_its_addresses_is_refused(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("93.184.216.34", "10.0.0.7")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: found)
    assert "private network" in post("http://rebinding.example/", Wire(QUICK)).words


@pytest.mark.parametrize("address", PRIVATE.split())
def test_private_addresses_are_known_in_every_dress(address):
    assert is_private(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::808:808"])
def test_public_addresses_are_not_private(address):
    assert not is_private(str(ip_address(address)))
