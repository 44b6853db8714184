"""The settings: the only file that reads the environment; a bad value stops the start with one clear sentence."""

import os
import re
import secrets
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, urlsplit

TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off"}
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
HOST_NAME = re.compile(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+")
# As provider/signatures.py names what matched, and as the inbox shows it.
SIGNATURE_FORM = re.compile(
    r"\S+ (?:\w+= )?(?:\w+= |v1, )?(?:hex|base64) over (?:id\.timestamp\.body|timestamp\.body|body\+timestamp|body)"
)
SECRET_KEY_LENGTH = 32
MAIL_PORTS = {"starttls": 587, "tls": 465, "none": 25}
# Whoever may let people in, or change keys, is named by a person.
NEW_PEOPLE_ROLES = ("viewer", "composer", "launcher")
# A unix socket's address holds 104 bytes on macOS and 108 on Linux, with the closing NUL.
SOCKET_PATH_LIMIT = 100


class BadSetting(Exception):
    """A setting that Callboard cannot start with; the text is the sentence for the person who starts it."""


@dataclass(frozen=True)
class Mail:
    """The server that takes our mail. `security` is starttls, tls or none; `sender` is the address in From."""

    host: str
    port: int
    security: str
    username: str | None
    password: str | None = field(repr=False)
    sender: str


@dataclass(frozen=True)
class IdentityProvider:
    """Where people may sign in by OpenID Connect. `new_people_role` is None where only people who were added may come in."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    name: str
    new_people_role: str | None


@dataclass(frozen=True)
class Settings:
    """Everything the environment decides. Secrets never show in its repr."""

    data_dir: Path
    host: str
    port: int
    log_level: str
    web_concurrency: int
    trusted_proxies: int
    workers: int
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    secret_key_fallbacks: tuple[str, ...] = field(repr=False)
    public_url: str | None
    is_sandbox: bool
    sandbox_speed: float
    provider_url: str
    provider_token: str | None = field(repr=False)
    provider_username: str | None
    provider_password: str | None = field(repr=False)
    provider_503_is_unsent: bool
    allow_private_addresses: bool
    webhook_headers: tuple[str, ...]
    webhook_form: str | None
    webhook_max_bytes: int
    admin_email: str | None
    admin_password: str | None = field(repr=False)
    api_token: str | None = field(repr=False)
    api_requests_per_minute: int
    provider_tenant: str | None
    mail: Mail | None
    identity_provider: IdentityProvider | None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Settings":
        """The settings that `environ` (NAME → text) asks for; an empty text counts as not set. Raises BadSetting.

        A missing secret key is generated into the data directory, for SQLite only: several hosts must share one.
        """
        read = Reader(environ)
        data_dir = Path(read.text("DATA_DIR") or "var").absolute()
        host = read.host("HOST") or "127.0.0.1"
        port = read.whole_number("PORT", 8000, 1, 65535)
        database_url = read_database_url(read, data_dir)
        is_sqlite = database_url.startswith("sqlite")
        given_provider = read.web_address("PROVIDER_URL")
        is_sandbox = given_provider is None or read.yes_or_no("SANDBOX", False)
        token, username, password = read_provider_key(read, given_provider is not None, is_sandbox)
        allow_private = read.yes_or_no("ALLOW_PRIVATE_ADDRESSES", is_sandbox)
        return cls(
            data_dir=data_dir,
            host=host,
            port=port,
            log_level=read.log_level("LOG_LEVEL"),
            web_concurrency=read.whole_number("WEB_CONCURRENCY", 1 if is_sqlite else usable_cores(), 1, 256),
            trusted_proxies=read.whole_number("TRUSTED_PROXIES", 0, 0, 10),
            workers=read.whole_number("WORKERS", 2, 1, 64),
            database_url=database_url,
            redis_url=read_redis_url(read, data_dir),
            secret_key=read_secret_key(read, data_dir, is_sqlite),
            secret_key_fallbacks=tuple(read.secrets("SECRET_KEY_FALLBACKS")),
            public_url=read.web_address("PUBLIC_URL") or (web_address(host, port) if is_sandbox else None),
            is_sandbox=is_sandbox,
            sandbox_speed=read.speed("SANDBOX_SPEED"),
            # The sandbox lives on the port after ours; the last port of all has none after it.
            provider_url=given_provider or web_address("127.0.0.1", port + 1 if port < 65535 else port - 1),
            provider_token=token,
            provider_username=username,
            provider_password=password,
            provider_503_is_unsent=read.yes_or_no("PROVIDER_503_IS_UNSENT", False),
            allow_private_addresses=allow_private,
            webhook_headers=tuple(read.header_names("WEBHOOK_HEADERS")),
            webhook_form=read.signature_form("WEBHOOK_FORM"),
            webhook_max_bytes=read.whole_number("WEBHOOK_MAX_BYTES", 2 * 1024 * 1024, 1024, 1024**3),
            admin_email=read.email_address("ADMIN_EMAIL"),
            admin_password=read.secret("ADMIN_PASSWORD", shortest=8),
            api_token=read.secret("API_TOKEN", shortest=16),
            api_requests_per_minute=read.whole_number("API_REQUESTS_PER_MINUTE", 600, 1, 1_000_000),
            provider_tenant=read.identifier("PROVIDER_TENANT"),
            mail=read_mail(read),
            identity_provider=read_identity_provider(read, allow_private),
        )

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def secure_cookies(self) -> bool:
        """Cookies travel over TLS only, once people reach us over TLS."""
        return (self.public_url or "").startswith("https://")

    @property
    def local_url(self) -> str:
        """Where a browser on this machine finds Callboard."""
        return web_address(self.host, self.port)


def load() -> Settings:
    """The settings of this process."""
    return Settings.from_environment(os.environ)


def load_or_exit() -> Settings:
    """The settings of this process; with a bad one, its sentence on standard error and exit code 1."""
    try:
        return load()
    except BadSetting as problem:
        sys.exit(str(problem))


class Reader:
    """Reads one setting at a time; each bad value raises BadSetting with a sentence that never shows a secret."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ

    def text(self, name: str) -> str | None:
        return self.environ.get(name, "").strip() or None

    def secret(self, name: str, shortest: int = 1) -> str | None:
        """The secret in NAME, or in the file that NAME_FILE names."""
        value, path = self.text(name), self.text(f"{name}_FILE")
        if value and path:
            raise BadSetting(f"{name} and {name}_FILE are both set: keep one of them.")
        if path:
            value = read_secret_file(f"{name}_FILE", Path(path))
        if value and not value.isprintable():
            raise BadSetting(f"{name} must be one line of printable characters.")
        if value and len(value) < shortest:
            raise BadSetting(f"{name} must be at least {shortest} characters long.")
        return value

    def listed(self, name: str) -> list[str]:
        return [part for part in re.split(r"[,\s]+", self.text(name) or "") if part]

    def secrets(self, name: str) -> list[str]:
        """With commas between them alone: a key may be a sentence."""
        return [part.strip() for part in (self.secret(name) or "").split(",") if part.strip()]

    def header_names(self, name: str) -> list[str]:
        headers = self.listed(name)
        for header in headers:
            if not HEADER_NAME.fullmatch(header):
                raise BadSetting(f"{name} must be header names with commas between them; {header!r} is not one.")
        return headers

    def signature_form(self, name: str) -> str | None:
        value = self.text(name)
        if value and not SIGNATURE_FORM.fullmatch(value):
            raise BadSetting(f"{name} must be a signature form as the inbox names it, not {value!r}.")
        return value

    def yes_or_no(self, name: str, default: bool) -> bool:
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in TRUE_WORDS | FALSE_WORDS:
            raise BadSetting(f"{name} must be true or false, not {value!r}.")
        return value.lower() in TRUE_WORDS

    def whole_number(self, name: str, default: int, lowest: int, highest: int) -> int:
        value = self.text(name)
        if value is None:
            return default
        if not re.fullmatch(r"[0-9]{1,12}", value) or not lowest <= int(value) <= highest:
            raise BadSetting(f"{name} must be a number between {lowest} and {highest}, not {value!r}.")
        return int(value)

    def speed(self, name: str) -> float:
        """How many times faster than real time; 0, or the word instant, means no time at all."""
        value = (self.text(name) or "20").lower()
        value = "0" if value == "instant" else value
        if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value):
            raise BadSetting(f"{name} must be a number such as 20, or instant, not {self.text(name)!r}.")
        return float(value)

    def log_level(self, name: str) -> str:
        value = (self.text(name) or "INFO").upper()
        if value not in LOG_LEVELS:
            raise BadSetting(f"{name} must be one of {', '.join(LOG_LEVELS)}, not {self.text(name)!r}.")
        return value

    def email_address(self, name: str) -> str | None:
        value = self.text(name)
        if value and not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
            raise BadSetting(f"{name} must be an e-mail address, not {value!r}.")
        return value

    def one_of(self, name: str, choices: tuple[str, ...], default: str | None = None) -> str | None:
        value = (self.text(name) or "").lower() or default
        if value is not None and value not in choices:
            raise BadSetting(f"{name} must be one of {', '.join(choices)}, not {self.text(name)!r}.")
        return value

    def identifier(self, name: str) -> str | None:
        """A name that may stand in a path as it is."""
        value = self.text(name)
        if value and not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", value):
            raise BadSetting(f"{name} must consist of letters, digits, - and _, not {value!r}.")
        return value

    def host(self, name: str) -> str | None:
        value = self.text(name)
        if value and not HOST_NAME.fullmatch(value):
            raise BadSetting(f"{name} must be a host name or an address such as 0.0.0.0, not {value!r}.")
        return value

    def web_address(self, name: str) -> str | None:
        """An http or https address without user, query or fragment, and without the closing slash."""
        value = self.text(name)
        if value is None:
            return None
        if "@" in value:
            raise BadSetting(f"{name} must not carry a user name or password.")
        sentence = f"{name} must be an address such as https://calls.example.com, not {value!r}."
        try:
            parts = urlsplit(value)
            complete = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            raise BadSetting(sentence) from None
        if not complete or parts.query or parts.fragment or not value.isascii() or re.search(r"[\s\\]", value):
            raise BadSetting(sentence)
        return value.rstrip("/")


