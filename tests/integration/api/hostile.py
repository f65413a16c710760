"""Broken and hostile requests to every route: a 4xx problem each, no 500, and nothing is changed."""

import json
import socket
import ssl
import urllib.parse

from client import BASE, URL, Client, log_in
from strangers import OPEN, assert_same, bodies, each_route, fill, snapshot

DEEP = b"[" * 100_000
BODIES = [
    ("empty", b""),
    ("truncated", b'{"name":"x'),
    ("trailing", b"{} {}"),
    ("a list", b"[]"),
    ("null", b"null"),
    ("a number", b"1e999"),
    ("deep lists", DEEP[:15_000]),
    ("deep objects", b'{"a":' * 2_000 + b"1" + b"}" * 2_000),
    ("duplicate names", b'{"name":"x","name":"y"}'),
    ("a NUL escape", b'{"name":"a\\u0000b"}'),
    ("a NUL byte", b'{"name":"a\0b"}'),
    ("invalid UTF-8", b'{"name":"\xff\xfe"}'),
    ("an overlong form", b'{"name":"\xc0\xaf"}'),
    ("a lone surrogate", b'{"name":"\\ud800"}'),
    ("an unknown field", b'{"no-such-field":1}'),
    ("a byte order mark", b"\xef\xbb\xbf{}"),
    ("not JSON", b"name=x&csr=y"),
]
VALUES = [None, True, 0, -1, 1.5, 10**30, "", "x" * 5000, "\u0007", "\U0010ffff", [], [[]], [None], {}, {"a": {}},
          "'; DROP TABLE cas; --", "../../etc/passwd", "%00", "<script>"]
QUERIES = ["limit=0", "limit=501", "limit=x", "limit=1&limit=1", "cursor=x", "cursor=%00", "cursor=%ff",
           "cursor=" + "a" * 600, "nonsense=1", "state=%ff", "format=exe", "q", "%ff=1", "=&=", "format"]
IDS = ["x", "..%2f..%2fetc", "%00", "%ff", "a" * 3000, "'%20or%201=1--", "%F0%9F%92%A9",
       "00000000-0000-0000-0000-000000000000", "example-root%2fcsr", "EXAMPLE-ROOT", "%20"]


def expect_problem(gateway, client, method, path, body, headers, what):
    answer = client.raw(method, path, body, headers)
    where = f"{method} {path[:80]} with {what}: {answer.status}"
    assert 400 <= answer.status < 500, f"{where} {answer.body[:300]}"
    assert answer.headers["Content-Type"] == "application/problem+json", where
    gateway.document.validate({"$ref": "#/components/schemas/Problem"}, json.loads(answer.body))
    return answer


def expect_too_large(client, method, path, headers):
    """413, from the Content-Length alone: the server may close before it has heard the whole body, and then
    the answer can be lost on the way."""
    try:
        answer = client.raw(method, path, b" " * 4_300_000, headers)
        assert answer.status == 413, f"{method} {path}: {answer.status}"
    except (ConnectionError, ssl.SSLError):
        pass


LONG_BODIES = ("/validators/{validator}/crl", "/validators/{validator}/issued")  # whole lists: 64 MiB


def check_bodies(gateway, admin, made):
    as_json = {"Content-Type": "application/json"}
    for method, path, operation in each_route(gateway):
        if "requestBody" not in operation:
            continue
        optional = not operation["requestBody"].get("required", False)
        target = fill(path, made)
        for what, body in BODIES:
            if not (optional and what == "empty"):
                expect_problem(gateway, admin, method, target, body, as_json, what)
        expect_problem(gateway, admin, method, target, b"{}", {"Content-Type": "text/plain"}, "a wrong type")
        if path not in LONG_BODIES:
            expect_too_large(admin, method, target, as_json)
        expect_problem(gateway, admin, method, target + "?x=1", json.dumps(bodies(path, made)).encode(), as_json,
                       "an unknown query parameter")


def check_fields(gateway, admin, made):
    """Each field of each body with values it was not made for. Some are fine: then it is no 5xx either, and
    what was made goes away again."""
    for method, path, operation in each_route(gateway):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None or path in ("/session", "/session/password"):
            continue
        if path.endswith(("/renew", "/rekey", "/chains")): # no body at all is fine, and changes the CA
            continue
        schema = gateway.document.resolve(content["schema"])
        for field in schema["properties"]:
            for value in VALUES:
                body = dict(bodies(path, made))
                body[field] = value
                if path == "/templates/{template}/requests":
                    body.pop("issue", None)
                answer = admin.raw(method, fill(path, made), json.dumps(body).encode(),
                                   {"Content-Type": "application/json"})
                where = f"{method} {path} with {field}={str(value)[:40]!r}: {answer.status}"
                assert answer.status < 500, f"{where} {answer.body[:300]}"
                gateway.document.check_response(method, fill(path, made), answer.status, answer.headers, answer.body)
                undo(admin, method, path, answer)


def undo(admin, method, path, answer):
    if answer.status != 201:
        return
    made = json.loads(answer.body)
    if path == "/cas" or path.endswith("/templates"):
        confirm = "?confirm=" + urllib.parse.quote(made["name"]) if path == "/cas" else ""
        admin.delete(answer.headers["Location"].removeprefix(BASE) + confirm)
    elif path.endswith("/tokens"):
        admin.delete(f"/session/tokens/{made['id']}")


