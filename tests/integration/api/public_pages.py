"""What strangers may do on the public pages: asking, confirming, claiming, renewing; and every limit to that."""

import base64
import hashlib
import os
import re
import subprocess
import tempfile

from client import Client, make_csr, openssl
from mail import Server, wait_for


def solve(puzzle, bits):
    n = 0
    while int.from_bytes(hashlib.sha256(f"{puzzle}:{n}".encode()).digest(), "big") >> (256 - bits):
        n += 1
    return str(n)


def solved(nobody):
    puzzle = nobody.post("/public/puzzle", None)
    return {"puzzle": puzzle["puzzle"], "solution": solve(puzzle["puzzle"], puzzle["bits"])}


def make_template(admin, made, name, **more):
    document = {"doors": ["rest", "console", "public"], "renewal": {"copyNames": True, "revokeOld": True}, **more}
    return admin.post(f"/cas/{made['issuing']}/templates", {"name": name, "document": document}, 201)["id"]


def secret_of(mail, kind):
    return re.search(kind + r"=([A-Za-z0-9_-]{43})", mail.get_body(("plain",)).get_content())[1]


def check_closed(admin, nobody, template):
    before = admin.get("/public/settings")
    assert before["open"] is True
    for wrong in ({"puzzleBits": 25}, {"perAddress": 0}, {"open": "no"}):
        admin.put("/public/settings", wrong, 400)
    now = admin.put("/public/settings", {"open": False})
    nobody.get(f"/public/templates/{template}", 403, problem="pages-closed")
    nobody.post("/public/puzzle", None, 403, problem="pages-closed")
    admin.put("/public/settings", {"open": True}, 409, problem="changed-meanwhile")
    admin.put("/public/settings", {"open": True, "puzzleBits": 8, "version": now["version"]})


def check_rules(admin, template):
    path = f"/templates/{template}/public"
    assert admin.get(path)["version"] == 0
    for wrong in ({"ways": []}, {"ways": ["fax"]}, {"notify": ["x"]}, {"note": "x" * 5000}):
        admin.put(path, {"settings": wrong}, 422)
    admin.put(path, {"settings": {"color": "red"}}, 400)
    done = admin.put(path, {"settings": {"verifyEmail": True, "note": "Hello", "notify": ["boss@example.org"]}})
    assert done["version"] == 1 and done["settings"]["ways"] == ["csr", "form"]
    admin.put(path, {"settings": {}}, 409, problem="changed-meanwhile")


def check_puzzle(nobody, template):
    """A puzzle counts once, is ours, and is solved."""
    ask = f"/public/templates/{template}/requests"
    body = {"csr": make_csr("puzzle.example").decode(), "email": "p@example.org"}
    good = solved(nobody)
    nobody.post(ask, {**body, **good, "solution": "x"}, 422, problem="puzzle")
    nobody.post(ask, {**body, **good, "puzzle": "A" * 54}, 422, problem="puzzle")
    nobody.post(ask, {**body, **good, "puzzle": good["puzzle"][:-2] + "AA"}, 422, problem="puzzle")
    nobody.post(ask, {**body, **good, "email": "nobody"}, 422, problem="bad-email")
    nobody.post(ask, {"csr": body["csr"], **good}, 400, problem="missing-field")
    nobody.post(ask, {**body, **good})
    nobody.post(ask, {**body, **good}, 422, problem="puzzle")


