"""Keys of people: made here, exported to their owner alone, self-signed, in files that others read; recovery takes two."""

import os
import shutil
import subprocess

from access import new_user
from claims import BUILT, template_with
from client import SCRATCH, openssl

PASSWORD = "correct horse 47"
TYPES = [
    {"type": "RSA", "bits": 2048}, {"type": "EC", "curve": "P-256"}, {"type": "EC", "curve": "P-384"},
    {"type": "EC", "curve": "secp256k1"}, {"type": "Ed25519"}, {"type": "ML-DSA-65"}, {"type": "SLH-DSA-SHA2-128f"},
]


def built(*arguments, data=None, check=True):
    return subprocess.run([BUILT, *arguments], input=data, capture_output=True, check=check)


def public_of(private):
    return built("pkey", "-pubout", data=private).stdout.decode()


def make(client, name, key, **more):
    return client.post("/keys", {"name": name, "key": key, **more}, 201)


def out(client, path, **body):
    return client.post(path + "/export", {"password": PASSWORD, **body}).body


def check_every_type_signs_and_leaves_encrypted(gateway, client, made):
    for wanted in TYPES:
        key = make(client, "every type", wanted)
        assert key["key"] == wanted and key["recovery"] == "no" and key["certificate"] is None
        path = f"/keys/{key['id']}"
        csr = client.post(path + "/csr", {"subject": {"CN": "every.example"}, "sans": ["every.example"]})["csr"]
        text = built("req", "-verify", "-noout", "-text", data=csr.encode())
        assert b"verify OK" in text.stdout + text.stderr and b"DNS:every.example" in text.stdout, text
        own = client.post(path + "/certificate", {"subject": {"CN": "every.example"}, "sans": ["every.example"],
                                                  "validityDays": 30, "extendedKeyUsage": ["serverAuth"]})["certificate"]
        with open(os.path.join(SCRATCH.name, "self.pem"), "w", encoding="ascii") as file:
            file.write(own)
        built("verify", "-check_ss_sig", "-CAfile", file.name, file.name)
        assert client.get(path)["certificate"] == own
        der = out(client, path, format="pkcs8")
        for wrong in ("pass:wrong", "pass:"):
            assert built("pkey", "-inform", "DER", "-passin", wrong, data=der, check=False).returncode != 0
        private = built("pkey", "-inform", "DER", "-passin", "pass:" + PASSWORD, data=der).stdout
        assert public_of(private) == key["publicKey"]
        codes = [e["code"] for e in made["admin"].get(f"/events?object={key['id']}")["items"]]
        assert sorted(codes) == ["key.created", "key.exported", "key.self-signed"], codes
    assert len(client.get("/keys")["items"]) == len(TYPES)


def check_files(gateway, client, admin, made):
    key = make(client, "Shop key", {"type": "RSA", "bits": 2048})
    path = f"/keys/{key['id']}"
    client.post(path + "/export", {"password": PASSWORD}, 422, problem="no-certificate-for-key")
    csr = client.post(path + "/csr", {"template": made["template"], "subject": {"CN": "shop.example"}})["csr"]
    assert b"DNS:shop.example" in openssl("req", "-noout", "-text", data=csr.encode()), "the template makes the SAN"
    client.post(path + "/csr", {"template": made["template"], "sans": ["email:a@b.example"]}, 422, problem="san-type")
    client.post(path + "/csr", {}, 422, problem="no-names")
    done = admin.post(f"/templates/{made['template']}/requests", {"csr": csr, "issue": True}, 201)
    certificate = done["certificate"]["id"]
    # The owner sees the certificate as its own role lets it: here it may read all of the CA.
    for protection in ("modern", "compatible", "legacy"):
        der = out(client, path, certificate=certificate, protection=protection)
        seen = built("pkcs12", "-passin", "pass:" + PASSWORD, "-nodes", "-legacy", data=der).stdout
        assert seen.count(b"BEGIN CERTIFICATE") == 3 and public_of(seen) == key["publicKey"]
        assert b"friendlyName: Shop key" in seen
    client.post(path + "/export", {"password": PASSWORD, "certificate": made["certificate"]}, 422,
                problem="wrong-certificate")
    for bad in ("short", "x" * 257):
        client.post(path + "/export", {"password": bad, "format": "pkcs8"}, 422, problem="bad-password")
    client.post(path + "/export", {"password": PASSWORD, "format": "pem"}, 400, problem="unknown-choice")
    client.post(path + "/export", {"password": PASSWORD, "protection": "none"}, 422, problem="pkcs12-protection")
    client.post(path + "/certificate", {"sans": ["x.example"]}, 422, problem="no-names")
    client.post(path + "/certificate", {"subject": {"CN": "x"}, "keyUsage": ["keyCertSign"]}, 422, problem="bad-usage")
    keystore = os.path.join(SCRATCH.name, "keystore.p12")
    with open(keystore, "wb") as file:
        file.write(out(client, path, certificate=certificate, format="jks", alias="shop"))
    with open(os.path.join(SCRATCH.name, "trust.p12"), "wb") as file:
        file.write(admin.post(f"/cas/{made['root']}/truststore", {"password": PASSWORD}).body)
    if shutil.which("keytool"):
        for name, wanted in ((keystore, "shop, "), (file.name, made["root"] + ", ")):
            listed = subprocess.run(["keytool", "-list", "-keystore", name, "-storepass", PASSWORD],
                                    capture_output=True, text=True, check=False)
            assert listed.returncode == 0 and wanted in listed.stdout, listed.stdout + listed.stderr
            kind = "PrivateKeyEntry" if name == keystore else "trustedCertEntry"
            assert kind in listed.stdout, listed.stdout


