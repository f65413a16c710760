"""Related certificates (RFC 9763): a CSR that proves another certificate of its holder, and all that is wrong with one."""

import base64
import os
import tempfile
import time

from client import make_csr, openssl

ATTRIBUTE = bytes.fromhex("060b2a864886f70d010910023c")  # 1.2.840.113549.1.9.16.2.60
ECDSA = bytes.fromhex("300a06082a8648ce3d040302")


def tlv(tag, *parts):
    body = b"".join(parts)
    length = len(body)
    if length < 128:
        return bytes([tag, length]) + body
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + body


def integer(number):
    return tlv(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def parts_of(der):
    """The values in a SEQUENCE, whole."""
    parts, at = [], 2 if der[1] < 128 else 2 + (der[1] & 0x7f)
    while at < len(der):
        head, length = 2, der[at + 1]
        if length >= 128:
            head = 2 + (length & 0x7f)
            length = int.from_bytes(der[at + 2:at + head], "big")
        parts.append(der[at:at + head + length])
        at += head + length
    return parts


def pem_der(pem):
    return base64.b64decode("".join(line for line in pem.splitlines() if not line.startswith("-----")))


class Holder:
    """Somebody with keys."""

    def __init__(self, folder):
        self.folder = folder

    def key(self, name, algorithm="EC"):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            more = ["-pkeyopt", "ec_paramgen_curve:P-256"] if algorithm == "EC" else []
            openssl("genpkey", "-algorithm", algorithm, *more, "-out", path)
        return path

    def sign(self, name, text, digest="sha256"):
        path = os.path.join(self.folder, "text")
        with open(path, "wb") as file:
            file.write(text)
        more = ["-digest", digest] if digest else []
        return openssl("pkeyutl", "-sign", "-rawin", "-in", path, "-inkey", self.key(name), *more)

    def csr(self, name, extra):
        """A CSR with these attributes beside its subject."""
        spki = openssl("pkey", "-in", self.key(name), "-pubout", "-outform", "DER")
        subject = tlv(0x30, tlv(0x31, tlv(0x30, bytes.fromhex("0603550403"), tlv(0x0c, b"linked.example"))))
        info = tlv(0x30, integer(0), subject, spki, tlv(0xa0, *extra))
        der = tlv(0x30, info, ECDSA, tlv(3, b"\0", self.sign(name, info)))
        return openssl("req", "-inform", "DER", data=der).decode()

    def proof(self, certificate, by, at=None, digest="sha256", serial=None, signature=None):
        fields = parts_of(parts_of(pem_der(certificate))[0])
        named = tlv(0x30, fields[3], serial or fields[1])  # issuer and serial number
        moment = integer(int(time.time() if at is None else at))
        signature = self.sign(by, named + moment, digest) if signature is None else signature
        value = tlv(0x30, named, moment, tlv(0x30, tlv(0x16, b"https://elsewhere.invalid/x.cer")),
                    tlv(3, b"\0", signature))
        return tlv(0x30, ATTRIBUTE, tlv(0x31, value))


def run(gateway, admin, made):
    ca = made["issuing"]
    make = f"/cas/{ca}/templates"
    common = {"approval": "none", "subject": {"attributes": ["*"]}}
    plain = admin.post(make, {"name": "Related first", "document": common}, 201)["id"]
    linked = admin.post(make, {"name": "Related second", "document": {**common, "related": {"from": "required"}}}, 201)["id"]
    with tempfile.TemporaryDirectory() as folder:
        check(admin, Holder(folder), plain, linked)
    print("related: a second certificate names the first, when its key says so")


def issue(admin, template, csr, status=201, problem=None):
    return admin.post(f"/templates/{template}/requests", {"csr": csr, "issue": True}, status, problem=problem)


def check(admin, holder, plain, linked):
    for first, algorithm, digest in (("first", "EC", "sha256"), ("quantum", "ML-DSA-65", None)):
        holder.key(first, algorithm)
        csr = openssl("req", "-new", "-key", holder.key(first), "-subj", "/CN=linked.example").decode()
        certificate = issue(admin, plain, csr)["certificate"]
        pem = certificate["pem"]
        answer = issue(admin, linked, holder.csr("second", [holder.proof(pem, first, digest=digest)]))
        wanted = openssl("dgst", "-sha256", "-binary", data=pem_der(pem))
        assert tlv(0x30, tlv(0x30, bytes.fromhex("0609608648016503040201")), tlv(4, wanted)) in \
            pem_der(answer["certificate"]["pem"]), "no hash of the first in the second"

    first = holder.csr("second", [holder.proof(pem, "quantum", digest=None)])
    notes = issue(admin, plain, first)["notes"]
    assert any("relatedCertRequest" in note for note in notes), notes

    def refused(extra, status=422, by="second"):
        issue(admin, linked, holder.csr(by, extra), status, problem="related-certificate")

    refused([])
    refused([holder.proof(pem, "quantum", at=time.time() - 3600, digest=None)])
    refused([holder.proof(pem, "quantum", at=time.time() + 3600, digest=None)])
    refused([holder.proof(pem, "second")])  # its own key signs
    refused([holder.proof(pem, "quantum", digest=None, serial=integer(7))])
    refused([holder.proof(pem, "quantum", signature=b"")])
    refused([tlv(0x30, ATTRIBUTE, tlv(0x31, tlv(0x30)))], 400)
    refused([tlv(0x30, ATTRIBUTE, tlv(0x31, integer(5)))], 400)
    csr = make_csr("elsewhere.example").decode()
    one = issue(admin, plain, csr)["certificate"]
    same = [holder.proof(one["pem"], "first")]
    refused(same)  # somebody else's
    csr = openssl("req", "-new", "-key", holder.key("second"), "-subj", "/CN=linked.example").decode()
    own = issue(admin, plain, csr)["certificate"]
    refused([holder.proof(own["pem"], "second")])  # one key twice
    admin.post(f"/certificates/{certificate['id']}/revoke", {"reason": "superseded"})
    refused([holder.proof(pem, "quantum", digest=None)])
