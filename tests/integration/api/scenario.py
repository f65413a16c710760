"""Every route at work: log-in, CAs, templates, requests, certificates, users, events."""

import base64
import json
import os
import ssl
import time

import claims
import cmp
import est
import inventory
import timestamps
from anchors import check_anchors
from client import Client, log_in, make_csr, openssl, token_for

LONG_PASSWORD = "correct horse battery staple"


def check_session(gateway):
    user, password = os.environ["GATEHOUSE_USER"], os.environ["GATEHOUSE_PASSWORD"]
    nobody = Client(gateway)
    nobody.get("/")
    nobody.get("/openapi.json")
    nobody.post("/session", {"username": user, "password": "wrong wrong wrong"}, 401, problem="login-failed")
    nobody.post("/session", {"username": "nobody at all", "password": "x"}, 401, problem="login-failed")
    nobody.get("/session", 401, headers={"Cookie": "gatehouse_session=forged"}, problem="bad-credentials")
    nobody.get("/session", 401, headers={"Authorization": "Bearer gh_forged"}, problem="bad-credentials")

    cookie, answer = log_in(gateway, user, password)
    assert answer["mustChangePassword"] is True and answer["permissions"] == []
    person = Client(gateway, cookie=cookie)
    csrf = {"X-Gatehouse-CSRF": "1"}
    person.get("/cas", 403, problem="password-change-needed")
    person.post("/session/tokens", {"label": "x"}, 403, headers=csrf, problem="password-change-needed")
    person.get("/session")
    change = {"old": password, "new": LONG_PASSWORD}
    person.post("/session/password", change, 403, problem="csrf")
    person.post("/session/password", change, 403, headers={"Sec-Fetch-Site": "cross-site"}, problem="csrf")
    person.post("/session/password", dict(change, old="no"), 401, headers=csrf, problem="login-failed")
    person.post("/session/password", dict(change, new="short"), 422, headers=csrf, problem="bad-password")
    person.post("/session/password", change, 204, headers={"Sec-Fetch-Site": "same-origin"})
    assert person.get("/session")["mustChangePassword"] is False
    person.get("/cas")

    token = person.post("/session/tokens", {"label": "laptop"}, 201, headers=csrf)
    assert len(token["token"]) == 46 and token["expiresAt"] is None
    person.post("/session/tokens", {"label": "old", "expiresAt": "2020-01-01T00:00:00Z"}, 422, headers=csrf)
    listed = person.get("/session/tokens")["items"]
    assert token["id"] in [item["id"] for item in listed] and "token" not in listed[0]
    bearer = Client(gateway, token=token["token"])
    assert bearer.get("/session")["by"] == "token"
    bearer.delete("/session", 409, problem="no-session")
    person.delete(f"/session/tokens/{token['id']}", headers=csrf)
    bearer.get("/session", 401, problem="bad-credentials")
    person.delete("/session", headers=csrf)
    person.get("/session", 401, problem="bad-credentials")


def check_cas(gateway, admin, made):
    root = admin.post("/cas", {
        "name": "Example Root", "subject": {"CN": "Example Root", "O": "Example"},
        "key": {"type": "EC", "curve": "P-384"}, "validityDays": 3650,
    }, 201)
    assert root["id"] == "example-root" and root["state"] == "active" and root["issuer"] is None
    assert root["keyType"] == "P-384" and root["key"] == {"type": "EC", "curve": "P-384"}
    assert root.headers["Location"] == "/api/v1/cas/example-root"
    made["root"] = root["id"]

    issuing = admin.post("/cas", {"name": "Example Issuing", "issuer": root["id"],
                                  "key": {"type": "RSA", "bits": 3072}, "validityDays": 1825}, 201)
    assert issuing["issuer"] == root["id"] and issuing["certificate"]["pathLength"] == 0
    made["issuing"] = issuing["id"]
    twin = admin.post("/cas", {"name": "Example Issuing", "key": {"type": "EC", "curve": "P-256"}}, 201)
    assert twin["id"] != issuing["id"]
    refused = admin.delete(f"/cas/{twin['id']}?confirm=Example", 409, problem="confirmation")
    assert f"{twin['id']}-web-server" in refused["detail"], refused.value
    admin.delete(f"/cas/{twin['id']}", 409, problem="confirmation")
    admin.delete(f"/cas/{twin['id']}?confirm=Example%20Issuing")
    admin.get(f"/cas/{twin['id']}", 404, problem="not-found")

    admin.post("/cas", {"name": "X", "issuer": "no-such-ca"}, 404, problem="not-found")
    admin.post("/cas", {"name": "X", "key": {"type": "RSA", "bits": 1024}}, 400)
    admin.post("/cas", {"name": "X", "issuer": root["id"], "validityDays": 36500}, 422, problem="validity")

    assert admin.get(f"/cas/{root['id']}")["uuid"] == root["uuid"]
    assert [ca["id"] for ca in admin.all_items("/cas", 1)] == [ca["id"] for ca in admin.get("/cas")["items"]]
    urls = admin.get(f"/cas/{root['id']}/urls")
    base = os.environ["GATEHOUSE_HTTP_URL"]
    assert urls["crl"] == [f"{base}/crl/example-root.crl"] and urls["ocsp"] == [f"{base}/ocsp/example-root"]
    check_ca_files(admin, issuing)
    check_ca_changes(admin, issuing["id"])


