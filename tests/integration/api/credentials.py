"""Credentials of devices: made, listed, rotated, revoked, removed; who may."""

from client import Client, token_for


def run(gateway, admin, made):
    path = f"/templates/{made['template']}/credentials"
    one = admin.post(path, {"label": "printer", "validMinutes": 60}, 201)
    assert one["state"] == "available" and one["uses"] == 1 and len(one["secret"]) == 32, one.value
    assert one["secret"] == one["secret"].upper() and one["kind"] == "challenge"
    assert "secret" not in admin.get(f"/credentials/{one['id']}").value
    short = admin.post(path, {"octets": 8, "bound": {"subject": {"CN": "x"}, "variables": {"a": "b"}}}, 201)
    assert len(short["secret"]) == 16 and short["bound"]["subject"] == {"CN": "x"}
    chosen = admin.post(path, {"secret": "correct horse", "uses": 0, "name": "static"}, 201)
    assert chosen["uses"] == 0
    admin.post(path, {"name": "static"}, 409, problem="exists")
    refusals = [({"secret": "short"}, 422, "bad-secret"), ({"kind": "token"}, 422, "bad-kind"),
                ({"expiresAt": "2020-01-01T00:00:00Z"}, 422, "bad-time"),
                ({"expiresAt": "2120-01-01T00:00:00Z", "validMinutes": 5}, 400, "contradiction"),
                ({"bound": {"colour": "red"}}, 400, "unknown-field"), ({"label": "x" * 300}, 422, "bad-name"),
                ({"uses": -1}, 400, None), ({"octets": 1}, 400, None), ({"onBehalfOf": "me"}, 422, "bad-user")]
    for document, status, problem in refusals:
        admin.post(path, document, status, problem=problem)

    rotated = admin.post(path + "/rotate", {"overlapMinutes": 30}, 201)
    assert rotated["uses"] == 0 and admin.get(f"/credentials/{chosen['id']}")["expiresAt"] is not None
    admin.delete(f"/credentials/{chosen['id']}")
    assert admin.get(f"/credentials/{chosen['id']}")["state"] == "revoked"
    admin.post(path, {"name": "static"}, 201)
    listed = admin.all_items(path + "?kind=challenge", 2)
    assert [c["id"] for c in listed] == [c["id"] for c in admin.get(path + "?limit=500")["items"]]
    assert len(listed) == 5
    assert [c["id"] for c in admin.get(path + "?state=revoked")["items"]] == [chosen["id"]]
    assert admin.get(path + "?state=expired")["items"] == []
    admin.get(path + "?state=lost", 400, problem="bad-query")
    admin.get(path + "?kind=lost", 400, problem="bad-query")
    admin.get(path + "?maker=me", 400, problem="bad-query")

    user = admin.post("/users", {"username": "devices", "roles": [{"role": "requester", "scope": "instance"}]}, 201)
    requester = Client(gateway, token=token_for(gateway, "devices", user["oneTimePassword"]))
    own = requester.post(path, {"label": "mine"}, 201)
    for document in ({"uses": 0}, {"uses": 2}, {"kind": "mac"}, {"onBehalfOf": listed[0]["maker"]["id"]}):
        requester.post(path, document, 403, problem="forbidden")
    requester.post(path + "/rotate", {}, 403, problem="forbidden")
    assert [c["id"] for c in requester.get(path)["items"]] == [own["id"]]
    requester.get(f"/credentials/{one['id']}", 404, problem="not-found")
    requester.delete(f"/credentials/{one['id']}", 404, problem="not-found")
    assert [c["id"] for c in admin.get(f"{path}?maker={user['id']}")["items"]] == [own["id"]]
    assert requester.post(path + "/remove", {"state": "any"})["removed"] == 1
    other = admin.post(path, {"onBehalfOf": user["id"]}, 201)
    assert other["maker"]["name"] == "devices"
    requester.delete(f"/credentials/{other['id']}")

    mac = admin.post(path, {"kind": "mac", "name": "ref-1", "secret": "a shared secret", "uses": 0}, 201)
    assert mac["kind"] == "mac" and mac["secret"] == "a shared secret"
    admin.post(path, {"kind": "mac", "secret": "too short"}, 422, problem="bad-secret")
    assert admin.post(path + "/remove", {"state": "any", "kind": "mac"})["removed"] == 1
    assert admin.post(path + "/remove", {"state": "revoked"})["removed"] == 2
    assert admin.post(path + "/remove", {"state": "any", "kind": "challenge"})["removed"] == 4
    assert admin.get(path)["items"] == []
    admin.get(f"/credentials/{one['id']}", 404, problem="not-found")
    made["credential"] = admin.post(path, {"uses": 3}, 201)["id"]
    codes = {e["code"] for e in admin.get("/events?code=credential.&limit=500")["items"]}
    assert codes == {"credential.created", "credential.revoked", "credential.removed"}, codes