def read_database_url(read: Reader, data_dir: Path) -> str:
    """SQLAlchemy's address of the database: an absolute SQLite file, or PostgreSQL through psycopg 3."""
    value = read.secret("DATABASE_URL")
    if value is None:
        return f"sqlite:///{data_dir / 'callboard.db'}"
    scheme, separator, rest = value.partition("://")
    if separator and scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        return f"postgresql+psycopg://{rest}"
    if not separator or scheme != "sqlite":
        raise BadSetting("DATABASE_URL must begin with postgresql:// or sqlite:///.")
    path = rest.removeprefix("/").partition("?")[0]
    if not rest.startswith("/") or path in ("", ":memory:") or path.startswith("file:"):
        raise BadSetting(
            "DATABASE_URL must name a file, as in sqlite:////data/callboard.db: several processes share it."
        )
    return f"sqlite:///{Path(path).absolute()}"


def read_redis_url(read: Reader, data_dir: Path) -> str:
    value = read.secret("REDIS_URL")
    if value is None:
        return f"unix://{quote(str(private_redis_socket(data_dir)))}"
    if not re.match(r"(rediss?|unix)://.", value):
        raise BadSetting("REDIS_URL must begin with redis://, rediss:// or unix://.")
    return value


def private_redis_socket(data_dir: Path) -> Path:
    """Where our own Redis listens: always the same place for the same data directory, and short enough for a socket."""
    socket = data_dir / "redis" / "redis.sock"
    if len(os.fsencode(socket)) < SOCKET_PATH_LIMIT:
        return socket
    name = sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path("/tmp") / f"callboard-{os.getuid()}-{name}" / "redis.sock"  # noqa: S108 - the runner checks its owner