def check_owner_alone(gateway, client, other, admin):
    key = make(client, "mine", {"type": "Ed25519"})
    path = f"/keys/{key['id']}"
    for who in (other, admin):
        who.get(path, 404)
        who.delete(path, 404)
        who.post(path + "/csr", {"subject": {"CN": "x"}}, 404)
        who.post(path + "/certificate", {"subject": {"CN": "x"}}, 404)
        who.post(path + "/export", {"password": PASSWORD, "format": "pkcs8"}, 404)
        assert key["id"] not in [k["id"] for k in who.get("/keys")["items"]]
    admin.post(path + "/recoveries", {"reason": "curiosity"}, 404)
    client.post(path + "/recoveries", {"reason": "mine"}, 403, problem="forbidden")
    client.delete(path)
    client.get(path, 404)
    client.post(path + "/export", {"password": PASSWORD, "format": "pkcs8"}, 404)
    for bad in ({"name": "", "key": {"type": "Ed25519"}}, {"name": "x" * 201, "key": {"type": "Ed25519"}}):
        client.post("/keys", bad, 422, problem="bad-name")
    client.post("/keys", {"name": "x", "key": {"type": "RSA", "bits": 8192}}, 422, problem="key-type")
    client.post("/keys", {"name": "x"}, 400, problem="missing-field")


def recover(asker, second, key, **body):
    asked = asker.post(f"/keys/{key}/recoveries", {"reason": "she has left"}, 201)
    path = f"/key-recoveries/{asked['id']}"
    asker.post(path + "/export", {"password": PASSWORD, "format": "pkcs8"}, 409, problem="recovery-state")
    asker.post(path + "/approve", None, 403, problem="second-person")
    assert second.post(path + "/approve")["state"] == "approved"
    second.post(path + "/approve", None, 409, problem="recovery-state")
    second.post(path + "/export", {"password": PASSWORD, "format": "pkcs8"}, 403, problem="second-person")
    file = out(asker, path, **body)
    asker.post(path + "/export", {"password": PASSWORD, "format": "pkcs8"}, 409, problem="recovery-state")
    return file


