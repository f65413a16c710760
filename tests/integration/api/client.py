"""A client that holds every answer against the OpenAPI document."""

import http.client
import json
import os
import ssl
import subprocess
import tempfile
import urllib.parse

from document import Document

BASE = "/api/v1"
URL = urllib.parse.urlsplit(os.environ["GATEHOUSE_URL"])


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body
        self.value = None

    def __getitem__(self, name):
        return self.value[name]


class Gateway:
    """The server, its document, and which operations have been seen to work."""

    def __init__(self):
        self.tls = ssl.create_default_context(cafile=os.environ["GATEHOUSE_TLS_CERT"])
        self.connection = None
        self.document = None
        self.succeeded = set()
        self.requests = 0
        nobody = Client(self)
        self.document = Document(json.loads(nobody.raw("GET", "/openapi.json").body))

    def send(self, method, path, headers, body):
        """Over a connection that is kept; one that the server has closed meanwhile is opened again."""
        fresh = self.connection is None
        if fresh:
            self.connection = http.client.HTTPSConnection(URL.hostname, URL.port, timeout=60, context=self.tls)
        try:
            return self.exchange(method, path, headers, body)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
            self.drop()
            if fresh:
                raise
        except Exception:
            self.drop()
            raise
        return self.send(method, path, headers, body)

    def exchange(self, method, path, headers, body):
        self.connection.putrequest(method, BASE + path)
        for name, value in headers.items():
            self.connection.putheader(name, value)
        if body is not None or method in ("POST", "PUT", "PATCH"):
            self.connection.putheader("Content-Length", str(len(body or b"")))
        self.connection.endheaders(body)
        response = self.connection.getresponse()
        self.requests += 1
        answer = Answer(response.status, dict(response.getheaders()), response.read())
        if response.will_close:
            self.drop()
        return answer

    def drop(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None


class Client:
    def __init__(self, gateway, token=None, cookie=None):
        self.gateway = gateway
        self.headers = {}
        if token:
            self.headers["Authorization"] = "Bearer " + token
        if cookie:
            self.headers["Cookie"] = "gatehouse_session=" + cookie

    def raw(self, method, path, body=None, headers=None):
        """Sends, checks nothing."""
        return self.gateway.send(method, path, {**self.headers, **(headers or {})}, body)

    def call(self, method, path, status, document=None, headers=None, body=None, problem=None):
        """Sends, wants this status, and an answer as documented; `problem` is the end of its type."""
        headers = dict(headers or {})
        if document is not None:
            body = json.dumps(document).encode()
            headers.setdefault("Content-Type", "application/json")
        answer = self.raw(method, path, body, headers)
        plain = path.split("?")[0]
        assert answer.status == status, (
            f"{method} {path}: {answer.status} instead of {status}: {answer.body[:600].decode(errors='replace')}"
        )
        answer.value = self.gateway.document.check_response(method, plain, answer.status, answer.headers, answer.body)
        if status < 300:
            self.gateway.succeeded.add((method, self.gateway.document.find(method, plain)[0]))
        if problem is not None:
            assert answer["type"] == "/problems/" + problem, f"{method} {path}: {answer['type']}: {answer['detail']}"
        return answer

    def get(self, path, status=200, **more):
        return self.call("GET", path, status, **more)

    def post(self, path, document=None, status=200, **more):
        return self.call("POST", path, status, document, **more)

    def patch(self, path, document, status=200, **more):
        return self.call("PATCH", path, status, document, **more)

    def put(self, path, document, status=200, **more):
        return self.call("PUT", path, status, document, **more)

    def delete(self, path, status=204, **more):
        return self.call("DELETE", path, status, **more)

    def all_items(self, path, limit):
        """Every item of a list, by following next; the Link header says the same."""
        items, cursor = [], None
        for _ in range(1000):
            joint = "&" if "?" in path else "?"
            more = f"&cursor={urllib.parse.quote(cursor, safe='')}" if cursor else ""
            page = self.get(f"{path}{joint}limit={limit}{more}")
            assert len(page["items"]) <= limit
            items += page["items"]
            link = page.headers.get("Link")
            cursor = page["next"]
            assert (link is None) == (cursor is None), "Link and next disagree"
            if cursor is None:
                return items
            target = link.split(">")[0].removeprefix("<")
            assert target.startswith(BASE), link
            follow = self.get(target.removeprefix(BASE))
            assert follow.status == 200
        raise AssertionError(f"{path}: the list does not end")


def log_in(gateway, username, password):
    """The session's cookie and what the answer said."""
    answer = Client(gateway).post("/session", {"username": username, "password": password})
    cookie = answer.headers["Set-Cookie"]
    for flag in ("HttpOnly", "Secure", "SameSite=Strict", "Path=/"):
        assert flag in cookie.split("; "), cookie
    return cookie.split(";")[0].removeprefix("gatehouse_session="), answer


def token_for(gateway, username, one_time_password):
    """A first log-in as a person does it: change the password, make an API token."""
    cookie, answer = log_in(gateway, username, one_time_password)
    assert answer["mustChangePassword"] is True
    person = Client(gateway, cookie=cookie)
    person.headers["X-Gatehouse-CSRF"] = "1"
    person.post("/session/password", {"old": one_time_password, "new": "a much longer secret " + username}, 204)
    return person.post("/session/tokens", {"label": "test"}, 201)["token"]


CACHE = os.environ.get("GATEHOUSE_CACHE", os.path.expanduser("~/.cache/gatehouse"))
BUILT = os.path.join(CACHE, "deps/bin/openssl")  # where the system's knows no post-quantum algorithm
OPENSSL = os.environ.get("GATEHOUSE_OPENSSL", BUILT if os.path.exists(BUILT) else "openssl")
SCRATCH = tempfile.TemporaryDirectory(prefix="gatehouse-api.")


def openssl(*arguments, data=None):
    result = subprocess.run([OPENSSL, *arguments], input=data, capture_output=True, check=False)
    assert result.returncode == 0, f"openssl {' '.join(arguments)}: {result.stderr.decode()}"
    return result.stdout


def make_csr(name, form="PEM", sans=None):
    """A P-256 CSR for CN=name with the SAN DNS:name."""
    key = os.path.join(SCRATCH.name, "key.pem")
    if not os.path.exists(key):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
    subject_alternative = sans or f"DNS:{name}"
    return openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-outform", form,
                   "-addext", f"subjectAltName={subject_alternative}")
