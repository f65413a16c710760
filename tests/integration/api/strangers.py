"""Who may not: nobody, a user without roles, and the administrator of another organisation. No route gives
any of them data, and each refusal is a problem document."""

import json
import os
import re

from client import Client, make_csr, token_for
from inventory import job_end

DIRECTORY = {"url": "ldaps://127.0.0.1", "base": "dc=x"}
OPEN = {("GET", "/"), ("GET", "/openapi.json"), ("POST", "/session"), ("POST", "/claims"), ("POST", "/claims/show"),
        ("POST", "/session/certificate"), ("POST", "/session/second-factor"), ("POST", "/session/passkey"),
        ("POST", "/session/passkey/finish"), ("POST", "/session/openid"), ("POST", "/session/openid/finish"), ("GET", "/registrations"), ("POST", "/registrations"), ("GET", "/session/providers"),
        ("GET", "/public/templates/{template}"), ("POST", "/public/templates/{template}/requests"),
        ("POST", "/public/puzzle"), ("POST", "/public/requests/confirm"), ("POST", "/public/requests/show"),
        ("POST", "/public/requests/cancel"), ("POST", "/public/requests/claim"), ("GET", "/public/cas/{ca}"),
        ("POST", "/public/cas/{ca}/challenge"), ("POST", "/public/cas/{ca}/renewals")}
OWN = {  # about the caller itself, or the same for everybody who has logged in
    ("GET", "/session"), ("DELETE", "/session"), ("POST", "/session/password"), ("GET", "/session/tokens"),
    ("POST", "/session/tokens"), ("GET", "/roles"), ("GET", "/status"), ("POST", "/inspect"),
    ("POST", "/evidence/verify"),
    ("DELETE", "/session/tokens"), ("GET", "/session/sessions"), ("DELETE", "/session/sessions"),
    ("GET", "/session/factors"), ("GET", "/session/recovery-codes"),
    # Of what the caller sees: nothing, see inventory.py.
    ("GET", "/certificate-jobs"),
    ("GET", "/views"), ("POST", "/views"), ("GET", "/certificates/count"), ("GET", "/certificates/export"),
    ("GET", "/requests/count"),
    # The administrator of an organisation has keys of its own, see keys.py.
    ("GET", "/keys"), ("POST", "/keys"),
}


def fill(path, made):
    """The path with the ids of objects that exist, but are not the caller's."""
    kinds = {"requests": "request", "certificates": "certificate", "users": "user", "session": "request",
             "credentials": "credential", "templates": "anchor", "views": "request", "acme": "acme",
             "timestamping-certificates": "tsa-certificate", "cas": "evidence", "keys": "request", "private-keys": "request",
             "key-recoveries": "request", "certificate-jobs": "request", "mail": "request", "agents": "agent",
             "notices": "request"}
    path = path.replace("{ca}", made["issuing"]).replace("{template}", made["template"])
    path = path.replace("{set}", "wifi").replace("{validator}", made["validator"]).replace("{mailtemplate}", "test")
    path = path.replace("{role}", "desk").replace("{fingerprint}", "00" * 32).replace("{stream}", "siem").replace("{seal}", "1")
    path = path.replace("{issuer}", "default").replace("{imprint}", "00" * 32).replace("{provider}", "directory")
    path = path.replace("{organisation}", "harbour").replace("{kek}", "00").replace("{webhook}", "chat").replace("{report}", "weekly")
    return re.sub(r"\{id\}", lambda _: made[kinds[path.split("/")[1]]], path)


