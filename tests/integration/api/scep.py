"""SCEP settings of a template: written, kept, refused; secrets stay inside."""


def run(_gateway, admin, made):
    path = f"/templates/{made['template']}/scep"
    first = admin.get(path)
    assert first["version"] == 0 and first["settings"]["validation"]["challenge"] is True
    assert first["url"].endswith("/scep/" + made["template"])
    settings = first["settings"]
    settings["access"]["scep"] = ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"]
    settings["webhook"] = {"url": "https://hook.example.test/scep", "secret": "not for the eyes of others"}
    changed = admin.put(path, {"settings": settings})
    assert changed["version"] == 1 and changed["settings"]["webhook"]["secretSet"] is True
    again = admin.put(path, {"settings": changed["settings"]}, headers={"If-Match": changed.headers["ETag"]})
    assert again["version"] == 2 and again["settings"] == changed["settings"], again.value
    admin.put(path, {"settings": settings, "version": 1}, 409, problem="changed-meanwhile")
    refusals = [
        ({"colour": "red"}, 400, "unknown-field"), ({"access": {"scep": ["10.0.0.1/8"]}}, 422, "bad-address-range"),
        ({"access": {"ndes": ["everywhere"]}}, 422, "bad-address-range"), ({"nextCa": "no-such-ca"}, 404, "not-found"),
        ({"webhook": {"url": "ftp://x", "secret": "s"}}, 422, "scep-settings"),
        ({"captureUntil": "2126-01-01T00:00:00Z"}, 422, "bad-time"), ({"renewal": {"windowDays": -1}}, 400, None),
        ({"intune": {"tenant": "x"}}, 422, "scep-settings"), ({"mdm": {}}, 422, "scep-settings"),
        ({"intune": {"tenant": "example.test", "clientId": "c"}, "webhook": None}, 422, "scep-settings"),
        ({"webhook": {"url": "https://x.test", "secret": "s"},
          "intune": {"tenant": "example.test", "clientId": "c", "secret": "s"}}, 422, "scep-settings"),
    ]
    for document, status, problem in refusals:
        admin.put(path, {"settings": document}, status, problem=problem)
    admin.put(path, {}, 400, problem="missing-field")
    assert admin.get(path)["version"] == 2
    assert admin.put(path, {"settings": {}})["settings"]["webhook"] is None
    assert admin.post(path + "/check")["service"] == "none"
    assert admin.get(path + "/captures")["items"] == []
    admin.delete(path + "/captures")
    profile = admin.post(path + "/profiles", {"subject": {"CN": "phone"}, "sans": ["email:a@example.com"]}, 201)
    assert "/profile/" in profile["url"] and profile["uses"] == 1
    for document, status, problem in (
            ({}, 400, "missing-field"), ({"subject": {"CN": "*"}}, 422, "bad-name"),
            ({"subject": {"CN": "x"}, "sans": ["x"]}, 422, "bad-name"),
            ({"subject": {"CN": "x"}, "platform": "windows"}, 422, "bad-kind"),
            ({"subject": {"CN": "x"}, "validDays": 900}, 400, None)):
        admin.post(path + "/profiles", document, status, problem=problem)
    listed = admin.get(path + "/profiles")["items"]
    assert [p["id"] for p in listed] == [profile["id"]] and "url" not in listed[0]
    admin.delete(f"{path}/profiles/{profile['id']}")
    assert admin.get(path + "/profiles")["items"][0]["revoked"] is True
    made["profile"] = profile["id"]
    text = str([e["details"] for e in admin.get("/events?code=scep.&limit=100")["items"]])
    assert "not for the eyes" not in text and "secretSet" in text
