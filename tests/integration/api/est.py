"""EST settings of a template, and the template that answers without a label."""

DOCUMENT = {"doors": ["est"], "approval": "role"}


def check_settings(admin, template):
    path = f"/templates/{template}/est"
    first = admin.get(path)
    assert first["version"] == 0 and first["url"].startswith("https://")
    assert first["url"].endswith(f"/.well-known/est/{template}")
    assert first["settings"] == {"basic": True, "challenge": True, "digest": "none", "ownCertificates": "sameNames", "approveDevices": True,
                                 "names": "any", "channelBinding": "ifPresent", "retryAfterSeconds": 60,
                                 "serverKeyGeneration": False,
                                 "leastKeyStrength": 112, "leastDigestBits": 224}
    changed = admin.put(path, {"settings": dict(first["settings"], retryAfterSeconds=7, names="caller")})
    assert changed["version"] == 1 and changed["settings"]["retryAfterSeconds"] == 7
    admin.put(path, {"settings": {}}, 409, problem="changed-meanwhile")
    for broken in ({"ownCertificates": "mine"}, {"names": "user"}, {"channelBinding": "always"}):
        admin.put(path, {"settings": broken, "version": 1}, 422, problem="est-settings")
    admin.put(path, {"settings": {"nonsense": 1}, "version": 1}, 400, problem="unknown-field")
    admin.put(path, {"settings": {"retryAfterSeconds": 0}, "version": 1}, 400, problem="out-of-range")
    admin.put(path, {"version": 1}, 400, problem="missing-field")
    assert admin.put(path, {"settings": {}}, headers={"If-Match": '"1"'})["settings"] == first["settings"]


def run(admin, made):
    template = admin.post(f"/cas/{made['issuing']}/templates", {"name": "Site", "document": DOCUMENT}, 201)["id"]
    check_settings(admin, template)
    assert admin.get("/est")["defaultTemplate"] is None
    admin.put("/est", {"defaultTemplate": "no-such-template"}, 404)
    assert admin.put("/est", {"defaultTemplate": template})["defaultTemplate"] == template
    assert admin.put("/est", {"defaultTemplate": None})["defaultTemplate"] is None
    codes = [event["code"] for event in admin.get("/events?code=est.changed&limit=10")["items"]]
    assert codes == ["est.changed", "est.changed"], codes