def check_ca_files(admin, ca):
    path = f"/cas/{ca['id']}"
    pem = admin.get(path + "/certificate").body
    assert pem.decode() == ca["certificate"]["pem"]
    der = admin.get(path + "/certificate?format=der").body
    assert der == ssl.PEM_cert_to_DER_cert(pem.decode())
    chain = admin.get(path + "/certificate?format=chain").body
    assert chain.count(b"BEGIN CERTIFICATE") == 2 and chain.startswith(pem)
    bag = openssl("pkcs7", "-inform", "DER", "-print_certs", data=admin.get(path + "/certificate?format=p7b").body)
    assert bag.count(b"BEGIN CERTIFICATE") == 2
    assert b"CA:TRUE" in admin.get(path + "/certificate?format=text").body
    admin.get(path + "/certificate?format=exe", 400, problem="bad-query")
    crl = admin.get(path + "/crl")
    der = admin.get(path + "/crl?format=der").body
    assert crl["size"] == len(der)
    assert b"X509v3 CRL Number" in openssl("crl", "-inform", "DER", "-noout", "-text", data=der)
    openssl("crl", "-noout", data=admin.get(path + "/crl?format=pem").body)
    admin.get(path + "/csr", 404, problem="not-found")


def check_ca_changes(admin, ca):
    first = admin.get(f"/cas/{ca}")
    tag = first.headers["ETag"]
    changed = admin.patch(f"/cas/{ca}", {"settings": {"crl": {"validityHours": 72}, "contact": "pki@example.com"}},
                          headers={"If-Match": tag})
    assert changed["settings"]["crl"]["validityHours"] == 72
    assert changed["settings"]["ocsp"] == first["settings"]["ocsp"]
    admin.patch(f"/cas/{ca}", {"name": "Late"}, 409, headers={"If-Match": tag}, problem="changed-meanwhile")
    admin.patch(f"/cas/{ca}", {"settings": {"crl": {"validityHours": 0}}}, 400)
    admin.patch(f"/cas/{ca}", {"enabled": False, "version": changed["version"]})
    template = admin.get(f"/cas/{ca}/templates")["items"][0]["id"]
    admin.post(f"/templates/{template}/requests", {"csr": make_csr("off.example").decode()}, 409, problem="ca-state")
    assert admin.patch(f"/cas/{ca}", {"enabled": True})["state"] == "active"


def check_waiting_ca(gateway, admin, made):
    """A CA as CSR only, signed by the root through a template, and imported."""
    waiting = admin.post("/cas", {"name": "Waiting", "csrOnly": True, "key": {"type": "EC", "curve": "P-256"}}, 201)
    assert waiting["state"] == "waiting" and waiting["certificate"] is None and waiting["notAfter"] is None
    path = f"/cas/{waiting['id']}"
    csr = admin.get(path + "/csr").body
    openssl("req", "-verify", "-noout", data=csr)
    openssl("req", "-inform", "DER", "-noout", data=admin.get(path + "/csr?format=der").body)
    admin.get(path + "/certificate", 404)
    starters = {s["id"] for s in admin.get("/starters")["items"]}
    assert "sub-ca" in starters, starters
    template = admin.post(f"/cas/{made['root']}/templates", {"name": "Subordinates", "starter": "sub-ca"}, 201)
    assert template["document"]["approval"] == "four-eyes"
    asked = admin.post(f"/templates/{template['id']}/requests", {"csr": csr.decode(), "issue": True}, 201)
    assert asked["state"] == "pending" and asked["certificate"] is None
    pem = sign_with_two(gateway, admin, asked["id"])["certificate"]["pem"]
    root = admin.get(f"/cas/{made['root']}")["certificate"]["pem"]
    admin.post(path + "/certificate", {"certificate": root}, 422)
    admin.post(path + "/certificate", {"certificate": "nonsense"}, 400)
    active = admin.post(path + "/certificate", body=(pem + root).encode(),
                        headers={"Content-Type": "application/pem-certificate-chain"})
    assert active["state"] == "active"
    admin.post(path + "/certificate", {"certificate": pem}, 409, problem="ca-state")
    made["waiting"] = waiting["id"]