def check_addresses(gateway, admin, made):
    for method, path, _ in each_route(gateway):
        if method == "GET" and path not in ("/", "/openapi.json"):
            for query in QUERIES:
                expect_problem_or_page(admin, method, fill(path, made) + "?" + query)
        if "{" not in path:
            continue
        body = None if method in ("GET", "DELETE") else json.dumps(bodies(path, made)).encode()
        for bad in IDS:
            head, tail = path.split("{")[0], path.split("}")[1]
            expect_problem(gateway, admin, method, head + bad + tail, body, {"Content-Type": "application/json"}, bad)


def expect_problem_or_page(admin, method, target):
    answer = admin.raw(method, target)
    assert answer.status < 500, f"{target}: {answer.status}"
    if answer.status == 200:
        # Only what the route knows may be accepted.
        assert not any(bad in target for bad in ("nonsense", "limit=0", "limit=501", "limit=1&", "%ff")), target


def send_raw(request):
    """Bytes that no HTTP library sends, over TLS."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((URL.hostname, URL.port), timeout=40) as plain:
        with context.wrap_socket(plain, server_hostname=URL.hostname) as tls:
            answer = b""
            try:
                tls.sendall(request)
                while block := tls.recv(65536):
                    answer += block
            except (ConnectionError, ssl.SSLError):
                pass
            return answer


def check_raw(token):
    line = f"Host: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n".encode()
    for request in (
        b"GET /api/v1/cas HTTP/1.1\r\n" + line + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET /api/v1/" + b"a" * 100_000 + b" HTTP/1.1\r\n" + line + b"\r\n",
        b"POST /api/v1/cas HTTP/1.1\r\n" + line + b"Content-Type: application/json\r\nContent-Length: -1\r\n\r\n{}",
        b"POST /api/v1/cas HTTP/1.1\r\n" + line + b"Content-Length: 99999999999\r\n\r\n",
        b"POST /api/v1/cas HTTP/1.1\r\n" + line + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /api/v1/cas\x00 HTTP/1.1\r\n" + line + b"\r\n",
        b"TRACE /api/v1/cas HTTP/1.1\r\n" + line + b"\r\n",
        b"\x16\x03\x01" * 100 + b"\r\n\r\n",
    ):
        answer = send_raw(request)
        status = answer.split(b" ")[1:2]
        assert not status or status[0].startswith(b"4") or status[0] == b"505", (request[:60], answer[:200])


def session_of(gateway, admin):
    """A person's session, as a browser has it: the cookie alone."""
    user = admin.post("/users", {"username": "lured", "roles": [{"role": "administrator", "scope": "instance"}]}, 201)
    cookie, _ = log_in(gateway, "lured", user["oneTimePassword"])
    return user["id"], Client(gateway, cookie=cookie)


def check_forgery(gateway, lured, made):
    """What another site can make a browser send: the cookie, a body of a simple type, no header of ours. Each change is refused
    before anything else is looked at."""
    for method, path, _ in each_route(gateway):
        if method == "GET" or (method, path) in OPEN:
            continue
        body = None if method == "DELETE" else json.dumps(bodies(path, made)).encode()
        for headers in ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"},
                        {"Content-Type": "application/json"}, {"X-Gatehouse-CSRF": "0", "Sec-Fetch-Site": "same-site"}):
            answer = expect_problem(gateway, lured, method, fill(path, made), body, headers, "a forged origin")
            assert answer.status == 403 and json.loads(answer.body)["type"] == "/problems/csrf", (method, path, answer.body)
            assert not any(name.lower().startswith("access-control-") for name in answer.headers), path


PAGES = ["/", "/console", "/console/", "/console/cas", "/start", "/request/x", "/claim/x", "/cps/x", "/nowhere", "/healthz", "/metrics",
         "/acme/directory", "/.well-known/est/cacerts", "/ocsp/x", "/crl/x.crl", "/ca/x.crt", "/tsa/x", "/scep/x?operation=GetCACaps"]
ELSEWHERE = ["//evil.example", "//evil.example/..", "///evil.example", "/%5cevil.example", "/%2f%2fevil.example", "/console//evil.example",
             "/?next=https://evil.example", "/console?return=//evil.example", "/console/?next=//evil.example",
             "/start?url=https://evil.example", "https://evil.example/", "https://evil.example/console"]


def check_walls(gateway):
    """On every page, whatever its status: no script of others, no frame, no sniffing, HTTPS for a year; no way elsewhere."""
    for target in PAGES + ELSEWHERE:
        for host in ("localhost", "evil.example"):
            head = send_raw(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: http\r\n"
                            "Connection: close\r\n\r\n".encode()).split(b"\r\n\r\n")[0].decode()
            lines = head.split("\r\n")
            headers = {line.split(":")[0].lower(): line.split(":", 1)[1].strip() for line in lines[1:]}
            where = f"{target} of {host}: {head[:600]}"
            assert lines[0].split(" ")[1] in ("200", "303", "400", "401", "404"), where
            location = headers.get("location", "/")
            assert location.startswith("/") and not location.startswith(("//", "/\\")) and "evil" not in location, where
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy, where
            assert headers["strict-transport-security"] == "max-age=31536000" and headers["x-frame-options"] == "DENY", where
            assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer", where
            assert "set-cookie" not in headers and "server" not in headers, where


def run(gateway, admin, made, token):
    user, lured = session_of(gateway, admin)
    before = snapshot(admin, made)
    check_forgery(gateway, lured, made)
    check_walls(gateway)
    check_bodies(gateway, admin, made)
    check_addresses(gateway, admin, made)
    check_raw(token)
    assert_same(before, snapshot(admin, made))
    admin.patch(f"/users/{user}", {"state": "suspended"})


def run_fields(gateway, admin, made):
    check_fields(gateway, admin, made)
    admin.get("/cas")