def bodies(path, made):
    """A body that would work for somebody who may."""
    csr = make_csr("stranger.example").decode()
    with open(os.path.join(os.path.dirname(__file__), "ml-kem-768.pem"), encoding="ascii") as file:
        kem = file.read()
    table = {
        "/cas": {"name": "Stranger", "issuer": made["root"], "key": {"type": "EC", "curve": "P-256"}},
        "/cas/{ca}": {"name": "Stolen"},
        "/organisations": {"id": "stolen", "name": "Stolen"},
        "/organisations/{organisation}": {"name": "Stolen"},
        "/connections/test": {"kind": "url", "targets": ["http://127.0.0.1:9"]},
        "/cas/import": {"name": "Stolen", "privateKey": "eA=="},
        "/cas/{ca}/history": {"crlNumber": 5},
        "/cas/{ca}/chains": {"issuer": made["root"]},
        "/cas/{ca}/certificate": {"certificate": "x"},
        "/agents": {"name": "stolen"},
        "/keys": {"name": "stolen", "key": {"type": "Ed25519"}},
        "/keys/{id}/csr": {"subject": {"CN": "x"}},
        "/keys/{id}/certificate": {"subject": {"CN": "x"}},
        "/keys/{id}/export": {"password": "stolen password"},
        "/keys/{id}/recoveries": {"reason": "theft"},
        "/tokens/login": {"token": "pkcs11:token=stolen", "pin": "1234"},
        "/kek/rotation": {},
        "/kek/nodes/forget": {"name": "stolen"},
        "/private-keys/{id}/destroy": {"fingerprint": "00" * 32},
        "/key-recoveries/{id}/export": {"password": "stolen password"},
        "/cas/{ca}/truststore": {"password": "stolen password"},
        "/cas/{ca}/key": {"uri": "pkcs11:token=x;id=%01"},
        "/tokens/check": {"uri": "pkcs11:token=x"},
        "/token-keys": {"uri": "pkcs11:token=x;id=%01", "key": {"type": "EC", "curve": "P-256"}},
        "/token-keys/csr": {"uri": "pkcs11:token=x;id=%01"},
        "/token-keys/import": {"uri": "pkcs11:token=x;id=%01", "privateKey": "eA=="},
        "/token-keys/delete": {"uri": "pkcs11:token=x;id=%01", "confirm": "pkcs11:token=x;id=%01"},
        "/token-keys/certificate": {"uri": "pkcs11:token=x;id=%01", "certificate": "x"},
        "/cas/{ca}/timestamping": {"id": "stolen"},
        "/cas/{ca}/timestamping/{issuer}": {"document": {}, "version": 1},
        "/cas/{ca}/evidence": {"digest": "SHA-256", "imprints": ["00" * 32]},
        "/cas/{ca}/evidence-renewals": {"digest": "SHA-512", "documents": []},
        "/timestamping-certificates": {"name": "Stolen", "ca": made["issuing"], "key": {"type": "Ed25519"},
                                       "subject": {"CN": "x"}},
        "/timestamping-certificates/{id}/certificate": {"certificate": "x"},
        "/cas/{ca}/templates": {"name": "Stolen", "starter": "sub-ca"},
        "/cas/{ca}/templates/import": {"format": "gatehouse-template", "name": "Stolen", "document": {}},
        "/templates/{template}/clone": {"name": "Stolen"},
        "/templates/{template}": {"name": "Stolen", "document": {}, "version": 2},
        "/templates/{template}/preview": {"csr": csr},
        "/templates/{template}/openssl": {"openssl": "[dn]\nCN = stolen\n"},
        "/templates/{template}/key-challenges": {"publicKey": kem},
        "/templates/{template}/requests": {"csr": csr, "issue": True},
        "/requests/batch": {"action": "sign", "ids": [made["request"]]},
        "/certificates/{id}/revoke": {"reason": "keyCompromise"},
        "/templates/{template}/scep": {"settings": {}},
        "/templates/{template}/credentials/remove": {"state": "any"},
        "/templates/{template}/cmp": {"settings": {}},
        "/cmp": {"defaultTemplate": None},
        "/templates/{template}/est": {"settings": {}},
        "/est": {"defaultTemplate": None},
        "/templates/{template}/anchors": {"certificate": made["anchorPem"]},
        "/templates/{template}/anchors/{id}/crl": {"crl": "x"},
        "/acme/policies": {"name": "Stolen", "document": {"templates": [made["template"]]}},
        "/acme/policies/{id}": {"name": "Stolen", "document": {"templates": [made["template"]]}, "version": 2},
        "/acme/policies/{id}/bindings": {"name": "Stolen"},
        "/settings/doors": {"rest": True},
        "/acme/settings": {"open": True},
        "/users": {"username": "mallory", "roles": [{"role": "administrator", "scope": "instance"}]},
        "/roles": {"id": "stolen", "name": "Stolen", "permissions": ["cas:manage"]},
        "/roles/{role}": {"name": "Stolen", "permissions": ["cas:manage"]},
        "/session/factors/totp": {"label": "x"},
        "/session/factors/webauthn": {"label": "x"},
        "/session/factors/webauthn/finish": {"ticket": "x", "credential": {}},
        "/session/factors/{id}/confirm": {"code": "123456"},
        "/audit": {"tsaUrl": None},
        "/audit/streams": {"id": "stolen", "kind": "log"},
        "/audit/streams/{stream}": {"kind": "log"},
        "/log/levels": {"levels": "debug"},
        "/notices": {"rules": []},
        "/identity-providers": {"id": "stolen", "kind": "ldap", "name": "x", "settings": DIRECTORY},
        "/identity-providers/{provider}": {"kind": "ldap", "name": "x", "settings": DIRECTORY, "version": 1},
        "/access": {"registration": {"open": True}},
        "/users/{id}/certificates": {"label": "mine", "certificate": made["anchorPem"]},
        "/users/{id}": {"state": "suspended"},
        "/session": {"username": "x", "password": "y"},
        "/session/password": {"old": "x", "new": "y"},
        "/session/tokens": {"label": "x"},
        "/inspect": {"data": csr},
        "/certificates/batch": {"action": "revoke", "ids": [made["certificate"]]},
        "/certificate-jobs": {"action": "revoke", "ids": [made["certificate"]]},
        "/certificates/{id}": {"owner": "mallory"},
        "/certificate-fields": {"fields": [], "version": 0},
        "/validators": {"name": "Stolen", "certificate": "x"},
        "/validators/{validator}": {"name": "Stolen"},
        "/validators/{validator}/certificate": {"certificate": "x"},
        "/validators/{validator}/servers": {"items": [], "version": 0},
        "/settings/retention": {"archiveExpiredDays": 1, "eraseRequestsDays": 1, "version": 0},
        "/cas/{ca}/servers": {"items": [], "version": 0},
        "/public/settings": {"open": False},
        "/templates/{template}/public": {"settings": {"note": "stolen"}},
        "/mail/settings": {"server": "mail.example", "from": "a@b.example"},
        "/mail/test": {"to": "a@b.example"},
        "/mail/templates/{mailtemplate}": {"subject": "x", "text": "y"},
        "/mail/templates/{mailtemplate}/preview": {"subject": "x", "text": "y"},
        "/views": {"name": "mine", "filter": "state=valid"},
        "/templates/{template}/requests/form": {"sans": ["stranger.example"], "preApproved": True},
        "/templates/{template}/requests/key": {"sans": ["stranger.example"], "key": "P-256", "issue": True,
                                               "password": "long enough"},
        "/requests/{id}/move": {"template": made["template"]},
        "/requests/{id}/comments": {"text": "mine"},
        "/claims": {"secret": "A" * 43, "csr": csr},
        "/claims/show": {"secret": "A" * 43},
    }
    return table.get(path, {})