def check_confirmed(admin, nobody, template, server):
    """Form, confirmed address, mails to both sides, approval, claim of the approved names."""
    offer = nobody.get(f"/public/templates/{template}")
    assert offer["verifyEmail"] is True and offer["note"] == "Hello" and {"type": "CN", "required": False} in offer["subject"]
    asked = nobody.post(f"/public/templates/{template}/requests", {
        "email": "Alice@Example.org", "name": "Alice", "sans": ["form.example"], "comment": "For <b>me</b>", **solved(nobody)})
    assert asked.value == {"state": "confirm", "secret": None}
    mail = wait_for(lambda: [m for m in server.mails() if m["To"] == "alice@example.org"])[0]
    confirm = secret_of(mail, "confirm")
    nobody.post("/public/requests/show", {"secret": confirm}, 404)
    first = nobody.post("/public/requests/confirm", {"secret": confirm})
    assert first["state"] == "pending"
    assert nobody.post("/public/requests/confirm", {"secret": confirm})["secret"] == first["secret"]
    # Rules of notices may tell the same people of other things in between.
    told = wait_for(lambda: [text for m in server.mails() if m["To"] == "boss@example.org"
                             for text in [m.get_body(("plain",)).get_content()] if "Alice" in text])[0]
    assert "form.example" in told
    request = [r for r in admin.get("/requests?state=pending")["items"] if r["requester"] == "public: alice@example.org"][0]
    assert admin.get(f"/requests/{request['id']}/comments")["items"][0]["text"] == "For <b>me</b>"
    nobody.post("/public/requests/claim", {"secret": first["secret"]}, 409, problem="request-state")
    admin.post(f"/requests/{request['id']}/approve", {})
    approved = wait_for(lambda: [m for m in server.mails() if "approved" in m["Subject"]])[0]
    by_mail = re.search(r"/claim/([A-Za-z0-9_-]{43})", approved.get_body(("plain",)).get_content())[1]
    by_page = nobody.post("/public/requests/claim", {"secret": first["secret"]})["secret"]
    assert nobody.post("/claims/show", {"secret": by_page})["sans"] == ["DNS:form.example"]
    claimed = nobody.post("/claims", {"secret": by_mail, "csr": make_csr("other.example").decode()}, 201)
    assert claimed["request"]["certificate"]["sans"] == ["DNS:form.example"]
    assert claimed["chain"].count("BEGIN CERTIFICATE") >= 2 and claimed["chain"].startswith("-----BEGIN")
    nobody.post("/claims", {"secret": by_mail, "csr": make_csr("other.example").decode()}, 404)
    nobody.post("/claims/show", {"secret": by_page}, 404)
    assert nobody.post("/public/requests/show", {"secret": first["secret"]})["certificate"]["chain"] == claimed["chain"]
    wait_for(lambda: [m for m in server.mails() if m["Subject"].startswith("Certificate issued")])


def check_declined(admin, nobody, made, server):
    template = make_template(admin, made, "Public plain")
    ask = f"/public/templates/{template}/requests"
    asked = nobody.post(ask, {"csr": make_csr("plain.example").decode(), "email": "bob@example.org", **solved(nobody)})
    assert asked["state"] == "pending"
    request = [r for r in admin.get("/requests?state=pending")["items"] if r["requester"] == "public: bob@example.org"][0]
    admin.post(f"/requests/{request['id']}/decline", {"reason": "not <ours>"})
    mail = wait_for(lambda: [m for m in server.mails() if "declined" in m["Subject"]])[0]
    assert mail["To"] == "bob@example.org" and "not &lt;ours&gt;" in mail.get_body(("html",)).get_content()
    shown = nobody.post("/public/requests/show", {"secret": asked["secret"]})
    assert shown["state"] == "declined" and shown["reason"] == "not <ours>"
    taken = nobody.post(ask, {"csr": make_csr("plain2.example").decode(), **solved(nobody)})
    assert nobody.post("/public/requests/cancel", {"secret": taken["secret"]})["state"] == "cancelled"
    nobody.post("/public/requests/cancel", {"secret": taken["secret"]}, 409, problem="request-state")
    for wrong in ("", "A" * 43, taken["secret"][:-1], "x" * 3000):
        nobody.post("/public/requests/show", {"secret": wrong}, 404)
    nobody.post("/public/requests/show", {"secret": "x" * 5000}, 413)
    admin.put(f"/templates/{template}/public", {"settings": {"ways": ["csr"]}})
    nobody.post(ask, {"sans": ["x.example"], **solved(nobody)}, 422, problem="public-way")


def check_doors(admin, nobody, made):
    """What is not for strangers does not exist for them."""
    nobody.get(f"/public/templates/{made['template']}", 404)
    closed = make_template(admin, made, "Invited alone", unsolicited=False)
    nobody.get(f"/public/templates/{closed}", 404)
    nobody.post(f"/public/templates/{closed}/requests", {"sans": ["x.example"], **solved(nobody)}, 404)
    form = f"/templates/{closed}/requests/form"
    admin.post(form, {"sans": ["x.example"], "preApproved": True}, 422, problem="door")


