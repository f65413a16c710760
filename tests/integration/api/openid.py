"""OpenID Connect with a provider that lies as it is told to (a true one is in tests/interop/openid.sh)."""

import base64
import http.server
import json
import os
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

from client import Client
from identity import free_port

GROUPS = {"staff": "auditor", "pki": "officer"}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Provider(http.server.BaseHTTPRequestHandler):
    """One person at a time; `lie` changes what is said."""

    protocol_version = "HTTP/1.1"
    person, lie, codes, asked = {}, {}, {}, []
    issuer = key = jwk = None

    def log_message(self, *_):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        if path == "/.well-known/openid-configuration":
            issuer = self.lie.get("issuer", self.issuer)
            return self.answer(200, {"issuer": issuer, "authorization_endpoint": self.issuer + "/authorize",
                                     "token_endpoint": self.lie.get("token", self.issuer + "/token"),
                                     "jwks_uri": self.issuer + "/keys", "userinfo_endpoint": self.issuer + "/me",
                                     "end_session_endpoint": self.issuer + "/end"})
        if path == "/keys":
            return self.answer(200, {"keys": [{**self.jwk, "kid": "one"}]})
        if path == "/me":
            assert self.headers["Authorization"] == "Bearer access"
            return self.answer(200, {"sub": self.lie.get("info", self.person["sub"]), **self.person.get("info", {})})
        return self.answer(404, {})

    def do_POST(self):
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.asked.append((form, self.headers.get("Authorization")))
        begun = self.codes.pop(form.get("code"), None)
        if begun is None or begun["redirect_uri"] != form["redirect_uri"] or not self.proves(begun, form):
            return self.answer(400, {"error": "invalid_grant"})
        return self.answer(200, {"access_token": "access", "token_type": "Bearer", "id_token": self.id_token(begun)})

    @staticmethod
    def proves(begun, form):
        import hashlib
        return begun["code_challenge"] == b64(hashlib.sha256(form["code_verifier"].encode()).digest())

    def id_token(self, begun):
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": begun["client_id"], "iat": now, "exp": now + 300, "nonce": begun["nonce"],
                  "sub": self.person["sub"], **self.person.get("token", {}), **self.lie.get("claims", {})}
        header = {"alg": "RS256", "kid": "one", **self.lie.get("header", {})}
        signed = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
        if header["alg"] == "none":
            return signed + "."
        key = self.lie.get("key", self.key)
        made = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=signed.encode(), capture_output=True, check=True)
        return signed + "." + b64(made.stdout)


