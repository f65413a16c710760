"""Notices: rules told once by mail and by signed webhooks in each shape, reports on schedule as files."""

import csv
import hashlib
import hmac
import http.server
import io
import json
import os
import ssl
import subprocess
import tempfile
import threading
import time

from client import make_csr
from identity import free_port
from mail import Server, wait_for

SECRET = "a secret of the webhook"

# What a reader that is not ours finds in an XLSX: the system's Python has it.
READ_SHEET = """
import datetime, io, json, sys
import openpyxl
sheet = openpyxl.load_workbook(io.BytesIO(sys.stdin.buffer.read())).active
text = lambda cell: {"time": cell.isoformat() + "Z"} if isinstance(cell, datetime.datetime) else cell
print(json.dumps({"rows": [[text(cell) for cell in row] for row in sheet.iter_rows(values_only=True)],
                  "frozen": sheet.freeze_panes, "filter": sheet.auto_filter.ref, "bold": sheet["A1"].font.bold}))
"""


def read_sheet(octets):
    return json.loads(subprocess.run(["/usr/bin/python3", "-c", READ_SHEET], input=octets, stdout=subprocess.PIPE, check=True).stdout)



class Hook(http.server.BaseHTTPRequestHandler):
    calls, status = [], 200

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.calls.append((self.path, self.headers.get("X-Gatehouse-Signature"), body))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()


def start_hook(directory):
    cert, key = os.path.join(directory, "hook.pem"), os.path.join(directory, "hook.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=hook", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-days", "2", "-out", cert, "-keyout", key], check=True, capture_output=True)
    port = free_port()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Hook)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open(cert, encoding="ascii") as file:
        return server, f"https://127.0.0.1:{port}", file.read()


