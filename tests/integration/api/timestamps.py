"""Timestamping: issuers, certificates from elsewhere, logged tokens, evidence records, over REST and the wire."""

import base64
import hashlib
import os
import tempfile
import urllib.request

from client import openssl


def query(data, digest="sha256", *options):
    return openssl("ts", "-query", "-digest", hashlib.new(digest, data).hexdigest(), "-" + digest, "-cert", *options)


def ask(ca, issuer, body):
    url = os.environ["GATEHOUSE_HTTP_URL"] + "/tsa/" + ca + ("/" + issuer if issuer else "")
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/timestamp-query"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.headers["Content-Type"] == "application/timestamp-reply"
        return answer.read()


def text_of(reply):
    with tempfile.NamedTemporaryFile() as file:
        file.write(reply)
        file.flush()
        return openssl("ts", "-reply", "-in", file.name, "-text").decode()


def check_issuers(admin, ca):
    path = f"/cas/{ca}/timestamping"
    first = admin.get(path)["items"]
    assert [i["id"] for i in first] == ["default"] and first[0]["createdAt"] is None
    default = admin.get(path + "/default")
    assert default["version"] == 1 and default["document"]["serialLength"] == 16
    made = admin.post(path, {"id": "strict", "document": {
        "policies": ["1.3.6.1.4.1.99999.1", "1.3.6.1.4.1.99999.2"], "digests": ["SHA-256", "SHA-1"],
        "accuracy": {"millis": 500}, "ordering": True, "serialLength": 9, "tsaName": True,
        "chain": "all", "logTokens": True}}, 201)
    admin.post(path, {"id": "strict"}, 409, problem="exists")
    admin.post(path, {"id": "default"}, 422, problem="tsa-name")
    admin.post(path, {"id": "x", "document": {"policies": ["nonsense"]}}, 422, problem="tsa-policy")
    admin.post(path, {"id": "x", "document": {"digests": ["MD5"]}}, 422, problem="tsa-digest")
    admin.post(path, {"id": "x", "document": {"accuracy": {}}}, 422, problem="tsa-accuracy")
    admin.post(path, {"id": "x", "document": {"access": {"addresses": ["10.0.0.0/99"]}}}, 422, problem="tsa-access")
    admin.post(path, {"id": "x", "document": {"chain": "none"}}, 422, problem="tsa-chain")
    admin.post(path, {"id": "x", "document": {"qualified": True}}, 422, problem="tsa-qualified")
    text = text_of(ask(ca, "strict", query(b"one", "sha1", "-tspolicy", "1.3.6.1.4.1.99999.2")))
    for line in ("Status: Granted", "Policy OID: 1.3.6.1.4.1.99999.2", "Hash Algorithm: sha1", "0x01F4 millis",
                 "Ordering: yes", "TSA: DirName:"):
        assert line in text, (line, text)
    assert "not work under the policy" in text_of(ask(ca, "strict", query(b"x", "sha256", "-tspolicy", "1.2.3")))
    assert "does not timestamp imprints" in text_of(ask(ca, "", query(b"x", "sha1")))
    changed = admin.put(path + "/strict", {"document": dict(made["document"], tsaName=False),
                                              "version": made["version"]})
    assert changed["version"] == made["version"] + 1
    admin.put(path + "/strict", {"document": {}, "version": made["version"]}, 409, problem="changed-meanwhile")
    admin.put(path + "/default", {"document": {"logTokens": True}, "version": 1})
    admin.delete(path + "/default")
    assert admin.get(path + "/default")["document"]["logTokens"] is False


def check_tokens(admin, ca):
    ask(ca, "strict", query(b"kept"))
    imprint = hashlib.sha256(b"kept").hexdigest()
    listed = admin.get(f"/cas/{ca}/timestamps?imprint={imprint}")["items"]
    assert len(listed) == 1 and listed[0]["issuer"] == "strict" and len(listed[0]["serial"]) == 18
    assert "token" not in listed[0]
    whole = admin.get(f"/cas/{ca}/timestamps/{listed[0]['id']}")
    with tempfile.NamedTemporaryFile() as file:
        file.write(base64.b64decode(whole["token"]))
        file.flush()
        text = openssl("ts", "-reply", "-in", file.name, "-token_in", "-text").decode()
    assert imprint[:8] in text.replace(" ", "").replace("-", "")
    admin.all_items(f"/cas/{ca}/timestamps", 1)


def foreign_certificate(csr):
    """As another CA would sign it: openssl alone."""
    with tempfile.TemporaryDirectory() as directory:
        def at(name):
            return os.path.join(directory, name)
        with open(at("csr"), "w", encoding="ascii") as file:
            file.write(csr)
        with open(at("ext"), "w", encoding="ascii") as file:
            file.write("extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", at("key"),
                "-out", at("ca"), "-subj", "/CN=Elsewhere", "-days", "30")
        openssl("x509", "-req", "-in", at("csr"), "-CA", at("ca"), "-CAkey", at("key"), "-out", at("good"), "-extfile",
                at("ext"), "-days", "20")
        openssl("x509", "-req", "-in", at("csr"), "-CA", at("ca"), "-CAkey", at("key"), "-out", at("bad"), "-days", "20")
        return [open(at(name), encoding="ascii").read() for name in ("good", "bad", "ca")]