def check_recovery_takes_two(gateway, client, admin, second, made):
    key = make(client, "kept", {"type": "EC", "curve": "P-256"}, recoverable=True)
    assert key["recovery"] == "yes"
    assert key["id"] in [k["id"] for k in admin.get("/recoverable-keys")["items"]]
    client.get("/recoverable-keys", 403)
    client.get("/key-recoveries", 403)
    admin.post(f"/keys/{key['id']}/recoveries", {"reason": ""}, 422, problem="bad-reason")
    der = recover(admin, second, key["id"], format="pkcs8")
    assert public_of(built("pkey", "-inform", "DER", "-passin", "pass:" + PASSWORD, data=der).stdout) == key["publicKey"]
    codes = [e["code"] for e in admin.get(f"/events?object={key['id']}")["items"]]
    assert {"key.recovery-asked", "key.recovery-approved", "key.recovered"} <= set(codes), codes
    asked = admin.post(f"/keys/{key['id']}/recoveries", {"reason": "again"}, 201)
    assert second.post(f"/key-recoveries/{asked['id']}/decline")["state"] == "declined"
    admin.post(f"/key-recoveries/{asked['id']}/export", {"password": PASSWORD}, 409, problem="recovery-state")
    assert [r["state"] for r in admin.get("/key-recoveries")["items"]][:2] == ["declined", "done"]
    assert len(admin.all_items("/recoverable-keys", 1)) == len(admin.get("/recoverable-keys?limit=500")["items"])

    # A key that came with its certificate: given out once, kept for recovery.
    template = template_with(admin, made, "Kept keys", approval="none")
    done = client.post(f"/templates/{template}/requests/key",
                       {"subject": {"CN": "kept.example"}, "key": {"type": "EC", "curve": "P-256"},
                        "password": PASSWORD, "protection": "compatible", "keep": True}, 201)
    kept = [k for k in client.get("/keys")["items"] if k["recovery"] == "only"]
    assert len(kept) == 1 and kept[0]["name"].startswith(template)
    path = f"/keys/{kept[0]['id']}"
    client.post(path + "/export", {"password": PASSWORD, "format": "pkcs8"}, 422, problem="recovery-only")
    client.delete(path, 422, problem="recovery-only")
    der = recover(admin, second, kept[0]["id"], certificate=done["request"]["certificate"]["id"])
    seen = built("pkcs12", "-passin", "pass:" + PASSWORD, "-nodes", data=der).stdout
    assert public_of(seen) == kept[0]["publicKey"]
    # A request that is refused keeps nothing.
    client.post(f"/templates/{template}/requests/key",
                {"subject": {"CN": "kept.example"}, "sans": ["email:a@b.example"], "key": {"type": "Ed25519"},
                 "password": PASSWORD, "keep": True}, 422, problem="san-type")
    assert len([k for k in client.get("/keys")["items"] if k["recovery"] == "only"]) == 1


def check_kek(client, admin):
    """Rotations themselves are in tests/interop/kek.sh."""
    status = admin.get("/kek")
    active = [k for k in status["keks"] if k["active"]]
    assert len(active) == 1 and active[0]["here"] and len(status["nodes"]) == 1, status
    assert status["nodes"][0]["keks"] == [k["id"] for k in status["keks"]] and not status["nodes"][0]["lacksKek"]
    client.get("/kek", 403)
    admin.post("/kek/rotation", {"kek": "00ff"}, 404, problem="not-found")
    admin.post("/kek/rotation", {"kek": active[0]["id"]}, 409, problem="kek-rotation")
    admin.delete("/kek/rotation", 409, problem="kek-rotation")
    admin.delete(f"/keks/{active[0]['id']}", 409, problem="kek-in-use")
    admin.delete("/keks/00ff", 409)
    admin.delete("/keks/none", 404, problem="not-found")
    admin.post("/kek/nodes/forget", {"name": "nobody"}, 404, problem="not-found")
    assert status["rotation"]["state"] == "never"
    # One that is given up before anything is wrapped by it.
    fresh = [k for k in admin.post("/kek/rotation", None, 202)["keks"] if k["next"]]
    assert len(fresh) == 1 and not fresh[0]["active"], fresh
    after = admin.delete("/kek/rotation", 200)
    assert after["rotation"]["state"] == "done" and after["rotation"]["by"] == "admin", after
    admin.delete(f"/keks/{fresh[0]['id']}")
    assert fresh[0]["id"] not in [k["id"] for k in admin.get("/kek")["keks"] if k["here"]]
    admin.post("/kek/nodes/forget", {"name": status["nodes"][0]["name"]}, 204)


