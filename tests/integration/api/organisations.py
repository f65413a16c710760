"""Organisations: made and renamed over REST, and every list narrowed to one of them, for whoever looks."""
from client import Client, make_csr, token_for
from inventory import job_end


def token_of(admin, gateway, name, roles):
    user = admin.post("/users", {"username": name, "roles": roles, "organisation": "harbour"}, 201)
    return Client(gateway, token=token_for(gateway, name, user["oneTimePassword"]))


def check_making(admin):
    made = admin.post("/organisations", {"name": "Harbour"}, 201)
    assert (made["id"], made["name"]) == ("harbour", "Harbour")
    admin.post("/organisations", {"name": "Harbour"}, 409, problem="exists")
    admin.post("/organisations", {"id": "Not Me", "name": "x"}, 400)
    admin.post("/organisations", {"id": "-x", "name": "x"}, 400, problem="bad-slug")
    admin.post("/organisations", {"id": "x"}, 400)
    admin.post("/organisations", {"name": ""}, 422, problem="bad-name")
    assert admin.patch("/organisations/harbour", {"name": "The harbour"})["name"] == "The harbour"
    admin.patch("/organisations/nowhere", {"name": "x"}, 404)
    admin.patch("/organisations/harbour", {"id": "other"}, 400)
    assert [o["name"] for o in admin.get("/organisations")["items"] if o["id"] == "harbour"] == ["The harbour"]
    events = admin.get("/events?code=organisation.&organisation=harbour")["items"]
    assert [e["code"] for e in events] == ["organisation.changed", "organisation.created"], events
    assert admin.get("/events?code=organisation.&organisation=default")["items"] == []


def ids(client, path, member="id"):
    return [item[member] for item in client.get(path)["items"]]


def check_lists(admin, made, ca, template):
    """Each list holds what is the organisation's, and all of it without the parameter."""
    request = admin.post(f"/templates/{template}/requests", {"csr": make_csr("wait.example").decode()}, 201)
    signed = admin.post(f"/templates/{template}/requests", {"csr": make_csr("quay.example").decode(), "issue": True}, 201)
    certificate = signed["certificate"]["id"]
    here, there = "organisation=harbour", "organisation=default"
    assert ids(admin, f"/cas?{here}") == [ca] and ca not in ids(admin, f"/cas?{there}&limit=500")
    assert made["issuing"] in ids(admin, "/cas?limit=500") and ca in ids(admin, "/cas?limit=500")
    assert set(ids(admin, f"/requests?{here}")) == {request["id"], signed["id"]}
    assert ids(admin, f"/requests?{here}&state=pending") == [request["id"]]
    assert request["id"] not in ids(admin, f"/requests?{there}&limit=500")
    assert admin.get(f"/requests/count?{here}")["count"] == 2
    everything = admin.get("/requests/count")["count"]
    assert admin.get(f"/requests/count?{there}")["count"] == everything - 2
    assert ids(admin, f"/certificates?{here}&use=end-entity") == [certificate]
    assert certificate not in ids(admin, f"/certificates?{there}&limit=500")
    assert admin.get(f"/certificates/count?{here}&use=end-entity")["count"] == 1
    assert certificate in admin.raw("GET", f"/certificates/export?{here}&format=json", None, {}).body.decode()
    assert certificate not in admin.raw("GET", f"/certificates/export?{there}&q=quay.example&format=json", None, {}).body.decode()
    assert {i["ca"] for i in admin.get(f"/post-quantum?{here}")["items"]} == {ca}
    assert all(u["organisation"] == "harbour" for u in admin.get(f"/users?{here}")["items"])
    keys = admin.get(f"/private-keys?{here}&limit=500")["items"]
    assert keys and len(keys) < len(admin.get("/private-keys?limit=500")["items"])
    for path in ("/validators", "/timestamping-certificates", "/acme/policies", "/acme/accounts", "/acme/orders"):
        assert admin.get(f"{path}?{here}")["items"] == [], path
    assert all(e["organisationUuid"] for e in admin.get(f"/events?{here}")["items"])
    for path in ("/cas", "/requests", "/requests/count", "/certificates", "/certificates/count", "/events", "/users"):
        admin.get(f"{path}?organisation=nowhere", 404, problem="not-found")
    admin.get("/roles?organisation=harbour", 400, problem="bad-query")
    return certificate


def check_acts(admin, certificate):
    """What is done to all that a filter finds stays in the organisation of the filter; a report's filter has none."""
    batch = {"action": "edit", "addTags": ["quay"], "filter": "organisation=harbour&use=end-entity", "count": 1}
    assert [i["id"] for i in admin.post("/certificates/batch", batch)["items"]] == [certificate]
    assert ids(admin, "/certificates?tag=quay") == [certificate]
    job = admin.post("/certificate-jobs", {**batch, "addTags": ["crane"]}, 201)
    assert job_end(admin, job)["done"] == 1
    assert ids(admin, "/certificates?tag=crane") == [certificate]
    admin.post("/views", {"name": "Lost", "filter": "organisation=nowhere"}, 404)


def check_others(gateway, admin, made, ca):
    """Narrowing gives nobody more: roles on one CA, on an organisation, on none."""
    one = token_of(admin, gateway, "carla", [{"role": "auditor", "scope": "ca", "object": ca}])
    assert ids(one, "/cas") == [ca] == ids(one, "/cas?organisation=harbour")
    one.get("/cas?organisation=default", 404, problem="not-found")
    both = token_of(admin, gateway, "berta", [{"role": "auditor", "scope": "ca", "object": made["issuing"]},
                                              {"role": "auditor", "scope": "organisation", "object": "harbour"}])
    assert set(ids(both, "/cas")) == {ca, made["issuing"]}
    assert ids(both, "/cas?organisation=harbour") == [ca] and ids(both, "/cas?organisation=default") == [made["issuing"]]
    both.post("/organisations", {"name": "Mine"}, 403, problem="forbidden")
    both.patch("/organisations/harbour", {"name": "Mine"}, 403, problem="forbidden")


def run(gateway, admin, made):
    check_making(admin)
    ca = admin.post("/cas", {"name": "Quay", "organisation": "harbour", "key": {"type": "EC", "curve": "P-256"}}, 201)["id"]
    template = admin.post(f"/cas/{ca}/templates", {"name": "Cranes", "document": {}}, 201)["id"]
    certificate = check_lists(admin, made, ca, template)
    check_acts(admin, certificate)
    check_others(gateway, admin, made, ca)
    print("organisations: made, renamed, and every list narrowed to one")
