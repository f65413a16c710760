#!/usr/bin/env python3
"""A small certificate transparency log (RFC 6962) for tests: real signatures, real Merkle trees, and faults.

    ct_log.py serve PORT DIR            logs at http://127.0.0.1:PORT/NAME; DIR/logs.json lists them when ready
    ct_log.py verify CERT ISSUER URL    every embedded SCT: signature, inclusion and consistency, as a monitor sees it
    ct_log.py verify-ocsp DER CERT URL  the same for the SCTs of an OCSP answer
    ct_log.py bare CERT                 fails when the certificate has SCTs

Names: good-1 good-2 good-3, rsa, and slow (answers after 20 s), fails (503), deaf (never reads), wrong-key,
wrong-id, wrong-entry (signs something else), future, past, garbage, and flaky (good once DIR/flaky.good exists).
"""
import base64
import hashlib
import http.server
import json
import os
import struct
import sys
import threading
import time
import urllib.parse
import urllib.request

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

GOOD = ["good-1", "good-2", "good-3", "rsa"]
BAD = ["slow", "fails", "deaf", "wrong-key", "wrong-id", "wrong-entry", "future", "past", "garbage", "flaky"]
POISON = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.3")
POISON_DER = bytes.fromhex("060a2b06010401d679020403")
SCTS_DER = bytes.fromhex("060a2b06010401d679020402")


def b64(data):
    return base64.b64encode(data).decode()


def vector(data, octets):
    return len(data).to_bytes(octets, "big") + data


def sha256(data):
    return hashlib.sha256(data).digest()


# --- Merkle trees (RFC 6962, 2.1) ----------------------------------------------------------------

def split(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def root_of(leaves):
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha256(b"\1" + root_of(leaves[:k]) + root_of(leaves[k:]))


def path_of(m, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return path_of(m, leaves[:k]) + [root_of(leaves[k:])]
    return path_of(m - k, leaves[k:]) + [root_of(leaves[:k])]


def consistency_of(m, leaves, whole=True):
    n = len(leaves)
    if m == n:
        return [] if whole else [root_of(leaves)]
    k = split(n)
    if m <= k:
        return consistency_of(m, leaves[:k], whole) + [root_of(leaves[k:])]
    return consistency_of(m - k, leaves[k:], False) + [root_of(leaves[:k])]


def includes(leaf, index, size, path, root):
    """RFC 9162, 2.1.3.2, for the same trees."""
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = sha256(b"\1" + p + r)
            while not fn & 1 and fn != 0:
                fn >>= 1
                sn >>= 1
        else:
            r = sha256(b"\1" + r + p)
        fn >>= 1
        sn >>= 1
    return sn == 0 and r == root


def consistent(first, second, first_root, second_root, path):
    """RFC 9162, 2.1.4.2"""
    if first == second:
        return not path and first_root == second_root
    if first & (first - 1) == 0:
        path = [first_root] + path
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = sha256(b"\1" + c + fr), sha256(b"\1" + c + sr)
            while not fn & 1 and fn != 0:
                fn >>= 1
                sn >>= 1
        else:
            sr = sha256(b"\1" + sr + c)
        fn >>= 1
        sn >>= 1
    return sn == 0 and fr == first_root and sr == second_root


# --- the log --------------------------------------------------------------------------------------

def entry_of(precertificate, issuer_key_hash, body):
    """signed_entry with its type (3.2)"""
    if precertificate:
        return struct.pack(">H", 1) + issuer_key_hash + vector(body, 3)
    return struct.pack(">H", 0) + vector(body, 3)


def der(tag, content):
    length = len(content)
    if length < 128:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 128 | len(octets)]) + octets + content


def elements(content):
    """(tag, content, whole) of each element"""
    at = 0
    while at < len(content):
        length, start = content[at + 1], at + 2
        if length & 128:
            start += length & 127
            length = int.from_bytes(content[at + 2:start], "big")
        yield content[at], content[start:start + length], content[at:start + length]
        at = start + length


def without(tbs, oid):
    """The TBSCertificate without the extension whose OID has these octets (3.2)."""
    (_, content, _), = elements(tbs)
    out = b""
    for tag, inner, whole in elements(content):
        if tag == 0xa3:
            (_, extensions, _), = elements(inner)
            kept = [e for _, c, e in elements(extensions) if not c.startswith(oid)]
            assert len(kept) + 1 == len(list(elements(extensions)))
            whole = der(0xa3, der(0x30, b"".join(kept)))
        out += whole
    return der(0x30, out)


