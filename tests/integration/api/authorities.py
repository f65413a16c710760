"""CAs to production depth: what goes into their certificates, and what becomes of them."""

import csv
import io
import base64
import os
import subprocess
import zipfile
import tempfile
import time
import urllib.request

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


class OpenSslCa:
    """A working CA of `openssl ca`: three certificates, one revoked, one held, and its CRL."""

    def __init__(self, directory):
        self.directory = directory
        with open(f"{directory}/ca.cnf", "w", encoding="utf-8") as file:
            file.write(CA_CNF.replace("DIR", directory))
        for name, text in (("index.txt", ""), ("serial", "8001\n"), ("crlnumber", "2A\n")):
            with open(f"{directory}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        os.mkdir(f"{directory}/new")
        self.run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "900", "-subj", "/O=Old/CN=Old CA",
                 "-keyout", "ca.key", "-out", "ca.pem", "-extensions", "v3_ca")
        for name in ("one", "two", "three"):
            self.run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                     f"/CN={name}.old.example", "-keyout", "leaf.key", "-out", "leaf.csr")
            self.run("ca", "-batch", "-in", "leaf.csr", "-out", f"{name}.pem", "-notext")
        self.run("ca", "-revoke", "two.pem", "-crl_reason", "keyCompromise")
        self.run("ca", "-revoke", "three.pem", "-crl_hold", "holdInstructionReject")
        self.run("ca", "-gencrl", "-out", "crl.pem")

    def run(self, command, *arguments):
        config = ["-config", "ca.cnf"] if command in ("ca", "req") else []
        subprocess.run(["openssl", command, *config, *arguments], cwd=self.directory, check=True, capture_output=True)

    def read(self, name):
        with open(f"{self.directory}/{name}", encoding="utf-8") as file:
            return file.read()


