"""Agents: invited with a one-time code, given a new one, removed. That they come and sign is in interop/agent.sh."""


def check_refusals(admin):
    admin.post("/agents", {}, 400)
    admin.post("/agents", {"name": ""}, 422)
    admin.post("/agents", {"name": "x" * 65}, 422)
    admin.post("/agents", {"name": "line\nbreak"}, 422)
    admin.post("/agents", {"name": "late", "codeMinutes": 0}, 400)
    admin.post("/agents", {"name": "late", "codeMinutes": 10081}, 400)
    admin.post("/agents", {"name": "Warehouse"}, 409)
    missing = "/agents/01930000-0000-7000-8000-0000000000ff"
    admin.get(missing, 404)
    admin.post(missing + "/code", {}, 404)


def run(gateway, admin, made):
    agent = admin.post("/agents", {"name": "Warehouse"}, 201)
    made["agent"] = agent["id"]
    path = "/agents/" + agent["id"]
    assert agent["state"] == "invited" and agent["code"].startswith("GH1-") and len(agent["code"]) == 68, agent
    assert agent["tokens"] == [] and agent["enrolledAt"] is None, agent
    shown = admin.get(path).value
    assert "code" not in shown and shown["name"] == "Warehouse", shown
    again = admin.post(path + "/code", {"codeMinutes": 5})
    assert again["code"] != agent["code"] and again["codeExpiresAt"] < agent["codeExpiresAt"], again
    # Both name the gateway's key, by the second half of the code.
    assert again["code"][-42:] == agent["code"][-42:], "the gateway's key has changed"
    assert [a["id"] for a in admin.get("/agents")["items"]] == [agent["id"]]
    check_refusals(admin)
    gone = admin.post("/agents", {"name": "Gone"}, 201)
    admin.delete("/agents/" + gone["id"], 204)
    admin.get("/agents/" + gone["id"], 404)
    codes = [e["code"] for e in admin.get("/events?limit=20")["items"] if e["code"].startswith("agent.")]
    assert "agent.removed" in codes and "agent.invited" in codes, codes
