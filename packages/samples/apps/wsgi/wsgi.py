import json
import os
import sys


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    body = {
        "hello": "wsgi",
        "path": environ.get("PATH_INFO", "/"),
        "python": sys.version.split()[0],
        "port": os.environ.get("PORT"),
    }
    return [json.dumps(body).encode("utf-8")]
