"""What becomes of requests: approved, signed with overrides, declined, sent again, cancelled, over, moved, by four eyes; comments."""

import datetime
import time

from access import new_user
from claims import template_with
from client import Client, make_csr, openssl
from retention import sql

NAMES = {"sans": {"types": ["dns", "ip"], "min": 1, "max": 5}}


def ask(client, template, name, **more):
    return client.post(f"/templates/{template}/requests", {"csr": make_csr(name).decode(), **more}, 201)


def ask_form(client, template, name, **more):
    return client.post(f"/templates/{template}/requests/form", {"sans": [f"DNS:{name}"], **more}, 201)


def codes_of(admin, request):
    return [e["code"] for e in admin.get(f"/events?object={request}")["items"]]


def at(days, seconds=0):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days, seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def check_overrides(admin, template):
    """Start and end, days, attributes and names may be given by who signs, and stay under the template."""
    end = admin.get(f"/templates/{template}")["document"]["validity"]["maxDays"]
    one = ask(admin, template, "over.example", validityDays=5)["id"]
    path = f"/requests/{one}/sign"
    for bad, status, problem in (
            ({"notAfter": at(end + 2)}, 422, "validity"),
            ({"notBefore": at(3), "notAfter": at(2)}, 422, "validity"),
            ({"notBefore": at(-9), "notAfter": at(-2)}, 422, "validity"),
            ({"notBefore": at(-9000)}, 422, "validity"),
            ({"validityDays": 5, "notAfter": at(2)}, 422, "validity"),
            ({"validityDays": end + 1}, 422, "validity"),
            ({"notAfter": "tomorrow"}, 400, "malformed-time"),
            ({"notBefore": "2026-02-30T00:00:00Z"}, 400, "malformed-time"),
            ({"validityDays": 0}, 400, None), ({"validityDays": "7"}, 400, None),
            ({"sans": ["IP:300.1.1.1"]}, 400, "malformed-san"), ({"sans": ["email:a@over.example"]}, 422, "san-type"),
            ({"subject": {"CN": "x" * 65}}, 400, "malformed-name"), ({"csr": "x"}, 400, "unknown-field")):
        answer = admin.post(path, bad, status)
        assert problem is None or answer["type"] == "/problems/" + problem, (bad, answer.value)
        assert admin.get(f"/requests/{one}")["state"] == "pending", bad
    start, stop = at(3), at(40)
    leaf = admin.post(path, {"notBefore": start, "notAfter": stop, "subject": {"CN": "ruled.example", "O": "Approver & Co"},
                             "sans": ["DNS:ruled.example", "IP:2001:db8::9"]})["certificate"]
    assert (leaf["notBefore"], leaf["notAfter"]) == (start, stop) and "CN=ruled.example" in leaf["subject"], leaf
    text = openssl("x509", "-noout", "-text", data=leaf["pem"].encode()).decode()
    assert "IP Address:2001:DB8:0:0:0:0:0:9" in text and "over.example" not in text, text
    # The CSR itself is kept as it came.
    assert "over.example" in openssl("req", "-noout", "-subject", data=admin.get(f"/requests/{one}")["csr"].encode()).decode()
    two = ask(admin, template, "days.example", notAfter=at(9))["id"]
    leaf = admin.post(f"/requests/{two}/sign", {"validityDays": 2})["certificate"]
    assert leaf["notAfter"] < at(2, 5), "days of who signs give way to the end that was asked for"