def check_certificates(admin, ca):
    path = "/timestamping-certificates"
    made = admin.post(path, {"name": "From elsewhere", "ca": ca, "key": {"type": "EC", "curve": "P-256"},
                             "subject": {"CN": "TSA elsewhere"}}, 201)
    assert made["state"] == "waiting" and made["managed"]
    issuers = f"/cas/{ca}/timestamping"
    admin.post(issuers, {"id": "elsewhere", "document": {"certificate": made["id"]}}, 422, problem="tsa-certificate")
    good, bad, root = foreign_certificate(made["csr"])
    one = path + "/" + made["id"]
    admin.post(one + "/certificate", {"certificate": bad + root}, 422, problem="tsa-certificate")
    admin.post(one + "/certificate", {"certificate": root}, 422, problem="tsa-certificate")
    admin.post(one + "/certificate", {"certificate": "x"}, 400, problem="malformed-certificate")
    active = admin.post(one + "/certificate", {"certificate": root + good})
    assert active["state"] == "active" and active["certificate"].strip() == good.strip()
    admin.post(issuers, {"id": "elsewhere", "document": {"certificate": made["id"]}}, 201)
    with tempfile.NamedTemporaryFile() as reply, tempfile.NamedTemporaryFile() as anchor:
        reply.write(ask(ca, "elsewhere", query(b"shared")))
        anchor.write(root.encode())
        reply.flush()
        anchor.flush()
        openssl("ts", "-verify", "-digest", hashlib.sha256(b"shared").hexdigest(), "-in", reply.name, "-CAfile", anchor.name)
    admin.delete(one, 409, problem="in-use")
    admin.get(one)
    assert made["id"] in [c["id"] for c in admin.all_items(path, 1)]
    spare = admin.post(path, {"name": "Spare", "ca": ca, "key": {"type": "Ed25519"}, "subject": {"CN": "Spare"}}, 201)
    admin.delete(f"{path}/{spare['id']}")
    admin.post(path, {"name": "x", "ca": ca, "key": {"type": "SLH-DSA-SHA2-128s"}, "subject": {"CN": "x"}}, 422)
    return made["id"]


def check_evidence(admin, ca):
    hashes = [hashlib.sha256(str(i).encode()).digest() for i in range(2500)]
    path = f"/cas/{ca}/evidence"
    made = admin.post(path + "?digest=SHA-256", None, 201, body=b"".join(hashes + hashes[:3]),
                      headers={"Content-Type": "application/octet-stream"})
    assert made["imprints"] == len(hashes)
    for index in (0, 1, 1023, 1024, 2499):
        record = admin.get(f"{path}/{made['id']}/records/{hashes[index].hex()}").body
        check = {"record": base64.b64encode(record).decode(), "imprint": hashes[index].hex()}
        verdict = admin.post("/evidence/verify", check)
        assert verdict["trusted"] and verdict["digest"] == "SHA-256"
        admin.post("/evidence/verify", dict(check, imprint=hashes[7].hex()), 422, problem="evidence")
    admin.get(f"{path}/{made['id']}/records/{'00' * 32}", 404)
    assert admin.post(f"{path}/{made['id']}/renewals", {})["renewals"] == 1
    record = base64.b64encode(admin.get(f"{path}/{made['id']}/records/{hashes[7].hex()}").body).decode()
    verdict = admin.post("/evidence/verify", {"record": record, "imprint": hashes[7].hex()})
    assert verdict["timestamps"] == 2 and verdict["trusted"] and verdict["at"] <= verdict["renewedAt"]
    strong = hashlib.sha512(b"7").hexdigest()
    new = admin.post(f"/cas/{ca}/evidence-renewals", {"digest": "SHA-512", "documents": [
        {"record": record, "imprints": {"SHA-256": hashes[7].hex(), "SHA-512": strong}}]})
    check = {"record": new["records"][0], "imprint": hashes[7].hex(), "imprints": {"SHA-512": strong}}
    assert admin.post("/evidence/verify", check)["timestamps"] == 3
    admin.post("/evidence/verify", dict(check, imprints={}), 422, problem="evidence")
    admin.post("/evidence/verify", dict(check, imprints={"SHA-512": "00" * 64}), 422, problem="evidence")
    admin.post("/evidence/verify", dict(check, imprints={"MD5": "00"}), 400, problem="evidence")
    admin.post(f"/cas/{ca}/evidence-renewals", {"digest": "SHA-512", "documents": [
        {"record": record, "imprints": {"SHA-256": hashes[7].hex()}}]}, 400, problem="evidence")
    admin.post(f"/cas/{ca}/evidence-renewals", {"digest": "SHA-512", "documents": []}, 422, problem="evidence")
    small = admin.post(path, {"digest": "SHA3-384", "imprints": [hashlib.sha3_384(b"one").hexdigest()]}, 201)
    record = admin.get(f"{path}/{small['id']}/records/{hashlib.sha3_384(b'one').hexdigest()}").body
    admin.post("/evidence/verify", {"record": base64.b64encode(record).decode(),
                                    "imprint": hashlib.sha3_384(b"one").hexdigest()})
    admin.post(path, {"digest": "SHA-1", "imprints": ["00" * 20]}, 422, problem="evidence")
    admin.post(path, {"digest": "SHA-256", "imprints": ["00"]}, 400, problem="evidence")
    admin.post("/evidence/verify", {"record": "MAA=", "imprint": "00" * 32}, 400, problem="evidence")
    assert admin.get(f"{path}/{made['id']}")["at"] == made["at"]
    assert len(admin.all_items(path, 1)) == 2
    return made["id"]


def run(admin, made):
    ca = made["issuing"]
    check_issuers(admin, ca)
    check_tokens(admin, ca)
    made["tsa-certificate"] = check_certificates(admin, ca)
    made["evidence"] = check_evidence(admin, ca)
    assert admin.get("/clock")["trusted"] is True