def start(directory):
    port = free_port()
    cert, key, other = (os.path.join(directory, name) for name in ("id.pem", "id.key", "other.key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=id", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-days", "2", "-out", cert, "-keyout", key], check=True, capture_output=True)
    subprocess.run(["openssl", "genrsa", "-out", other, "2048"], check=True, capture_output=True)
    modulus = subprocess.run(["openssl", "rsa", "-in", key, "-noout", "-modulus"], check=True, capture_output=True, text=True)
    Provider.jwk = {"kty": "RSA", "e": "AQAB", "n": b64(bytes.fromhex(modulus.stdout.strip().split("=")[1]))}
    Provider.key, Provider.issuer = key, f"https://127.0.0.1:{port}"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Provider)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open(cert, encoding="ascii") as file:
        return server, file.read(), other


def begin(gateway):
    """The browser at the provider: what it was sent with, its cookie, and the code it comes back with."""
    answer = Client(gateway).post("/session/openid", {"provider": "id"})
    url = urllib.parse.urlsplit(answer["url"])
    asked = dict(urllib.parse.parse_qsl(url.query))
    assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256" and "openid" in asked["scope"].split()
    assert asked["redirect_uri"] == gateway_url() + "/console/login/id", asked
    cookie = answer.headers["Set-Cookie"]
    assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=Strict", "Path=/api/v1/session/openid"))
    code = b64(os.urandom(12))
    Provider.codes[code] = asked
    return asked, cookie.split(";")[0], code


def gateway_url():
    return os.environ["GATEHOUSE_URL"]


def finish(gateway, asked, cookie, code, status=200, problem=None, state=None):
    headers = {} if cookie is None else {"Cookie": cookie}
    return Client(gateway).post("/session/openid/finish", {"provider": "id", "code": code, "state": state or asked["state"]},
                                status, headers=headers, problem=problem)


def enter(gateway, status=200, problem=None, **lie):
    Provider.lie = lie
    asked, cookie, code = begin(gateway)
    answer = finish(gateway, asked, cookie, code, status, problem)
    Provider.lie = {}
    return answer


def check_settings(admin, settings):
    make = {"id": "id", "kind": "oidc", "name": "Example ID", "secret": "client secret/:%"}
    for change in ({"issuer": "http://127.0.0.1"}, {"issuer": "https://127.0.0.1/?x"}, {"clientId": ""}, {"scope": "profile"},
                   {"scope": "openid2"}, {"ca": "x"}, {"usernameClaim": ""},
                   {"roles": [{"group": "x", "role": "auditor", "scope": "organisation"}]}):
        admin.post("/identity-providers", {**make, "settings": {**settings, **change}}, 422, problem=None)
    admin.post("/identity-providers", {**make, "settings": {**settings, "url": "ldaps://x"}}, 400, problem="unknown-field")
    admin.post("/identity-providers", {**make, "settings": settings}, 201)
    admin.post("/identity-providers/id/test", status=204)


def check_entering(gateway, admin):
    Provider.person = {"sub": "0001", "token": {"preferred_username": "oda", "name": "Oda Oak", "email": "oda@example.test",
                                                "groups": ["Staff"]}}
    assert {"id": "id", "kind": "oidc", "name": "Example ID"} in Client(gateway).get("/session/providers")["items"]
    answer = enter(gateway)
    assert [r["role"] for r in answer["roles"]] == ["auditor"], answer.value
    form, basic = Provider.asked[-1]
    assert "client_secret" not in form and base64.b64decode(basic.split()[1]) == b"gatehouse:client%20secret%2F%3A%25"
    cookies = answer.headers["Set-Cookie"]
    user = [u for u in admin.get("/users?limit=500")["items"] if u["username"] == "oda"][0]
    assert user["provider"] == "id" and user["displayName"] == "Oda Oak" and user["email"] == "oda@example.test"
    # Claims at userinfo alone, an unverified address, another name for the same person, roles as they are now.
    Provider.person = {"sub": "0001", "info": {"preferred_username": "oda", "name": "Oda Ode", "email": "x@example.test",
                                               "email_verified": False, "groups": "pki"}}
    assert [r["role"] for r in enter(gateway)["roles"]] == ["officer"]
    user = [u for u in admin.get("/users?limit=500")["items"] if u["username"] == "oda"][0]
    assert user["displayName"] == "Oda Ode" and user["email"] != "x@example.test", user
    return cookies


def check_out(gateway, admin):
    person = Provider.person
    enter(gateway, 503, "provider-failed", info="0002")
    Provider.person = {**person, "info": {**person["info"], "groups": ["nothing"]}}
    enter(gateway, 403, "no-role")
    Provider.person = {"sub": "0003", "token": {"preferred_username": "fiona", "groups": ["pki"]}}
    admin.post("/users", {"username": "taken", "roles": []}, 201)
    Provider.person["token"]["preferred_username"] = "taken"
    enter(gateway, 409, "exists")  # a local user's name is not taken over
    Provider.person = {"sub": "0004", "token": {"groups": ["pki"]}}
    enter(gateway, 503, "provider-failed")
    Provider.person = person


def check_hostile(gateway, admin, other):
    for lie in ({"claims": {"nonce": "another"}}, {"claims": {"aud": "another"}}, {"claims": {"exp": int(time.time()) - 3600}},
                {"claims": {"iss": "https://other.example"}}, {"header": {"alg": "none"}}, {"header": {"alg": "HS256"}},
                {"key": other}):
        enter(gateway, 401, "bad-id-token", **lie)
    events = admin.get("/events?code=session.refused&limit=50")["items"]
    assert any("nonce" in str(event) for event in events)
    # A code once; a state of this browser alone; a ticket once.
    asked, cookie, code = begin(gateway)
    finish(gateway, asked, None, code, 401, "ticket-over")
    finish(gateway, asked, cookie, code, 401, "ticket-over", state="x" * 43)
    asked_too, cookie_too, _ = begin(gateway)
    finish(gateway, asked_too, cookie, code, 401, "ticket-over")
    finish(gateway, asked, cookie, code)
    finish(gateway, asked, cookie, code, 401, "ticket-over")
    finish(gateway, asked_too, cookie_too, code, 401, "code-refused")
    Client(gateway).post("/session/openid", {"provider": "directory"}, 404)


def check_discovery(admin, settings):
    """What a provider says of itself is looked at; a change of the settings asks it anew."""
    version = 1
    for lie, text in (({"issuer": "https://evil.example"}, "calls itself"), ({"token": "http://127.0.0.1/token"}, "token_endpoint")):
        Provider.lie = lie
        version = admin.put("/identity-providers/id", {"kind": "oidc", "name": "Example ID", "settings": settings, "version": version})["version"]
        answer = admin.post("/identity-providers/id/test", status=503, problem="provider-failed")
        assert text in answer["detail"], answer["detail"]
    Provider.lie = {}
    admin.put("/identity-providers/id", {"kind": "oidc", "name": "Example ID", "settings": settings, "version": version})
    admin.post("/identity-providers/id/test", status=204)


def check_leaving(gateway):
    cookies = enter(gateway).headers["Set-Cookie"]
    session = Client(gateway, cookie=cookies.split("=", 1)[1].split(";")[0])
    session.headers["X-Gatehouse-CSRF"] = "1"
    stored = subprocess.run(["mariadb", "--no-defaults", f"--socket={os.environ['GATEHOUSE_DIR']}/db/db.sock", "-uroot", "gatehouse", "-Ne",
                             "SELECT hint FROM sessions WHERE hint <> ''"], check=True, capture_output=True, text=True).stdout
    url = urllib.parse.urlsplit(session.delete("/session", status=200)["logoutUrl"])
    asked = dict(urllib.parse.parse_qsl(url.query))
    token = asked.pop("id_token_hint")  # sealed at rest, whole in the browser
    assert url.path == "/end" and asked == {"client_id": "gatehouse", "post_logout_redirect_uri": gateway_url() + "/console/"}
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["iss"] == Provider.issuer and claims["aud"] == "gatehouse"
    assert stored and token not in stored and token.split(".")[1] not in stored
    session.get("/session", 401)


def run(gateway, admin):
    with tempfile.TemporaryDirectory(prefix="gatehouse-openid.") as directory:
        server, ca, other = start(directory)
        try:
            settings = {"issuer": Provider.issuer, "clientId": "gatehouse", "ca": ca,
                        "roles": [{"group": group, "role": role, "scope": "instance"} for group, role in GROUPS.items()]}
            check_settings(admin, settings)
            check_entering(gateway, admin)
            check_out(gateway, admin)
            check_hostile(gateway, admin, other)
            check_leaving(gateway)
            check_discovery(admin, settings)
        finally:
            server.shutdown()
            server.server_close()
    admin.delete("/identity-providers/id")
