"""Chat rooms, by Apprise: which addresses are taken, and saying something in one."""

from apprise import Apprise, AppriseAsset
from apprise.logger import logger as apprise_log

from core.errors import Invalid

# Services with hosts of their own: whoever types such an address cannot make us speak to a machine in our own network.
HOSTED = {"discord", "gchat", "msteams", "pover", "slack", "tgram", "webex", "wxteams"}
# Services whose address names the host; Microsoft's is let in where the host is Microsoft's.
OWN = {
    "json", "jsons", "matrix", "matrixs", "mmost", "mmosts", "ntfy", "ntfys", "rocket", "rockets", "workflow", "workflows",
    "zulip",
}  # fmt: skip
MICROSOFT = (".logic.azure.com", ".api.powerplatform.com")
WRONG = "This is no address of a chat room that we know: paste the webhook's address of Slack, Teams, Discord or Google Chat."
PRIVATE = "Chat servers of your own are let in by ALLOW_PRIVATE_ADDRESSES: ask whoever runs Callboard."
_ASSET = AppriseAsset(app_id="Callboard", app_desc="Callboard", app_url="")
# It names addresses, which are keys.
apprise_log.setLevel("CRITICAL")


def check(address: str, *, allow_private: bool) -> str:
    """The service's name, which may be shown; Invalid for an address that is not taken."""
    room = Apprise.instantiate(address, asset=_ASSET, suppress_exceptions=True)
    if room is None:
        raise Invalid(WRONG, "chat")
    schemas = {str(schema) for schema in _schemas(room)}
    host = str(getattr(room, "host", None) or "")
    if schemas & HOSTED or host.endswith(MICROSOFT):
        return str(room.service_name)
    if not schemas & OWN:
        raise Invalid(WRONG, "chat")
    if not allow_private:
        raise Invalid(PRIVATE, "chat")
    return f"{room.service_name}, {host}"


def _schemas(room: object) -> set[str]:
    found: set[str] = set()
    for name in ("protocol", "secure_protocol"):
        told = getattr(room, name, None) or ()
        found |= {told} if isinstance(told, str) else set(told)
    return found


def say(address: str, subject: str, words: str) -> str:
    """ "" when it was taken, else why not."""
    room = Apprise.instantiate(address, asset=_ASSET, suppress_exceptions=True)
    if room is None:
        return WRONG
    room.redirects = False  # whatever the address asks for: a redirect could lead into our own network
    return "" if room.notify(title=subject, body=words) else "The chat service did not take it."