def check_renewal(admin, nobody, made):
    template = make_template(admin, made, "Public renewal", approval="none")
    with tempfile.TemporaryDirectory() as directory:
        key, csr = os.path.join(directory, "key.pem"), os.path.join(directory, "csr.pem")
        openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", csr, "-subj", "/CN=renew.example")
        with open(csr, encoding="ascii") as file:
            text = file.read()
        asked = nobody.post(f"/public/templates/{template}/requests", {"csr": text, **solved(nobody)})
        assert asked["state"] == "issued"
        old = nobody.post("/public/requests/show", {"secret": asked["secret"]})["certificate"]
        base = f"/public/cas/{made['issuing']}"
        challenge = nobody.post(base + "/challenge", {"certificate": old["chain"]})["challenge"]
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=challenge.encode(),
                                   capture_output=True, check=True).stdout
        body = {"certificate": old["chain"], "challenge": challenge, "csr": make_csr("else.example").decode(),
                "signature": base64.b64encode(signature).decode()}
        bad = base64.b64encode(signature[:-1] + bytes([signature[-1] ^ 1])).decode()
        nobody.post(base + "/renewals", {**body, "signature": bad}, 422, problem="possession")
        nobody.post(base + "/renewals", {**body, "challenge": solved(nobody)["puzzle"]}, 422, problem="puzzle")
        renewed = nobody.post(base + "/renewals", body)
        assert renewed["state"] == "issued"
        nobody.post(base + "/renewals", body, 422)
        new = nobody.post("/public/requests/show", {"secret": renewed["secret"]})
        assert new["sans"] == ["DNS:renew.example"] and new["subject"] == "CN=renew.example", new.value
        assert nobody.post("/public/requests/show", {"secret": asked["secret"]})["certificate"]["revoked"] is True
    nobody.post(f"/public/cas/{made['root']}/challenge", {"certificate": old["chain"]}, 404)


def check_authority(admin, nobody, made):
    shown = nobody.get(f"/public/cas/{made['issuing']}")
    assert "1. INTRODUCTION" in shown["statement"] and shown["written"] is False
    nobody.get("/public/cas/nowhere", 404)


def check_limits(admin, nobody, template):
    now = admin.get("/public/settings")
    now = admin.put("/public/settings", {"perEmail": 1, "version": now["version"]})
    ask = f"/public/templates/{template}/requests"
    nobody.post(ask, {"sans": ["a.example"], "email": "often@example.org", **solved(nobody)})
    nobody.post(ask, {"sans": ["b.example"], "email": "OFTEN@example.org", **solved(nobody)}, 429, problem="slow-down")
    now = admin.put("/public/settings", {"perAddress": 1, "version": now["version"]})
    nobody.post(ask, {"sans": ["c.example"], "email": "other@example.org", **solved(nobody)}, 429, problem="slow-down")
    admin.put("/public/settings", {"perAddress": 100, "perEmail": 100, "version": now["version"]})
    for _ in range(80):
        answer = nobody.raw("POST", "/public/puzzle", b"", {})
    assert answer.status == 429, "a minute's worth is bounded"


def set_mail(admin, settings):
    version = admin.get("/mail/settings")["version"]
    admin.put("/mail/settings", {**settings, **({"version": version} if version else {})})


def run(gateway, admin, made):
    nobody = Client(gateway)
    with tempfile.TemporaryDirectory() as directory:
        server = Server(directory)
        try:
            set_mail(admin, {"server": "127.0.0.1", "port": server.port, "security": "none", "from": "pki@example.org"})
            template = make_template(admin, made, "Public verified")
            check_closed(admin, nobody, template)
            check_rules(admin, template)
            check_puzzle(nobody, template)
            check_confirmed(admin, nobody, template, server)
            check_declined(admin, nobody, made, server)
            check_doors(admin, nobody, made)
            check_renewal(admin, nobody, made)
            check_authority(admin, nobody, made)
            check_limits(admin, nobody, template)
        finally:
            server.stop()
    set_mail(admin, {"server": "", "from": ""})