def each_route(gateway):
    for method, _, path, operation in gateway.document.operations:
        yield method, path, operation


def check_nobody(gateway, made):
    for client in (Client(gateway), Client(gateway, token="gh_" + "A" * 43), Client(gateway, cookie="A" * 43)):
        for method, path, _ in each_route(gateway):
            if (method, path) in OPEN:
                continue
            body = None if method in ("GET", "DELETE") else bodies(path, made)
            answer = client.call(method, fill(path, made), 401, body)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer"), path


def check_walk(gateway, client, made, secrets):
    """Neither data of others nor a change for a user who has no business there."""
    for method, path, _ in each_route(gateway):
        if (method, path) in OPEN | OWN:
            continue
        body = None if method in ("GET", "DELETE") else json.dumps(bodies(path, made)).encode()
        answer = client.raw(method, fill(path, made), body, {"Content-Type": "application/json"})
        value = gateway.document.check_response(method, fill(path, made), answer.status, answer.headers, answer.body)
        where = f"{method} {path} -> {answer.status}"
        text = answer.body.decode(errors="replace")
        assert not any(secret in text for secret in secrets), f"{where}: data of others"
        if answer.status == 200 and "items" in (value or {}):
            for item in value["items"]:
                assert path in ("/requests/batch", "/certificates/batch") and not item["ok"] or path in (
                    "/starters", "/starter-sets", "/users", "/organisations", "/events"), f"{where}: {item}"
            continue
        if (method, path, answer.status) == ("POST", "/certificate-jobs", 201):
            # Who may revoke certificates of another organisation may ask, and each one is refused.
            assert client.get("/session")["roles"], where
            done = job_end(client, value)
            assert (done["done"], done["refused"]) == (0, 1), done
            continue
        assert answer.status in (403, 404) or path in ("/starters", "/starter-sets"), where


