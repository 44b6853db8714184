"""Each setting, its default, and the sentence for a bad one."""

import stat
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import BadSetting, Settings

KEY = "k" * 32
REAL = {"PROVIDER_URL": "https://api.example.com/v1", "PROVIDER_TOKEN": "provider-token"}


@pytest.fixture
def read(tmp_path):
    """Settings from the given values, in a data directory of this test."""
    return lambda **values: Settings.from_environment({"DATA_DIR": str(tmp_path), **values})


def test_nothing_set_means_sandbox_and_sqlite_in_the_data_directory(read, tmp_path):
    found = read()
    assert found.is_sandbox
    assert found.database_url == f"sqlite:///{tmp_path}/callboard.db"
    assert found.redis_url == f"unix://{tmp_path}/redis/redis.sock"
    assert (found.port, found.public_url) == (8000, "http://127.0.0.1:8000")
    assert found.provider_url == "http://127.0.0.1:8001"
    assert found.allow_private_addresses
    assert not found.secure_cookies


def test_an_empty_value_counts_as_not_set(read):
    assert read(PORT="", PROVIDER_URL=" ").port == 8000


def test_a_real_provider_has_no_public_address_unless_it_is_given(read):
    found = read(**REAL)
    assert not found.is_sandbox
    assert found.public_url is None
    assert not found.allow_private_addresses


def test_a_provider_address_marked_as_sandbox_is_the_sandbox(read):
    found = read(PROVIDER_URL="http://127.0.0.1:9000", SANDBOX="1")
    assert found.is_sandbox
    assert found.provider_url == "http://127.0.0.1:9000"


def test_cookies_are_secure_behind_tls(read):
    assert read(PUBLIC_URL="https://calls.example.com/").secure_cookies


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_spoken_through_psycopg(read, scheme):
    found = read(DATABASE_URL=f"{scheme}://u:p@db/calls", SECRET_KEY=KEY)
    assert found.database_url == "postgresql+psycopg://u:p@db/calls"
    assert not found.is_sqlite
    assert found.web_concurrency >= 1


def test_a_relative_sqlite_file_becomes_absolute(read):
    assert read(DATABASE_URL="sqlite:///calls.db").database_url == f"sqlite:///{Path('calls.db').absolute()}"


def test_the_sandbox_may_take_no_time_at_all(read):
    assert read().sandbox_speed == 20
    assert read(SANDBOX_SPEED="instant").sandbox_speed == 0


def test_lists_are_split_at_commas(read):
    assert read(WEBHOOK_HEADERS="X-One, X-Two").webhook_headers == ("X-One", "X-Two")
    assert read(SECRET_KEY_FALLBACKS=f"{KEY}, {KEY}2").secret_key_fallbacks == (KEY, f"{KEY}2")
    assert read(SECRET_KEY_FALLBACKS="a key of words").secret_key_fallbacks == ("a key of words",)


def test_a_secret_may_come_from_a_file(read, tmp_path):
    (tmp_path / "token").write_text("from-a-file-0123456789\n")
    assert read(API_TOKEN_FILE=str(tmp_path / "token")).api_token == "from-a-file-0123456789"


def test_the_secret_key_is_made_once_for_the_owner_only(read, tmp_path):
    first = read().secret_key
    assert read().secret_key == first
    assert len(first) >= 32
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_the_socket_of_a_deep_data_directory_is_short_and_always_the_same(tmp_path):
    deep = {"DATA_DIR": str(tmp_path / ("d" * 60) / ("e" * 60))}
    first, second = (Settings.from_environment(deep).redis_url for _ in range(2))
    assert first == second
    assert len(first) < 100


def test_the_representation_shows_no_secret(read):
    secrets = {"SECRET_KEY": KEY, "ADMIN_PASSWORD": "hidden-word-1", "API_TOKEN": "hidden-word-23456"}
    found = read(**secrets, **REAL, DATABASE_URL="postgres://u:hidden-word@db/c", REDIS_URL="redis://:hidden-word@r")
    assert "hidden-word" not in repr(found)
    assert KEY not in repr(found)
    assert "provider-token" not in repr(found)