def sign_with_two(gateway, admin, request):
    """Two different people approve, the second one's approval signs."""
    second = admin.post("/users", {"username": "second", "roles": [{"role": "officer", "scope": "instance"}]}, 201)
    other = Client(gateway, token=token_for(gateway, "second", second["oneTimePassword"]))
    admin.post(f"/requests/{request}/sign", {"validityDays": 5}, 422, problem="four-eyes")
    first = admin.post(f"/requests/{request}/sign", {})
    assert first["state"] == "approved" and first["certificate"] is None and first["approver"] is not None
    admin.post(f"/requests/{request}/sign", {}, 403, problem="four-eyes")
    return other.post(f"/requests/{request}/sign", {})


def check_templates(gateway, admin, made):
    ca = made["issuing"]
    web = admin.get(f"/cas/{ca}/templates")["items"]
    assert [t["id"] for t in web] == [f"{ca}-web-server"]
    made["template"] = web[0]["id"]
    template = admin.get(f"/templates/{made['template']}")
    document = template["document"]
    assert template["version"] == 1 and template.headers["ETag"] == '"1"'
    admin.put(f"/templates/{template['id']}", {"name": "Web", "document": document}, 400, problem="missing-field")
    document["validity"]["days"] = 90
    changed = admin.put(f"/templates/{template['id']}", {"name": "Web", "document": document},
                        headers={"If-Match": '"1"'})
    assert changed["version"] == 2 and changed["document"]["validity"]["days"] == 90
    admin.put(f"/templates/{template['id']}", {"name": "Web", "document": document, "version": 1}, 409,
              problem="changed-meanwhile")
    admin.put(f"/templates/{template['id']}", {"name": "Web", "document": dict(document, colour="red"), "version": 2},
              400, problem="unknown-field")
    admin.put(f"/templates/{template['id']}", {"name": "Web", "document": dict(document, approval="maybe"),
                                               "version": 2}, 422, problem="template-invalid")
    for starter in admin.get("/starters")["items"]:
        extra = admin.post(f"/cas/{ca}/templates", {"name": starter["name"], "document": starter["document"]}, 201)
        assert extra["document"].keys() == document.keys()
        admin.delete(f"/templates/{extra['id']}")
        admin.get(f"/templates/{extra['id']}", 404)
    admin.post(f"/cas/{ca}/templates", {"name": "x", "starter": "no-such"}, 422, problem="unknown-starter")
    admin.post(f"/cas/{ca}/templates", {"name": "x"}, 400, problem="missing-field")
    text = admin.post(f"/templates/{made['template']}/preview",
                      {"csr": make_csr("preview.example").decode(), "validityDays": 10})["text"]
    assert "preview.example" in text and "Example Issuing" in text