def check_closed(admin, template):
    """Declined with a reason, cancelled: over for good, and told so."""
    def closed(request, *acts):
        for act, body in acts:
            admin.post(f"/requests/{request}/{act}", body, 409)

    every = (("sign", {}), ("approve", None), ("decline", {"reason": "x"}), ("cancel", None), ("resend", None),
             ("move", {"template": template}))
    one = ask(admin, template, "declined.example")["id"]
    admin.post(f"/requests/{one}/decline", {"reason": "x" * 501}, 422, problem="too-long")
    admin.post(f"/requests/{one}/decline", {"reason": 7}, 400)
    why = "Nicht für \"uns\": <b>\u00fc</b>\nsecond line"
    assert admin.post(f"/requests/{one}/decline", {"reason": why})["reason"] == why
    closed(one, *every)
    event = [e for e in admin.get(f"/events?object={one}")["items"] if e["code"] == "request.declined"][0]
    assert event["details"]["reason"] == why, event
    link = ask_form(admin, template, "declined-form.example")["request"]["id"]
    secret = admin.post(f"/requests/{link}/approve")["claim"]["secret"]
    admin.post(f"/requests/{link}/decline", {"reason": "after all"})
    Client(admin.gateway).post("/claims/show", {"secret": secret}, 404)
    closed(link, *every)
    gone = ask(admin, template, "cancelled.example")["id"]
    assert admin.post(f"/requests/{gone}/cancel", {"reason": "mistake"})["reason"] == "mistake"
    closed(gone, *every)
    assert [r["id"] for r in admin.get("/requests?state=cancelled&limit=1")["items"]] == [gone]


def begin_expiry(admin, template):
    nobody = Client(admin.gateway)
    one = ask_form(admin, template, "late.example")["request"]["id"]
    secret = admin.post(f"/requests/{one}/approve", {"claimDays": 1})["claim"]["secret"]
    sql(f"UPDATE request_claims SET expires_us = 1 WHERE request_id = UNHEX(REPLACE('{one}', '-', ''))")
    nobody.post("/claims/show", {"secret": secret}, 404)
    return one, secret


def check_expiry(admin, one, secret):
    """A link that nobody came with ends the request; who decides sends another one."""
    nobody = Client(admin.gateway)
    deadline = time.monotonic() + 150  # the job looks every 15 s
    while admin.get(f"/requests/{one}")["state"] != "expired":
        assert time.monotonic() < deadline, admin.get(f"/requests/{one}").value
        time.sleep(0.5)
    assert "request.expired" in codes_of(admin, one)
    assert one in [r["id"] for r in admin.get("/requests?state=expired")["items"]]
    admin.post(f"/requests/{one}/sign", {}, 409)
    admin.post(f"/requests/{one}/approve", None, 409)
    again = admin.post(f"/requests/{one}/resend", {"claimDays": 2})
    assert again["request"]["state"] == "awaiting-csr"
    nobody.post("/claims/show", {"secret": secret}, 404)
    got = nobody.post("/claims", {"secret": again["claim"]["secret"], "csr": make_csr("late.example").decode()}, 201)
    assert got["request"]["state"] == "issued"


def check_four_eyes(gateway, admin, made):
    """With a CSR or without one, alone or in bulk: two different people, and the same thing."""
    four = template_with(admin, made, "Four Eyes", approval="four-eyes", doors=["rest", "console", "preapproved"], **NAMES)
    plain = template_with(admin, made, "Two Eyes", **NAMES)
    _, other = new_user(gateway, admin, "eyes", [{"role": "officer", "scope": "ca", "object": made["issuing"]}])
    batch = [ask(admin, four, f"eyes{i}.example")["id"] for i in range(2)]
    first = admin.post("/requests/batch", {"action": "sign", "ids": batch})["items"]
    assert [i["request"]["state"] for i in first] == ["approved"] * 2 and not first[0]["request"]["certificate"]
    again = admin.post("/requests/batch", {"action": "sign", "ids": batch})["items"]
    assert [i["problem"]["type"] for i in again] == ["/problems/four-eyes"] * 2, "one person is not two"
    second = other.post("/requests/batch", {"action": "sign", "ids": batch})["items"]
    assert [i["request"]["certificate"]["state"] for i in second] == ["valid"] * 2
    # "issue" is a wish of who asks; it does not stand for two approvals.
    assert ask(admin, four, "eyes-now.example", issue=True)["state"] == "pending"
    admin.post(f"/templates/{four}/requests/form", {"sans": ["DNS:eyes.example"], "preApproved": True}, 422, problem="four-eyes")
    form = ask_form(admin, four, "eyes-form.example")["request"]["id"]
    assert admin.post(f"/requests/{form}/approve")["claim"] is None
    admin.post(f"/requests/{form}/approve", None, 403, problem="four-eyes")
    assert other.post(f"/requests/{form}/approve")["claim"]["secret"]
    # What one has approved, and who moves it elsewhere, begins anew: the first approval was for another template.
    moved = ask(admin, four, "eyes-moved.example")["id"]
    admin.post(f"/requests/{moved}/sign", {})
    back = admin.post(f"/requests/{moved}/move", {"template": plain})
    assert back["state"] == "pending" and back["approver"] is None
    assert admin.post(f"/requests/{moved}/move", {"template": four})["state"] == "pending"
    assert admin.post(f"/requests/{moved}/sign", {})["state"] == "approved"
    admin.post(f"/requests/{moved}/decline", {"reason": "no"})
    assert codes_of(admin, moved).count("request.moved") == 2


