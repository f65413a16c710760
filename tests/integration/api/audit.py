"""The audit trail: seals, the command that verifies and exports them, streams to syslog over TLS and HTTP, and what the
database's account for `serve` cannot do."""

import hashlib
import http.server
import json
import os
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

from client import Client


def sql(statement, check=True):
    url = urllib.parse.urlsplit(os.environ["GATEHOUSE_DB"])
    place = urllib.parse.parse_qs(url.query)["socket"][0]
    return subprocess.run(["mariadb", "--no-defaults", f"--socket={place}", f"--user={url.username}",
                           f"--password={urllib.parse.unquote(url.password)}", url.path.lstrip("/"), "-N", "-B",
                           "--execute", statement], check=check, capture_output=True, text=True).stdout.strip()


def command(*words, status=0):
    binary = os.path.join(os.environ.get("GATEHOUSE_BIN", ""), "gatehouse")
    directory = os.environ["GATEHOUSE_DIR"]
    options = [] if "--file" in words else ["--data", directory + "/data", "--db", os.environ["GATEHOUSE_DB"]]
    done = subprocess.run([binary, "audit", *words, *options], capture_output=True, text=True, check=False)
    assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
    return done.stdout


def figures(text):
    return {k: int(v) for k, v in (word.split("=") for word in text.strip().splitlines()[-1].split())}


class Syslog(threading.Thread):
    """A receiver of RFC 5425: octet-counted frames over TLS."""

    def __init__(self, directory):
        super().__init__(daemon=True)
        self.messages = []
        cert, key = os.path.join(directory, "syslog.pem"), os.path.join(directory, "syslog.key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=syslog", "-addext", "subjectAltName=DNS:localhost", "-days", "2", "-out", cert,
                        "-keyout", key], check=True, capture_output=True)
        with open(cert, encoding="ascii") as file:
            self.ca = file.read()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except (ssl.SSLError, ConnectionError):
                continue
            except OSError:
                return
            data = b""
            try:
                while piece := connection.recv(65536):
                    data += piece
            except OSError:
                pass
            connection.close()
            while data:
                length, rest = data.split(b" ", 1)
                self.messages.append(rest[:int(length)].decode())
                data = rest[int(length):]


