"""The Microsoft endpoints that the Intune adapter calls, over TLS: token, service discovery, ScepActions,
revocation requests. What is asked is checked, kept and shown under /log; faults are ordered by /fault/NAME.

    microsoft.py CERTIFICATE KEY PORT-FILE
"""

import base64
import hashlib
import hmac
import json
import ssl
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "the application's secret"
GOOD = "good-" + "c2NlcCBjaGFsbGVuZ2Ug" * 20  # as long and opaque as a real one
HOOK_SECRET = "shared with the hook"
STATE = {"log": [], "fault": "", "tokens": {}, "revocations": [], "results": []}
LOCK = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def base(self):
        return f"https://localhost:{self.server.server_port}"

    def note(self, what, value):
        with LOCK:
            STATE["log"].append({"what": what, "value": value})

    def bearer(self, resource):
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if STATE["tokens"].get(token) == resource and STATE["fault"] != "unauthorized":
            return True
        self.answer(401, {"error": "invalid_token"})
        return False

    def do_GET(self):
        if self.path.startswith("/fault/"):
            STATE["fault"] = self.path.split("/")[2]
            return self.answer(200, {})
        if self.path.startswith("/revoke/"):
            STATE["revocations"].append(self.path.split("/")[2])
            return self.answer(200, {})
        if self.path == "/log":
            return self.answer(200, {"log": STATE["log"], "results": STATE["results"]})
        if self.path != "/v1.0/servicePrincipals/appId=0000000a-0000-0000-c000-000000000000/endpoints":
            return self.answer(404, {})
        if not self.bearer(self.base() + "/.default"):
            return None
        if STATE["fault"] == "no-service":
            return self.answer(200, {"value": []})
        return self.answer(200, {"value": [
            {"providerName": "PkiConnectorFEService", "uri": self.base() + "/pki"},
            {"providerName": "ScepRequestValidationFEService", "uri": self.base() + "/scep"}]})

    def token(self, body):
        form = dict(urllib.parse.parse_qsl(body.decode()))
        assert form["grant_type"] == "client_credentials" and form["client_id"] == "app-id", form
        if "client_assertion" in form:
            head, claims, signature = form["client_assertion"].split(".")
            pad = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            assert json.loads(pad(head))["alg"] == "RS256" and json.loads(pad(claims))["iss"] == "app-id"
            assert len(pad(signature)) == 256
        elif form.get("client_secret") != SECRET:
            return self.answer(401, {"error": "invalid_client", "error_description": "AADSTS7000215: wrong secret"})
        with LOCK:
            token = f"token-{len(STATE['tokens'])}"
            STATE["tokens"][token] = form["scope"]
        self.note("token", "assertion" if "client_assertion" in form else "secret")
        return self.answer(200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"})

    def hook(self, body):
        stamp = self.headers["X-Gatehouse-Timestamp"]
        mac = hmac.new(HOOK_SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest("sha256=" + mac, self.headers["X-Gatehouse-Signature"]):
            return self.answer(401, {})
        value = json.loads(body)
        self.note("hook", value)
        if value["type"] != "validate":
            return self.answer(200, {})
        return self.answer(200, {"allow": value["challenge"] == "hook-good", "reason": "not known",
                                 "requester": "asset 4711"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/example.test/oauth2/v2.0/token":
            return self.token(body)
        if self.path == "/hook":
            return self.hook(body)
        if not self.bearer("https://api.manage.microsoft.com//.default"):
            return None
        if STATE["fault"] == "down":
            return self.answer(503, {"code": "ServiceUnavailable"})
        if STATE["fault"] == "nonsense":
            return self.answer(200, "not an object")
        version = self.headers.get("api-version")
        assert self.headers.get("client-request-id")
        value = json.loads(body)
        name = self.path.rsplit("/", 1)[1]
        if self.path == "/scep/ScepActions/validateRequest":
            assert version == "2018-02-20"
            self.note(name, value)
            csr = base64.b64decode(value["request"]["certificateRequest"])
            code = "Success" if GOOD.encode() in csr else "ChallengeDecryptionError"
            return self.answer(200, {"code": code, "errorDescription": "" if code == "Success" else "wrong"})
        if self.path in ("/scep/ScepActions/successNotification", "/scep/ScepActions/failureNotification"):
            self.note(name, value["notification"])
            return self.answer(200, {"code": "Success"})
        if self.path == "/pki/CertificateAuthorityRequests/downloadRevocationRequests":
            assert version == "5019-05-05" and value["downloadParameters"]["maxRequests"] > 0
            wanted, STATE["revocations"] = STATE["revocations"], []
            return self.answer(200, {"value": [
                {"requestContext": f"context-{n}", "serialNumber": serial, "issuerName": "CN=x",
                 "caConfiguration": "x"} for n, serial in enumerate(wanted)]})
        if self.path == "/pki/CertificateAuthorityRequests/uploadRevocationResults":
            STATE["results"] += value["results"]
            return self.answer(200, {"value": True})
        return self.answer(404, {})


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with open(sys.argv[3], "w", encoding="ascii") as file:
        file.write(f"{server.server_port}\n")
    server.serve_forever()


if __name__ == "__main__":
    main()
