"""Users, roles, tokens, sessions, certificates that log in, registrations."""

import os
import ssl
import subprocess
import tempfile
import time
import http.client
import json
import urllib.parse

from client import BASE, Client

PASSWORD = "Fjord-lantern 47 basalt"


def guess_until_told_to_wait(gateway, username):
    """Wrong passwords until the answer is 429: on a slow machine the first, short delays may have passed before
    the next try. The seconds to wait."""
    guess = json.dumps({"username": username, "password": "wrong wrong wrong"}).encode()
    for _ in range(12):
        answer = Client(gateway).raw("POST", "/session", guess, {"Content-Type": "application/json"})
        if answer.status == 429:
            return int(answer.headers["Retry-After"])
        assert answer.status == 401, answer.body[:300]
    raise AssertionError("guessing is not slowed")


def log_in(gateway, username, password, status=200):
    answer = Client(gateway).post("/session", {"username": username, "password": password}, status)
    if status != 200:
        return answer
    cookie = answer.headers["Set-Cookie"].split("=", 1)[1].split(";")[0]
    client = Client(gateway, cookie=cookie)
    client.headers["X-Gatehouse-CSRF"] = "1"
    return client


def new_user(gateway, admin, name, roles):
    made = admin.post("/users", {"username": name, "roles": roles}, 201)
    client = log_in(gateway, name, made["oneTimePassword"])
    client.post("/session/password", {"old": made["oneTimePassword"], "new": PASSWORD}, 204)
    return made["id"], client


def check_roles(gateway, admin, made):
    admin.post("/roles", {"id": "desk", "name": "Help desk", "permissions": ["cas:read", "requests:read",
                                                                          "certificates:read"]}, 201)
    admin.post("/roles", {"id": "desk", "name": "Again", "permissions": ["cas:read"]}, 409, problem="exists")
    admin.post("/roles", {"id": "officer", "name": "x", "permissions": ["cas:read"]}, 409, problem="exists")
    admin.post("/roles", {"id": "odd", "name": "x", "permissions": ["cas:fly"]}, 422, problem="bad-permission")
    admin.post("/roles", {"id": "Odd!", "name": "x", "permissions": ["cas:read"]}, 422, problem="bad-role")
    user, client = new_user(gateway, admin, "desk-one",
                            [{"role": "desk", "scope": "ca", "object": made["issuing"]}])
    assert [ca["id"] for ca in client.get("/cas")["items"]] == [made["issuing"]]
    client.get("/cas/" + made["root"], 404)
    assert client.get(f"/cas/{made['issuing']}/certificates")["items"]
    client.get("/users", 403)
    client.post("/roles", {"id": "more", "name": "x", "permissions": ["cas:read"]}, 403)
    assert "desk-one" in admin.delete("/roles/desk", 409, problem="in-use")["detail"], "who has it is said"
    # What the role may changes for who has it at once.
    admin.put("/roles/desk", {"name": "Help desk", "permissions": ["cas:read", "certificates:read"], "ownOnly": True})
    assert client.get(f"/cas/{made['issuing']}/certificates")["items"] == []
    client.get("/requests", 403)
    roles = {role["id"]: role for role in admin.get("/roles")["items"]}
    assert roles["desk"]["ownOnly"] and not roles["desk"]["builtIn"] and roles["administrator"]["builtIn"]
    # Somebody who manages users cannot give more than what they have.
    admin.post("/roles", {"id": "clerk", "name": "Clerk", "permissions": ["users:read", "users:manage", "cas:read"]}, 201)
    _, clerk = new_user(gateway, admin, "clerk", [{"role": "clerk", "scope": "instance"}])
    clerk.post("/users", {"username": "gain", "roles": [{"role": "administrator", "scope": "instance"}]}, 403)
    clerk.patch(f"/users/{user}", {"roles": [{"role": "administrator", "scope": "instance"}]}, 403)
    clerk.post("/roles", {"id": "gain", "name": "x", "permissions": ["cas:manage"]}, 403)
    clerk.put("/roles/clerk", {"name": "x", "permissions": ["cas:manage"]}, 403)
    admin_id = admin.get("/session")["user"]["id"]
    for method, path in (("POST", "/reset"), ("DELETE", "/sessions"), ("DELETE", "/tokens")):
        clerk.call(method, f"/users/{admin_id}{path}", 403)
    return user, client