BAD = [
    ({"PORT": "x"}, "PORT must be a number between 1 and 65535, not 'x'."),
    ({"PORT": "65536"}, "PORT must be a number between 1 and 65535, not '65536'."),
    ({"HOST": "a b"}, "HOST must be a host name or an address such as 0.0.0.0, not 'a b'."),
    ({"LOG_LEVEL": "loud"}, "LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL, not 'loud'."),
    ({"WEB_CONCURRENCY": "0"}, "WEB_CONCURRENCY must be a number between 1 and 256, not '0'."),
    ({"WORKERS": "-1"}, "WORKERS must be a number between 1 and 64, not '-1'."),
    ({"SANDBOX_SPEED": "fast"}, "SANDBOX_SPEED must be a number such as 20, or instant, not 'fast'."),
    (
        {"PROVIDER_TOKEN": "token"},
        "The provider's key is set without PROVIDER_URL: set both for real calls, none for the sandbox.",
    ),
    ({"PROVIDER_503_IS_UNSENT": "maybe"}, "PROVIDER_503_IS_UNSENT must be true or false, not 'maybe'."),
    (
        {"WEBHOOK_HEADERS": "X One:"},
        "WEBHOOK_HEADERS must be header names with commas between them; 'One:' is not one.",
    ),
    (
        {"WEBHOOK_FORM": "sha256"},
        "WEBHOOK_FORM must be a signature form as the inbox names it, not 'sha256'.",
    ),
    ({"TRUSTED_PROXIES": "all"}, "TRUSTED_PROXIES must be a number between 0 and 10, not 'all'."),
    ({"WEBHOOK_MAX_BYTES": "2MB"}, "WEBHOOK_MAX_BYTES must be a number between 1024 and 1073741824, not '2MB'."),
    ({"PUBLIC_URL": "calls"}, "PUBLIC_URL must be an address such as https://calls.example.com, not 'calls'."),
    ({"PUBLIC_URL": "http://[x"}, "PUBLIC_URL must be an address such as https://calls.example.com, not 'http://[x'."),
    ({"PROVIDER_URL": "https://u:p@x"}, "PROVIDER_URL must not carry a user name or password."),
    ({"ADMIN_EMAIL": "admin"}, "ADMIN_EMAIL must be an e-mail address, not 'admin'."),
    ({"ADMIN_PASSWORD": "short"}, "ADMIN_PASSWORD must be at least 8 characters long."),
    ({"API_TOKEN": "short"}, "API_TOKEN must be at least 16 characters long."),
    ({"SECRET_KEY": "short"}, "SECRET_KEY must be at least 32 characters long."),
    ({"SECRET_KEY": KEY, "SECRET_KEY_FILE": "x"}, "SECRET_KEY and SECRET_KEY_FILE are both set: keep one of them."),
    ({"API_TOKEN_FILE": "/no/file"}, "API_TOKEN_FILE names /no/file, which cannot be read: No such file or directory."),
    ({"REDIS_URL": "localhost"}, "REDIS_URL must begin with redis://, rediss:// or unix://."),
    ({"DATABASE_URL": "mysql://db"}, "DATABASE_URL must begin with postgresql:// or sqlite:///."),
    (
        {"DATABASE_URL": "sqlite://"},
        "DATABASE_URL must name a file, as in sqlite:////data/callboard.db: several processes share it.",
    ),
    (
        {"DATABASE_URL": "postgresql://db/calls"},
        "SECRET_KEY is required when DATABASE_URL is not SQLite: every host must use the same one.",
    ),
    (
        {"PROVIDER_URL": "https://api.example.com"},
        "PROVIDER_URL is set without PROVIDER_TOKEN, or PROVIDER_USERNAME and PROVIDER_PASSWORD.",
    ),
    (
        {**REAL, "PROVIDER_USERNAME": "u", "PROVIDER_PASSWORD": "p"},
        "PROVIDER_TOKEN and PROVIDER_USERNAME are both set: keep one of the two ways to sign in.",
    ),
    (
        {"PROVIDER_USERNAME": "u"},
        "PROVIDER_USERNAME and PROVIDER_PASSWORD belong together: one of them is missing.",
    ),
    (
        {"OIDC_ISSUER": "https://id.example.com"},
        "OIDC_ISSUER and OIDC_CLIENT_ID belong together: one of them is missing.",
    ),
    (
        {**REAL, "OIDC_ISSUER": "http://id.example.com", "OIDC_CLIENT_ID": "callboard"},
        "OIDC_ISSUER must be an https address, not 'http://id.example.com'.",
    ),
    (
        {"OIDC_ISSUER": "https://id.example.com", "OIDC_CLIENT_ID": "callboard", "OIDC_NEW_PEOPLE_ROLE": "admin"},
        "OIDC_NEW_PEOPLE_ROLE must be one of viewer, composer, launcher, not 'admin'.",
    ),
]


@pytest.mark.parametrize(("values", "sentence"), BAD)
def test_a_bad_value_is_one_sentence(read, values, sentence):
    with pytest.raises(BadSetting) as problem:
        read(**values)
    assert str(problem.value) == sentence


def test_a_data_directory_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSetting, match=r"cannot be read or made: Not a directory\.$"):
        Settings.from_environment({"DATA_DIR": str(tmp_path / "file" / "var")})


NAMES = [name.upper() for name in Settings.__dataclass_fields__ if name != "data_dir"] + ["SANDBOX", "SECRET_KEY_FILE"]
# What an environment can hold: anything but NUL and lone surrogates.
WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
LIKELY = st.sampled_from(
    [KEY, "1", "8000", "true", "https://x.example", "http://[::1]:80", "sqlite:///x", "postgres://x"]
)
MESSES = st.text(string.punctuation + string.digits + "htps", max_size=20).map("http://{}".format)


@given(st.dictionaries(st.sampled_from(NAMES), WORDS | LIKELY | MESSES))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_environment_gives_settings_or_one_sentence(read, values):
    sentence = "."
    try:
        read(**values)
    except BadSetting as problem:
        sentence = str(problem)
    assert sentence.endswith(".")