def read_provider_key(read: Reader, has_address: bool, is_sandbox: bool) -> tuple[str | None, str | None, str | None]:
    """Token, user name and password for the provider: a token, or the other two."""
    token, password = read.secret("PROVIDER_TOKEN"), read.secret("PROVIDER_PASSWORD")
    username = read.text("PROVIDER_USERNAME")
    if token and (username or password):
        raise BadSetting("PROVIDER_TOKEN and PROVIDER_USERNAME are both set: keep one of the two ways to sign in.")
    if bool(username) != bool(password):
        raise BadSetting("PROVIDER_USERNAME and PROVIDER_PASSWORD belong together: one of them is missing.")
    if not has_address and (token or username):
        raise BadSetting(
            "The provider's key is set without PROVIDER_URL: set both for real calls, none for the sandbox."
        )
    if not is_sandbox and not token and not username:
        raise BadSetting("PROVIDER_URL is set without PROVIDER_TOKEN, or PROVIDER_USERNAME and PROVIDER_PASSWORD.")
    if is_sandbox and not token and not username:
        token = "sandbox-token"  # noqa: S105 - the sandbox places no calls and guards nothing
    return token, username, password


def read_mail(read: Reader) -> Mail | None:
    host, sender = read.host("SMTP_HOST"), read.email_address("MAIL_FROM")
    if host is None:
        return None
    if sender is None:
        raise BadSetting("SMTP_HOST is set without MAIL_FROM, the address that mail comes from.")
    security = read.one_of("SMTP_SECURITY", tuple(MAIL_PORTS), "starttls") or ""
    username, password = read.text("SMTP_USERNAME"), read.secret("SMTP_PASSWORD")
    if bool(username) != bool(password):
        raise BadSetting("SMTP_USERNAME and SMTP_PASSWORD belong together: one of them is missing.")
    port = read.whole_number("SMTP_PORT", MAIL_PORTS[security], 1, 65535)
    return Mail(host, port, security, username, password, sender)