def check_token_login(client, admin):
    """With a token that wants a PIN: tests/interop/tokens.sh."""
    with open(os.path.join(os.environ["GATEHOUSE_DIR"], "data/token.pin"), encoding="ascii") as file:
        pin = file.read().strip()
    client.post("/tokens/login", {"token": "pkcs11:token=gatehouse", "pin": pin}, 403)
    admin.post("/tokens/login", {"token": "pkcs11:token=gatehouse", "pin": pin}, 204)
    admin.post("/tokens/login", {"token": "pkcs11:token=none", "pin": "1234"}, 404, problem="token-not-found")
    admin.post("/tokens/login", {"token": "http://x", "pin": "1234"}, 400, problem="bad-uri")
    admin.post("/tokens/login", {"token": "pkcs11:token=gatehouse"}, 204)  # it is logged in: no PIN is asked for
    admin.post("/tokens/login", {"token": "pkcs11:token=none"}, 404, problem="token-not-found")
    admin.post("/tokens/login", {"pin": "1234"}, 400, problem="missing-field")
    assert pin not in str(admin.get("/events?code=token.login&limit=100"))


def check_inventory(client, admin, made):
    ca = admin.get(f"/cas/{made['root']}")
    keys = admin.all_items("/private-keys", 7)
    assert len({k["id"] for k in keys}) == len(keys) and len(keys) > 10
    root = [k for k in keys if f"CA {made['root']}" in k["usedBy"]]
    assert len(root) == 1 and root[0]["key"] == ca["key"] and root[0]["location"] == "database", root
    assert any("secrets in the database" in k["usedBy"] for k in keys)
    people = [k for k in keys if k["kind"] == "person"]
    assert people and all(k["owner"] and k["name"] for k in people)
    path = f"/private-keys/{root[0]['id']}"
    assert admin.get(path)["fingerprint"] == root[0]["fingerprint"]
    client.get("/private-keys", 403)
    print_of = {"fingerprint": root[0]["fingerprint"]}
    client.post(path + "/destroy", print_of, 403)
    refused = admin.post(path + "/destroy", print_of, 409, problem="key-in-use")
    assert f"CA {made['root']}" in refused["detail"], refused
    mine = f"/private-keys/{people[0]['id']}/destroy"
    admin.post(mine, {"fingerprint": people[0]["fingerprint"]}, 422, problem="key-of-person")
    # A CA that is gone needs its key no more.
    gone = admin.post("/cas", {"name": "Key to go", "subject": {"CN": "x"}, "key": {"type": "Ed25519"}}, 201)
    admin.delete(f"/cas/{gone['id']}?confirm=Key%20to%20go", 204)
    left = [k for k in admin.get("/private-keys?limit=20")["items"] if k["key"] == {"type": "Ed25519"}][0]
    assert left["usedBy"] == [] and left["location"] == "database", left
    admin.post(f"/private-keys/{left['id']}/destroy", {"fingerprint": "00" * 32}, 422, problem="key-fingerprint")
    after = admin.post(f"/private-keys/{left['id']}/destroy", {"fingerprint": left["fingerprint"].upper()})
    assert after["location"] == "destroyed" and after["destroyedAt"], after
    admin.post(f"/private-keys/{left['id']}/destroy", {"fingerprint": left["fingerprint"]}, 409, problem="key-destroyed")
    event = admin.get(f"/events?object={left['id']}&code=key.destroyed")["items"][0]
    assert event["details"]["fingerprint"] == left["fingerprint"], event
    admin.post("/private-keys/00000000-0000-7000-8000-000000000000/destroy", print_of, 404)


def run(gateway, admin, made):
    roles = [{"role": "officer", "scope": "ca", "object": made["issuing"]}]
    _, client = new_user(gateway, admin, "keyholder", roles)
    _, other = new_user(gateway, admin, "otherholder", roles)
    _, second = new_user(gateway, admin, "second-person", [{"role": "administrator", "scope": "instance"}])
    check_every_type_signs_and_leaves_encrypted(gateway, client, {**made, "admin": admin})
    check_files(gateway, client, admin, made)
    check_owner_alone(gateway, client, other, admin)
    check_recovery_takes_two(gateway, client, admin, second, made)
    _, nobody = new_user(gateway, admin, "keyless", [{"role": "requester", "scope": "ca", "object": made["issuing"]}])
    check_kek(nobody, admin)
    check_token_login(nobody, admin)
    check_inventory(nobody, admin, made)