class Collector(http.server.BaseHTTPRequestHandler):
    lines, refuse, authorization = [], True, None

    def do_POST(self):  # pylint: disable=invalid-name
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        Collector.authorization = self.headers["Authorization"]
        if not Collector.refuse:
            Collector.lines += [json.loads(line) for line in body.splitlines()]
        self.send_response(503 if Collector.refuse else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


def wait_for(what, seconds=90):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        value = what()
        if value:
            return value
        time.sleep(0.5)
    raise AssertionError("it did not come")


def check_streams(admin, directory):
    receiver = Syslog(directory)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    web = f"http://127.0.0.1:{server.server_port}/events"
    admin.post("/audit/streams", {"id": "x", "kind": "pigeon"}, 422, problem="bad-setting")
    admin.post("/audit/streams", {"id": "x", "kind": "syslog", "settings": {}}, 422, problem="bad-setting")
    settings = {"host": "localhost", "port": receiver.port, "ca": receiver.ca}
    admin.post("/audit/streams", {"id": "siem", "kind": "syslog", "settings": settings}, 201)
    admin.post("/audit/streams/siem/test", status=204)
    wait_for(lambda: any("audit.stream-test" in m for m in receiver.messages))
    # A receiver that shows another certificate gets nothing.
    admin.put("/audit/streams/siem", {"kind": "syslog", "settings": {**settings, "host": "127.0.0.1"}})
    admin.post("/audit/streams/siem/test", status=503, problem="delivery-failed")
    admin.put("/audit/streams/siem", {"kind": "syslog", "settings": settings})
    made = admin.post("/audit/streams", {"id": "web", "kind": "http", "settings": {"url": web},
                                         "secret": "Splunk s3cret-token"}, 201)
    assert made["hasSecret"] and "s3cret" not in json.dumps(admin.get("/audit/streams").value)
    admin.post("/roles", {"id": "streamed", "name": "S", "permissions": ["cas:read"]}, 201)
    wait_for(lambda: any("role.created" in m and "streamed" in m for m in receiver.messages))
    message = [m for m in receiver.messages if "role.created" in m][-1]
    assert message.startswith("<109>1 2") and " gatehouse - role.created [event@32473 actor=" in message, message
    # The web receiver was away: nothing is lost, the database is the spool.
    wait_for(lambda: [s for s in admin.get("/audit/streams")["items"] if s["id"] == "web"][0]["failure"])
    Collector.refuse = False
    wait_for(lambda: any(e["code"] == "role.created" and e["object"] == "streamed" for e in Collector.lines))
    assert Collector.authorization == "Splunk s3cret-token"
    admin.delete("/audit/streams/siem")
    admin.delete("/audit/streams/web")
    admin.delete("/roles/streamed")
    server.shutdown()


def tree(leaves):
    """rfc6962#2.1"""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\1" + tree(leaves[:half]) + tree(leaves[half:])).digest()


def check_tree(admin, seal):
    """Who reads a seal's lines can hash its tree, without the command."""
    lines = admin.get(f"/audit/seals/{seal['number']}/events")["lines"]
    assert len(lines) == seal["events"]
    assert tree([hashlib.sha256(b"\0" + line.encode()).digest() for line in lines]).hex() == seal["root"]
    later = admin.get(f"/audit/seals?since={json.loads(lines[-1])['at']}")["items"]
    assert later[0]["number"] <= seal["number"], "the seals since a time have the one of its event"
    admin.get("/audit/seals/999999999/events", 404, problem="not-found")
    admin.get("/audit/seals/x/events", 404, problem="not-found")
    admin.get("/audit/seals?from=1&since=2026-01-01T00:00:00Z", 400, problem="bad-query")
    admin.get("/audit/seals?since=yesterday", 400)


def check_seals(admin, directory):
    settings = admin.get("/audit").value
    settings.pop("version")
    admin.put("/audit", {**settings, "tsaUrl": "gopher://x"}, 422, problem="bad-setting")
    admin.put("/audit", settings)
    listed = admin.get("/audit/seals").value
    assert listed["items"] and listed["items"][0]["number"] == 1 and "BEGIN PUBLIC KEY" in listed["publicKey"]
    assert "gatehouse-seal-1" in admin.get("/audit/seals?from=2")["items"][0]["statement"]
    assert listed["last"] >= listed["items"][-1]["number"]
    check_tree(admin, listed["items"][0])
    report = figures(command("verify"))
    assert report["findings"] == 0 and report["seals"] >= 2 and report["events"] > 50, report
    key = os.path.join(directory, "audit.pem")
    with open(key, "w", encoding="ascii") as file:
        file.write(command("key"))
    export = os.path.join(directory, "events.jsonl")
    command("export", "--output", export)
    whole = figures(command("verify", "--file", export, "--key", key))
    assert whole["findings"] == 0 and whole["events"] >= report["events"], whole
    with open(export, encoding="utf-8") as file:
        lines = file.readlines()
    for name, bad in (("changed", [lines[0].replace("success", "failure", 1) if "success" in lines[0] else
                                   lines[0].replace('"code":"', '"code":"x', 1)] + lines[1:]),
                      ("missing", lines[:1] + lines[2:]), ("swapped", [lines[1], lines[0]] + lines[2:])):
        path = os.path.join(directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(bad)
        assert figures(command("verify", "--file", path, status=1))["findings"] > 0, name


def check_tampering():
    """Whoever owns the schema can rewrite history; verifying shows it."""
    row = sql("SELECT HEX(id), details FROM events WHERE code = 'role.created' ORDER BY at_us LIMIT 1").split("\t")
    sql(f"UPDATE events SET actor = 'nobody' WHERE id = UNHEX('{row[0]}')")
    assert "was changed" in command("verify", status=1)
    name = sql("SELECT actor FROM events WHERE code = 'role.changed' ORDER BY at_us LIMIT 1")
    sql(f"UPDATE events SET actor = '{name}' WHERE id = UNHEX('{row[0]}')")
    assert figures(command("verify"))["findings"] == 0


def run(gateway, admin):
    _ = gateway, Client
    with tempfile.TemporaryDirectory() as directory:
        wait_for(lambda: len(admin.get("/audit/seals")["items"]) >= 2)
        check_streams(admin, directory)
        check_seals(admin, directory)
        check_tampering()
