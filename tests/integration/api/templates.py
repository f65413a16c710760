"""Templates to production depth: starters, previews, expressions, what is left out of a request and told."""

import base64
import hmac
import os
import tempfile
import time

from client import make_csr, openssl


FOREIGN = """
[ req ]
default_days = 90
distinguished_name = dn
x509_extensions = ext
[ variables ]
device = none
[ dn ]
O = Example
CN = ${device}
[ ext ]
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectAltName = DNS:${device}.example.com
1.2.3.4 = ASN1:UTF8String:x
"""


def csr_with(extensions, subject="/CN=device-7", key="ec:P-256"):
    """A CSR that asks for these lines of [v3_req]."""
    kind, parameter = key.split(":")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "req.cnf")
        with open(path, "w", encoding="ascii") as file:
            file.write("[req]\ndistinguished_name=dn\nreq_extensions=v3_req\nprompt=no\n[dn]\nCN=x\n[v3_req]\n")
            file.write("\n".join(extensions) + "\n")
        return openssl("req", "-new", "-newkey", kind, "-pkeyopt", f"ec_paramgen_curve:{parameter}", "-nodes",
                       "-keyout", "/dev/null", "-config", path, "-subj", subject).decode()


def text_of(pem):
    return openssl("x509", "-noout", "-text", "-nameopt", "RFC2253", data=pem.encode()).decode()


def check_sets(admin, ca):
    sets = admin.get("/starter-sets")["items"]
    assert len(sets) > 25 and sum(len(one["starters"]) for one in sets) == len(admin.get("/starters")["items"])
    on = admin.put(f"/cas/{ca}/starter-sets/mqtt", None, 200)
    assert on["on"] and on["made"] == 2 and on["enabled"] == 2
    assert admin.put(f"/cas/{ca}/starter-sets/mqtt", None, 200)["made"] == 2, "a second call makes nothing twice"
    state = {one["id"]: one for one in admin.get(f"/cas/{ca}/starter-sets")["items"]}
    assert state["mqtt"]["on"] and not state["wifi"]["on"]
    device = [one for one in admin.get(f"/cas/{ca}/templates?limit=200")["items"] if one["starter"] == "mqtt-device"][0]
    return device["id"]


def check_expressions(admin, ca, device):
    csr = make_csr("ignored.example").decode()
    path = f"/templates/{device}/requests"
    admin.post(path, {"csr": csr}, 422, problem="variable")
    admin.post(path, {"csr": csr, "variables": {"deviceId": "no spaces"}}, 422, problem="variable")
    admin.post(path, {"csr": csr, "variables": {"nothing": "x"}}, 422, problem="variable")
    issued = admin.post(path, {"csr": csr, "variables": {"deviceId": "sensor-17"}, "issue": True}, 201)
    text = text_of(issued["certificate"]["pem"])
    assert "Subject: CN=sensor-17,O=devices" in text and "URI:urn:device:sensor-17" in text, text
    assert any("subject" in note for note in issued["notes"]) and any("sans" in note for note in issued["notes"])
    assert admin.get(f"/requests/{issued['id']}")["notes"] == issued["notes"], "what was left out stays known"
    # A set with a living certificate is switched off, not removed; on again it is what it was.
    off = admin.delete(f"/cas/{ca}/starter-sets/mqtt", 200)
    assert off["made"] == 1 and off["enabled"] == 0, off
    admin.post(path, {"csr": csr, "variables": {"deviceId": "sensor-18"}}, 422, problem="template-disabled")
    assert admin.put(f"/cas/{ca}/starter-sets/mqtt", None, 200)["on"]