def signed(signature, body):
    moment, mac = (part.split("=")[1] for part in signature.split(","))
    assert abs(int(moment) - time.time()) < 60
    return mac == hmac.new(SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()


def put(admin, document, status=200, **more):
    version = admin.get("/notices")["version"]
    return admin.put("/notices", {**document, **({"version": version} if version else {})}, status, **more)


def check_settings(admin, hooks):
    rule = {"id": "ends", "on": "certificate.expiring", "to": ["ops@example.org"]}
    report = {"id": "all", "every": "day", "to": ["ops@example.org"]}
    for bad in ({"webhooks": [{"id": "x", "url": "http://x"}]}, {"webhooks": [{"id": "x", "url": "https://x", "shape": "irc"}]},
                {"webhooks": [{"id": "x", "url": "https://x", "secret": "short"}]}, {"rules": [rule, rule]},
                {"rules": [{**rule, "id": "Up"}]}, {"rules": [{**rule, "on": "tea"}]}, {"rules": [{**rule, "to": []}]},
                {"rules": [{**rule, "days": [0]}]}, {"rules": [{**rule, "webhook": "none"}]}, {"rules": [{**rule, "to": ["nobody"]}]},
                {"rules": [{"id": "x", "on": "event", "to": ["a@example.org"]}]}, {"reports": [{**report, "every": "hour"}]},
                {"reports": [{**report, "format": "xls"}]},
                {"reports": [{**report, "filter": "state=valid", "tag": "x"}]}, {"reports": [{**report, "to": []}]},
                {"reports": [{**report, "state": "odd"}]}):
        put(admin, bad, 422)
    put(admin, {"rules": [{**rule, "ca": "no-such-ca"}]}, 404)
    put(admin, {"reports": [{**report, "keepDays": 400}]}, 400, problem="out-of-range")
    put(admin, {"reports": [{**report, "filter": "state=odd"}]}, 400, problem="bad-query")
    put(admin, {"rules": [{**rule, "codes": ["x"]}]}, 400, problem="unknown-field")
    admin.put("/notices", {"version": 99}, 409, problem="changed-meanwhile")
    done = put(admin, {"webhooks": hooks})
    assert SECRET not in str(done.value) and "sealed" not in str(done.value) and done["webhooks"][0]["hasSecret"]
    bare = [{k: v for k, v in hook.items() if k != "secret"} for hook in hooks]
    assert put(admin, {"webhooks": bare})["webhooks"][0]["hasSecret"]  # it stays
    moved = [{**bare[0], "url": "https://elsewhere.example"}]
    assert not put(admin, {"webhooks": moved})["webhooks"][0]["hasSecret"]  # it is not sent elsewhere
    put(admin, {"webhooks": hooks})


def check_shapes(admin, hooks):
    for hook in hooks:
        Hook.calls.clear()
        admin.post(f"/notices/webhooks/{hook['id']}/test", status=204)
        path, signature, body = Hook.calls[0]
        assert path == "/" + hook["id"] and signed(signature, body)
        value, text = json.loads(body), "This is the test that was asked for."
        if hook["shape"] == "json":
            assert value == {"rule": "test", "notices": [{"text": text, "data": {"kind": "test"}}]}
        elif hook["shape"] == "teams":
            card = value["attachments"][0]["content"]
            assert card["type"] == "AdaptiveCard" and card["body"][1]["text"] == text
        else:
            assert value["text"] == text
    Hook.status = 500
    admin.post(f"/notices/webhooks/{hooks[0]['id']}/test", status=503, problem="notice-failed")
    Hook.status = 200
    admin.post("/notices/webhooks/none/test", status=404)


def look(admin, server, count):
    """One look at the rules, and the mails there are then."""
    admin.post("/notices/run", status=204)
    wait_for(lambda: len(server.mails()) >= count)
    time.sleep(0.3)
    mails = server.mails()
    assert len(mails) == count, [(m["To"], m["Subject"]) for m in mails]
    return mails


def issue(admin, made, name):
    body = {"csr": make_csr(name).decode(), "issue": True}
    return admin.post(f"/templates/{made['template']}/requests", body, 201)["certificate"]


def check_rules(admin, made, server, hooks):
    left = 400  # more than a certificate of this template lives
    one = issue(admin, made, "ends.example.org")
    admin.patch(f"/certificates/{one['id']}", {"owner": "owner@example.org", "tags": ["told"]})
    rules = [{"id": "ends", "on": "certificate.expiring", "days": [left], "tag": "told", "to": ["ops@example.org"], "toOwner": True,
              "webhook": hooks[0]["id"]},
             {"id": "roles", "on": "event", "codes": ["role."], "to": ["sec@example.org"], "webhook": hooks[1]["id"]}]
    put(admin, {"webhooks": hooks, "rules": rules})
    Hook.calls.clear()
    mails = look(admin, server, 2)
    assert {m["To"] for m in mails} == {"ops@example.org", "owner@example.org"}
    assert "ends.example.org" in mails[0].get_body(("plain",)).get_content()
    calls = [json.loads(body) for path, _, body in Hook.calls if path == "/" + hooks[0]["id"]]
    assert len(calls) == 1 and calls[0]["rule"] == "ends" and calls[0]["notices"][0]["data"]["certificate"] == one["id"]
    look(admin, server, 2)  # once is enough
    # An event after the rule; a webhook that is away holds nobody else up, and is told later.
    admin.post("/roles", {"id": "noticed", "name": "x", "permissions": ["cas:read"]}, 201)
    Hook.status = 503
    admin.post("/notices/run", status=503, problem="notice-failed")
    wait_for(lambda: len(server.mails()) == 3)
    assert "role.created" in server.mails()[2].get_body(("plain",)).get_content() and server.mails()[2]["To"] == "sec@example.org"
    Hook.status = 200
    Hook.calls.clear()
    look(admin, server, 3)
    assert len(Hook.calls) == 1 and b"role.created" in Hook.calls[0][2], Hook.calls
    # What is renewed is nobody's worry; what has come to fewer days is told again.
    rules[0]["days"] = [left, left - 1]
    put(admin, {"webhooks": hooks, "rules": rules})
    look(admin, server, 5)
    admin.delete("/roles/noticed")
    return one


def check_reports(admin, server, one):
    reports = [{"id": "told", "every": "day", "hour": 0, "tag": "told", "to": ["boss@example.org"]},
               {"id": "page", "every": "month", "tag": "told", "format": "html", "to": ["boss@example.org"]},
               {"id": "sheet", "every": "month", "filter": f"serial={one['serial']}&archived=shown", "format": "xlsx", "keepDays": 3,
                "to": ["boss@example.org"]},
               {"id": "kept", "every": "month", "tag": "told", "keepDays": 1, "to": []},
               {"id": "none", "every": "week", "tag": "nobody-has-it", "skipEmpty": True, "to": ["boss@example.org"]}]
    put(admin, {"reports": reports})
    before = len(server.mails())
    for report in reports:
        admin.post(f"/notices/reports/{report['id']}/send", status=204)
    admin.post("/notices/reports/other/send", status=404)
    wait_for(lambda: len([m for m in server.mails()[before:] if "sheet" in m["Subject"] or "page" in m["Subject"]]) == 2)
    mails = [m for m in server.mails() if m["To"] == "boss@example.org"]
    assert not [m for m in mails if "none" in m["Subject"]]
    file = next(part for m in mails if "told" in m["Subject"] for part in m.iter_attachments())
    rows = list(csv.reader(io.StringIO(file.get_content())))
    assert file.get_filename() == "told.csv" and rows[0][0] == "serial" and len(rows) == 2 and rows[1][0] == one["serial"], rows
    page = next(part for m in mails if "page" in m["Subject"] for part in m.iter_attachments())
    assert page.get_filename() == "page.html" and one["serial"] in page.get_content() and "@media print" in page.get_content()
    sheet = next(part for m in mails if "sheet" in m["Subject"] for part in m.iter_attachments())
    check_sheet(admin, sheet.get_content(), one)
    assert admin.get("/notices/reports/told/files")["items"] == []
    kept = admin.get("/notices/reports/kept/files")["items"]
    assert len(kept) == 1 and kept[0]["format"] == "csv" and kept[0]["rows"] == 1
    assert not [m for m in mails if "kept" in m["Subject"]]
    assert one["serial"] in admin.get(f"/notices/reports/kept/files/{kept[0]['id']}").body.decode()
    admin.get(f"/notices/reports/sheet/files/{kept[0]['id']}", 404)
    # The clock of the database's row goes on: what is kept goes when its time is over.
    subprocess.run(["mariadb", "--no-defaults", f"--socket={os.environ['GATEHOUSE_DIR']}/db/db.sock", "-uroot", "gatehouse", "-e",
                    "UPDATE kept_reports SET until_us = 1 WHERE report = 'kept'"], check=True)
    wait_for(lambda: admin.get("/notices/reports/kept/files")["items"] == [], 90)


def check_sheet(admin, mailed, one):
    """The file opens, its texts are texts, its times are times; the one that is kept is the same, and so is an export."""
    sheet = read_sheet(mailed)
    rows = sheet["rows"]
    assert rows[0][:3] == ["serial", "subject", "names"] and len(rows) == 2 and rows[1][0] == one["serial"], rows
    assert rows[1][6] == {"time": one["notAfter"]}, rows
    assert sheet["frozen"] == "A2" and sheet["filter"] == "A1:I2" and sheet["bold"]
    kept = admin.get("/notices/reports/sheet/files")["items"]
    assert len(kept) == 1 and kept[0]["size"] == len(mailed)
    assert admin.get(f"/notices/reports/sheet/files/{kept[0]['id']}").body == mailed
    export = admin.get(f"/certificates/export?format=xlsx&serial={one['serial']}").body
    rows = read_sheet(export)["rows"]
    assert len(rows) == 2 and rows[1][1] == one["serial"]
    page = admin.get(f"/certificates/export?format=html&serial={one['serial']}").body.decode()
    assert f"<td>{one['serial']}</td>" in page


TROUBLE = """INSERT INTO troubles (node, kind, object, ailing, reason, since_us, seen_us)
    VALUES ('edge', '{kind}', '{object}', {ailing}, 'It is not there.', {since}, {since})
    ON DUPLICATE KEY UPDATE ailing = {ailing}, since_us = {since}, seen_us = {since}"""


def trouble(ailing, minutes_ago, what="token hsm (77)", kind="token"):
    sql(TROUBLE.format(kind=kind, object=what, ailing=int(ailing), since=int((time.time() - 60 * minutes_ago) * 1000000)))


def check_troubles(admin, server, hooks):
    """What comes and goes is told once when it has lasted, and once when it is well for as long."""
    rule = {"id": "troubles", "on": "trouble", "kinds": ["token", "agent"], "minutes": 5, "to": ["ops@example.org"], "webhook": "json"}
    for bad in ({"kinds": ["cat"]}, {"kinds": []}, {"kinds": [1]}):
        put(admin, {"webhooks": hooks, "rules": [{**rule, **bad}]}, 422, problem="bad-notice")
    put(admin, {"webhooks": hooks, "rules": [{**rule, "minutes": 61}]}, 400, problem="out-of-range")
    put(admin, {"webhooks": hooks, "rules": [{**rule, "days": [1]}]}, 400, problem="unknown-field")

    def lines():
        texts = [mail.get_body(("plain",)).get_content() for mail in server.mails() if mail["To"] == "ops@example.org"]
        return [line for text in texts for line in text.splitlines() if " on edge " in line]

    def told(count):
        admin.post("/notices/run", status=204)
        wait_for(lambda: len(lines()) >= count)
        time.sleep(0.3)
        assert len(lines()) == count, lines()
        return lines()
    put(admin, {"webhooks": hooks, "rules": [rule]})
    Hook.calls.clear()
    trouble(True, 1)
    trouble(True, 9, "notices-never", "job")  # a kind that the rule does not name
    assert told(0) == []  # too early
    for flap in range(6):  # it comes and goes, and began six minutes ago all the same
        trouble(flap % 2, 0)
        told(0)
    sql("UPDATE settings SET value = REGEXP_REPLACE(value, '\"began\":[0-9]+', '\"began\":%d') WHERE name = 'notices/troubles/troubles'"
        % int((time.time() - 360) * 1000000))
    line = told(1)[0]
    assert "token hsm (77) cannot be used on edge since" in line and line.endswith("It is not there."), line
    for flap in range(6):
        trouble(flap % 2, 0)
        told(1)
    trouble(False, 4)
    told(1)
    trouble(False, 6)
    line = told(2)[1]
    assert "Back again: token hsm (77) is not missed on edge any more since" in line, line
    assert [json.loads(body)["notices"][0]["data"]["kind"] for _, _, body in Hook.calls] == ["trouble", "trouble.over"], Hook.calls
    told(2)
    trouble(True, 7)  # the next one is told anew; a blip of another is not told at all, nor that it is over
    trouble(True, 0, "agent berlin", "agent")
    told(3)
    trouble(False, 6, "agent berlin", "agent")
    told(3)
    sql("DELETE FROM troubles WHERE node = 'edge'")
    told(3)
    put(admin, {"webhooks": hooks})


MANY = 5100  # more than a mail has, and than one look told once
COMMENTED = """INSERT INTO events (id, organisation_id, ca_id, at_us, code, outcome, actor, address, object_kind, object,
    request_id, details) SELECT UNHEX(CONCAT(LPAD(HEX(e.at_us DIV 1000), 12, '0'), '70008000', LPAD(HEX(s.seq), 12, '0'))),
    e.organisation_id, e.ca_id, e.at_us, e.code, e.outcome, CONCAT('person', s.seq), '', e.object_kind, e.object, '', '{}'
    FROM events e JOIN seq_1_to_%d s WHERE e.code = 'request.commented' AND e.object = '%s'"""


def sql(text):
    return subprocess.run(["mariadb", "--no-defaults", f"--socket={os.environ['GATEHOUSE_DIR']}/db/db.sock", "-uroot", "-N", "-B",
                           "gatehouse", "-e", text], check=True, capture_output=True, text=True).stdout


def statements():
    return int(sql("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'").split()[1])


def persons(texts):
    found = [line.split(" by ")[1].split(":")[0] for text in texts for line in text.splitlines() if "(success) by person" in line]
    return len(found), len(set(found))


def check_many(admin, made, server, hooks):
    """More notices than one mail, one call and one look once had: each is told, once, without a statement for each."""
    users = [admin.post("/users", {"username": name, "email": f"{name}@example.org",
                                   "roles": [{"role": "officer", "scope": "ca", "object": made["issuing"]}]}, 201)["id"]
             for name in ("told-one", "told-two")]
    waits = admin.post(f"/templates/{made['template']}/requests", {"csr": make_csr("many.example.org").decode()}, 201)["id"]
    put(admin, {"webhooks": hooks, "rules": [{"id": "many", "on": "event", "codes": ["request.commented", "request.comm"],
                                              "toApprovers": True, "to": ["ops@example.org"], "webhook": "teams"}]})
    admin.post("/notices/run", status=204)
    admin.post(f"/requests/{waits}/comments", {"text": "x"}, 201)
    sql(COMMENTED % (MANY, waits))
    Hook.calls.clear()
    Hook.status = 503
    before = statements()
    admin.post("/notices/run", status=503, problem="notice-failed")
    assert len(Hook.calls) == 1, len(Hook.calls)  # who is away is not called for each of many pieces
    asked = statements() - before
    assert asked < 1500, asked

    def told(name):
        return persons([mail.get_body(("plain",)).get_content() for mail in server.mails() if mail["To"] == name + "@example.org"])
    for name in ("ops", "told-one", "told-two"):
        wait_for(lambda name=name: told(name)[0] >= MANY)
        assert told(name) == (MANY, MANY), (name, told(name))
    Hook.calls.clear()
    Hook.status = 200
    admin.post("/notices/run", status=204)
    cards = [json.loads(body)["attachments"][0]["content"]["body"] for _, _, body in Hook.calls]
    assert persons([block["text"] for card in cards for block in card[1:]]) == (MANY, MANY)
    assert max(len(body) for _, _, body in Hook.calls) < 28000
    admin.post("/notices/run", status=204)
    assert told("told-one") == (MANY, MANY)
    admin.post(f"/requests/{waits}/decline", {"reason": "x"})
    for user in users:
        admin.patch(f"/users/{user}", {"state": "suspended"})


def run(_gateway, admin, made):
    with tempfile.TemporaryDirectory(prefix="gatehouse-notices.") as directory:
        server = Server(directory)
        hook, url, ca = start_hook(directory)
        try:
            version = admin.get("/mail/settings")["version"]
            admin.put("/mail/settings", {"server": "127.0.0.1", "port": server.port, "security": "none", "from": "pki@example.org",
                                         "username": "", **({"version": version} if version else {})})
            hooks = [{"id": shape, "url": f"{url}/{shape}", "shape": shape, "ca": ca, "secret": SECRET}
                     for shape in ("json", "slack", "teams", "matrix")]
            check_settings(admin, hooks)
            check_shapes(admin, hooks)
            one = check_rules(admin, made, server, hooks)
            check_reports(admin, server, one)
            check_troubles(admin, server, hooks)
            check_many(admin, made, server, hooks)
            put(admin, {})
        finally:
            server.stop()
            hook.shutdown()
            hook.server_close()
    admin.put("/mail/settings", {"server": "", "version": admin.get("/mail/settings")["version"]})