def check_tokens(gateway, admin, made):
    limited = admin.post("/session/tokens", {"label": "one CA", "cas": [made["issuing"]]}, 201)
    client = Client(gateway, token=limited["token"])
    assert limited["limits"] == {"roles": [], "cas": [made["issuing"]]}
    assert [ca["id"] for ca in client.get("/cas")["items"]] == [made["issuing"]]
    client.get("/cas/" + made["root"], 404)
    client.get("/settings", 403)
    client.post("/session/tokens", {"label": "more"}, 403, problem="limited-token")
    admin.post("/session/tokens", {"label": "x", "roles": ["officer"]}, 422, problem="bad-role")
    admin.post("/session/tokens", {"label": "x", "cas": ["no-such-ca"]}, 404)
    user, client = new_user(gateway, admin, "two-hats", [{"role": "auditor", "scope": "instance"},
                                                         {"role": "requester", "scope": "ca", "object": made["issuing"]}])
    one = Client(gateway, token=client.post("/session/tokens", {"label": "x", "roles": ["requester"]}, 201)["token"])
    one.get("/events", 403)
    client.get("/events")
    one.get("/cas/" + made["issuing"])
    assert len(admin.get(f"/users/{user}/tokens")["items"]) == 1
    admin.delete(f"/users/{user}/tokens")
    one.get("/cas", 401)
    two = Client(gateway, token=client.post("/session/tokens", {"label": "y"}, 201)["token"])
    two.get("/cas")
    client.delete("/session/tokens")
    two.get("/cas", 401)
    admin.delete("/session/tokens/" + limited["id"])


def check_sessions(gateway, admin, user, client):
    other = log_in(gateway, "desk-one", PASSWORD)
    items = client.get("/session/sessions")["items"]
    assert len(items) == 2 and sum(item["current"] for item in items) == 1, items
    that = [item for item in items if not item["current"]][0]
    client.delete("/session/sessions/" + that["id"])
    client.delete("/session/sessions/" + that["id"], 404)
    other.get("/cas", 401)
    other = log_in(gateway, "desk-one", PASSWORD)
    client.delete("/session/sessions")
    other.get("/cas", 401)
    client.get("/cas")
    assert len(admin.get(f"/users/{user}/sessions")["items"]) == 1
    admin.delete(f"/users/{user}/sessions")
    client.get("/cas", 401)
    # Must change, by user; refused log-ins slow down and never lock.
    admin.patch(f"/users/{user}", {"mustChangePassword": True})
    client = log_in(gateway, "desk-one", PASSWORD)
    client.get("/cas", 403, problem="password-change-needed")
    client.post("/session/password", {"old": PASSWORD, "new": PASSWORD + "!"}, 204)
    client.get("/cas")
    time.sleep(guess_until_told_to_wait(gateway, "desk-one") + 0.1)
    log_in(gateway, "desk-one", PASSWORD + "!")


def check_idle(gateway, admin, settings):
    admin.put("/access", {**settings, "idleMinutes": 1, "sessionHours": 1})
    item = log_in(gateway, "desk-one", PASSWORD + "!").get("/session/sessions")["items"][0]
    assert item["current"]
    settings = admin.get("/access").value
    return admin.put("/access", {**settings, "idleMinutes": 0, "sessionHours": 12}).value


def check_registration(gateway, admin):
    nobody = Client(gateway)
    body = {"username": "newcomer", "displayName": "New Comer", "email": "n@example.com", "password": PASSWORD}
    assert nobody.get("/registrations").value == {"open": False, "approval": True}
    nobody.post("/registrations", body, 403, problem="registration-closed")
    settings = admin.get("/access").value
    assert settings.pop("version") == 0
    admin.put("/access", {**settings, "registration": {"open": True, "role": "administrator"}}, 422, problem="bad-role")
    settings = admin.put("/access", {**settings, "registration": {"open": True}}).value
    admin.put("/access", {**settings, "version": 77}, 409)
    for bad in ("short", "aaaaaaaaaaaaaaaa", "Password2024!!", "qwertyuiop12", "newcomernewcomer", "abcabcabcabc"):
        nobody.post("/registrations", {**body, "password": bad}, 422, problem="bad-password")
    assert nobody.post("/registrations", body, 201)["state"] == "pending"
    nobody.post("/registrations", body, 409, problem="exists")
    log_in(gateway, "newcomer", "wrong wrong wrong", 401)
    assert log_in(gateway, "newcomer", PASSWORD, 403)["type"] == "/problems/account-pending"
    user = [u for u in admin.get("/users?limit=500")["items"] if u["username"] == "newcomer"][0]
    assert user["state"] == "pending"
    admin.patch(f"/users/{user['id']}", {"state": "active"})
    client = log_in(gateway, "newcomer", PASSWORD)
    assert [g["role"] for g in client.get("/session")["roles"]] == ["requester"]
    assert admin.get("/events?code=user.approved")["items"]
    return admin.put("/access", {**settings, "registration": {"open": False}}).value