def check_request_extensions(admin, ca):
    document = {"subject": {"from": "csr", "attributes": ["*"]}, "extendedKeyUsage": [],
                "extendedKeyUsageFrom": "request", "keyUsage": ["digitalSignature"],
                "requestExtensions": {"allowed": ["certificatePolicies", "microsoftTemplateName"], "others": "ignore"}}
    open_one = admin.post(f"/cas/{ca}/templates", {"name": "From requests", "document": document}, 201)
    lines = ["extendedKeyUsage=critical,timeStamping", "certificatePolicies=1.2.3.4",
             "1.3.6.1.4.1.311.20.2=ASN1:BMPSTRING:Machine", "1.2.3.4.5=ASN1:UTF8String:secret",
             "basicConstraints=critical,CA:TRUE", "keyUsage=keyCertSign"]
    issued = admin.post(f"/templates/{open_one['id']}/requests", {"csr": csr_with(lines), "issue": True}, 201)
    text, notes = text_of(issued["certificate"]["pem"]), " ".join(issued["notes"])
    assert "X509v3 Extended Key Usage: critical\n                Time Stamping" in text, text
    assert "1.2.3.4\n" in text and "1.2.3.4.5" not in text.replace("1.2.3.4\n", "") and "CA:FALSE" in text
    assert "1.2.3.4.5" in notes and "basicConstraints" in notes and "keyUsage" in notes, notes
    document["requestExtensions"]["others"] = "refuse"
    strict = admin.post(f"/cas/{ca}/templates", {"name": "Strict", "document": document}, 201)
    admin.post(f"/templates/{strict['id']}/requests", {"csr": csr_with(lines)}, 422, problem="request-extension")
    # Beside the CSR, in our own form.
    asked = {"csr": csr_with(["keyUsage=digitalSignature"]),
             "extensions": [{"type": "certificatePolicies", "value": ["1.2.3.9"]}], "issue": True}
    issued = admin.post(f"/templates/{strict['id']}/requests", asked, 201)
    assert "1.2.3.9" in text_of(issued["certificate"]["pem"]) and issued["notes"] == []


def check_keys_that_cannot_sign(admin, ca):
    """An ML-KEM key: taken bare, by a template that asks for no proof, and by no other."""
    # Kept as a file: OpenSSL makes such keys from 3.5 on.
    with open(os.path.join(os.path.dirname(__file__), "ml-kem-768.pem"), encoding="ascii") as file:
        public = file.read()
    document = {"keys": ["ML-KEM"], "keyUsage": ["keyEncipherment"], "extendedKeyUsage": ["emailProtection"],
                "sans": {"types": ["email"], "min": 1, "max": 2, "commonNameToSan": False}}
    body = {"publicKey": public, "subject": {"CN": "Erika"}, "sans": ["email:erika@example.com"], "issue": True}
    strict = admin.post(f"/cas/{ca}/templates", {"name": "KEM proven", "document": document}, 201)
    admin.post(f"/templates/{strict['id']}/requests", body, 400, problem="malformed-csr")
    admin.post(f"/cas/{ca}/templates", {"name": "KEM", "document": dict(document, proof="none", approval="none")}, 422,
               problem="template-invalid")
    vouched = admin.post(f"/cas/{ca}/templates", {"name": "KEM", "document": dict(document, proof="none")}, 201)
    issued = admin.post(f"/templates/{vouched['id']}/requests", body, 201)
    assert issued["keyType"] == "ML-KEM-768" and "Key Encipherment\n" in text_of(issued["certificate"]["pem"])
    web = [one for one in admin.get(f"/cas/{ca}/templates?limit=200")["items"] if one["starter"] is None][0]
    admin.post(f"/templates/{web['id']}/requests", dict(body, csr="x"), 400, problem="malformed-csr")


def answer(challenge, key):
    """Decapsulates as any client with OpenSSL does, and proves it."""
    with tempfile.NamedTemporaryFile() as given, tempfile.NamedTemporaryFile() as secret:
        given.write(base64.b64decode(challenge["ciphertext"]))
        given.flush()
        openssl("pkeyutl", "-decap", "-inkey", key, "-in", given.name, "-secret", secret.name)
        mac = hmac.digest(secret.read(), challenge["token"].encode(), "sha256")
    return {"token": challenge["token"], "mac": base64.b64encode(mac).decode()}


