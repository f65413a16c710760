"""Inspecting, and the inventory of certificates."""

import base64
import csv
import io
import json
import time
import urllib.parse
import zipfile

from client import Client, make_csr, openssl, token_for


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
    assert found("subject=CN%20=%20one.inventory.example") == {one} and found("subject=CN=One.inventory.example") == set()
    assert found("subject=CN=one.inventory.example,O=x") == set() and found("subject=O=x") == set()
    assert found("subject=CN=one.inventory.example&namePrefix=one") == {one}
    root = admin.get(f"/cas/{made['root']}")
    assert admin.get("/certificates?use=ca&subject=" + urllib.parse.quote(root["subject"]))["items"], root["subject"]
    admin.get("/certificates?subject=nonsense", 400, problem="malformed-name")
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
    for sort, members in (("createdAt", ("createdAt", "id")), ("notAfter", ("notAfter", "id"))):
        for query in ("", "&nameSuffix=.inventory.example", "&state=valid", "&q=inventory", f"&ca={made['issuing']}"):
            up = admin.all_items(f"/certificates?sort={sort}{query}", 2)
            down = admin.all_items(f"/certificates?sort=-{sort}{query}", 3)
            assert up and [c["id"] for c in up] == [c["id"] for c in reversed(down)], (sort, query)
            assert [c[members[0]] for c in up] == sorted(c[members[0]] for c in up), (sort, query)
    cursor = admin.get("/certificates?limit=1&sort=notAfter")["next"]
    admin.get("/certificates?limit=1&sort=-notAfter&cursor=" + cursor, 400, problem="bad-cursor")
    admin.get("/certificates/count?sort=notAfter", 400, problem="bad-query")
    for place, member in (("/requests", "createdAt"), (f"/cas/{made['issuing']}/requests", "createdAt"), ("/events", "at")):
        last = admin.get(f"{place}?limit=4&sort=-{member}")["items"]
        assert last == admin.get(f"{place}?limit=4")["items"]
        up = admin.get(f"{place}?limit=4&sort={member}")
        assert up["items"][0][member] < last[0][member] and up["items"] == sorted(up["items"], key=lambda one: one[member])
        then = admin.get(f"{place}?limit=4&sort={member}&cursor={up['next']}")["items"]
        assert then[0][member] >= up["items"][-1][member] and then[0] not in up["items"], place
        admin.get(f"{place}?sort={member}&cursor={admin.get(place + '?limit=1')['next']}", 400, problem="bad-cursor")
    for bad in ("/certificates?sort=name", "/requests?sort=subject", "/events?sort=code", "/acme/orders?sort=-", "/acme/accounts?sort="):
        admin.get(bad, 400, problem="bad-query")
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
    other = admin.post("/views", {"name": "Roles", "filter": "list=events&code=role.changed"}, 201)
    assert other["filter"] == "list=events&code=role.changed"
    admin.delete(f"/views/{other['id']}")
    for bad in ("list=&code=x", "list=Events&code=x", "list=events"):
        admin.post("/views", {"name": "x", "filter": bad}, 400, problem="bad-query")
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
    everything_of_one = admin.get("/certificates/export?format=json&archived=shown&subject=CN=one.inventory.example").value
    assert [c["id"] for c in everything_of_one] == [one]
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


def job_end(client, job, seconds=60):
    for _ in range(seconds * 5):
        job = client.get(f"/certificate-jobs/{job['id']}")
        if job["state"] not in ("counting", "running"):
            return job.value
        time.sleep(0.2)
    raise AssertionError(f"the job does not end: {job.value}")


