"""The instance's own TLS certificate: shown, set, ordered by CSR, imported, renewed; served at once."""

import json
import os
import ssl
import subprocess

from access import new_user
from client import Client

OPENSSL = os.environ.get("GATEHOUSE_OPENSSL", "openssl")


def trust(gateway, shown):
    """Clients of the test go on with what is served now."""
    with open(os.environ["GATEHOUSE_TLS_CERT"], "w", encoding="ascii") as file:
        file.write(shown["certificate"]["pem"])
    gateway.drop()
    gateway.tls = ssl.create_default_context(cafile=os.environ["GATEHOUSE_TLS_CERT"])


def served(gateway):
    host, port = os.environ["GATEHOUSE_URL"].removeprefix("https://").split(":")
    return ssl.get_server_certificate((host, int(port)))


def check_settings(admin):
    shown = admin.get("/tls")
    assert shown["settings"]["source"] == "self-signed" and shown["certificate"]["missingNames"] == []
    assert shown["certificate"]["chain"] == [] and not shown["certificate"]["warning"]
    for bad in ({"source": "magic"}, {"source": "authority"}, {"source": "acme"}, {"source": "self-signed", "days": 826},
                {"source": "self-signed", "keyType": "ML-DSA-65"}, {"source": "self-signed", "names": ["a@example.com"]},
                {"source": "acme", "acme": {"directory": "http://acme.example/directory"}},
                {"source": "acme", "acme": {"directory": "https://acme.example/d", "contact": "someone"}},
                {"source": "acme", "acme": {"directory": "https://acme.example/d", "ca": "x"}},
                {"source": "acme", "acme": {"directory": "https://acme.example/d", "eab": {"kid": "a"}}},
                {"source": "acme", "acme": {"directory": "https://acme.example/d", "eab": {"kid": "a", "key": "eA"}}}):
        answer = admin.raw("PUT", "/tls", json.dumps(bad).encode(), {"Content-Type": "application/json"})
        assert answer.status in (400, 422), (bad, answer.status, answer.body)
    admin.put("/tls", {"source": "authority", "ca": "no-such-ca"}, 404, problem="not-found")
    admin.put("/tls", {"source": "acme", "names": ["gateway.example"], "acme": {"directory": "https://127.0.0.1:1/d"}}, 503,
              problem="tls-acme")
    assert admin.get("/tls").value == shown.value, "a setting that failed was kept"
    return shown


def check_csr(admin):
    csr = admin.post("/tls/csr", {"names": ["gateway.example", "192.0.2.7"]}, 200)["csr"]
    text = subprocess.run([OPENSSL, "req", "-noout", "-text", "-verify"], input=csr, capture_output=True, text=True, check=True)
    assert "DNS:gateway.example, IP Address:192.0.2.7" in text.stdout, text.stdout
    again = admin.post("/tls/csr", {"names": ["other.example"]}, 200)["csr"]
    keys = {subprocess.run([OPENSSL, "req", "-noout", "-pubkey"], input=one, capture_output=True, text=True, check=True).stdout
            for one in (csr, again)}
    assert len(keys) == 1, "a second CSR made a second key"


def check_import(gateway, admin, made, shown):
    foreign = admin.get(f"/certificates/{made['certificate']}")["pem"]
    admin.post("/tls/certificate", {"certificate": foreign}, 422, problem="tls-certificate")
    admin.post("/tls/certificate", {"certificate": "x"}, 400, problem="bad-encoding")
    admin.post("/tls/certificate", {}, 400, problem="missing-field")
    # The present one, for the present key: it is a given one from now on, and nobody renews it.
    given = admin.post("/tls/certificate", {"certificate": shown["certificate"]["pem"]}, 200)
    assert given["settings"]["source"] == "given" and given["certificate"]["sha256"] == shown["certificate"]["sha256"]
    admin.post("/tls/renew", {}, 409, problem="tls-given")
    back = admin.put("/tls", {"source": "self-signed"}, 200)
    assert back["certificate"]["sha256"] != shown["certificate"]["sha256"]
    assert served(gateway).strip() == back["certificate"]["pem"].strip(), "the new one is not served at once"
    trust(gateway, back)
    renewed = admin.post("/tls/renew", {}, 200)
    assert renewed["certificate"]["sha256"] != back["certificate"]["sha256"]
    trust(gateway, renewed)
    codes = [event["code"] for event in admin.get("/events?code=tls.&limit=20")["items"]]
    assert codes.count("tls.certificate-imported") == 1 and codes.count("tls.certificate-made") >= 3, codes


def run(gateway, admin, made):
    shown = check_settings(admin)
    check_csr(admin)
    check_import(gateway, admin, made, shown)
    _, reader = new_user(gateway, admin, "tls-reader", [{"role": "auditor", "scope": "instance"}])
    reader.get("/tls")
    reader.post("/tls/renew", {}, 403, problem="forbidden")
    reader.put("/tls", {"source": "self-signed"}, 403, problem="forbidden")
    Client(gateway).get("/tls", 401)
