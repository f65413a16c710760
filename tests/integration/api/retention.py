"""Retention: ended certificates are put away once, closed requests lose their names, and nothing issued is removed."""

import os
import subprocess
import tempfile
import urllib.parse

from authorities import OpenSslCa
from client import make_csr


def sql(statement):
    url = urllib.parse.urlsplit(os.environ["GATEHOUSE_DB"])
    socket = urllib.parse.parse_qs(url.query)["socket"][0]
    return subprocess.run(["mariadb", "--no-defaults", f"--socket={socket}", f"--user={url.username}", "--skip-column-names",
                           f"--password={urllib.parse.unquote(url.password)}", url.path.lstrip("/"), "--execute", statement],
                          check=True, capture_output=True, text=True).stdout


def rules(admin, archive, erase):
    version = admin.get("/settings/retention")["version"]
    admin.put("/settings/retention", {"archiveExpiredDays": archive, "eraseRequestsDays": erase, "version": version})


def check_certificates(admin, directory):
    old = OpenSslCa(directory)
    names = ("long-gone", "revoked-gone", "just-gone", "here")
    for name, start, end in zip(names, ("150101", "150101", "150101", "260101"), ("160101", "160201", "261001", "351001")):
        old.run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}.example",
                "-keyout", "leaf.key", "-out", "leaf.csr")
        old.run("ca", "-batch", "-in", "leaf.csr", "-out", f"{name}.pem", "-notext", "-startdate", start + "000000Z", "-enddate",
                end + "000000Z")
    old.run("ca", "-revoke", "revoked-gone.pem", "-crl_reason", "superseded")
    ca = admin.post("/cas/import", {
        "name": "Retained", "privateKey": old.read("ca.key"), "certificate": old.read("ca.pem"),
        "history": {"index": old.read("index.txt"), "certificates": "".join(old.read(f"{n}.pem") for n in names)}}, 201)["id"]

    def shown(query=""):
        items = admin.get(f"/certificates?ca={ca}&limit=500{query}")["items"]
        return {c["commonName"].split(".")[0]: c for c in items if c["commonName"].split(".")[0] in names}

    assert set(shown()) == set(names)
    long_gone = shown()["long-gone"]["id"]
    admin.patch(f"/certificates/{long_gone}", {"owner": "Otto", "tags": ["kept"]})
    nothing = admin.post("/settings/retention/apply")
    assert nothing.value == {"archived": 0, "erased": 0, "more": False}, "without a rule nothing is put away"
    rules(admin, 400, 0)
    assert admin.post("/settings/retention/apply")["archived"] == 2
    assert set(shown()) == {"just-gone", "here"}
    assert set(shown("&archived=only")) == {"long-gone", "revoked-gone"}
    whole = admin.get(f"/certificates/{long_gone}")
    assert whole["owner"] == "Otto" and whole["tags"] == ["kept"] and whole["archivedAt"] and whole["revision"] == 2
    assert admin.get(f"/certificates/{shown('&archived=only')['revoked-gone']['id']}")["state"] == "revoked"
    # Out of the archive again is out for good: the rule looks at each certificate once.
    admin.patch(f"/certificates/{long_gone}", {"archived": False})
    assert admin.post("/settings/retention/apply")["archived"] == 0
    assert "long-gone" in shown()
    rules(admin, 1, 0)
    assert admin.post("/settings/retention/apply")["archived"] == 1
    assert set(shown()) == {"long-gone", "here"}
    events = admin.get("/events?code=retention.applied")["items"]
    assert [e["details"]["archived"] for e in events] == [1, 2] and events[0]["actor"]["name"] == "admin"


def check_requests(admin, made):
    submit = f"/templates/{made['template']}/requests"
    ids = []
    for name in ("declined", "cancelled", "fresh", "open"):
        ids.append(admin.post(submit, {"csr": make_csr(f"{name}.retention.example").decode()}, 201)["id"])
        admin.post(f"/requests/{ids[-1]}/comments", {"text": f"about {name} Person"}, 201)
    declined, cancelled, fresh, still_open = ids
    admin.post(f"/requests/{declined}/decline", {"reason": "Person has left"})
    admin.post(f"/requests/{cancelled}/cancel")
    admin.post(f"/requests/{fresh}/decline", {"reason": "no"})
    closed = " OR ".join(f"id = UNHEX('{i.replace('-', '')}')" for i in (declined, cancelled, still_open))
    sql(f"UPDATE requests SET changed_us = changed_us - 40 * 86400000000 WHERE {closed}")
    rules(admin, 0, 30)
    assert admin.post("/settings/retention/apply")["erased"] == 2
    assert admin.post("/settings/retention/apply")["erased"] == 0
    for one, state in ((declined, "declined"), (cancelled, "cancelled")):
        now = admin.get(f"/requests/{one}").value
        assert now["state"] == state and now["csr"] is None and now["sans"] == [] and not now["subject"], now
        assert not now["requester"] and not now["reason"]
        assert now["template"] == made["template"] and admin.get(f"/requests/{one}/comments")["items"] == []
        admin.post(f"/requests/{one}/sign", {}, 409)
    assert admin.get(f"/requests/{fresh}")["reason"] == "no" and admin.get(f"/requests/{fresh}")["csr"]
    assert admin.get(f"/requests/{still_open}")["csr"] and len(admin.get(f"/requests/{still_open}/comments")["items"]) == 1
    assert {declined, cancelled} <= {r["id"] for r in admin.get("/requests?limit=500")["items"]}
    admin.post(f"/requests/{still_open}/cancel")


def run(_gateway, admin, made):
    assert admin.get("/settings/retention").value == {"archiveExpiredDays": 0, "eraseRequestsDays": 0, "version": 0}
    good = {"archiveExpiredDays": 0, "eraseRequestsDays": 0, "version": 0}
    for wrong in ({"archiveExpiredDays": -1}, {"eraseRequestsDays": 36526}, {"version": None}, {"archiveExpiredDays": None}):
        body = {k: v for k, v in {**good, **wrong}.items() if v is not None}
        admin.put("/settings/retention", body, 400)
    admin.put("/settings/retention", {**good, "version": 7}, 409, problem="changed-meanwhile")
    with tempfile.TemporaryDirectory(prefix="gatehouse-retention.") as directory:
        check_certificates(admin, directory)
    check_requests(admin, made)
    rules(admin, 0, 0)
