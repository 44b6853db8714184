"""The private Redis: which server is chosen, and what the real one does with our configuration."""

import stat

import pytest
from redis import Redis

from ops import redis as ops_redis
from ops.errors import CannotStart
from ops.postgresql import server, short_folder
from ops.redis import find_server, server_in_wheel, wait_until_up, write_configuration


@pytest.fixture
def path_folder(tmp_path, monkeypatch):
    """The only folder on the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(folder, name):
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)
    return folder / name


def test_a_server_on_the_path_comes_first_and_valkey_before_redis(path_folder):
    redis = install(path_folder, "redis-server")
    assert find_server() == redis
    valkey = install(path_folder, "valkey-server")
    assert find_server() == valkey


def test_without_one_on_the_path_the_wheel_is_used(path_folder):
    assert find_server() == server_in_wheel()
    assert server_in_wheel().name == "valkey-server"


def test_no_server_at_all_is_one_sentence(path_folder, monkeypatch):
    monkeypatch.setattr(ops_redis.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CannotStart, match=r"^No Redis was found: .*\.$"):
        find_server()


def test_the_private_server_keeps_its_data_and_drops_nothing():
    with short_folder() as folder:
        folder = folder / 'odd "name'
        for expected in (None, b"kept"):
            configuration = write_configuration(folder, folder / "redis.sock")
            with server([str(server_in_wheel()), str(configuration)]):
                url = ops_redis.socket_url(folder / "redis.sock")
                wait_until_up(url)
                with Redis.from_url(url) as client:
                    assert client.get("word") == expected
                    client.set("word", "kept")
                    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
                    assert client.config_get("port") == {"port": "0"}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_server_that_does_not_come_is_one_sentence(tmp_path):
    with pytest.raises(CannotStart, match="Redis did not start"):
        wait_until_up(ops_redis.socket_url(tmp_path / "none.sock"), patience=0)
