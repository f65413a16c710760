"""Requests without a CSR, claim links, keys made here, renewal."""

import base64
import os
import subprocess
import urllib.parse

from client import OPENSSL, SCRATCH, Client, make_csr, openssl

# Files with PBMAC1 (RFC 9579) open with OpenSSL 3.4 and newer: the one that Gatehouse was built with.
BUILT = os.path.expanduser("~/.cache/gatehouse/deps/bin/openssl")


def template_with(admin, made, name, **document):
    made_template = admin.post(f"/cas/{made['issuing']}/templates", {"name": name, "document": document}, 201)
    return made_template["id"]


def subject_of(pem):
    return openssl("x509", "-noout", "-subject", "-ext", "subjectAltName", "-nameopt", "RFC2253",
                   data=pem.encode()).decode()


def check_form(gateway, admin, made):
    nobody = Client(gateway)
    form = f"/templates/{made['template']}/requests/form"
    body = {"subject": {"CN": "claimed.example"}, "sans": ["DNS:claimed.example", "DNS:www.claimed.example"],
            "validityDays": 30}
    asked = admin.post(form, body, 201)
    assert asked["claim"] is None and asked["request"]["state"] == "pending" and asked["request"]["csr"] is None
    one = asked["request"]["id"]
    admin.post(form, {}, 400, problem="missing-field")
    admin.post(form, {"subject": {"CN": "x.example"}, "sans": ["email:a@example.com"]}, 422, problem="san-type")
    admin.post(form, {"subject": {"CN": "x.example"}, "validityDays": 30000}, 422, problem="validity")
    admin.post(f"/requests/{one}/sign", {}, 409, problem="no-csr")
    admin.post(f"/requests/{one}/resend", None, 409, problem="request-state")
    admin.post(f"/requests/{made['request']}/approve", None, 409)

    comment = admin.post(f"/requests/{one}/comments", {"text": "for the new shop"}, 201)
    assert [c["id"] for c in admin.get(f"/requests/{one}/comments")["items"]] == [comment["id"]]
    admin.post(f"/requests/{one}/comments", {"text": ""}, 422, problem="bad-comment")
    admin.post(f"/requests/{one}/comments", {"text": "x" * 4001}, 422, problem="bad-comment")

    link = admin.post(f"/requests/{one}/approve", {"claimDays": 3})
    assert link["request"]["state"] == "awaiting-csr"
    first = link["claim"]["secret"]
    assert len(first) == 43 and link["claim"]["url"].endswith("/claim/" + first)
    admin.post(f"/requests/{one}/approve", None, 409, problem="request-state")
    assert one in [r["id"] for r in admin.get("/requests?state=awaiting-csr")["items"]]
    secret = admin.post(f"/requests/{one}/resend")["claim"]["secret"]
    nobody.post("/claims/show", {"secret": first}, 404, problem="not-found")
    for _ in range(2):  # looking consumes nothing
        offer = nobody.post("/claims/show", {"secret": secret})
        assert offer["caName"] == admin.get(f"/cas/{offer['ca']}")["name"]
        assert offer["templateName"] == admin.get(f"/templates/{offer['template']}")["name"]
        assert offer["subject"] == "CN=claimed.example" and len(offer["sans"]) == 2 and "csr" not in offer.value
    for bad in ("", "x", "A" * 43, secret[:-1] + ("A" if secret[-1] != "A" else "B"), "x" * 5000):
        nobody.post("/claims/show", {"secret": bad}, 404, problem="not-found")
        nobody.post("/claims", {"secret": bad, "csr": make_csr("x.example").decode()}, 404, problem="not-found")

    # The CSR's own names are somebody else's: they give way, all of them.
    evil = make_csr("evil.example", sans="DNS:evil.example,DNS:bank.example").decode()
    nobody.post("/claims", {"secret": secret, "csr": "nonsense"}, 400)
    got = nobody.post("/claims", {"secret": secret, "csr": evil}, 201)
    assert got["request"]["state"] == "issued" and got["pkcs12"] is None
    shown = subject_of(got["request"]["certificate"]["pem"])
    assert "CN=claimed.example" in shown and "DNS:www.claimed.example" in shown and "evil" not in shown
    assert "bank" not in shown
    nobody.post("/claims", {"secret": secret, "csr": evil}, 404, problem="not-found")
    whole = admin.get(f"/requests/{one}")
    assert whole["state"] == "issued" and whole["csr"] is not None and whole["keyType"] == "P-256"
    codes = {e["code"] for e in admin.get(f"/events?object={one}")["items"]}
    assert {"request.submitted", "request.commented", "request.approved", "request.link-renewed",
            "request.claimed"} <= codes, codes
    assert secret not in str(admin.get("/events?limit=200").value)


