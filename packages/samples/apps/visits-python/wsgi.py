import json
import os
import re
import socket

SECRET = re.compile("password|uri|url", re.IGNORECASE)


def greeting(host, port):
    """What a MySQL server says first: length, number, the protocol's version, then its own up to a zero byte."""
    try:
        with socket.create_connection((host, port), timeout=5) as connection:
            stream = connection.makefile("rb")
            length = int.from_bytes(stream.read(4)[:3], "little")
            return stream.read(length)[1:].split(b"\0")[0].decode()
    except (OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


def service(bound):
    credentials = bound["credentials"]
    shown = {name: value for name, value in credentials.items() if not SECRET.search(name)}
    answer = {name: bound[name] for name in ("name", "label", "plan")} | {"credentials": shown}
    if credentials.get("host") and credentials.get("port"):
        answer["greeting"] = greeting(credentials["host"], credentials["port"])
    return answer


def application(environ, start_response):
    bound = [each for kind in json.loads(os.environ.get("VCAP_SERVICES", "{}")).values() for each in kind]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps([service(each) for each in bound]).encode(), b"\n"]