CA_CNF = """
[ca]
default_ca = old
[old]
dir = DIR
database = DIR/index.txt
serial = DIR/serial
crlnumber = DIR/crlnumber
new_certs_dir = DIR/new
certificate = DIR/ca.pem
private_key = DIR/ca.key
default_md = sha256
default_days = 300
default_crl_days = 20
policy = any
unique_subject = no
[any]
commonName = supplied
[named]
authorityKeyIdentifier = keyid
issuingDistributionPoint = critical, @name
[name]
fullname = URI:http://old.example/2-1.crl
[req]
distinguished_name = dn
[dn]
[v3_ca]
basicConstraints = critical,CA:TRUE,pathlen:1
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""


def crl_of(admin, ca):
    return openssl("crl", "-noout", "-text", data=admin.get(f"/cas/{ca}/crl?format=pem").body).decode()


def check_serial_alone(admin, ca, listed):
    """The index knew 8003 without its certificate: it is shown, exported and never given out as an empty file."""
    alone = next(c["id"] for c in listed if c["serial"].endswith("8003"))
    assert "pem" not in admin.get(f"/certificates/{alone}").value
    for form in ("pem", "der", "p7b", "chain", "text"):
        admin.get(f"/certificates/{alone}?format={form}", 404, problem="not-found")
    rows = list(csv.DictReader(io.StringIO(admin.get(f"/certificates/export?format=csv&ca={ca}").body.decode())))
    assert {r["serial"][-4:] for r in rows} == {"8001", "8002", "8003"}
    assert {c["serial"][-4:] for c in admin.get(f"/certificates/export?format=json&ca={ca}").value} == {"8001", "8002", "8003"}
    archive = zipfile.ZipFile(io.BytesIO(admin.get(f"/certificates/export?format=zip&ca={ca}").body))
    names = archive.namelist()
    assert len(names) == 3 and not any("8003" in name for name in names), names
    for name in names:
        if name.endswith(".pem"):
            openssl("x509", "-noout", data=archive.read(name))
    assert "8003" in archive.read("index.csv").decode()


def check_history(admin, old):
    """A working CA comes with its history: nothing is un-revoked, numbers go on."""
    key, certificate = old.read("ca.key"), old.read("ca.pem")
    sealed = subprocess.run(["openssl", "pkcs8", "-topk8", "-passout", "pass:over the sea", "-in", "ca.key"],
                            cwd=old.directory, check=True, capture_output=True).stdout.decode()
    ca = admin.post("/cas/import", {
        "name": "Old CA", "privateKey": sealed, "password": "over the sea", "certificate": certificate,
        "history": {"index": old.read("index.txt"), "crl": old.read("crl.pem"),
                    "certificates": old.read("one.pem") + old.read("two.pem")}}, 201)
    assert ca["state"] == "active" and ca["subject"] == "CN=Old CA,O=Old", ca.value
    assert ca["certificate"]["pem"].strip() == certificate.strip()
    listed = admin.get(f"/cas/{ca['id']}/certificates")["items"]
    assert {(c["serial"], c["state"]) for c in listed} == {("8001", "valid"), ("8002", "revoked"), ("8003", "held")} or \
        {(c["serial"], c["state"]) for c in listed} == {("008001", "valid"), ("008002", "revoked"), ("008003", "held")}, listed
    check_serial_alone(admin, ca["id"], listed)
    text = crl_of(admin, ca["id"])
    assert "8002" in text and "8003" in text and "8001" not in text and "Key Compromise" in text, text
    sign_one(admin, ca["id"], "new.old.example")
    fresh = admin.post(f"/cas/{ca['id']}/crl")
    text = crl_of(admin, ca["id"])
    assert fresh["number"] > 0x2a and "8002" in text and "8003" in text, text
    openssl("crl", "-noout", "-CAfile", f"{old.directory}/ca.pem",
            data=admin.get(f"/cas/{ca['id']}/crl?format=pem").body)
    again = admin.post(f"/cas/{ca['id']}/history", {"index": old.read("index.txt"), "crlNumber": 43})
    assert again.value == {"certificates": 0, "serials": 0, "revoked": 0, "known": 3}, again.value
    old.run("ca", "-gencrl", "-crlexts", "named", "-out", "named.pem")
    refused = admin.post(f"/cas/{ca['id']}/history", {"crl": old.read("named.pem")}, 422, problem="crl")
    assert "one of several" in refused["detail"], refused.value
    whole = admin.post(f"/cas/{ca['id']}/history", {"crl": old.read("named.pem"), "index": old.read("index.txt")})
    assert whole["known"] == 3, whole.value
    admin.post(f"/cas/{ca['id']}/history", {"index": "V\tx"}, 400, problem="malformed-index")
    admin.post(f"/cas/{ca['id']}/history", {"certificates": admin.get("/cas/shapes")["certificate"]["pem"]}, 422,
               problem="not-from-ca")
    admin.post("/cas/import", {"name": "X", "privateKey": sealed, "password": "wrong", "certificate": certificate}, 422,
               problem="wrong-password")
    admin.post("/cas/import", {"name": "X", "privateKey": sealed, "certificate": certificate}, 422)
    admin.post("/cas/import", {"name": "X", "privateKey": key,
                               "certificate": admin.get("/cas/shapes")["certificate"]["pem"]}, 422,
               problem="key-mismatch")
    leaf = old.read("one.pem")
    admin.post("/cas/import", {"name": "X", "certificate": leaf}, 422, problem="wrong-certificate")


def check_keys_alone(admin, old):
    """A key alone signs itself, is signed by an issuer, or waits; a PKCS#12 file brings both."""
    key = old.read("ca.key")
    alone = admin.post("/cas/import", {"name": "Alone", "privateKey": key, "subject": {"CN": "Alone"}, "pathLength": 0}, 201)
    assert alone["certificate"]["pathLength"] == 0 and alone["keyType"] == "RSA-2048"
    waiting = admin.post("/cas/import", {"name": "Later", "privateKey": key, "csrOnly": True}, 201)
    openssl("req", "-verify", "-noout", data=admin.get(f"/cas/{waiting['id']}/csr").body)
    old.run("pkcs12", "-export", "-inkey", "ca.key", "-in", "ca.pem", "-out", "ca.p12", "-passout", "pass:secret99")
    with open(f"{old.directory}/ca.p12", "rb") as file:
        bag = base64.b64encode(file.read()).decode()
    both = admin.post("/cas/import", {"name": "From a file", "privateKey": bag, "password": "secret99"}, 201)
    assert both["state"] == "active" and both["certificate"]["pem"].strip() == old.read("ca.pem").strip()


