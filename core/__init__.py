"""The domain: standard library and SQLAlchemy only. Functions take a session and never commit."""
