#!/usr/bin/env python3
"""A policy hook for tests: an HTTPS server that decides as the name in its URL says, and checks what it is asked.

    policy_hook.py PORT CERT KEY SECRET-FILE LOG

/allow /deny /change /greedy (changes that no template takes) /unsigned /forged /replayed (signs another id)
/slow /status /garbage /typo; every request is a line of LOG.
"""
import base64
import hashlib
import hmac
import http.server
import json
import ssl
import sys
import time

port, certificate, key, secret_file, log = sys.argv[1:]


def secret():
    with open(secret_file, "rb") as file:
        return file.read().strip()


def mac(first, body, by=None):
    return "sha256=" + hmac.new(by or secret(), first.encode() + b"." + body, hashlib.sha256).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        stamp = self.headers["X-Gatehouse-Timestamp"]
        ok = hmac.compare_digest(mac(stamp, body), self.headers["X-Gatehouse-Signature"]) and \
            abs(time.time() - int(stamp)) < 60
        asked = json.loads(body)
        name = self.path.strip("/")
        with open(log, "a", encoding="utf-8") as out:
            out.write(json.dumps({"name": name, "signed": ok, "csr": len(base64.b64decode(asked["csr"])),
                                  **{k: v for k, v in asked.items() if k != "csr"}}) + "\n")
        if name == "slow":
            time.sleep(5)
        answer = {"allow": {"allow": ok}, "slow": {"allow": True}, "status": {"allow": True},
                  "deny": {"allow": False, "reason": "not in the list of assets"},
                  "change": {"allow": True, "changes": {"subject": {"CN": "www.example.test", "O": "By the hook"},
                                                        "validityDays": 7}},
                  "greedy": {"allow": True, "changes": {"validityDays": 36000}},
                  "typo": {"alow": True}}.get(name, {"allow": True})
        out = b"{allow" if name == "garbage" else json.dumps(answer).encode()
        self.send_response(500 if name == "status" else 200)
        self.send_header("Content-Length", str(len(out)))
        if name == "forged":
            self.send_header("X-Gatehouse-Signature", mac(asked["id"], out, b"another secret"))
        elif name == "replayed":
            self.send_header("X-Gatehouse-Signature", mac("00000000-0000-0000-0000-000000000000", out))
        elif name != "unsigned":
            self.send_header("X-Gatehouse-Signature", mac(asked["id"], out))
        self.end_headers()
        self.wfile.write(out)


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.daemon_threads = True
print("ready", flush=True)
server.serve_forever()