def check_key_challenge(admin, ca):
    """An ML-KEM key proves itself by opening what was encapsulated to it: even where nobody approves."""
    document = {"keys": ["ML-KEM"], "keyUsage": ["keyEncipherment"], "extendedKeyUsage": ["emailProtection"],
                "approval": "none", "sans": {"types": ["email"], "min": 1, "max": 2, "commonNameToSan": False}}
    one, two = (admin.post(f"/cas/{ca}/templates", {"name": f"KEM {n}", "document": document}, 201)["id"] for n in "ab")
    with tempfile.TemporaryDirectory() as folder:
        keys = [os.path.join(folder, name) for name in ("one.key", "two.key", "ec.key")]
        for key, kind in zip(keys, ("ML-KEM-768", "ML-KEM-1024", "P-256")):
            kind = ("EC", "-pkeyopt", "ec_paramgen_curve:P-256") if kind == "P-256" else (kind,)
            openssl("genpkey", "-algorithm", *kind, "-out", key)
        public = [openssl("pkey", "-in", key, "-pubout").decode() for key in keys]
        challenge = admin.post(f"/templates/{one}/key-challenges", {"publicKey": public[0]}, 200)
        assert challenge["keyType"] == "ML-KEM-768"
        proof = answer(challenge, keys[0])
        body = {"publicKey": public[0], "subject": {"CN": "Erika"}, "sans": ["email:erika@example.com"], "keyProof": proof}
        issued = admin.post(f"/templates/{one}/requests", body, 201)
        assert issued["state"] == "issued" and issued["keyType"] == "ML-KEM-768", issued
        read = openssl("x509", "-noout", "-pubkey", data=issued["certificate"]["pem"].encode()).decode()
        assert read == public[0], "the certificate has the key that was proven"
        # With the implicit rejection of ML-KEM another key opens the ciphertext, too, to another secret.
        other = admin.post(f"/templates/{one}/key-challenges", {"publicKey": public[0]}, 200)
        wrong = base64.b64encode(bytes(32)).decode()
        token = proof["token"]
        changed_token = token[:-8] + ("B" if token[-8] == "A" else "A") + token[-7:]
        for path, changed in ((one, {"mac": wrong}), (one, {"mac": wrong[:-4]}), (one, {"token": other["token"]}),
                              (one, {"token": changed_token}), (one, {"token": "x"}), (two, {})):
            admin.post(f"/templates/{path}/requests", dict(body, keyProof=dict(proof, **changed)), 422, problem="key-proof")
        admin.post(f"/templates/{one}/requests", dict(body, publicKey=public[1]), 422, problem="key-proof")
        admin.post(f"/templates/{one}/requests", dict(body, keyProof={"token": "x", "mac": "?"}), 422, problem="key-proof")
        admin.post(f"/templates/{one}/key-challenges", {"publicKey": public[2]}, 422, problem="key-proof")
        admin.post(f"/templates/{one}/key-challenges", {"publicKey": "no key"}, 400, problem="malformed-key")


def check_deletion(admin, ca):
    """A template goes when none of its certificates can come back to life; a hold can."""
    document = {"keys": ["RSA"], "keysLevel": "log", "subject": {"attributes": ["*"]}}
    one = admin.post(f"/cas/{ca}/templates", {"name": "Short-lived", "document": document}, 201)["id"]
    issued = admin.post(f"/templates/{one}/requests", {"csr": make_csr("held.example").decode(), "issue": True}, 201)
    assert any("P-256" in note for note in issued["notes"]), "a key that is not in the list is told"
    events = admin.get("/events?code=request.submitted&limit=5")["items"]
    assert any("P-256" in str(event["details"]) for event in events), events
    certificate = issued["certificate"]["id"]
    assert "CN=held.example" in admin.delete(f"/templates/{one}", 409, problem="template-in-use")["detail"]
    admin.post(f"/certificates/{certificate}/revoke", {"reason": "certificateHold"})
    admin.delete(f"/templates/{one}", 409, problem="template-in-use")
    admin.post(f"/certificates/{certificate}/revoke", {"reason": "superseded"})
    pending = admin.post(f"/templates/{one}/requests", {"csr": make_csr("open.example").decode()}, 201)
    assert "CN=open.example" in admin.delete(f"/templates/{one}", 409, problem="template-in-use")["detail"]
    admin.post(f"/requests/{pending['id']}/cancel", {"reason": "not needed"})
    admin.delete(f"/templates/{one}")
    admin.get(f"/templates/{one}", 404)
    assert admin.get(f"/certificates/{certificate}")["state"] == "revoked", "its certificates stay known"


