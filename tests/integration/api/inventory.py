"""Inspecting, and the inventory of certificates."""

import base64
import csv
import io
import zipfile

from client import make_csr, openssl


def check_inspect(gateway, admin, made):
    csr = make_csr("look.example", "DER")
    seen = admin.post("/inspect", {"data": base64.b64encode(csr).decode()})
    assert [item["type"] for item in seen["items"]] == ["certificate-request"]
    assert seen["items"][0]["details"]["sans"] == ["DNS:look.example"]
    seen = admin.call("POST", "/inspect", 200, body=csr, headers={"Content-Type": "application/octet-stream"})
    assert seen["items"][0]["details"]["signatureVerifies"] is True

    chain = admin.get(f"/certificates/{made['certificate']}?format=chain").body.decode()
    crl = admin.get(f"/cas/{made['issuing']}/crl?format=pem").body.decode()
    seen = admin.post("/inspect", {"data": chain + crl})
    assert [item["type"] for item in seen["items"]] == ["certificate"] * 3 + ["crl"]
    assert seen["chains"] == [{"items": [0, 1, 2], "complete": True, "problems": []}]
    revoked = [f["message"] for f in seen["items"][3]["findings"]]
    assert "It revokes item 0." in revoked, revoked

    key = openssl("genpkey", "-algorithm", "ED25519")
    seen = admin.post("/inspect", {"data": key.decode()})
    assert seen["items"][0]["type"] == "private-key" and seen["items"][0]["details"]["keyType"] == "Ed25519"
    private = openssl("pkey", "-text", "-noout", data=key).decode().split("priv:")[1].split("pub:")[0]
    assert "".join(private.split())[:20] not in str(seen.value)
    locked = openssl("pkey", "-aes256", "-passout", "pass:open sesame", data=key).decode()
    seen = admin.post("/inspect", {"data": locked})
    assert "give its password" in seen["items"][0]["findings"][0]["message"]
    seen = admin.post("/inspect", {"data": locked, "password": "open sesame"})
    assert seen["items"][0]["details"]["keyType"] == "Ed25519"
    for data in ("", "hello", "AAAA", chain[:200]):
        admin.post("/inspect", {"data": data}, 400)
    admin.post("/inspect", {}, 400, problem="missing-field")


def issue(admin, made, name, **more):
    csr = make_csr(name).decode()
    done = admin.post(f"/templates/{made['template']}/requests", {"csr": csr, "issue": True, **more}, 201)
    return done["certificate"]["id"]


def check_filters(gateway, admin, made, one, two):
    def found(query):
        listed = [c["id"] for c in admin.get("/certificates?limit=500&" + query)["items"]]
        assert admin.get("/certificates/count?" + query)["count"] == len(listed), query
        return {c for c in listed if c in (one, two)}

    whole = admin.get(f"/certificates/{one}")
    assert whole["door"] == "rest" and whole["owner"] is None and whole["tags"] == [] and whole["revision"] == 0
    assert whole["predecessor"] is None and whole["successors"] == []
    assert found("name=One.Inventory.Example") == {one}
    assert found("name=inventory.example") == set()
    assert found("namePrefix=one.inv") == {one} and found("nameSuffix=.inventory.example") == {one, two}
    assert found("nameSuffix=.inventory.example&state=revoked") == set()
    colons = ":".join(whole["serial"][i:i + 2] for i in range(0, len(whole["serial"]), 2))
    assert found("serial=" + colons.upper()) == {one}
    assert found("fingerprint=" + whole["fingerprintSha256"]) == {one}
    assert found("keyType=P-256&nameSuffix=.inventory.example") == {one, two}
    assert found("keyType=RSA-2048") == set()
    assert found(f"template={made['template']}&q=one.inventory") == {one}
    assert found(f"ca={made['issuing']}&door=rest") == {one, two} and found("door=acme") == set()
    assert found(f"ca={made['root']}&name=one.inventory.example") == set()
    assert found("requester=" + whole["requester"]) == {one, two}
    assert found("use=end-entity") == {one, two} and found("use=ocsp") == set()
    assert found("expiresWithin=36525&nameSuffix=.inventory.example") == {one, two}
    assert found("expiresWithin=1") == set()
    assert found("expiresAfter=2100-01-01T00:00:00Z") == set()
    for bad in ("state=odd", "use=odd", "serial=xyz", "fingerprint=00", "expiresWithin=0", "archived=maybe",
                "name=a&namePrefix=b", "expiresWithin=5&state=valid", "nonsense=1"):
        admin.get("/certificates?" + bad, 400)
        admin.get("/certificates/count?" + bad, 400)
    admin.get("/certificates?template=no-such", 404)
    admin.get(f"/cas/{made['issuing']}/certificates?ca=root", 400)
    assert admin.get("/certificates?name='%20or%201=1--")["items"] == []
    pages = admin.all_items("/certificates?nameSuffix=.inventory.example", 1)
    assert {c["id"] for c in pages} == {one, two} and len(pages) == 2