def check_requests(gateway, admin, made):
    submit = f"/templates/{made['template']}/requests"
    pending = admin.post(submit, {"csr": make_csr("www.example.com").decode()}, 201)
    assert pending["state"] == "pending" and pending["certificate"] is None and pending["door"] == "rest"
    assert pending["sans"] == ["DNS:www.example.com"]
    assert pending.headers["Location"] == f"/api/v1/requests/{pending['id']}"
    signed = admin.post(f"/requests/{pending['id']}/sign", {})
    certificate = signed["certificate"]
    assert signed["state"] == "issued" and certificate["id"] == signed["certificateId"]
    assert certificate["pem"].startswith("-----BEGIN CERTIFICATE-----") and certificate["state"] == "valid"
    again = admin.post(f"/requests/{pending['id']}/sign", {})
    assert again["certificate"]["serial"] == certificate["serial"]
    assert admin.get(f"/requests/{pending['id']}")["certificate"]["id"] == certificate["id"]
    admin.post(f"/requests/{pending['id']}/decline", {"reason": "late"}, 409, problem="request-state")
    made["request"], made["certificate"] = pending["id"], certificate["id"]

    der = make_csr("der.example.com", "DER")
    encoded = admin.post(submit, {"csr": base64.b64encode(der).decode(), "issue": True}, 201)
    assert encoded["certificate"]["commonName"] == "der.example.com"
    bare = {"Content-Type": "application/pkcs10"}
    assert admin.call("POST", submit, 201, body=der, headers=bare)["state"] == "pending"
    issued = admin.call("POST", submit + "?issue=true", 201, body=make_csr("pem.example.com"), headers=bare)
    assert issued["state"] == "issued"
    admin.call("POST", submit + "?issue=yes", 400, body=der, headers=bare, problem="bad-query")

    other = admin.post(submit, {"csr": make_csr("asked.example.com").decode(), "sans": ["DNS:asked.example.com"]}, 201)
    override = admin.post(f"/requests/{other['id']}/sign", {
        "subject": {"CN": "signed.example.com"}, "sans": ["signed.example.com", "IP:192.0.2.1"], "validityDays": 7,
    })["certificate"]
    assert override["subject"] == "CN=signed.example.com"
    assert override["sans"] == ["DNS:signed.example.com", "IP:192.0.2.1"]
    check_decisions(admin, submit, made)


def check_decisions(admin, submit, made):
    ids = [admin.post(submit, {"csr": make_csr(f"n{i}.example.com").decode()}, 201)["id"] for i in range(5)]
    assert admin.post(f"/requests/{ids[0]}/decline", {"reason": "not ours"})["reason"] == "not ours"
    assert admin.post(f"/requests/{ids[1]}/cancel")["state"] == "cancelled"
    batch = admin.post("/requests/batch", {"action": "sign", "ids": [ids[2], ids[0], "nonsense", ids[3]]})["items"]
    assert [item["ok"] for item in batch] == [True, False, False, True]
    assert batch[0]["request"]["certificate"]["state"] == "valid"
    assert batch[1]["problem"]["status"] == 409 and batch[2]["problem"]["status"] == 404
    admin.post("/requests/batch", {"action": "decline", "ids": [ids[4]], "reason": "batch"})
    admin.post("/requests/batch", {"action": "eat", "ids": [ids[4]]}, 422, problem="bad-action")
    admin.post("/requests/batch", {"action": "sign", "ids": []}, 400)
    admin.post("/requests/batch", {"action": "sign", "ids": ["x"] * 101}, 400)
    newest = [r["id"] for r in admin.all_items("/requests", 2)]
    assert newest[:5] == ids[::-1], "newest first"
    assert newest == [r["id"] for r in admin.get("/requests?limit=500")["items"]]
    declined = admin.all_items(f"/cas/{made['issuing']}/requests?state=declined", 1)
    assert {r["id"] for r in declined} == {ids[0], ids[4]}
    admin.get("/requests?state=lost", 400, problem="bad-query")
    assert admin.get("/requests/count").value == {"count": len(newest), "more": False}
    waiting = len(admin.get("/requests?state=pending&limit=500")["items"])
    assert admin.get(f"/requests/count?state=pending&ca={made['issuing']}")["count"] == waiting


def check_certificates(gateway, admin, made):
    one = admin.get(f"/certificates/{made['certificate']}")
    path = f"/certificates/{one['id']}"
    assert admin.get(path + "?format=pem").body.decode() == one["pem"]
    assert admin.get(path + "?format=der").body == ssl.PEM_cert_to_DER_cert(one["pem"])
    assert admin.get(path + "?format=chain").body.count(b"BEGIN CERTIFICATE") == 3
    admin.get(path + "?format=text")
    assert openssl("pkcs7", "-inform", "DER", "-print_certs",
                   data=admin.get(path + "?format=p7b").body).count(b"BEGIN") == 3
    serial = openssl("x509", "-noout", "-serial", data=one["pem"].encode()).decode().strip().lower()
    assert serial == "serial=" + one["serial"].lstrip("0") or serial == "serial=" + one["serial"]

    issuing = f"/cas/{made['issuing']}/certificates"
    every = admin.all_items(issuing, 2)
    assert [c["id"] for c in every] == [c["id"] for c in admin.get(issuing + "?limit=500")["items"]]
    assert [c["id"] for c in admin.get(issuing + "?q=www.example.com")["items"]] == [one["id"]]
    assert [c["id"] for c in admin.get("/certificates?q=" + one["serial"])["items"]] == [one["id"]]
    assert [c["id"] for c in admin.get("/certificates?q=" + one["fingerprintSha256"][:20])["items"]] == [one["id"]]
    assert admin.get(issuing + "?q=%25")["items"] == []
    assert admin.get(issuing + "?expiresBefore=2020-01-01T00:00:00Z")["items"] == []
    admin.get(issuing + "?expiresBefore=soon", 400)
    check_revocation(admin, issuing, every, one)


