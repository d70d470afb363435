"""Serves `application` of wsgi.py on $PORT: for hosts without gunicorn. One thread per request."""
import os
import signal
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

sys.path.insert(0, os.getcwd())
from wsgi import application  # noqa: E402


class ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
port = int(os.environ["PORT"])
with make_server("0.0.0.0", port, application, server_class=ThreadingServer) as server:
    print("listening on port %d" % port, flush=True)
    server.serve_forever()
