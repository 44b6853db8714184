"""How gunicorn serves Callboard: pages, API, webhooks and event streams in one gevent process per core."""

import gc

import gevent

from config import load_or_exit

settings = load_or_exit()

bind = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
worker_class = "gevent"
workers = settings.web_concurrency
# Each open event stream is a connection; the default of 1000 would cap the viewers.
worker_connections = 6000
reuse_port = True
keepalive = 5
graceful_timeout = 5
# The application starts threads and sockets of its own, after gevent's patch: so in each worker, not before the fork.
preload_app = False
control_socket_disable = True
loglevel = settings.log_level.lower()
# No access log: a webhook's address holds its token, and a line per delivery would be most of the log.
accesslog = None
errorlog = "-"
logger_class = "ops.web_log.OurLogger"


def post_worker_init(worker):
    """Tell the application when its worker stops: open event streams would hold it for the whole graceful time.

    What is there by now stays for good, so nothing of it is looked over for garbage again.
    """
    gc.collect()
    gc.freeze()

    def wait_for_stop():
        while worker.alive:
            gevent.sleep(0.25)
        for end_streams in worker.wsgi.extensions.get("at_worker_stop", []):
            end_streams()

    gevent.spawn(wait_for_stop)