def check_offline_root(admin, directory):
    """An offline root is here by its certificate; its subordinate waits; its CRL comes in and is served."""
    old = OpenSslCa(directory)
    root = admin.post("/cas/import", {"name": "Offline Root", "certificate": old.read("ca.pem")}, 201)
    assert root["state"] == "certificate-only"
    admin.get(f"/cas/{root['id']}/crl", 404)
    admin.patch(f"/cas/{root['id']}", {"enabled": True}, 409, problem="ca-state")
    below = admin.post("/cas", {"name": "Below", "csrOnly": True, "key": {"type": "EC", "curve": "P-256"}}, 201)
    with open(f"{directory}/below.csr", "wb") as file:
        file.write(admin.get(f"/cas/{below['id']}/csr").body)
    old.run("ca", "-batch", "-in", "below.csr", "-out", "below.pem", "-notext", "-extensions", "v3_ca")
    admin.post(f"/cas/{below['id']}/certificate", {"certificate": old.read("one.pem")}, 422, problem="key-mismatch")
    active = admin.post(f"/cas/{below['id']}/certificate", {"certificate": old.read("below.pem")})
    assert active["state"] == "active" and active["issuer"] == root["id"], active.value
    chain = admin.get(f"/cas/{below['id']}/certificate?format=chain").body
    assert chain.count(b"BEGIN CERTIFICATE") == 2
    der = openssl("crl", "-outform", "DER", data=old.read("crl.pem").encode())
    crl = admin.post(f"/cas/{root['id']}/crl", body=der, headers={"Content-Type": "application/pkix-crl"})
    assert crl["number"] == 0x2a and admin.get(f"/cas/{root['id']}/crl?format=der").body == der
    admin.post(f"/cas/{root['id']}/crl", None, 409, body=der, headers={"Content-Type": "application/pkix-crl"},
               problem="crl-number")
    admin.post(f"/cas/{below['id']}/crl", None, 409, body=der, headers={"Content-Type": "application/pkix-crl"},
               problem="ca-state")


def check_imports(admin):
    with tempfile.TemporaryDirectory(prefix="gatehouse-old.") as directory:
        old = OpenSslCa(directory)
        check_history(admin, old)
        check_keys_alone(admin, old)
    with tempfile.TemporaryDirectory(prefix="gatehouse-offline.") as directory:
        check_offline_root(admin, directory)


def public(path):
    with urllib.request.urlopen(os.environ["GATEHOUSE_HTTP_URL"] + path, timeout=30) as answer:
        return answer.read()


def write(directory, name, data):
    path = f"{directory}/{name}"
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())
    return path


def verify(directory, roots, leaf, *middle):
    """openssl verify of a leaf under these roots."""
    extra = ["-untrusted", write(directory, "middle.pem", "".join(middle))] if middle else []
    return subprocess.run(["openssl", "verify", "-CAfile", write(directory, "roots.pem", "".join(roots)), *extra,
                           write(directory, "leaf.pem", leaf)], capture_output=True, check=False).returncode == 0