def check_jobs(gateway, admin, made):
    """Acts on what a filter finds, in the background, with a result for each."""
    ids = [issue(admin, made, f"{name}.jobs.example") for name in ("a", "b", "c", "d")]
    flt = "nameSuffix=.jobs.example"

    def start(status=201, problem=None, **body):
        return admin.post("/certificate-jobs", body, status, problem=problem)

    for bad in ({"action": "hold"}, {"action": "hold", "filter": flt}, {"action": "hold", "ids": ids, "filter": flt, "count": 4},
                {"action": "hold", "filter": "nonsense=1", "count": 1}, {"action": "hold", "filter": flt, "count": 1000001}):
        start(400, **bad)
    for bad in ({"action": "explode", "ids": ids}, {"action": "export", "filter": flt, "count": 4},
                {"action": "revoke", "reason": "boredom", "ids": ids}):
        start(422, **bad)
    start(404, action="hold", ids=["nonsense"])
    before = job_end(admin, start(action="hold", filter=flt, count=3))
    assert before["state"] == "failed" and before["problem"]["type"] == "/problems/changed-meanwhile", before
    assert admin.get("/certificates/count?state=held&" + flt)["count"] == 0
    nothing = job_end(admin, start(action="hold", filter="name=nobody.jobs.example", count=0))
    assert nothing["state"] == "done" and nothing["listed"] == 0

    done = job_end(admin, start(action="edit", filter=flt, count=4, owner="Carol", addTags=["jobs"]))
    assert (done["state"], done["listed"], done["done"], done["refused"]) == ("done", 4, 4, 0), done
    assert done["details"] == {"owner": "Carol", "addTags": ["jobs"]} and done["finishedAt"] and done["user"] == "admin"
    assert admin.get("/certificates/count?owner=carol&tag=jobs")["count"] == 4
    unknown = "01930000-0000-7000-8000-00000000abcd"
    done = job_end(admin, start(action="hold", ids=[ids[0], unknown, ids[1]]))
    assert (done["done"], done["refused"], done["filter"]) == (2, 1, None), done
    items = admin.all_items(f"/certificate-jobs/{done['id']}/items", 1)
    assert [(i["certificate"], i["outcome"]) for i in items] == [(ids[0], "done"), (unknown, "refused"), (ids[1], "done")]
    refused = admin.get(f"/certificate-jobs/{done['id']}/items?outcome=refused")["items"]
    assert [i["problem"]["type"] for i in refused] == ["/problems/not-found"]
    admin.get(f"/certificate-jobs/{done['id']}/items?outcome=odd", 400)
    done = job_end(admin, start(action="hold", filter="tag=jobs", count=4))
    assert (done["done"], done["refused"]) == (2, 2), "held ones are refused, the others held"
    # Acting takes certificates out of what the filter finds; each of the four is met once all the same.
    done = job_end(admin, start(action="unhold", filter="state=held&tag=jobs", count=4))
    assert (done["done"], done["refused"]) == (4, 0)
    assert admin.get("/certificates/count?state=valid&tag=jobs")["count"] == 4
    job_end(admin, start(action="archive", ids=[ids[3]]))
    assert admin.get("/certificates/count?tag=jobs")["count"] == 3
    job_end(admin, start(action="restore", ids=[ids[3]]))

    for form in ("csv", "json", "zip"):
        done = job_end(admin, start(action="export", format=form, filter="tag=jobs", count=4))
        assert done["file"].endswith(f"/certificate-jobs/{done['id']}/file"), done
        body = admin.get(f"/certificate-jobs/{done['id']}/file").body
        if form == "csv":
            assert {r["id"] for r in csv.DictReader(io.StringIO(body.decode()))} == set(ids)
        elif form == "json":
            assert {c["id"] for c in json.loads(body)} == set(ids)
        else:
            archive = zipfile.ZipFile(io.BytesIO(body))
            assert archive.testzip() is None and len(archive.namelist()) == 4
            for name in archive.namelist():
                openssl("x509", "-noout", data=archive.read(name))
    held = start(action="hold", ids=ids)
    admin.get(f"/certificate-jobs/{held['id']}/file", 409, problem="no-job-file")
    job_end(admin, held)
    admin.post(f"/certificate-jobs/{held['id']}/cancel", None, 409, problem="job-over")

    done = job_end(admin, start(action="revoke", reason="superseded", filter="tag=jobs", count=4,
                                invalidityDate="2026-01-02T00:00:00Z"))
    assert done["done"] == 4, done
    seen = admin.get(f"/certificates/{ids[2]}")["revocation"]
    assert seen["reason"] == "superseded" and seen["invalidityDate"] == "2026-01-02T00:00:00Z", seen
    codes = [e["code"] for e in admin.get(f"/events?object={done['id']}")["items"]]
    assert codes == ["certificate-job.ended", "certificate-job.started"], codes
    mine = [e for e in admin.get(f"/events?object={ids[2]}")["items"] if e["code"] == "certificate.revoked"]
    assert mine[0]["actor"]["name"] == "admin" and mine[0]["requestId"] == done["id"], mine
    assert done["id"] in [j["id"] for j in admin.get("/certificate-jobs?limit=500")["items"]]
    check_job_rights(gateway, admin, made, ids)
    # One that is cancelled at once has begun or not; either way it stays as it is then.
    job = start(action="edit", ids=ids * 250, owner="Dora")
    answer = admin.post(f"/certificate-jobs/{job['id']}/cancel", None)
    time.sleep(1.5)
    later = admin.get(f"/certificate-jobs/{job['id']}").value
    assert later["state"] == "cancelled" and later["done"] == answer["done"] < 1000, later


def check_job_rights(gateway, admin, made, ids):
    """A job may what its user may, for each certificate; others do not see it."""
    def client_with(name, roles):
        user = admin.post("/users", {"username": name, "roles": roles}, 201)
        return Client(gateway, token=token_for(gateway, name, user["oneTimePassword"]))

    officer = client_with("jo.officer", [{"role": "officer", "scope": "ca", "object": made["issuing"]}])
    auditor = client_with("jo.auditor", [{"role": "auditor", "scope": "instance"}])
    auditor.post("/certificate-jobs", {"action": "hold", "ids": ids}, 403, problem="forbidden")
    root = admin.get(f"/certificates?ca={made['root']}&use=ca")["items"][0]["id"]
    job = officer.post("/certificate-jobs", {"action": "hold", "ids": [root]}, 201)
    done = job_end(officer, job)
    assert (done["done"], done["refused"]) == (0, 1), done
    auditor.get(f"/certificate-jobs/{job['id']}", 404)
    auditor.get(f"/certificate-jobs/{job['id']}/items", 404)
    auditor.post(f"/certificate-jobs/{job['id']}/cancel", None, 404)
    assert auditor.get("/certificate-jobs")["items"] == []
    assert admin.get(f"/certificate-jobs/{job['id']}")["user"] == "jo.officer"


def run(gateway, admin, made):
    check_inspect(gateway, admin, made)
    one, two = issue(admin, made, "one.inventory.example"), issue(admin, made, "two.inventory.example")
    check_filters(gateway, admin, made, one, two)
    check_counterparts(gateway, admin, made, one)
    check_notes(gateway, admin, made, one, two)
    check_views(gateway, admin, made)
    check_bulk(gateway, admin, made, one, two)
    check_jobs(gateway, admin, made)