def check_preview(admin, ca):
    public = admin.post(f"/cas/{ca}/templates", {"name": "Public", "starter": "public-tls-domain"}, 201)
    seen = admin.post(f"/templates/{public['id']}/preview", {"subject": {"CN": "www.example.local"}}, 200)
    assert seen["blocked"] and "tls-internal-name" in [f["rule"] for f in seen["findings"]], seen["findings"]
    assert "CN=www.example.local" in text_of(seen["pem"])
    admin.post(f"/templates/{public['id']}/requests", {"csr": make_csr("www.example.local").decode(), "issue": True}, 422,
               problem="lint")
    document = dict(public["document"], lint={"rules": [
        {"id": "house-cn", "source": "House rules 3", "severity": "warning", "field": "subject.CN",
         "pattern": "www[.].*", "text": "Names begin with www."}]})
    seen = admin.post(f"/templates/{public['id']}/preview", {"document": document, "subject": {"CN": "ftp.example.com"}}, 200)
    assert seen["blocked"] is None and [f["rule"] for f in seen["findings"]] == ["house-cn"], seen["findings"]
    return public


def check_copies(admin, ca, made, public):
    clone = admin.post(f"/templates/{public['id']}/clone", {"name": "Public elsewhere", "ca": made["root"]}, 201)
    assert clone["ca"] == made["root"] and clone["document"] == public["document"]
    export = admin.get(f"/templates/{public['id']}/export")
    again = admin.post(f"/cas/{ca}/templates/import", dict(export.value, name="Imported"), 201)
    assert again["document"] == public["document"]
    # The text in OpenSSL's form loses nothing, takes edits, and OpenSSL's own texts come in.
    for one in admin.get(f"/cas/{ca}/templates?limit=200")["items"][:12]:
        text = admin.get(f"/templates/{one['id']}/openssl", 200).body.decode()
        back = admin.post(f"/cas/{ca}/templates/import", {"name": "Text", "openssl": text}, 201)
        assert back["document"] == one["document"], (one["document"], back["document"])
        admin.delete(f"/templates/{back['id']}")
    foreign = admin.post(f"/cas/{ca}/templates/import", {"name": "Foreign", "openssl": FOREIGN}, 201)["document"]
    assert foreign["extendedKeyUsage"] == ["clientAuth"] and foreign["keyUsage"] == ["digitalSignature"]
    assert foreign["subject"]["expression"] == {"O": "Example", "CN": "{device}"} and foreign["validity"]["days"] == 90
    assert foreign["variables"][0]["default"] == "none" and foreign["sans"]["add"] == ["DNS:{device}.example.com"]
    assert foreign["extensions"] == [{"critical": False, "oid": "1.2.3.4", "value": {"utf8": "x"}}]
    admin.post(f"/cas/{ca}/templates/import", {"name": "x", "openssl": ".include /etc/passwd\n"}, 422, problem="template-text")
    admin.post(f"/cas/{ca}/templates/import", {"name": "x", "openssl": "[dn]\nCN = ${ENV::HOME}\n"}, 422,
               problem="template-text")
    admin.post(f"/cas/{ca}/templates/import", dict(export.value, formatVersion=2), 422, problem="unknown-format")
    changed = dict(public["document"], approval="always", validity=dict(public["document"]["validity"], days=10))
    admin.put(f"/templates/{again['id']}", {"name": "Imported", "document": changed, "version": 1}, 200)
    assert [one["version"] for one in admin.get(f"/templates/{again['id']}/versions")["items"]] == [2, 1]
    diff = admin.get(f"/templates/{again['id']}/diff?from=1&to=2")
    assert diff["changes"] == [{"path": "approval", "before": "role", "after": "always"},
                               {"path": "validity.days", "before": 47, "after": 10}], diff