def check_pre_approved(gateway, admin, made):
    path = f"/templates/{made['template']}"
    form = path + "/requests/form"
    admin.post(form, {"sans": ["DNS:invited.example"], "preApproved": True}, 422, problem="door")
    now = admin.get(path)
    doors = now["document"]["doors"] + ["preapproved"]
    admin.put(path, {"name": now["name"], "document": {**now["document"], "doors": doors}, "version": now["version"]})
    asked = admin.post(form, {"sans": ["DNS:invited.example"], "preApproved": True, "claimDays": 90}, 201)
    assert asked["request"]["state"] == "awaiting-csr" and asked["claim"]["secret"]
    admin.post(form, {"sans": ["DNS:x.example"], "preApproved": True, "claimDays": 91}, 400)
    # By mail: to an address that can be written to, and only where a mail server is set up.
    admin.post(form, {"sans": ["DNS:x.example"], "preApproved": True, "email": "nobody"}, 422, problem="bad-email")
    admin.post(form, {"sans": ["DNS:x.example"], "preApproved": True, "email": "a@example.org"}, 409, problem="no-mail-server")
    admin.post(f"/requests/{asked['request']['id']}/cancel")
    Client(gateway).post("/claims/show", {"secret": asked["claim"]["secret"]}, 404)

    quick = template_with(admin, made, "No Approval", approval="none")
    asked = admin.post(f"/templates/{quick}/requests/form", {"sans": ["DNS:quick.example"]}, 201)
    assert asked["claim"]["secret"]
    key = {"key": {"type": "EC", "curve": "P-384"}, "password": "open sesame"}
    got = Client(gateway).post("/claims", {"secret": asked["claim"]["secret"], **key}, 201)
    check_file(got["pkcs12"], "open sesame", "quick.example")
    return quick


EVERY_NAME = ["DNS:all.example", "IP:192.0.2.7", "IP:2001:db8::7", "email:a@all.example", "URI:https://all.example/x",
              "UPN:user@all.example", "RID:1.3.6.1.4.1.55555.7", "dirName:CN=seven,O=All", "SRV:_imap.all.example",
              "XMPP:user@all.example", "other:a01006032a0304a0090c0767617465776179"]


def check_bulk_and_every_name_type(gateway, admin, made):
    """Approved, moved and declined in bulk, each with its own result; a form takes every type of GeneralName."""
    types = ["dns", "ip", "email", "uri", "upn", "rid", "dirName", "srv", "xmpp", "other"]
    every = template_with(admin, made, "Every Name", sans={"types": types, "min": 1, "max": 20})
    other = template_with(admin, made, "Every Name Too", sans={"types": types, "min": 1, "max": 20})

    def ask(template, sans):
        return admin.post(f"/templates/{template}/requests/form", {"subject": {"CN": "all.example"}, "sans": sans},
                          201)["request"]["id"]

    def batch(action, ids, **more):
        return admin.post("/requests/batch", {"action": action, "ids": ids, **more})["items"]

    one, two, three = ask(every, EVERY_NAME), ask(every, EVERY_NAME[:1]), ask(every, EVERY_NAME[:2])
    moved = batch("move", [one, made["request"]], template=other)
    assert [i["ok"] for i in moved] == [True, False] and moved[0]["request"]["template"] == other
    admin.post("/requests/batch", {"action": "move", "ids": [one]}, 400, problem="missing-field")
    admin.post("/requests/batch", {"action": "fly", "ids": [one]}, 422, problem="bad-action")
    done = batch("approve", [one, two, made["request"], "nonsense"])
    assert [i["ok"] for i in done] == [True, True, False, False]
    assert done[3]["problem"]["type"] == "/problems/not-found" and "claim" not in done[2]
    assert [i["ok"] for i in batch("decline", [three, two], reason="not needed")] == [True, True]
    Client(gateway).post("/claims/show", {"secret": done[1]["claim"]["secret"]}, 404)
    got = Client(gateway).post("/claims", {"secret": done[0]["claim"]["secret"], "csr": make_csr("x.example").decode()},
                               201)
    assert sorted(got["request"]["certificate"]["sans"]) == sorted(EVERY_NAME)
    for name in ("all.example", "_imap.all.example", "192.0.2.7", "2001:db8::7", "https://all.example/x", "user@all.example",
                 "1.3.6.1.4.1.55555.7", "CN=seven,O=All"):
        found = admin.get("/certificates?name=" + urllib.parse.quote(name, safe=""))["items"]
        assert [c["id"] for c in found] == [got["request"]["certificate"]["id"]], name
    assert len(admin.get("/certificates?namePrefix=_IMAP.")["items"]) == 1
    text = subprocess.run([BUILT, "x509", "-noout", "-ext", "subjectAltName"], capture_output=True, check=True,
                          input=got["request"]["certificate"]["pem"].encode()).stdout.decode()
    assert "SRVName:_imap.all.example" in text and "XmppAddr:user@all.example" in text, text