def mtls(path, cert, key, method="GET", headers=None):
    url = urllib.parse.urlsplit(os.environ["GATEHOUSE_MTLS_URL"])
    context = ssl.create_default_context(cafile=os.environ["GATEHOUSE_TLS_CERT"])
    context.load_cert_chain(cert, key)
    connection = http.client.HTTPSConnection(url.hostname, url.port, context=context, timeout=30)
    connection.request(method, BASE + path, body=b"" if method == "POST" else None, headers=headers or {})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), json.loads(text) if text else None


def check_certificates(gateway, admin, made, settings, user):
    with tempfile.TemporaryDirectory() as directory:
        own = [os.path.join(directory, name) for name in ("own.pem", "own.key")]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=robot", "-days", "3", "-out", own[0], "-keyout", own[1]],
                       check=True, capture_output=True)
        assert mtls("/cas", *own)[0] == 401
        with open(own[0], encoding="ascii") as file:
            added = admin.post(f"/users/{user}/certificates", {"label": "robot", "certificate": file.read()}, 201)
        status, _, value = mtls("/session", *own)
        assert status == 200 and value["by"] == "certificate" and value["user"]["username"] == "desk-one"
        assert mtls("/session/tokens", *own, method="DELETE")[0] == 403  # another site's doing, as with a cookie
        assert mtls("/session/tokens", *own, method="DELETE", headers={"X-Gatehouse-CSRF": "1"})[0] == 204
        assert len(admin.get(f"/users/{user}/certificates")["items"]) == 1
        admin.delete(f"/users/{user}/certificates/{added['id']}")
        admin.delete(f"/users/{user}/certificates/{added['id']}", 404)
        assert mtls("/cas", *own)[0] == 401
        # Of a chosen CA, by e-mail address; a revoked one logs nobody in.
        user, _ = new_user(gateway, admin, "card.example.com", [{"role": "auditor", "scope": "instance"}])
        template = made["template"]
        key, csr = os.path.join(directory, "card.key"), os.path.join(directory, "card.csr")
        subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=card.example.com", "-addext", "subjectAltName=DNS:card.example.com",
                        "-out", csr, "-keyout", key], check=True, capture_output=True)
        with open(csr, encoding="ascii") as file:
            issued = admin.post(f"/templates/{template}/requests", {"csr": file.read(), "issue": True}, 201)["certificate"]
        card = os.path.join(directory, "card.pem")
        with open(card, "w", encoding="ascii") as file:
            file.write(issued["pem"])
        assert mtls("/session", card, key)[0] == 401
        settings = admin.put("/access", {**settings, "certificateLogin": {"cas": [made["issuing"]],
                                                                         "match": "commonName"}}).value
        status, headers, value = mtls("/session/certificate", card, key, "POST")
        assert status == 200 and value["user"]["username"] == "card.example.com", value
        session = Client(gateway, cookie=headers["Set-Cookie"].split("=", 1)[1].split(";")[0])
        assert session.get("/session/sessions")["items"][0]["method"] == "certificate"
        gateway.succeeded.add(("POST", "/session/certificate"))
        admin.post(f"/certificates/{issued['id']}/revoke", {"reason": "keyCompromise"})
        status, _, value = mtls("/session/certificate", card, key, "POST")
        assert status == 401 and value["type"] == "/problems/revoked-certificate", value
        assert mtls("/cas", card, key)[0] == 401
    return admin.put("/access", {**settings, "certificateLogin": {}}).value


def check_everybody(gateway, admin):
    user, client = new_user(gateway, admin, "last", [{"role": "auditor", "scope": "instance"}])
    admin.post("/access/password-change", status=204)
    client.get("/cas", 403, problem="password-change-needed")
    admin.patch(f"/users/{user}", {"state": "suspended"})


def run(gateway, admin, made):
    user, client = check_roles(gateway, admin, made)
    check_tokens(gateway, admin, made)
    check_sessions(gateway, admin, user, client)
    settings = check_registration(gateway, admin)
    settings = check_idle(gateway, admin, settings)
    check_certificates(gateway, admin, made, settings, user)
    check_everybody(gateway, admin)
    admin.post("/roles", {"id": "gone", "name": "Gone", "permissions": ["cas:read"]}, 201)
    admin.delete("/roles/gone")
