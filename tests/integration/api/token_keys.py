"""Keys that live in a token (here the softtoken): made, listed, certified, checked, deleted; a CA's key named later."""

import base64
import os
import urllib.parse

from client import SCRATCH, openssl

TOKEN = "pkcs11:token=gatehouse"
P256 = {"type": "EC", "curve": "P-256"}


def make(admin, name, **more):
    return admin.post("/token-keys", {"uri": f"{TOKEN};object={name}", "key": P256, **more}, 201)


def listed(admin, uri):
    return admin.get("/token-keys?uri=" + urllib.parse.quote(uri, safe=""))["items"]


def certificate_of(made):
    """A certificate of the key, as somebody else's CA would give it."""
    key, root = os.path.join(SCRATCH.name, "elsewhere.key"), os.path.join(SCRATCH.name, "elsewhere.pem")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
            "-out", root, "-subj", "/CN=Elsewhere")
    return openssl("x509", "-req", "-CA", root, "-CAkey", key, "-days", "5", data=made["csr"].encode()).decode()


def imported(admin):
    """Keys from elsewhere, in every form; what they sign is checked by the CSR."""
    key, other = os.path.join(SCRATCH.name, "in.key"), os.path.join(SCRATCH.name, "in.p12")
    openssl("genpkey", "-algorithm", "ED25519", "-aes256", "-pass", "pass:secret", "-out", key)
    with open(key, encoding="ascii") as file:
        order = {"uri": f"{TOKEN};object=api-imported", "privateKey": file.read(), "password": "secret",
                 "subject": {"CN": "Imported"}}
    admin.post("/token-keys/import", {**order, "password": "wrong"}, 422, problem="wrong-password")
    admin.post("/token-keys/import", {**order, "touchPolicy": "always"}, 422, problem="token-cannot")
    admin.post("/token-keys/import", {**order, "pinPolicy": "often"}, 422, problem="bad-field")
    answer = admin.post("/token-keys/import", order, 201)
    assert answer["key"]["key"] == {"type": "Ed25519"} and not answer["key"]["madeInToken"]
    public = openssl("pkey", "-in", key, "-passin", "pass:secret", "-pubout").decode()
    assert answer["key"]["publicKey"].strip() == public.strip()
    admin.post("/token-keys/import", order, 409, problem="key-exists")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", key + ".pem", "-subj", "/CN=in")
    openssl("pkcs12", "-export", "-inkey", key, "-in", key + ".pem", "-out", other, "-passout", "pass:file")
    with open(other, "rb") as file:
        order = {"uri": f"{TOKEN};object=api-file", "privateKey": base64.b64encode(file.read()).decode(),
                 "password": "file", "decrypts": True, "pinPolicy": "always"}
    answer = admin.post("/token-keys/import", order, 201)
    assert answer["key"]["alwaysAuthenticate"] and not answer["key"]["extractable"]
    steps = {s["step"]: s["outcome"] for s in admin.post("/tokens/check", {"uri": answer["key"]["uri"]})["items"]}
    assert steps["sign"] == steps["verify"] == steps["decrypt"] == "done", steps
    for name in ("api-imported", "api-file"):
        uri = f"{TOKEN};object={name}"
        admin.post("/token-keys/delete", {"uri": uri, "confirm": uri}, 204)


def run(gateway, admin, made):
    imported(admin)
    first = make(admin, "api-first", subject={"CN": "First"}, sans=["first.example"])
    uri = first["key"]["uri"]
    assert first["key"]["key"] == P256 and first["key"]["madeInToken"] and not first["key"]["extractable"]
    assert first["key"]["attestation"] is None and first["key"]["usedBy"] == []
    admin.post("/token-keys", {"uri": f"{TOKEN};object=api-first", "key": P256}, 409, problem="key-exists")
    admin.post("/token-keys", {"uri": TOKEN, "key": P256}, 400, problem="bad-uri")
    admin.post("/token-keys", {"uri": f"{TOKEN};object=x", "key": P256, "decrypts": True}, 422, problem="key-unfit")
    admin.post("/token-keys", {"uri": f"{TOKEN};object=x", "key": P256, "attestationRoot": "x"}, 422,
               problem="attestation")
    assert [key["label"] for key in listed(admin, uri)] == ["api-first"]
    assert any(key["uri"] == uri for key in admin.get("/token-keys")["items"])
    assert "REQUEST" in admin.post("/token-keys/csr", {"uri": uri, "subject": {"CN": "Again"}})["csr"]
    admin.post("/token-keys/csr", {"uri": uri}, 422, problem="no-names")
    steps = {step["step"]: step["outcome"] for step in admin.post("/tokens/check", {"uri": uri})["items"]}
    assert steps == {"token": "done", "log in": "done", "find": "done", "sign": "done", "verify": "done",
                     "decrypt": "left-out", "wrap": "done"}, steps
    missing = admin.post("/tokens/check", {"uri": "pkcs11:token=nowhere"})["items"]
    assert [step["outcome"] for step in missing] == ["failed"], missing

    ca = admin.post("/cas", {"name": "Token key", "key": {"uri": uri}}, 201)
    assert listed(admin, uri)[0]["usedBy"] == [f"the authority {ca['id']}"]
    admin.post("/token-keys/delete", {"uri": uri, "confirm": uri}, 409, problem="key-in-use")
    assert admin.put(f"/cas/{ca['id']}/key", {"uri": uri})["state"] == "active"
    second = make(admin, "api-second")
    other = second["key"]["uri"]
    admin.put(f"/cas/{ca['id']}/key", {"uri": other}, 422, problem="key-mismatch")
    admin.put(f"/cas/{made['root']}/key", {"uri": other}, 409, problem="managed-key")

    admin.post("/token-keys/certificate", {"uri": other, "certificate": certificate_of(second)}, 204)
    admin.post("/token-keys/certificate", {"uri": other, "certificate": certificate_of(first)}, 422,
               problem="key-mismatch")
    admin.post("/token-keys/delete", {"uri": other, "confirm": uri}, 409, problem="confirmation")
    admin.post("/token-keys/delete", {"uri": other, "confirm": other}, 204)
    assert listed(admin, other) == []
    admin.post("/token-keys/delete", {"uri": other, "confirm": other}, 404, problem="key-not-found")
