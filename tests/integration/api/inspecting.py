"""Inspecting what `openssl` makes: each format named, as PEM, DER and base64; linted, chained, matched; nothing kept."""

import base64
import os
import subprocess
import tempfile

from client import OPENSSL, openssl
from retention import sql

PASSWORD = "open sesame"
FIXED = "P-256", "RSA-2048", "secp256k1", "Ed25519", "Ed448", "brainpoolP384r1", "ML-DSA-65", "SLH-DSA-SHA2-128f"


def new_key(kind):
    if kind.startswith("RSA-"):
        return openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:" + kind[4:])
    if kind.startswith(("P-", "secp", "brainpool")):
        return openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:" + kind)
    return openssl("genpkey", "-algorithm", kind)


class Workshop:
    """A root, a leaf under it, its key, and what can be made of them."""

    def __init__(self, directory):
        self.directory = directory
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-days", "2000", "-subj", "/CN=Look Root",
                 "-keyout", "root.key", "-out", "root.pem", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=leaf.example",
                 "-keyout", "leaf.key", "-out", "leaf.csr", "-addext", "subjectAltName=DNS:leaf.example",
                 "-addext", "certificatePolicies=2.23.140.1.2.1")
        self.run("x509", "-req", "-in", "leaf.csr", "-CA", "root.pem", "-CAkey", "root.key", "-days", "900", "-out", "leaf.pem",
                 "-copy_extensions", "copyall", "-sha256")
        self.write("data", "some data\n")

    def path(self, name):
        return os.path.join(self.directory, name)

    def run(self, *arguments):
        done = subprocess.run([OPENSSL, *arguments], cwd=self.directory, capture_output=True, check=False)
        assert done.returncode == 0, f"openssl {' '.join(arguments)}: {done.stderr.decode()}"
        return done.stdout

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def pem_of(self, label, der):
        body = base64.encodebytes(der).decode()
        return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n".encode()

    def der_of(self, pem):
        return base64.b64decode(b"".join(line for line in pem.splitlines() if not line.startswith(b"-----")))

    def formats(self):
        """The type, the label of PEM and DER of each format that is named."""
        serial = self.run("x509", "-in", "leaf.pem", "-noout", "-serial").decode().split("=")[1].strip()
        self.write("index.txt", f"R\t491231235959Z\t260101000000Z,keyCompromise\t{serial}\tunknown\t/CN=leaf.example\n")
        self.write("index.txt.attr", "unique_subject = no\n")
        self.write("ca.cnf", "[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=5\n"
                   "[tsa]\ndefault_tsa=t\n[t]\nserial=ca.serial\ndigests=sha256\nsigner_digest=sha256\ndefault_policy=1.2.3.4\n")
        self.run("ca", "-config", "ca.cnf", "-gencrl", "-cert", "root.pem", "-keyfile", "root.key", "-out", "list.pem")
        self.run("crl2pkcs7", "-nocrl", "-certfile", "leaf.pem", "-certfile", "root.pem", "-outform", "DER", "-out", "leaf.p7")
        self.run("cms", "-sign", "-in", "data", "-signer", "leaf.pem", "-inkey", "leaf.key", "-outform", "DER", "-nodetach", "-out", "leaf.cms")
        self.run("pkcs12", "-export", "-in", "leaf.pem", "-inkey", "leaf.key", "-certfile", "root.pem", "-passout", "pass:" + PASSWORD,
                 "-out", "leaf.p12")
        self.run("ocsp", "-issuer", "root.pem", "-cert", "leaf.pem", "-reqout", "ask.req")
        self.run("ocsp", "-index", "index.txt", "-rsigner", "root.pem", "-rkey", "root.key", "-CA", "root.pem", "-reqin", "ask.req",
                 "-respout", "answer.der", "-ndays", "2")
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "20", "-subj", "/CN=Stamps",
                 "-keyout", "stamp.key", "-out", "stamp.pem", "-addext", "extendedKeyUsage=critical,timeStamping",
                 "-addext", "keyUsage=critical,digitalSignature", "-addext", "basicConstraints=critical,CA:false")
        self.run("ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "stamp.req")
        self.run("ts", "-reply", "-config", "ca.cnf", "-section", "t", "-queryfile", "stamp.req", "-signer", "stamp.pem",
                 "-inkey", "stamp.key", "-out", "stamp.der")
        self.run("ts", "-reply", "-config", "ca.cnf", "-section", "t", "-in", "stamp.der", "-token_out", "-out", "stamp.token")
        return [
            ("certificate-request", "CERTIFICATE REQUEST", self.der_of(self.read("leaf.csr"))),
            ("certificate", "CERTIFICATE", self.der_of(self.read("leaf.pem"))),
            ("crl", "X509 CRL", self.der_of(self.read("list.pem"))),
            ("cms", "PKCS7", self.read("leaf.p7")), ("cms", "CMS", self.read("leaf.cms")), ("cms", "CMS", self.read("stamp.token")),
            ("pkcs12", "PKCS12", self.read("leaf.p12")),
            ("ocsp-request", "OCSP REQUEST", self.read("ask.req")), ("ocsp-response", "OCSP RESPONSE", self.read("answer.der")),
            ("timestamp-request", "TIMESTAMP QUERY", self.read("stamp.req")), ("timestamp-response", "TIMESTAMP REPLY", self.read("stamp.der")),
            ("private-key", "PRIVATE KEY", self.der_of(self.read("leaf.key"))),
            ("public-key", "PUBLIC KEY", self.run("pkey", "-in", "leaf.key", "-pubout", "-outform", "DER")),
            ("sct-list", "SCT LIST", b"\x00\x37\x00\x35\x00" + b"\xaa" * 32 + b"\x00\x00\x01\x90\x00\x00\x00\x00" + b"\x00\x00\x04\x03\x00\x06" + b"\x30\x04\x02\x00\x02\x00"),
        ]


def look(admin, data, password=None, status=200):
    return admin.post("/inspect", {"data": data, **({"password": password} if password else {})}, status)


def check_formats(admin, shop):
    for kind, label, der in shop.formats():
        text = base64.b64encode(der).decode()
        wrapped = "\r\n".join(text[i:i + 60] for i in range(0, len(text), 60))
        forms = (shop.pem_of(label, der).decode(), "Bag Attributes: none\r\n" + shop.pem_of(label, der).decode().replace("\n", "\r\n"),
                 text, wrapped)
        seen = [look(admin, form, PASSWORD)["items"] for form in forms]
        seen.append(admin.call("POST", "/inspect", 200, body=der, headers={"Content-Type": "application/octet-stream"})["items"])
        for items in seen:
            assert items[0]["type"] == kind and (items[0]["text"] or kind == "pkcs12"), (kind, items[0])
            assert items[0]["details"] or kind == "pkcs12", kind
        assert seen[0][0]["label"] == label and seen[2][0]["label"] is None
        for cut in (der[:-1], der[: len(der) // 2], der + b"\x00"):
            answer = admin.raw("POST", "/inspect", cut, {"Content-Type": "application/octet-stream"})
            assert answer.status == 400, (kind, answer.status)


def check_relations(admin, shop):
    """Leaf, key, CSR, CRL, root and OCSP answer pasted in disorder."""
    parts = [shop.read(name).decode() for name in ("leaf.key", "list.pem", "root.pem", "leaf.csr", "leaf.pem")]
    parts.append(shop.pem_of("OCSP RESPONSE", shop.read("answer.der")).decode())
    seen = look(admin, "".join(parts))
    assert seen["chains"] == [{"items": [4, 2], "complete": True, "problems": []}], seen["chains"]
    assert [0, 3, 4] in seen["sameKey"], seen["sameKey"]
    crl = seen["items"][1]
    assert "It revokes item 4." in [f["message"] for f in crl["findings"]] and crl["details"]["entries"][0]["reason"] == "keyCompromise"
    answer = seen["items"][5]["details"]["answers"][0]
    assert (answer["status"], answer["reason"]) == ("revoked", "keyCompromise"), answer
    other = look(admin, parts[4] + new_key("P-256").decode())
    assert other["sameKey"] == [] and not other["chains"][0]["complete"]
    inside = look(admin, base64.b64encode(shop.read("leaf.p12")).decode(), PASSWORD)
    assert [(i["type"], i["within"]) for i in inside["items"]] == [("pkcs12", None), ("private-key", 0), ("certificate", 0), ("certificate", 0)]
    assert inside["sameKey"] == [[1, 2]] and inside["chains"][0]["complete"]
    stamped = look(admin, base64.b64encode(shop.read("stamp.der")).decode())["items"]
    assert [i["type"] for i in stamped] == ["timestamp-response", "cms", "certificate"] and stamped[0]["details"]["timestamp"]["policy"] == "1.2.3.4"


def check_lint(admin, shop):
    """By the rules that the certificate claims to keep, with where they stand; also while its issuer is not there."""
    for data in (shop.read("leaf.pem").decode(), (shop.read("leaf.pem") + shop.read("root.pem")).decode()):
        findings = look(admin, data)["items"][0]["findings"]
        days = [f for f in findings if f.get("source", "").startswith("CABF TLS BR") and "days" in f["message"]]
        assert days and days[0]["level"] == "error" and days[0]["rule"], findings
    weak = openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=weak", "-days", "2", "-sha1").decode()
    levels = [f["message"] for f in look(admin, weak)["items"][0]["findings"] if f["level"] == "error"]
    assert any("1024" in m or "2048" in m for m in levels) and any("SHA-1" in m for m in levels), levels


def check_keys(admin):
    for kind in FIXED:
        key = new_key(kind)
        public = openssl("pkey", "-pubout", data=key).decode()
        seen = look(admin, key.decode() + public)
        assert [i["details"]["keyType"] for i in seen["items"]] == [kind, kind] and seen["sameKey"] == [[0, 1]], (kind, seen.value)
        locked = openssl("pkey", "-aes256", "-passout", "pass:" + PASSWORD, data=key).decode()
        assert "give its password" in look(admin, locked)["items"][0]["findings"][0]["message"]
        assert look(admin, locked, PASSWORD)["items"][0]["details"]["spkiSha256"] == seen["items"][0]["details"]["spkiSha256"]
        look(admin, locked, "not the password")
    for kind in ("RSA-2048", "P-256"):
        old = openssl("pkey", "-traditional", data=new_key(kind)).decode()
        assert look(admin, old)["items"][0]["details"]["keyType"] == kind


def check_nothing_kept(admin, shop):
    rows = "SELECT (SELECT COUNT(*) FROM certificates) + (SELECT COUNT(*) FROM requests) + (SELECT COUNT(*) FROM events)"
    before, needle = sql(rows), base64.b64encode(shop.read("leaf.p12")).decode()
    look(admin, needle, PASSWORD)
    look(admin, needle[:-40], PASSWORD, 400)
    assert sql(rows) == before
    with open(os.path.join(os.environ["GATEHOUSE_DIR"], "serve.log"), encoding="utf-8", errors="replace") as file:
        assert PASSWORD not in file.read()


def run(gateway, admin, made):
    with tempfile.TemporaryDirectory() as directory:
        shop = Workshop(directory)
        for check in (check_formats, check_relations, check_lint, check_nothing_kept):
            check(admin, shop)
    check_keys(admin)
