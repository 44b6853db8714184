"""`python -m sandbox`: sockets and sleeps become cooperative before anything else is imported."""

from gevent import monkey

monkey.patch_all()

from sandbox.server import main  # noqa: E402  (only cooperative sockets may be seen by what follows)

if __name__ == "__main__":
    raise SystemExit(main())
