"""Trying what is outside: each kind against a place that answers and one that does not; who may not try."""
import json
import os
import socket
import struct
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from client import Client, token_for


class Outside(BaseHTTPRequestHandler):
    documents = {"/directory": {name: "http://x/" for name in ("newNonce", "newAccount", "newOrder")},
                 "/log/ct/v1/get-roots": {"certificates": ["AA==", "AA=="]}, "/empty": {}}
    taken = {}

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):  # noqa: N802
        document = self.documents.get(self.path)
        self.answer(404 if document is None else 200, json.dumps(document).encode())

    def do_PUT(self):  # noqa: N802
        self.taken[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(201)

    def do_DELETE(self):  # noqa: N802
        self.taken.pop(self.path, None)
        self.answer(204)

    def log_message(self, *_):
        pass


def time_server():
    """One answer of an NTP server (RFC 5905) to each question, with this machine's time."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve():
        while True:
            question, who = server.recvfrom(512)
            now = time.time() + 2208988800
            stamp = struct.pack("!II", int(now), int(now % 1 * 2**32))
            server.sendto(struct.pack("!BBbbII4s", 0x24, 1, 0, -20, 0, 0, b"TEST") + stamp + question[40:48] + stamp + stamp, who)
    threading.Thread(target=serve, daemon=True).start()
    return f"127.0.0.1:{server.getsockname()[1]}"


def check_kinds(admin, base):
    def test(kind, *targets, **more):
        return admin.post("/connections/test", {"kind": kind, "targets": list(targets), **more})["items"]

    closed = "http://127.0.0.1:1/"
    here, gone = test("url", f"{base}/anything", closed)
    assert here["ok"] and here["says"].startswith("HTTP 404 from 127.0.0.1"), here
    assert not gone["ok"] and "127.0.0.1:1" in gone["says"], gone
    assert [one["ok"] for one in test("acme", f"{base}/directory", f"{base}/empty", f"{base}/nothing")] == [True, False, False]
    log, other = test("transparency", f"{base}/log", f"{base}/empty")
    assert log["ok"] and "2 roots" in log["says"] and not other["ok"]
    issuer = admin.post(f"/cas/{MADE['root']}/timestamping", {"id": "tried"}, 201)["id"]
    tsa = f"{os.environ['GATEHOUSE_HTTP_URL']}/tsa/{MADE['root']}/{issuer}"
    good, bad = test("timestamps", tsa, f"{base}/directory")
    assert good["ok"] and not bad["ok"], (good, bad)
    clock, = test("ntp", time_server())
    assert clock["ok"] and "us from this clock" in clock["says"], clock
    nobody, = test("dns", "host.example", view={"resolvers": ["127.0.0.1@1"]})
    assert not nobody["ok"] and nobody["milliseconds"] < 15000, nobody
    for wrong in ({"kind": "gopher", "targets": ["x"]}, {"kind": "url", "targets": []}, {"kind": "url"}, {"targets": ["x"]},
                  {"kind": "url", "targets": ["x"] * 17}, {"kind": "dns", "targets": ["x"], "view": {"port": 1}}):
        admin.post("/connections/test", wrong, 400)
    assert not test("url", "ftp://example.com/")[0]["ok"]
    assert not test("url", "file:///etc/passwd")[0]["ok"]


def check_publishing(admin, base, directory):
    ca = admin.post("/cas", {"name": "Published", "key": {"type": "EC", "curve": "P-256"}}, 201)["id"]
    assert admin.post(f"/cas/{ca}/publish/test")["items"] == []
    places = [f"{base}/lists/", f"file://{directory}", "http://127.0.0.1:1/lists/"]
    admin.patch(f"/cas/{ca}", {"settings": {"crl": {"publish": places}}})
    put, file, closed = admin.post(f"/cas/{ca}/publish/test")["items"]
    assert put["ok"] and put["target"] == places[0], put
    assert "/lists/gatehouse-test" not in Outside.taken, "it is removed again"
    assert not file["ok"] and "publish-directory" in file["says"], file  # this instance names none
    assert not closed["ok"], closed
    event = admin.get(f"/events?code=connection.tested&object={ca}")["items"][0]
    assert (event["outcome"], event["details"]) == ("failure", {"tried": 3, "answered": 1}), event
    admin.patch(f"/cas/{ca}", {"settings": {"crl": {"publish": []}}})


MADE = {}


def run(gateway, admin, made):
    MADE.update(made)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Outside)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    check_kinds(admin, base)
    with tempfile.TemporaryDirectory(prefix="gatehouse-publish.") as directory:
        check_publishing(admin, base, directory)
    user = admin.post("/users", {"username": "testa", "roles": [{"role": "auditor", "scope": "instance"}]}, 201)
    auditor = Client(gateway, token=token_for(gateway, "testa", user["oneTimePassword"]))
    auditor.post("/connections/test", {"kind": "url", "targets": [base]}, 403, problem="forbidden")
    auditor.post(f"/cas/{made['root']}/publish/test", None, 403, problem="forbidden")
    server.shutdown()
    print("connections: each kind, places of lists, who may not")
