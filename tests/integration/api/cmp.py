"""CMP by REST: the default template, settings, transactions with their messages."""

import os
import urllib.parse

from client import SCRATCH, make_csr, openssl

DOCUMENT = {
    "doors": ["cmp"], "approval": "role",
    "subject": {"from": "csr", "attributes": ["CN"], "required": ["CN"]},
    "sans": {"types": ["dns"], "min": 0, "max": 10, "commonNameToSan": False},
}


def enrol(label, secret, name):
    """p10cr by the shared secret; the client confirms."""
    csr = os.path.join(SCRATCH.name, "cmp.csr")
    with open(csr, "wb") as file:
        file.write(make_csr(name))
    openssl("cmp", "-config", "", "-cmd", "p10cr", "-csr", csr, "-server",
            urllib.parse.urlsplit(os.environ["GATEHOUSE_HTTP_URL"]).netloc, "-path", f".well-known/cmp/p/{label}",
            "-ref", "gear-1", "-secret", f"pass:{secret}", "-mac", "hmacWithSHA256", "-certout",
            os.path.join(SCRATCH.name, "cmp.pem"))


def check_settings(admin, template):
    path = f"/templates/{template}/cmp"
    first = admin.get(path)
    assert first["version"] == 0
    assert first["url"].endswith(f"/.well-known/cmp/p/{template}")
    assert first["settings"]["protection"] == ["signature", "pbm", "pbmac1"] and first["settings"]["sha1"] is False
    changed = admin.put(path, {"settings": dict(first["settings"], pollSeconds=7, keyPackage="bare")})
    assert changed["version"] == 1 and changed["settings"]["pollSeconds"] == 7
    admin.put(path, {"settings": {}}, 409, problem="changed-meanwhile")
    for broken, problem in (({"protection": []}, "cmp-settings"), ({"protection": ["rot13"]}, "cmp-settings"),
                            ({"ownCertificates": "mine"}, "cmp-settings"), ({"keyPackage": "zip"}, "cmp-settings")):
        admin.put(path, {"settings": broken, "version": 1}, 422, problem=problem)
    admin.put(path, {"settings": {"nonsense": 1}, "version": 1}, 400, problem="unknown-field")
    admin.put(path, {"settings": {"confirmSeconds": 1}, "version": 1}, 400, problem="out-of-range")
    admin.put(path, {"settings": {}}, headers={"If-Match": '"1"'})


def run(admin, made):
    template = admin.post(f"/cas/{made['issuing']}/templates", {"name": "Gear", "document": DOCUMENT}, 201)["id"]
    check_settings(admin, template)
    assert admin.get("/cmp")["defaultTemplate"] is None
    admin.put("/cmp", {"defaultTemplate": "no-such-template"}, 404)
    assert admin.put("/cmp", {"defaultTemplate": template})["defaultTemplate"] == template
    admin.put("/cmp", {"defaultTemplate": None})
    made_secret = admin.post(f"/templates/{template}/credentials", {"kind": "mac", "name": "gear-1", "uses": 0}, 201)
    enrol(template, made_secret["secret"], "gear.example")
    base = f"/templates/{template}/cmp/transactions"
    items = admin.get(base)["items"]
    assert [(item["body"], item["state"], item["peer"]) for item in items] == [("p10cr", "done", "cmp: gear-1")], items
    one = admin.get(f"{base}/{items[0]['id']}")
    assert [message["body"] for message in one["messages"]] == ["p10cr", "cp", "certConf", "pkiconf"]
    assert "subject: CN=gear.example" in one["messages"][0]["text"] and "status: accepted" in one["messages"][1]["text"]
    assert made_secret["secret"] not in str(one.value)
    certificate = one["certificates"][0]
    assert certificate["state"] == "confirmed" and certificate["certReqId"] == -1
    assert admin.get(f"/certificates/{certificate['certificate']}")["commonName"] == "gear.example"
    admin.get(f"{base}/{made['certificate']}", 404)