def check_roles(gateway, admin, made):
    """What each role is for, and where it ends."""
    def client_with(name, roles):
        user = admin.post("/users", {"username": name, "roles": roles}, 201)
        return Client(gateway, token=token_for(gateway, name, user["oneTimePassword"]))

    submit = f"/templates/{made['template']}/requests"
    requester = client_with("rita", [{"role": "requester", "scope": "ca", "object": made["issuing"]}])
    mine = requester.post(submit, {"csr": make_csr("rita.example").decode()}, 201)
    requester.post(submit, {"csr": make_csr("rita.example").decode(), "issue": True}, 403, problem="forbidden")
    requester.post(f"/requests/{mine['id']}/sign", {}, 403, problem="forbidden")
    assert [r["id"] for r in requester.get("/requests")["items"]] == [mine["id"]]
    assert [r["id"] for r in requester.get("/requests?mine=true")["items"]] == [mine["id"]]
    own = [r["id"] for r in admin.get("/requests?mine=true&limit=500")["items"]]
    assert own and mine["id"] not in own and mine["id"] in [r["id"] for r in admin.get("/requests?mine=false&limit=500")["items"]]
    assert set(own) <= {r["id"] for r in admin.get("/requests?limit=500")["items"]}
    admin.get("/requests?mine=yes", 400, problem="bad-query")
    assert requester.get("/requests/count").value == {"count": 1, "more": False}
    assert requester.get("/requests/count?state=issued&ca=" + made["issuing"])["count"] == 0
    requester.get("/requests/count?ca=no-such-ca", 404)
    requester.get("/requests/count?state=lost", 400, problem="bad-query")
    assert admin.get("/requests/count?state=pending")["count"] == len(admin.get("/requests?state=pending&limit=500")["items"])
    requester.get(f"/requests/{made['request']}", 404)
    requester.get(f"/certificates/{made['certificate']}", 404)
    requester.get("/users", 403, problem="forbidden")
    requester.get("/events", 403, problem="forbidden")
    requester.get("/settings", 403, problem="forbidden")
    requester.get("/configuration", 403, problem="forbidden")
    assert [ca["id"] for ca in requester.get("/cas")["items"]] == [made["issuing"]]
    requester.get(f"/cas/{made['root']}", 404)

    officer = client_with("otto", [{"role": "officer", "scope": "ca", "object": made["issuing"]}])
    signed = officer.post(f"/requests/{mine['id']}/sign", {})
    assert requester.get(f"/requests/{mine['id']}")["certificate"]["id"] == signed["certificate"]["id"]
    requester.get(f"/certificates/{signed['certificate']['id']}?format=chain")
    assert [c["id"] for c in requester.get("/certificates")["items"]] == [signed["certificate"]["id"]]
    assert requester.get("/certificates/count")["count"] == 1
    requester.patch(f"/certificates/{signed['certificate']['id']}", {"owner": "rita"}, 403, problem="forbidden")
    officer.put(f"/templates/{made['template']}", {"name": "x", "document": {}, "version": 2}, 403)
    officer.post("/cas", {"name": "x"}, 403, problem="forbidden")
    requester.post(f"/certificates/{signed['certificate']['id']}/revoke", {"reason": "superseded"}, 403)
    officer.post(f"/certificates/{signed['certificate']['id']}/revoke", {"reason": "superseded"})

    auditor = client_with("anna", [{"role": "auditor", "scope": "instance"}])
    for path in ("/cas", "/requests", "/certificates", "/users", "/events", "/tokens", "/settings", "/configuration", "/organisations"):
        auditor.get(path)
    auditor.post(submit, {"csr": make_csr("anna.example").decode()}, 403, problem="forbidden")
    auditor.patch(f"/users/{made['user']}", {"displayName": "x"}, 403, problem="forbidden")
    auditor.patch(f"/cas/{made['issuing']}", {"name": "x"}, 403, problem="forbidden")

    governor = client_with("gina", [{"role": "administrator", "scope": "organisation", "object": "default"}])
    governor.post("/users", {"username": "mallory", "roles": [{"role": "administrator", "scope": "instance"}]}, 403)
    me = admin.get("/session")["user"]["id"]
    governor.post(f"/users/{me}/reset", None, 403, problem="forbidden")
    governor.patch(f"/users/{me}", {"state": "suspended"}, 403, problem="forbidden")


def run(gateway, admin, made, other_organisation):
    check_nobody(gateway, made)
    before = snapshot(admin, made)
    root = admin.get(f"/cas/{made['root']}")
    certificate = admin.get(f"/certificates/{made['certificate']}")
    secrets = [root["subject"], root["uuid"], certificate["serial"], certificate["fingerprintSha256"],
               "olga@example.com", made["certificate"] + '","ca"']
    for name, roles, organisation in (
        ("nick", [], None),
        ("stella", [{"role": "administrator", "scope": "organisation", "object": other_organisation}],
         other_organisation),
    ):
        user = admin.post("/users", {"username": name, "roles": roles, "organisation": organisation}, 201)
        client = Client(gateway, token=token_for(gateway, name, user["oneTimePassword"]))
        check_walk(gateway, client, made, secrets)
    assert_same(before, snapshot(admin, made))
    check_roles(gateway, admin, made)


def snapshot(admin, made):
    """What strangers and broken requests must leave as it is."""
    return {
        "cas": admin.get("/cas?limit=500")["items"],
        "ca": admin.get(f"/cas/{made['issuing']}").value,
        "templates": admin.get(f"/cas/{made['issuing']}/templates?limit=500")["items"],
        "requests": admin.get("/requests?limit=500")["items"],
        # Service certificates come by themselves.
        "certificates": [c for c in admin.get("/certificates?limit=500")["items"] if c["use"] in ("end-entity", "ca")],
        "user": {k: v for k, v in admin.get(f"/users/{made['user']}").value.items() if k != "lastLoginAt"},
    }


def assert_same(before, after):
    for name, value in before.items():
        assert after[name] == value, f"{name} changed: {value} -> {after[name]}"