def check_revocation(admin, issuing, every, one):
    held = next(c for c in every if c["commonName"] == "der.example.com")
    hold = admin.post(f"/certificates/{held['id']}/revoke", {"reason": "certificateHold"})
    assert hold["state"] == "held" and hold["revocation"]["reason"] == "certificateHold"
    assert [c["id"] for c in admin.get(issuing + "?state=held")["items"]] == [held["id"]]
    assert admin.post(f"/certificates/{held['id']}/unhold")["state"] == "valid"
    admin.post(f"/certificates/{held['id']}/unhold", {}, 409, problem="not-held")
    revoked = admin.post(f"/certificates/{one['id']}/revoke",
                         {"reason": "keyCompromise", "invalidityDate": "2026-01-01T00:00:00Z"})
    assert revoked["revocation"]["reason"] == "keyCompromise"
    assert revoked["revocation"]["invalidityDate"] == "2026-01-01T00:00:00Z"
    admin.post(f"/certificates/{one['id']}/revoke", {"reason": "superseded"}, 409, problem="already-revoked")
    admin.post(f"/certificates/{one['id']}/revoke", {"reason": "boredom"}, 422, problem="revocation-reason")
    admin.post(f"/certificates/{one['id']}/revoke", {"reason": "removeFromCRL"}, 422)
    assert [c["id"] for c in admin.get(issuing + "?state=revoked")["items"]] == [one["id"]]
    ca = issuing.split("/")[2]
    crl = openssl("crl", "-inform", "DER", "-noout", "-text", data=admin.get(f"/cas/{ca}/crl?format=der").body)
    assert one["serial"].encode() in crl.lower().replace(b":", b"") and b"Key Compromise" in crl


def check_users(gateway, admin, made):
    user = admin.post("/users", {
        "username": "olga", "displayName": "Olga Officer", "email": "olga@example.com",
        "roles": [{"role": "officer", "scope": "ca", "object": made["issuing"]},
                  {"role": "auditor", "scope": "organisation", "object": "default"}],
    }, 201)
    assert user["mustChangePassword"] is True and len(user["oneTimePassword"]) >= 20
    admin.post("/users", {"username": "Olga"}, 409, problem="exists")
    shown = admin.get(f"/users/{user['id']}")
    assert {r["object"] for r in shown["roles"]} == {made["issuing"], "default"}
    assert "oneTimePassword" not in shown.value
    changed = admin.patch(f"/users/{user['id']}", {"displayName": "O.",
                                                   "roles": [{"role": "auditor", "scope": "instance"}]})
    assert changed["displayName"] == "O." and changed["email"] == "olga@example.com" and len(changed["roles"]) == 1
    assert admin.patch(f"/users/{user['id']}", {"state": "suspended"})["state"] == "suspended"
    Client(gateway).post("/session", {"username": "olga", "password": user["oneTimePassword"]}, 401)
    admin.patch(f"/users/{user['id']}", {"state": "active", "roles": []})
    reset = admin.post(f"/users/{user['id']}/reset")
    _, answer = log_in(gateway, "olga", reset["oneTimePassword"])
    assert answer["user"]["id"] == user["id"]
    check_guessing(gateway, "olga", reset["oneTimePassword"])
    for roles in ([{"role": "emperor", "scope": "instance"}], [{"role": "officer", "scope": "galaxy"}],
                  [{"role": "officer", "scope": "instance", "object": "default"}]):
        admin.patch(f"/users/{user['id']}", {"roles": roles}, 422, problem="bad-role")
    admin.patch(f"/users/{user['id']}", {"roles": [{"role": "officer", "scope": "ca"}]}, 400)
    admin.patch(f"/users/{user['id']}", {"roles": [{"role": "officer", "scope": "ca", "object": "none"}]}, 404)
    me = admin.get("/session")["user"]["id"]
    admin.patch(f"/users/{me}", {"roles": []}, 409, problem="last-administrator")
    admin.patch(f"/users/{me}", {"state": "suspended"}, 409, problem="last-administrator")
    assert {u["username"] for u in admin.all_items("/users", 1)} >= {"admin", "olga"}
    assert {r["id"] for r in admin.get("/roles")["items"]} == {"administrator", "officer", "requester", "auditor"}
    made["user"] = user["id"]


