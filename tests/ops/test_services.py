"""The servers that other tests rely on are real."""

from redis import Redis
from sqlalchemy import create_engine, text


def test_postgresql_answers_and_begins_empty(postgresql_url):
    engine = create_engine(postgresql_url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")) == 0
        assert int(connection.scalar(text("SHOW server_version_num"))) >= 150000
    engine.dispose()


def test_redis_answers(redis_url):
    with Redis.from_url(redis_url) as client:
        assert client.ping()


def test_a_page_is_rendered_by_the_browser(page):
    page.set_content("<h1>Callboard</h1>")
    assert page.get_by_role("heading").inner_text() == "Callboard"