def check_renewal(admin, directory):
    """The same key: old leaves chain to the new certificate, subordinates' chains follow."""
    root = admin.post("/cas", {"name": "Renewed", "key": "P-256", "validityDays": 400}, 201)
    below = admin.post("/cas", {"name": "Renewed Below", "key": "P-256", "issuer": root["id"]}, 201)
    leaf = sign_one(admin, below["id"], "renew.example")["pem"]
    renewed = admin.post(f"/cas/{root['id']}/renew", {"validityDays": 4000, "version": root["version"]})
    assert renewed["generation"] == 1 and renewed["notAfter"] > root["notAfter"]
    assert renewed["certificate"]["subjectKeyId"] == root["certificate"]["subjectKeyId"]
    admin.post(f"/cas/{root['id']}/renew", {"version": root["version"]}, 409, problem="changed-meanwhile")
    admin.post(f"/cas/{root['id']}/renew", {"key": "P-384"}, 422, problem="ca-order")
    new_root = renewed["certificate"]["pem"]
    assert verify(directory, [new_root], leaf, below["certificate"]["pem"])
    chain = admin.get(f"/cas/{below['id']}/certificate?format=chain").body.decode()
    assert new_root.strip() in chain and root["certificate"]["pem"].strip() not in chain
    chains = admin.get(f"/cas/{root['id']}/chains")["items"]
    assert [(c["kind"], c["pem"].strip()) for c in chains] == [
        ("current", new_root.strip()), ("renewed", root["certificate"]["pem"].strip())]
    back = admin.post(f"/cas/{root['id']}/chains/{chains[1]['id']}/use")
    assert back["certificate"]["pem"] == root["certificate"]["pem"]


def ocsp_status(directory, issuer, leaf, url):
    """The word of `openssl ocsp` for a leaf: good, revoked ... The answer is verified."""
    issuer_path = write(directory, "issuer.pem", issuer)
    answer = subprocess.run(["openssl", "ocsp", "-issuer", issuer_path, "-cert", write(directory, "one.pem", leaf),
                             "-CAfile", issuer_path, "-url", url, "-no_nonce"], capture_output=True, check=False,
                            text=True)
    assert "Response verify OK" in answer.stderr, answer.stderr + answer.stdout
    return answer.stdout.split(": ")[1].split()[0]


def check_rekey(admin, directory):
    """Overlap: old CRL and OCSP under the old key, new ones under the new, each under its own URL."""
    root = admin.post("/cas", {"name": "Rolling", "key": "P-256"}, 201)
    old = sign_one(admin, root["id"], "old.example")
    gone = sign_one(admin, root["id"], "gone.example")
    rolled = admin.post(f"/cas/{root['id']}/rekey", {"key": {"type": "EC", "curve": "P-384"}})
    assert rolled["generation"] == 2 and rolled["keyType"] == "P-384" and rolled["id"] == root["id"]
    new = sign_one(admin, root["id"], "new.example")
    admin.post(f"/certificates/{gone['id']}/revoke", {"reason": "superseded"})
    admin.post(f"/certificates/{new['id']}/revoke", {"reason": "keyCompromise"})
    old_pem, new_pem = root["certificate"]["pem"], rolled["certificate"]["pem"]
    assert verify(directory, [old_pem], old["pem"]) and not verify(directory, [new_pem], old["pem"])
    assert verify(directory, [new_pem], new["pem"]) and not verify(directory, [old_pem], new["pem"])
    keys = admin.get(f"/cas/{root['id']}/generations")["items"]
    assert [(k["generation"], k["keyType"], k["signs"]) for k in keys] == [(2, "P-384", True), (1, "P-256", False)]
    base = os.environ["GATEHOUSE_HTTP_URL"]
    for leaf, ca, slug in ((gone, old_pem, "rolling"), (new, new_pem, "rolling.2")):
        text = openssl("x509", "-noout", "-text", data=leaf["pem"].encode()).decode()
        assert f"{base}/crl/{slug}.crl\n" in text and f"{base}/ocsp/{slug}\n" in text, text
        crl = openssl("crl", "-inform", "DER", "-noout", "-text", "-CAfile", write(directory, "ca.pem", ca),
                      data=public(f"/crl/{slug}.crl")).decode()
        serial = leaf["serial"].upper().lstrip("0")
        assert serial in crl.upper(), crl
        assert public(f"/ca/{slug}.crt") == openssl("x509", "-outform", "DER", data=ca.encode())
        assert ocsp_status(directory, ca, leaf["pem"], f"{base}/ocsp/{slug}") == "revoked"
    assert ocsp_status(directory, old_pem, old["pem"], f"{base}/ocsp/rolling") == "good"
    links = [c["pem"].split("-----END")[0] + "-----END CERTIFICATE-----\n"
             for c in admin.get(f"/cas/{root['id']}/chains")["items"] if c["kind"] == "cross"]
    assert len(links) == 2  # newWithOld for those who trust the old key, oldWithNew for those who trust the new one
    assert [verify(directory, [old_pem], new["pem"], link) for link in links].count(True) == 1
    assert [verify(directory, [new_pem], old["pem"], link) for link in links].count(True) == 1