def check_file(text, password, name):
    path = os.path.join(SCRATCH.name, "made.p12")
    with open(path, "wb") as file:
        file.write(base64.b64decode(text))
    def pkcs12(*arguments):
        result = subprocess.run([BUILT if os.path.exists(BUILT) else OPENSSL, "pkcs12", "-in", path, "-passin",
                                 "pass:" + password, *arguments], capture_output=True, check=False)
        assert result.returncode == 0, result.stderr.decode()
        return result.stdout

    shown = pkcs12("-nodes").decode()
    assert shown.count("BEGIN CERTIFICATE") == 3 and shown.count("PRIVATE KEY") == 2, shown[:300]
    certificate = pkcs12("-clcerts", "-nokeys")
    assert name in openssl("x509", "-noout", "-text", data=certificate).decode()
    key = pkcs12("-nocerts", "-nodes")
    assert openssl("pkey", "-pubout", data=key) == openssl("x509", "-noout", "-pubkey", data=certificate)


def check_made_keys(gateway, admin, made, quick):
    path = f"/templates/{quick}/requests/key"
    for kind in ("modern", "compatible", "legacy"):
        got = admin.post(path, {"sans": ["DNS:made.example"], "key": "P-256", "password": "long enough",
                                "protection": kind}, 201)
        check_file(got["pkcs12"], "long enough", "made.example")
    for body, problem in (({"key": "P-256", "password": "short"}, "bad-password"),
                          ({"key": "P-256", "password": "long enough", "protection": "rot13"}, "pkcs12-protection"),
                          ({"key": {"type": "RSA", "bits": 8192}, "password": "long enough"}, "key-type")):
        admin.post(path, {"sans": ["DNS:made.example"], **body}, 422, problem=problem)
    admin.post(path, {"sans": ["DNS:made.example"], "key": "P-256"}, 400, problem="missing-field")
    before = admin.get("/requests?state=pending")["items"]
    admin.post(f"/templates/{made['template']}/requests/key",
               {"sans": ["DNS:made.example"], "key": "P-256", "password": "long enough"}, 422, problem="approval-needed")
    assert admin.get("/requests?state=pending")["items"] == before, "a request without its key was left"


def check_moves(gateway, admin, made, quick):
    submit = f"/templates/{made['template']}/requests"
    asked = admin.post(submit, {"csr": make_csr("moves.example").decode()}, 201)
    moved = admin.post(f"/requests/{asked['id']}/move", {"template": quick})
    assert moved["template"] == quick and moved["state"] == "pending"
    strict = template_with(admin, made, "Only RSA", keys=["RSA"])
    admin.post(f"/requests/{asked['id']}/move", {"template": strict}, 422, problem="key-type")
    admin.post(f"/requests/{asked['id']}/move", {"template": "no-such"}, 404)
    roots = admin.get(f"/cas/{made['root']}/templates")["items"][0]["id"]
    admin.post(f"/requests/{asked['id']}/move", {"template": roots}, 422, problem="other-ca")
    admin.post(f"/requests/{asked['id']}/sign", {})
    admin.post(f"/requests/{asked['id']}/move", {"template": quick}, 409, problem="request-state")


def check_renewal(gateway, admin, made, quick):
    csr = make_csr("renewed.example").decode()
    old = admin.post(f"/templates/{quick}/requests", {"csr": csr, "validityDays": 10}, 201)["certificate"]
    new = admin.post(f"/certificates/{old['id']}/renew", {"issue": True}, 201)["certificate"]
    assert new["subject"] == old["subject"] and new["sans"] == old["sans"] and new["serial"] != old["serial"]
    assert new["spkiSha256"] == old["spkiSha256"] and new["notAfter"] > old["notAfter"]
    again = admin.post(f"/certificates/{old['id']}/renew", {"csr": csr, "keepEnd": True}, 201)["certificate"]
    assert again["notAfter"] == old["notAfter"]
    assert admin.get(f"/certificates/{old['id']}")["successors"] == [new["id"], again["id"]]
    assert admin.get(f"/certificates/{new['id']}")["predecessor"] == old["id"]
    admin.post(f"/certificates/{old['id']}/revoke", {"reason": "superseded"})
    admin.post(f"/certificates/{old['id']}/renew", None, 422, problem="renewal")


def run(gateway, admin, made):
    check_form(gateway, admin, made)
    check_bulk_and_every_name_type(gateway, admin, made)
    quick = check_pre_approved(gateway, admin, made)
    check_made_keys(gateway, admin, made, quick)
    check_moves(gateway, admin, made, quick)
    check_renewal(gateway, admin, made, quick)