def check_guessing(gateway, username, password):
    """Wrong passwords are slowed, and never lock the right one out."""
    nobody = Client(gateway)
    for _ in range(12):
        answer = nobody.raw("POST", "/session", json.dumps({"username": username, "password": "guess"}).encode(),
                            {"Content-Type": "application/json"})
        if answer.status == 429:
            break
        assert answer.status == 401
    assert answer.status == 429 and int(answer.headers["Retry-After"]) > 0
    assert json.loads(answer.body)["type"] == "/problems/slow-down"
    deadline = time.monotonic() + 40
    while nobody.raw("POST", "/session", json.dumps({"username": username, "password": password}).encode(),
                     {"Content-Type": "application/json"}).status == 429:
        assert time.monotonic() < deadline, "locked out"
        time.sleep(0.5)
    log_in(gateway, username, password)


def check_instance(gateway, admin, made):
    assert admin.get("/settings")["publicHttp"] == os.environ["GATEHOUSE_HTTP_URL"]
    options = {option["name"]: option for option in admin.get("/configuration")["items"]}
    assert options["db"]["source"] == "command line" and len(options["db"]["values"]) == 1
    assert options["db-pool"]["source"] == "default" and options["db-pool"]["values"] == [options["db-pool"]["initial"]]
    assert ":***@" in options["db"]["values"][0] or ":" not in options["db"]["values"][0].split("://")[1].split("@")[0]
    assert admin.get("/status")["name"] == "Gatehouse"
    assert [o["id"] for o in admin.get("/organisations")["items"]] == ["default"]
    assert any(token["managed"] for token in admin.get("/tokens")["items"])
    events = admin.all_items("/events", 50)
    moments = [(e["at"][:19], e["at"][20:26], e["id"]) for e in events]
    assert moments == sorted(moments, reverse=True), "newest first"
    codes = {e["code"] for e in events}
    wanted = {"certificate.issued", "certificate.revoked", "certificate.held", "certificate.released",
              "session.created", "session.refused", "session.ended", "user.created", "user.changed", "user.reset",
              "user.password-changed", "api-token.created", "api-token.revoked", "request.submitted",
              "request.declined", "request.cancelled", "request.refused", "ca.changed"}
    assert wanted <= codes, wanted - codes
    issued = admin.get(f"/events?code=certificate.&object={made['certificate']}")["items"]
    assert {e["code"] for e in issued} == {"certificate.issued", "certificate.revoked"}
    assert issued[0]["requestId"] and issued[0]["address"] == "127.0.0.1" and issued[0]["actor"]["name"] == "admin"
    assert admin.get("/events?since=2100-01-01T00:00:00Z")["items"] == []
    assert admin.get("/events?until=2000-01-01T00:00:00Z")["items"] == []
    admin.get("/events?since=yesterday", 400)
    refused = {(e["actor"]["name"], e["details"]["type"]) for e in events if e["code"] == "request.refused"}
    assert {("anonymous", "bad-credentials"), ("admin", "csrf"), ("admin", "four-eyes")} <= refused, refused
    text = str([e["details"] for e in events])
    for secret in (os.environ["GATEHOUSE_PASSWORD"], os.environ["GATEHOUSE_TOKEN"], LONG_PASSWORD):
        assert secret not in text, "an event carries a secret"


def run(gateway, admin):
    made = {}
    check_session(gateway)
    check_cas(gateway, admin, made)
    check_waiting_ca(gateway, admin, made)
    for check in (check_templates, check_requests, check_certificates, check_users, check_instance):
        check(gateway, admin, made)
    inventory.run(gateway, admin, made)
    timestamps.run(admin, made)
    claims.run(gateway, admin, made)
    check_anchors(admin, made)
    cmp.run(admin, made)
    est.run(admin, made)
    return made