def check_counterparts(gateway, admin, made, one):
    """What other products have as /status/SERIAL, /expired and /downloads/chain (docs/rest.md)."""
    serial = admin.get(f"/certificates/{one}")["serial"]
    for text in (serial, serial.upper()):
        assert [c["state"] for c in admin.get(f"/certificates?ca={made['issuing']}&serial={text}")["items"]] == ["valid"]
    assert admin.get(f"/certificates?ca={made['issuing']}&serial=7f7f7f7f")["items"] == []
    assert all(c["state"] == "expired" for c in admin.get("/certificates?state=expired")["items"])
    chain = admin.get(f"/cas/{made['issuing']}/certificate?format=chain").body.decode()
    assert chain.count("BEGIN CERTIFICATE") == 2


def check_notes(gateway, admin, made, one, two):
    fields = [{"name": "costCentre", "label": "Cost centre", "pattern": "^[0-9]{4}$", "required": True},
              {"name": "site", "type": "list", "values": ["Bern", "Genf"]},
              {"name": "since", "type": "date"}, {"name": "seats", "type": "number"}]
    version = admin.get("/certificate-fields")["version"]
    version = admin.put("/certificate-fields", {"fields": fields, "version": version})["version"]
    admin.put("/certificate-fields", {"fields": fields, "version": version - 1}, 409, problem="changed-meanwhile")
    for bad in ([{"name": "1x"}], [{"name": "a"}, {"name": "a"}], [{"name": "a", "type": "list"}],
                [{"name": "a", "pattern": "("}], [{"name": "a", "pattern": "(a)\\1"}], [{"name": "a", "type": "b"}],
                [{"name": "a" * 41}], [{"name": "a", "type": "number", "pattern": "x"}]):
        admin.put("/certificate-fields", {"fields": bad, "version": version}, 422, problem="bad-field")
    assert admin.get("/certificate-fields?organisation=default")["fields"] == fields
    admin.get("/certificate-fields?organisation=nowhere", 404)

    path = f"/certificates/{one}"
    good = {"costCentre": "1234", "site": "Bern", "since": "2026-02-28", "seats": "12"}
    edited = admin.patch(path, {"owner": "Alice", "tags": ["web", "prod"], "fields": good, "revision": 0})
    assert edited["owner"] == "Alice" and set(edited["tags"]) == {"web", "prod"} and edited["fields"] == good
    assert edited["revision"] == 1
    admin.patch(path, {"owner": "Mallory", "revision": 0}, 409, problem="changed-meanwhile")
    for bad in ({"costCentre": "12345"}, {"site": "Basel"}, {"since": "2026-02-30"}, {"seats": "many"}, {"no": "x"},
                {"costCentre": None}, {"costCentre": 1234}):
        admin.patch(path, {"fields": bad}, 422, problem="bad-field")
    for bad in ("", "a,b", " a", "x" * 65, "a\tb"):
        admin.patch(path, {"tags": [bad]}, 422, problem="bad-tag")
    admin.patch(path, {"addTags": [str(i) for i in range(51)]}, 422, problem="bad-tag")
    admin.patch(path, {"owner": "x" * 255}, 422, problem="bad-owner")
    edited = admin.patch(path, {"addTags": ["new"], "removeTags": ["prod"], "fields": {"seats": None}})
    assert set(edited["tags"]) == {"web", "new"} and "seats" not in edited["fields"] and edited["owner"] == "Alice"
    assert [c["id"] for c in admin.get("/certificates?tag=new")["items"]] == [one]
    assert admin.get("/certificates?tag=prod")["items"] == []
    assert [c["id"] for c in admin.get("/certificates?owner=ALICE&tag=web")["items"]] == [one]

    admin.patch(path, {"archived": True})
    assert one not in [c["id"] for c in admin.get("/certificates?limit=500")["items"]]
    assert admin.get("/certificates?name=one.inventory.example")["items"] == []
    assert [c["id"] for c in admin.get("/certificates?archived=only")["items"]] == [one]
    assert one in [c["id"] for c in admin.get("/certificates?archived=shown&limit=500")["items"]]
    assert admin.get(path)["archivedAt"] is not None and admin.get(path)["state"] == "valid"
    assert admin.patch(path, {"archived": False})["archivedAt"] is None
    assert [c["id"] for c in admin.get("/certificates?name=one.inventory.example")["items"]] == [one]
    codes = [e["code"] for e in admin.get(f"/events?object={one}")["items"]]
    assert codes.count("certificate.edited") == 4, codes
    version = admin.put("/certificate-fields", {"fields": [], "version": version})["version"]