def check_text(admin, ca):
    """A text is checked line by line before it is stored, onto a template that is there and for a new one."""
    path = f"/cas/{ca}/templates"
    one = admin.post(path, {"name": "By text", "document": {"approval": "always", "policies": ["1.2.3"]}}, 201)
    at = f"/templates/{one['id']}/openssl"
    text = admin.get(at, 200).body.decode()
    assert admin.post(at, {"openssl": text}, 200).value == {"document": one["document"], "changes": [], "findings": []}
    edited = text.replace("default_days = 397", "default_days = 30") + "nsComment = x\n"
    seen = admin.post(at, {"openssl": edited}, 200)
    line = edited[:edited.index("nsComment")].count("\n") + 1
    assert seen["document"] is None and [(f["line"], f["severity"]) for f in seen["findings"]] == [(line, "error")], seen.value
    answer = admin.put(at, {"openssl": edited, "version": 1}, 422, problem="template-text")
    assert f"Line {line} " in answer["detail"], answer
    edited = edited.replace("nsComment = x\n", "").replace("[req]\n", "[req]\ndefault_bits = 4096\n")
    seen = admin.post(at, {"openssl": edited}, 200)
    assert [(c["path"], c["after"]) for c in seen["changes"]] == [("validity.days", 30)], seen.value
    assert [f["severity"] for f in seen["findings"]] == ["notice"] and "default_bits" in seen["findings"][0]["text"], seen.value
    assert admin.get(f"/templates/{one['id']}")["version"] == 1, "a check stores nothing"
    admin.put(at, {"openssl": edited}, 400, problem="missing-field")
    admin.put(at, {"openssl": edited, "version": 9}, 409, problem="changed-meanwhile")
    changed = admin.put(at, {"openssl": edited, "version": 1}, 200)
    assert (changed["version"], changed["name"], changed["document"]["validity"]["days"]) == (2, "By text", 30)
    # A text that was written for OpenSSL leaves alone who may have the certificate, and by what door.
    changed = admin.put(at, {"openssl": FOREIGN, "version": 2}, 200)["document"]
    assert (changed["approval"], changed["policies"], changed["extendedKeyUsage"]) == ("always", [], ["clientAuth"])
    seen = admin.post(f"{path}/import", {"name": "x", "openssl": FOREIGN, "dryRun": True}, 200)
    assert seen["document"]["variables"][0]["name"] == "device" and seen["findings"] == [], seen.value
    admin.post(f"{path}/import", {"name": "x", "dryRun": True}, 400, problem="missing-field")
    admin.post(at, {"openssl": "#" * 65537}, 413, problem="template-text")
    # What openssl req itself would ask for becomes a form: its variables render the preview.
    asked = ("[req]\ndistinguished_name = d\n[d]\nO = Organisation\nO_default = Example\nCN = Name\nCN_min = 1\n"
             "[v3_ext]\nbasicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature\n"
             "subjectAltName = @names\n[names]\nDNS.1 = a.example\n")
    made_by = admin.post(f"{path}/import", {"name": "Asked", "openssl": asked}, 201)
    assert [(v["name"], v["required"]) for v in made_by["document"]["variables"]] == [("O", False), ("CN", True)]
    shown = admin.post(f"/templates/{made_by['id']}/preview", {"variables": {"CN": "Some Body"}}, 200)
    assert "Subject: CN=Some Body,O=Example" in text_of(shown["pem"]) or "O=Example,CN=Some Body" in text_of(shown["pem"])
    admin.post(f"/templates/{made_by['id']}/preview", {}, 422)
    for made in (one, made_by):
        admin.delete(f"/templates/{made['id']}")


