"""ACME for administrators: policies, bindings, accounts and orders; what clients do with them is in tests/interop."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../interop"))
import acme_client  # noqa: E402


def template_with_acme(admin, made):
    path = f"/templates/{made['template']}"
    template = admin.get(path)
    if "acme" not in template["document"]["doors"]:
        template["document"]["doors"].append("acme")
        admin.put(path, {"name": template["name"], "document": template["document"], "version": template["version"]})


def policies(admin, made):
    document = {"templates": [made["template"]], "preapproved": ["**.acme.test"], "profiles": {"usual": made["template"]}}
    refusals = [({"templates": []}, 422, "bad-acme-policy"), ({**document, "colour": 1}, 400, "unknown-field"),
                ({**document, "templates": ["no-such"]}, 404, "not-found"),
                ({**document, "preapproved": ["a b"]}, 422, "bad-pattern"),
                ({**document, "validation": {"denied": ["10.0.0.1/8"]}}, 400, "bad-range")]
    for bad, status, problem in refusals:
        admin.post("/acme/policies", {"name": "Bad", "document": bad}, status, problem=problem)
    policy = admin.post("/acme/policies", {"name": "Tests", "document": document}, 201)
    path = f"/acme/policies/{policy['id']}"
    assert admin.get(path)["document"]["limits"]["pendingAuthorizations"] == 300
    assert policy["id"] in [item["id"] for item in admin.get("/acme/policies")["items"]]
    document["description"] = "changed"
    changed = admin.put(path, {"name": "Tests", "document": document, "version": 1})
    assert changed["version"] == 2 and changed["document"]["description"] == "changed"
    admin.put(path, {"name": "Tests", "document": document, "version": 1}, 409, problem="changed-meanwhile")
    admin.put(path, {"name": "Tests", "document": document}, 400, problem="missing-field")
    return policy["id"]


def run(_gateway, admin, made):
    template_with_acme(admin, made)
    policy = policies(admin, made)
    path = f"/acme/policies/{policy}/bindings"
    admin.post(path, {"name": "Late", "expiresAt": "2001-01-01T00:00:00Z"}, 422, problem="bad-expiry")
    binding = admin.post(path, {"name": "First", "scope": ["**.acme.test"]}, 201)
    assert not binding["hmacKey"].startswith("-"), "a command line would take it for an option"
    assert binding["hmacKey"] in binding["commands"]["certbot"] and binding["kid"] in binding["commands"]["caddy"]
    assert "hmacKey" not in json.dumps(admin.get(path).value)

    client = acme_client.Client(os.environ["GATEHOUSE_URL"] + "/acme/directory", os.environ["GATEHOUSE_TLS_CERT"])
    assert client.register(binding["kid"], binding["hmacKey"]).status == 201
    order = client.order(["www.acme.test"], profile="usual")
    assert order.json["status"] == "ready", order
    account = admin.get(f"/acme/accounts?policy={policy}")["items"][0]
    assert admin.get(f"/acme/accounts/{account['id']}").value == account, account
    found = admin.get(f"/acme/accounts/{account['id']}/orders")["items"][0]
    assert admin.get(f"/acme/orders?policy={policy}")["items"][0]["id"] == found["id"]
    detail = admin.get(f"/acme/orders/{found['id']}")
    assert detail["authorizations"][0]["preapproved"] and detail["profile"] == "usual"
    assert admin.get(path)["items"][0]["state"] == "used-up"
    assert admin.post(f"/acme/accounts/{account['id']}/agree")["terms"]
    assert admin.post(f"/acme/accounts/{account['id']}/deactivate")["state"] == "revoked"

    second = admin.post(path, {"name": "Second"}, 201)
    admin.delete(f"/acme/bindings/{second['id']}")
    assert admin.get(path)["items"][0]["state"] == "revoked"
    settings = admin.get("/acme/settings")
    admin.put("/acme/settings", {"terms": "no url"}, 422, problem="bad-acme-settings")
    assert admin.put("/acme/settings", {"website": "https://pki.acme.test/"})["website"] == "https://pki.acme.test/"
    admin.put("/acme/settings", settings.value)
    made["acme"] = policy
    spare = admin.post("/acme/policies", {"name": "Spare", "document": {"templates": [made["template"]]}}, 201)
    admin.delete(f"/acme/policies/{spare['id']}")