def spki(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


class Log:
    def __init__(self, name, directory):
        self.name, self.directory = name, directory
        self.key = rsa.generate_private_key(65537, 2048) if name == "rsa" else ec.generate_private_key(ec.SECP256R1())
        self.other = ec.generate_private_key(ec.SECP256R1())
        self.spki = spki(self.key.public_key())
        self.id = sha256(self.spki)
        self.lock = threading.Lock()
        self.leaves, self.entries = [], []

    def sign(self, data):
        key = self.other if self.name == "wrong-key" else self.key
        if isinstance(key, rsa.RSAPrivateKey):
            return b"\4\1" + vector(key.sign(data, padding.PKCS1v15(), hashes.SHA256()), 2)
        return b"\4\3" + vector(key.sign(data, ec.ECDSA(hashes.SHA256())), 2)

    def check(self, chain, precertificate):
        """3.1: each is signed by the next, up to a root; a precertificate is poisoned, others are not."""
        for certificate, issuer in zip(chain, chain[1:] + chain[-1:]):
            key, by = issuer.public_key(), certificate.signature_hash_algorithm
            if certificate.issuer != issuer.subject:
                raise ValueError("chain")
            if isinstance(key, rsa.RSAPublicKey):
                key.verify(certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(), by)
            else:
                key.verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(by))
        poison = [e for e in chain[0].extensions if e.oid == POISON]
        if precertificate != (len(poison) == 1 and poison[0].critical):
            raise ValueError("poison")

    def add(self, chain, precertificate):
        certificates = [x509.load_der_x509_certificate(base64.b64decode(c)) for c in chain]
        self.check(certificates, precertificate)
        if precertificate:
            issuer = certificates[1].public_key()
            entry = entry_of(True, sha256(spki(issuer)), without(certificates[0].tbs_certificate_bytes, POISON_DER))
        else:
            entry = entry_of(False, None, base64.b64decode(chain[0]))
        stamp = int(time.time() * 1000) + {"future": 86400000, "past": -86400000}.get(self.name, 0)
        # MerkleTreeLeaf and the signed struct differ in their second octet's meaning alone (3.2, 3.4).
        body = struct.pack(">BBQ", 0, 0, stamp) + entry + vector(b"", 2)
        with self.lock:
            self.entries.append((body, chain))
            self.leaves.append(sha256(b"\0" + body))
        if self.name == "wrong-entry":
            body = body[:-3] + b"x" + body[-2:]
        return {"sct_version": 0, "id": b64(self.other.private_bytes(
                    serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())[-32:]
                    if self.name == "wrong-id" else self.id),
                "timestamp": stamp, "extensions": "", "signature": b64(self.sign(body))}

    def sth(self, size=None):
        with self.lock:
            leaves = self.leaves[:size]
        stamp = int(time.time() * 1000)
        root = root_of(leaves)
        return {"tree_size": len(leaves), "timestamp": stamp, "sha256_root_hash": b64(root),
                "tree_head_signature": b64(self.sign(struct.pack(">BBQQ", 0, 1, stamp, len(leaves)) + root))}

    def get(self, what, query):
        if what == "get-sth":
            return self.sth()
        if what == "get-proof-by-hash":
            size = int(query["tree_size"][0])
            index = self.leaves[:size].index(base64.b64decode(query["hash"][0]))
            return {"leaf_index": index, "audit_path": [b64(h) for h in path_of(index, self.leaves[:size])]}
        if what == "get-sth-consistency":
            first, second = int(query["first"][0]), int(query["second"][0])
            return {"consistency": [b64(h) for h in consistency_of(first, self.leaves[:second])]}
        if what == "get-entries":
            start, end = int(query["start"][0]), int(query["end"][0])
            return {"entries": [{"leaf_input": b64(body), "extra_data": ""} for body, _ in self.entries[start:end + 1]]}
        raise KeyError(what)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

    def handle_any(self, work):
        url = urllib.parse.urlsplit(self.path)
        parts = url.path.strip("/").split("/")
        try:
            log = self.server.logs[parts[0]]
            self.answer(200, json.dumps(work(log, parts[-1], url)).encode())
        except (KeyError, ValueError, IndexError, InvalidSignature) as problem:
            self.answer(400, json.dumps({"error": repr(problem)}).encode())

    def do_GET(self):
        self.handle_any(lambda log, what, url: log.get(what, urllib.parse.parse_qs(url.query)))

    def do_POST(self):
        name = self.path.strip("/").split("/")[0]
        if name == "deaf":
            time.sleep(25)
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if name == "slow":
            time.sleep(20)
        if name == "fails" or (name == "flaky" and not os.path.exists(os.path.join(self.server.directory, "flaky.good"))):
            self.answer(503, b"overloaded")
            return
        if name == "garbage":
            self.answer(200, b'{"sct_version":0,"id":"AAAA","timestamp":"now"}')
            return
        self.handle_any(lambda log, what, url: log.add(json.loads(body)["chain"], what == "add-pre-chain"))