def check_outside(admin, ca):
    """What others have a say in: delta lists of the authority, the policy hook, the instance's doors."""
    path = f"/cas/{ca}/templates"
    doc = {"approval": "none", "freshestCrl": True, "subject": {"attributes": ["*"]}}
    one = admin.post(path, {"name": "Freshest", "document": doc}, 201)
    ask = {"csr": make_csr("delta.example").decode(), "issue": True}
    admin.post(f"/templates/{one['id']}/requests", ask, 422, problem="freshest-crl")
    admin.patch(f"/cas/{ca}", {"settings": {"crl": {"deltaHours": 1}}})
    text = text_of(admin.post(f"/templates/{one['id']}/requests", ask, 201)["certificate"]["pem"])
    assert f"/crl/{ca}/delta.crl" in text and "X509v3 Freshest CRL" in text, text
    admin.patch(f"/cas/{ca}", {"settings": {"crl": {"deltaHours": 0}}})
    for member, value in (("hook", {"url": "http://plain.example/"}), ("hook", {"caFile": "relative"}),
                          ("caa", {"check": True}), ("caa", {"resolvers": ["name.example"]}),
                          ("caa", {"quorum": 2}), ("ct", {"logs": [{"name": "x", "url": "https://x.example", "key": "eA=="}]}),
                          ("ct", {"minimum": []}), ("ct", {"minimum": [{"days": 9, "scts": 1}, {"days": 9, "scts": 1}]})):
        admin.post(path, {"name": "x", "document": {member: value}}, 422, problem="template-invalid")
    secret = admin.get(f"/templates/{one['id']}/hook-secret")["secret"]
    assert len(secret) == 43 and admin.get(f"/templates/{one['id']}/hook-secret")["secret"] == secret
    assert admin.get("/settings/doors")["scep"] is True
    assert admin.put("/settings/doors", {"rest": False})["rest"] is False
    admin.post(f"/templates/{one['id']}/requests", ask, 422, problem="door-closed")
    assert admin.put("/settings/doors", {"rest": True})["rest"] is True
    admin.put("/settings/doors", {"window": False}, 400)


def check_signatures(admin):
    """A template chooses digest and padding where the authority's key allows, and OpenSSL verifies what comes."""
    rows = (({"type": "RSA", "bits": 3072}, (({}, "sha256WithRSAEncryption", ""),
                                             ({"padding": "pss"}, "rsassaPss", "Hash Algorithm: sha256"),
                                             ({"digest": "SHA-384", "padding": "pss"}, "rsassaPss", "Hash Algorithm: sha384"),
                                             ({"digest": "SHA-512", "padding": "pkcs1"}, "sha512WithRSAEncryption", ""))),
            ({"type": "EC", "curve": "P-256"}, (({"digest": "SHA-384"}, "ecdsa-with-SHA384", ""),
                                                ({"padding": "pss"}, "ecdsa-with-SHA256", ""))),
            ({"type": "ML-DSA-65"}, (({"digest": "SHA-384", "padding": "pss"}, "ML-DSA-65", ""),)))
    for key, choices in rows:
        root = admin.post("/cas", {"name": f"Signing {key['type']}", "key": key}, 201)
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as anchor:
            anchor.write(root["certificate"]["pem"])
            anchor.flush()
            for signature, algorithm, more in choices:
                one = admin.post(f"/cas/{root['id']}/templates",
                                 {"name": f"Signed {len(signature)} {algorithm} {more}",
                                  "document": {"approval": "none", "signature": signature}}, 201)["id"]
                made = admin.post(f"/templates/{one}/requests", {"csr": make_csr("signed.example").decode()}, 201)
                pem = made["certificate"]["pem"]
                text = text_of(pem)
                assert f"Signature Algorithm: {algorithm}" in text and more in text, (signature, text)
                assert b"OK" in openssl("verify", "-CAfile", anchor.name, data=pem.encode())


def check_post_quantum(admin, ca):
    """The report says what there is, and what to do."""
    quantum = admin.post("/cas", {"name": "Quantum Root", "key": {"type": "ML-DSA-65"}}, 201)["id"]
    report = {one["ca"]: one for one in admin.get("/post-quantum?limit=200")["items"]}
    assert report[quantum]["postQuantum"] and report[quantum]["chainPostQuantum"]
    classical = report[ca]
    assert not classical["postQuantum"] and not classical["chainPostQuantum"] and classical["advice"]
    assert classical["certificates"]["valid"] > classical["certificates"]["postQuantum"]
    assert sum(kind["count"] for kind in classical["certificates"]["byKeyType"]) == classical["certificates"]["valid"]


def run(gateway, admin, made):
    started = time.monotonic()
    ca = made["issuing"]
    device = check_sets(admin, ca)
    check_expressions(admin, ca, device)
    check_request_extensions(admin, ca)
    check_keys_that_cannot_sign(admin, ca)
    check_key_challenge(admin, ca)
    check_deletion(admin, ca)
    public = check_preview(admin, ca)
    check_copies(admin, ca, made, public)
    check_text(admin, ca)
    check_outside(admin, ca)
    check_signatures(admin)
    check_post_quantum(admin, ca)
    print(f"templates: as described ({time.monotonic() - started:.0f} s)")
