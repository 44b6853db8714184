"""Which addresses of chat rooms are taken: services with hosts of their own, and other servers only where that is allowed."""

import pytest

from core.errors import Invalid
from provider.chat import check, say

HOSTED = {
    "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ": "Slack",
    "https://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js": "Discord",
    "https://chat.googleapis.com/v1/spaces/AAAA/messages?key=k&token=t": "Google Chat",
    "tgram://123456789:abcdefghijklmnop/12315544": "Telegram",
    "https://prod-1.westus.logic.azure.com:443/workflows/W1/triggers/manual/paths/invoke?api-version=2016-06-01&sig=SIG":
        "Power Automate / Workflows (for MSTeams)",
}  # fmt: skip
OWN = ["json://127.0.0.1/x", "mmost://chat.example/token", "ntfy://10.0.0.1/topic", "workflows://127.0.0.1/a/b/"]
OTHER = ["file:///etc/passwd", "mailto://a:b@example.com", "syslog://", "http://127.0.0.1/hook", "nonsense", "", "\x00"]


@pytest.mark.parametrize(("address", "name"), HOSTED.items())
def test_services_with_hosts_of_their_own_are_taken(address, name):
    assert check(address, allow_private=False) == name


@pytest.mark.parametrize("address", OWN)
def test_a_server_of_ones_own_is_let_in_only_where_private_addresses_are(address):
    with pytest.raises(Invalid, match="ALLOW_PRIVATE_ADDRESSES"):
        check(address, allow_private=False)
    assert check(address, allow_private=True)


@pytest.mark.parametrize("address", OTHER)
def test_nothing_else_is(address):
    with pytest.raises(Invalid, match="no address of a chat room"):
        check(address, allow_private=True)


def test_what_is_no_room_is_said():
    assert say("nonsense", "A subject", "Words") != ""