def check_views(gateway, admin, made):
    view = admin.post("/views", {"name": "Soon over", "filter": "expiresWithin=30&tag=web"}, 201)
    assert view["id"] in [v["id"] for v in admin.get("/views")["items"]]
    admin.post("/views", {"name": "x", "filter": "nonsense=1"}, 400, problem="bad-query")
    admin.post("/views", {"name": "", "filter": ""}, 422, problem="bad-name")
    admin.delete(f"/views/{view['id']}")
    admin.delete(f"/views/{view['id']}", 404)


def check_bulk(gateway, admin, made, one, two):
    def act(body, **more):
        return admin.post("/certificates/batch", body, **more)

    done = act({"action": "edit", "ids": [one, two, "nonsense"], "addTags": ["bulk"], "owner": "Bob"})
    assert [i["ok"] for i in done["items"]] == [True, True, False]
    assert done["items"][2]["problem"]["type"] == "/problems/not-found"
    flt = "tag=bulk&owner=bob"
    assert admin.get("/certificates/count?" + flt).value == {"count": 2, "more": False}
    act({"action": "hold", "filter": flt, "count": 1}, status=409, problem="changed-meanwhile")
    assert {i["certificate"]["state"] for i in act({"action": "hold", "filter": flt, "count": 2})["items"]} == {"held"}
    assert {i["certificate"]["state"] for i in act({"action": "unhold", "ids": [one, two]})["items"]} == {"valid"}
    done = act({"action": "unhold", "ids": [one]})
    assert done["items"][0]["problem"]["type"] == "/problems/not-held"
    act({"action": "archive", "ids": [two]})
    assert admin.get("/certificates/count?" + flt)["count"] == 1
    act({"action": "restore", "ids": [two]})
    for bad in ({"action": "explode", "ids": [one]}, {"action": "revoke", "reason": "boredom", "ids": [one]}):
        act(bad, status=422)
    for bad in ({"action": "hold"}, {"action": "hold", "filter": flt}, {"action": "hold", "ids": [one], "filter": flt},
                {"action": "hold", "ids": [one] * 501}):
        act(bad, status=400)

    table = admin.get("/certificates/export?format=csv&" + flt).body.decode()
    rows = list(csv.DictReader(io.StringIO(table)))
    assert {r["id"] for r in rows} == {one, two} and {r["owner"] for r in rows} == {"Bob"}
    admin.patch(f"/certificates/{one}", {"owner": "=HYPERLINK(\"http://evil.example\")"})
    row = next(csv.DictReader(io.StringIO(admin.get("/certificates/export?format=csv&name=one.inventory.example").body.decode())))
    assert row["owner"].startswith("'="), "a spreadsheet would run this"
    assert {c["id"] for c in admin.get("/certificates/export?format=json&tag=bulk").value} == {one, two}
    archive = zipfile.ZipFile(io.BytesIO(admin.get("/certificates/export?format=zip&tag=bulk").body))
    assert archive.testzip() is None and len(archive.namelist()) == 3
    for name in archive.namelist():
        if name.endswith(".pem"):
            openssl("x509", "-noout", data=archive.read(name))
    admin.get("/certificates/export?format=exe", 400)
    admin.get("/certificates/export", 400)

    done = act({"action": "revoke", "reason": "cessationOfOperation", "ids": [one, two],
                "invalidityDate": "2026-01-01T00:00:00Z"})
    assert all(i["certificate"]["revocation"]["reason"] == "cessationOfOperation" for i in done["items"])
    assert admin.get("/certificates/count?state=revoked&tag=bulk")["count"] == 2


def run(gateway, admin, made):
    check_inspect(gateway, admin, made)
    one, two = issue(admin, made, "one.inventory.example"), issue(admin, made, "two.inventory.example")
    check_filters(gateway, admin, made, one, two)
    check_counterparts(gateway, admin, made, one)
    check_notes(gateway, admin, made, one, two)
    check_views(gateway, admin, made)
    check_bulk(gateway, admin, made, one, two)