def serve(port, directory):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.directory = directory
    server.logs = {name: Log(name, directory) for name in GOOD + BAD}
    listed = [{"name": name, "url": f"http://127.0.0.1:{port}/{name}", "key": b64(log.spki),
               "operator": "B" if name in ("good-2", "rsa") else "A"} for name, log in server.logs.items()]
    with open(os.path.join(directory, "logs.tmp"), "w", encoding="utf-8") as out:
        json.dump(listed, out)
    os.rename(os.path.join(directory, "logs.tmp"), os.path.join(directory, "logs.json"))
    server.serve_forever()


# --- a monitor -------------------------------------------------------------------------------------

def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as reply:
        return json.load(reply)


def check_signature(key, signature, data):
    public = serialization.load_der_public_key(key)
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
    else:
        public.verify(signature, data, ec.ECDSA(hashes.SHA256()))


def check_head(log, head):
    signature = base64.b64decode(head["tree_head_signature"])
    root = base64.b64decode(head["sha256_root_hash"])
    check_signature(base64.b64decode(log["key"]), signature[4:],
                    struct.pack(">BBQQ", 0, 1, head["timestamp"], head["tree_size"]) + root)
    return root


def check_sct(sct, entry, logs):
    log = next(log for log in logs if sha256(base64.b64decode(log["key"])) == sct.log_id)
    stamp = int(sct.timestamp.replace(tzinfo=__import__("datetime").timezone.utc).timestamp() * 1000 + 0.5)
    body = struct.pack(">BBQ", 0, 0, stamp) + entry + vector(sct.extension_bytes, 2)
    check_signature(base64.b64decode(log["key"]), sct.signature, body)
    base = log["url"] + "/ct/v1/"
    head = fetch(base + "get-sth")
    root, size, leaf = check_head(log, head), head["tree_size"], sha256(b"\0" + body)
    proof = fetch(base + "get-proof-by-hash?" + urllib.parse.urlencode({"hash": b64(leaf), "tree_size": size}))
    path = [base64.b64decode(h) for h in proof["audit_path"]]
    assert includes(leaf, proof["leaf_index"], size, path, root), log["name"]
    entries = fetch(f"{base}get-entries?start=0&end={size - 1}")["entries"]
    leaves = [sha256(b"\0" + base64.b64decode(e["leaf_input"])) for e in entries]
    assert root_of(leaves) == root
    for first in range(1, size + 1):
        steps = fetch(f"{base}get-sth-consistency?first={first}&second={size}")["consistency"]
        assert consistent(first, size, root_of(leaves[:first]), root, [base64.b64decode(h) for h in steps]), first
    return log["name"]


def load(path):
    with open(path, "rb") as file:
        return x509.load_pem_x509_certificate(file.read())


def logs_at(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def verify(certificate, issuer, logs):
    scts = certificate.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
    assert not [e for e in certificate.extensions if e.oid == POISON]
    entry = entry_of(True, sha256(spki(issuer.public_key())), without(certificate.tbs_certificate_bytes, SCTS_DER))
    print(" ".join(check_sct(sct, entry, logs) for sct in scts))


def verify_ocsp(path, certificate, logs):
    from cryptography.x509 import ocsp
    with open(path, "rb") as file:
        answer = ocsp.load_der_ocsp_response(file.read())
    scts = answer.single_extensions.get_extension_for_class(x509.SignedCertificateTimestamps).value
    entry = entry_of(False, None, certificate.public_bytes(serialization.Encoding.DER))
    print(" ".join(check_sct(sct, entry, logs) for sct in scts))


def self_test():
    for size in range(1, 40):
        leaves = [sha256(bytes([0, i])) for i in range(size)]
        root = root_of(leaves)
        for i in range(size):
            path = path_of(i, leaves)
            assert includes(leaves[i], i, size, path, root)
            assert not includes(sha256(b"other"), i, size, path, root)
            assert consistent(i + 1, size, root_of(leaves[:i + 1]), root, consistency_of(i + 1, leaves))
            if i + 1 < size:
                assert not consistent(i + 1, size, sha256(b"other"), root, consistency_of(i + 1, leaves))


def main(arguments):
    if arguments[0] == "serve":
        serve(int(arguments[1]), arguments[2])
    elif arguments[0] == "verify":
        verify(load(arguments[1]), load(arguments[2]), logs_at(arguments[3]))
    elif arguments[0] == "verify-ocsp":
        verify_ocsp(arguments[1], load(arguments[2]), logs_at(arguments[3]))
    elif arguments[0] == "self-test":
        self_test()
    elif arguments[0] == "bare":
        oid = x509.PrecertificateSignedCertificateTimestamps.oid
        assert not [e for e in load(arguments[1]).extensions if e.oid in (oid, POISON)]
    else:
        sys.exit(__doc__)


main(sys.argv[1:])
