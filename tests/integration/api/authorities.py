"""CAs to production depth: what goes into their certificates, and what becomes of them."""

import time

from client import make_csr, openssl


def text_of(ca):
    return openssl("x509", "-noout", "-text", "-nameopt", "RFC2253", data=ca["certificate"]["pem"].encode()).decode()


def sign_one(admin, ca, name):
    template = admin.get(f"/cas/{ca}/templates")["items"][0]["id"]
    asked = admin.post(f"/templates/{template}/requests", {"csr": make_csr(name).decode(), "issue": True}, 201)
    return asked["certificate"]


def check_shapes(admin):
    """Usages, constraints, policies, dates, names with several values."""
    ca = admin.post("/cas", {
        "name": "Shapes", "key": {"type": "EC", "curve": "brainpoolP384r1"},
        "subject": [{"C": "DE"}, {"O": "Example"}, {"CN": "Shapes", "serialNumber": "7"}, {"1.2.3.4.5": "by OID"},
                    {"postOfficeBox": "12"}],
        "notBefore": "2020-01-01T00:00:00Z", "notAfter": "2050-06-01T12:00:00Z", "pathLength": 1,
        "keyUsage": ["keyCertSign", "cRLSign", "digitalSignature"], "extendedKeyUsage": ["serverAuth", "1.2.3.4"],
        "policies": ["2.23.140.1.2.1", "1.2.3.4.5.6"],
        "nameConstraints": {"permitted": ["DNS:example.com", "IP:10.0.0.0/8", "email:.example.com"],
                            "excluded": ["DNS:secret.example.com", "dirName:O=Other"]},
    }, 201)
    text = text_of(ca)
    for part in ("ecdsa-with-SHA384", "Not Before: Jan  1 00:00:00 2020 GMT", "Jun  1 12:00:00 2050 GMT", "pathlen:1",
                 "Digital Signature, Certificate Sign, CRL Sign", "TLS Web Server Authentication, 1.2.3.4",
                 "2.23.140.1.2.1", "DNS:secret.example.com", "IP:10.0.0.0/255.0.0.0", "brainpoolP384r1",
                 "CN=Shapes+serialNumber=7,O=Example,C=DE"):
        assert part in text, part + "\n" + text
    assert {w["type"] for w in ca["warnings"]} == {"key-2035"}, ca["warnings"]
    for wrong, problem in (({"keyUsage": ["keyCertSign"]}, "ca-order"), ({"policies": ["x"]}, "ca-order"),
                           ({"nameConstraints": {}}, "malformed-name-constraints"),
                           ({"nameConstraints": {"permitted": ["IP:10.0.0.1/8"]}}, "malformed-name-constraints"),
                           ({"nameConstraints": {"permitted": ["DNS:.a.b"]}}, "malformed-name-constraints"),
                           ({"notAfter": "2020-01-01T00:00:00Z"}, "validity"),
                           ({"notAfter": "2050-01-01T00:00:00Z", "validityDays": 5}, "validity"),
                           ({"notBefore": "yesterday"}, "malformed-time")):
        answer = admin.raw("POST", "/cas", body=__import__("json").dumps({"name": "X", **wrong}).encode(),
                           headers={"Content-Type": "application/json"})
        assert 400 <= answer.status < 500 and problem.encode() in answer.body, (wrong, answer.body)


def check_algorithms(admin):
    """Every kind of signature of a CA: certificate, CRL and end entity alike."""
    rows = (({"type": "RSA", "bits": 4096}, {"padding": "pss"}, "rsassaPss", "sha512"),
            ({"type": "RSA", "bits": 2048}, {"digest": "SHA-384"}, "sha384WithRSAEncryption", None),
            ({"type": "EC", "curve": "secp256k1"}, {}, "ecdsa-with-SHA256", None),
            ({"type": "EC", "curve": "brainpoolP512r1"}, {}, "ecdsa-with-SHA512", None),
            ({"type": "EC", "curve": "P-256"}, {"digest": "SHA-512"}, "ecdsa-with-SHA512", None),
            ({"type": "Ed448"}, {}, "ED448", None))
    for key, settings, algorithm, digest in rows:
        ca = admin.post("/cas", {"name": f"Sig {algorithm}", "key": key, "settings": settings}, 201)
        pem = ca["certificate"]["pem"].encode()
        crl = admin.get(f"/cas/{ca['id']}/crl?format=pem").body
        leaf = sign_one(admin, ca["id"], "sig.example")["pem"].encode()
        for kind, data in (("x509", pem), ("crl", crl), ("x509", leaf)):
            text = openssl(kind, "-noout", "-text", data=data).decode()
            assert f"Signature Algorithm: {algorithm}" in text, (key, kind, text[:900])
            assert digest is None or f"Hash Algorithm: {digest}" in text, text


def run(_gateway, admin, _made):
    started = time.monotonic()
    check_shapes(admin)
    check_algorithms(admin)
    print(f"authorities: as ordered ({time.monotonic() - started:.0f} s)")