def read_identity_provider(read: Reader, allow_plain: bool) -> IdentityProvider | None:
    issuer, client_id = read.web_address("OIDC_ISSUER"), read.text("OIDC_CLIENT_ID")
    if bool(issuer) != bool(client_id):
        raise BadSetting("OIDC_ISSUER and OIDC_CLIENT_ID belong together: one of them is missing.")
    if issuer is None or client_id is None:
        return None
    if not is_safe_address(issuer, allow_plain):
        raise BadSetting(f"OIDC_ISSUER must be an https address, not {issuer!r}.")
    name = (read.text("OIDC_NAME") or "single sign-on")[:60]
    role = read.one_of("OIDC_NEW_PEOPLE_ROLE", NEW_PEOPLE_ROLES)
    return IdentityProvider(issuer, client_id, read.secret("OIDC_CLIENT_SECRET"), name, role)


def is_safe_address(address: str, allow_plain: bool) -> bool:
    """May secrets travel there? Over TLS, on this machine, or, where it is wished, inside a network of one's own."""
    parts = urlsplit(address)
    is_local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return parts.scheme == "https" or (parts.scheme == "http" and (allow_plain or is_local))


def read_secret_key(read: Reader, data_dir: Path, is_sqlite: bool) -> str:
    given = read.secret("SECRET_KEY", shortest=SECRET_KEY_LENGTH)
    if given:
        return given
    if not is_sqlite:
        raise BadSetting("SECRET_KEY is required when DATABASE_URL is not SQLite: every host must use the same one.")
    path = data_dir / "secret_key"
    try:
        if not path.exists():
            create_secret_key(path)
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as problem:
        raise BadSetting(f"The secret key {path} cannot be read or made: {reason(problem)}.") from None
    if len(key) < SECRET_KEY_LENGTH:
        raise BadSetting(f"The secret key in {path} is shorter than {SECRET_KEY_LENGTH} characters: restore it.")
    return key


def create_secret_key(path: Path) -> None:
    """Write a new key whole or not at all; where two processes start at once, both end up with the first one's key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".secret_key-")
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()


def read_secret_file(name: str, path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (OSError, ValueError) as problem:
        raise BadSetting(f"{name} names {path}, which cannot be read: {reason(problem)}.") from None


def reason(problem: Exception) -> str:
    return getattr(problem, "strerror", None) or "it is not plain text"


def web_address(host: str, port: int) -> str:
    """http://HOST:PORT; a host that means every address is reached on this machine's own."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def usable_cores() -> int:
    """How many cores this process may use, where the system tells, else how many there are."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