def check_comments(gateway, admin, made, template):
    _, asker = new_user(gateway, admin, "commenter", [{"role": "requester", "scope": "ca", "object": made["issuing"]}])
    _, other = new_user(gateway, admin, "bystander", [{"role": "requester", "scope": "ca", "object": made["issuing"]}])
    one = ask(asker, template, "mine.example")["id"]
    path = f"/requests/{one}/comments"
    asker.post(path, {"text": "please \u2013 <script>alert(1)</script>"}, 201)
    admin.post(path, {"text": "why?"}, 201)
    seen = asker.get(path)["items"]
    assert [(c["author"], c["text"]) for c in seen] == [("commenter", "please \u2013 <script>alert(1)</script>"), ("admin", "why?")]
    # The requester's own view: one's own requests alone, with what became of them; others' do not exist.
    assert [r["id"] for r in asker.get("/requests")["items"]] == [one]
    assert asker.get("/requests/count")["count"] == 1 and other.get("/requests")["items"] == []
    for method, place in (("GET", f"/requests/{one}"), ("GET", path), ("POST", f"/requests/{one}/cancel")):
        other.call(method, place, 404)
    other.post(path, {"text": "me too"}, 404)
    for act in ("sign", "decline"):
        asker.post(f"/requests/{one}/{act}", {}, 403, problem="forbidden")
    admin.post(f"/requests/{one}/decline", {"reason": "not now"})
    assert asker.get(f"/requests/{one}")["reason"] == "not now"
    asker.post(path, {"text": "pity"}, 201)
    mine = ask(asker, template, "mine-too.example")["id"]
    assert asker.post(f"/requests/{mine}/cancel")["state"] == "cancelled"


def check_stand_ins(admin, made):
    """A form request is judged without a key, whatever key its template wants."""
    for keys in (["secp256k1"], ["brainpoolP256r1"], ["RSA-8192"], ["SLH-DSA-SHA2-192s"], ["SLH-DSA-SHAKE-128f"], ["ML-DSA"], ["RSA"]):
        template = template_with(admin, made, "Keys " + keys[0], keys=keys, **NAMES)
        asked = ask_form(admin, template, "any-key.example")["request"]
        assert asked["state"] == "pending", keys
        admin.post(f"/requests/{asked['id']}/cancel")
        admin.delete(f"/templates/{template}")


def run(gateway, admin, made):
    template = template_with(admin, made, "Decided", **NAMES, doors=["rest", "console", "preapproved"],
                             validity={"days": 90, "maxDays": 400})
    late = begin_expiry(admin, template)
    check_overrides(admin, template)
    check_closed(admin, template)
    check_four_eyes(gateway, admin, made)
    check_comments(gateway, admin, made, template)
    check_stand_ins(admin, made)
    check_expiry(admin, *late)