def check_rekey_elsewhere(admin, directory):
    """Signed elsewhere: the CSR goes out, the present key goes on, the certificate comes in."""
    old = OpenSslCa(directory)
    waiting = admin.post("/cas", {"name": "Outer", "csrOnly": True, "key": "P-256"}, 201)
    ca = f"/cas/{waiting['id']}"

    def sign(name):
        write(directory, "outer.csr", admin.get(ca + "/csr").body)
        old.run("ca", "-batch", "-in", "outer.csr", "-out", name, "-notext", "-extensions", "v3_ca")
        return old.read(name) + old.read("ca.pem")

    admin.post(ca + "/certificate", {"certificate": sign("first.pem")})
    admin.post(ca + "/certificate", {"certificate": old.read("first.pem") + old.read("ca.pem")}, 409,
               problem="ca-state")
    admin.post(ca + "/renew", {}, 422, problem="ca-order")
    admin.post(ca + "/rekey", {"csrOnly": True, "key": "P-384"})
    leaf = sign_one(admin, waiting["id"], "between.example")["pem"]
    assert verify(directory, [old.read("ca.pem")], leaf, old.read("first.pem"))
    rolled = admin.post(ca + "/certificate", {"certificate": sign("second.pem")})
    assert rolled["generation"] == 2 and rolled["keyType"] == "P-384", rolled.value
    leaf = sign_one(admin, waiting["id"], "after.example")["pem"]
    assert verify(directory, [old.read("ca.pem")], leaf, old.read("second.pem"))


def check_cross(admin, directory):
    """A leaf is trusted by either root when the CA is cross-certified."""
    first = admin.post("/cas", {"name": "First Root", "key": "P-256"}, 201)
    second = admin.post("/cas", {"name": "Second Root", "key": "P-256"}, 201)
    leaf = sign_one(admin, first["id"], "cross.example")["pem"]
    assert not verify(directory, [second["certificate"]["pem"]], leaf)
    cross = admin.post(f"/cas/{first['id']}/chains", {"issuer": second["id"], "pathLength": 0}, 201)
    single = cross["pem"].split("-----END")[0] + "-----END CERTIFICATE-----\n"
    assert verify(directory, [second["certificate"]["pem"]], leaf, single)
    assert cross["kind"] == "cross" and cross["issuer"] == "CN=Second Root"
    admin.post(f"/cas/{first['id']}/chains", {"certificate": second["certificate"]["pem"]}, 422, problem="key-mismatch")
    admin.post(f"/cas/{first['id']}/chains", {}, 400, problem="missing-field")
    admin.post(f"/cas/{first['id']}/chains", {"issuer": first["id"]}, 409, problem="ca-state")


def check_changes(admin):
    with tempfile.TemporaryDirectory(prefix="gatehouse-renew.") as directory:
        check_renewal(admin, directory)
        check_rekey(admin, directory)
        check_cross(admin, directory)
        check_rekey_elsewhere(admin, directory)


def run(_gateway, admin, _made):
    started = time.monotonic()
    check_shapes(admin)
    check_algorithms(admin)
    check_imports(admin)
    check_changes(admin)
    print(f"authorities: as ordered ({time.monotonic() - started:.0f} s)")
