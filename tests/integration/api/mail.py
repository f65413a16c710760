"""Mail: settings, test, queue with retry and wording, against a real SMTP server with STARTTLS and log-in."""

import email
import email.policy
import os
import subprocess
import tempfile
import time

from client import openssl

SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../lib/smtp_server.py")
ORGANISATION = "default"
PASSWORD = "very secret mail password"


def wait_for(what, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError("nothing came in time")


class Server:
    """The Debian package belongs to the system's Python."""

    def __init__(self, directory, *options):
        self.directory = directory
        self.process = subprocess.Popen(["/usr/bin/python3", SERVER, directory, *options])
        wait_for(lambda: os.path.exists(os.path.join(directory, "port")))
        with open(os.path.join(directory, "port"), encoding="ascii") as file:
            self.port = int(file.read())

    def mails(self):
        found = []
        for name in sorted(os.listdir(self.directory)):
            if name.endswith(".eml"):
                with open(os.path.join(self.directory, name), "rb") as file:
                    found.append(email.message_from_binary_file(file, policy=email.policy.default))
        return found

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def check_settings(admin, server, certificate):
    before = admin.get("/mail/settings")
    assert before["server"] == "" and before["hasPassword"] is False and before["version"] == 0
    admin.post("/mail/test", {"to": "a@example.org"}, 409, problem="no-mail-server")
    wanted = {"server": "127.0.0.1", "port": server.port, "security": "starttls", "username": "gate",
              "password": PASSWORD, "from": "Gatehouse Größe <pki@example.org>", "caCertificates": certificate}
    for wrong in ({"server": "a b"}, {"from": "nobody"}, {"security": "none"}, {"caCertificates": "x"},
                  {"replyTo": "x"}, {"from": "A\r\nBcc: b@example.org <a@example.org>"}, {"username": "a\nb"}):
        admin.put("/mail/settings", {**wanted, **wrong}, 422)
    admin.put("/mail/settings", {**wanted, "security": "maybe"}, 422, problem="mail-settings")
    done = admin.put("/mail/settings", wanted)
    assert done["hasPassword"] is True and PASSWORD not in str(done)
    admin.put("/mail/settings", wanted, 409, problem="changed-meanwhile")
    return done


def check_test_mail(admin, server):
    admin.post("/mail/test", {"to": "no address"}, 422, problem="bad-email")
    admin.post("/mail/test", {"to": "alice@example.org"})
    mail = wait_for(server.mails)[0]
    assert mail["To"] == "alice@example.org" and mail["From"] == "Gatehouse Größe <pki@example.org>", mail
    assert mail["Subject"].startswith("Test mail from ") and mail["Auto-Submitted"] == "auto-generated"
    assert "Mail works." in mail.get_body(("plain",)).get_content()
    assert "<p>This is the test mail" in mail.get_body(("html",)).get_content()
    refused = admin.post("/mail/test", {"to": "refused@example.org"}, 422, problem="mail-refused")
    assert "no such mailbox" in refused["detail"], refused
    admin.post("/mail/test", {"to": "later@example.org"}, 503, problem="mail-failed")


def check_wrong_server(admin, settings, server):
    """A password of another server is not kept, a wrong one is not told, a stranger's certificate is no server."""
    change = {key: settings[key] for key in ("server", "port", "security", "username", "from", "caCertificates")}
    now = admin.put("/mail/settings", {**change, "password": "another one", "version": settings["version"]})
    answer = admin.post("/mail/test", {"to": "alice@example.org"}, 503, problem="mail-failed")
    assert "another one" not in str(answer)
    now = admin.put("/mail/settings", {**change, "caCertificates": "", "password": PASSWORD, "version": now["version"]})
    admin.post("/mail/test", {"to": "alice@example.org"}, 503, problem="mail-failed")
    now = admin.put("/mail/settings", {**change, "server": "localhost", "version": now["version"]})
    assert now["hasPassword"] is False
    now = admin.put("/mail/settings", {**change, "password": PASSWORD, "version": now["version"]})
    assert len(server.mails()) == 1
    now = admin.put("/mail/settings", {**change, "version": now["version"]})
    assert now["hasPassword"] is True
    admin.post("/mail/test", {"to": "alice@example.org"})


def check_queue(admin, server):
    seen = len(server.mails())
    for to in ("bob@example.org", "refused@example.org", "later@example.org"):
        admin.post("/mail/test", {"to": to, "queue": True})
    wait_for(lambda: len(server.mails()) > seen)
    assert server.mails()[-1]["To"] == "bob@example.org"
    failed = wait_for(lambda: admin.get("/mail/messages?state=failed")["items"])
    assert failed[0]["to"] == "refused@example.org" and "no such mailbox" in failed[0]["problem"]
    # A try counts from its beginning; its event tells of its end.
    wait_for(lambda: {"refused@example.org", "later@example.org"} == {
        e["details"]["recipient"] for e in admin.get("/events?code=mail.failed")["items"]})
    later = wait_for(lambda: [m for m in admin.get("/mail/messages?state=waiting")["items"] if m["attempts"] == 1])
    assert later[0]["to"] == "later@example.org" and later[0]["nextAt"] > later[0]["createdAt"]
    admin.post(f"/mail/messages/{later[0]['id']}/retry", None, 204)
    sent = admin.get("/mail/messages?state=sent")["items"]
    assert [m["to"] for m in sent] == ["bob@example.org"]
    admin.post(f"/mail/messages/{sent[0]['id']}/retry", None, 409, problem="mail-sent")
    admin.post(f"/mail/messages/{sent[0]['id'][:-4]}0000/retry", None, 404)
    page = admin.get("/mail/messages?limit=2")
    assert len(page["items"]) == 2 and len(admin.get("/mail/messages?limit=2&cursor=" + page["next"])["items"]) == 1
    admin.get("/mail/messages?state=lost", 400, problem="bad-query")


def check_wording(admin):
    path = "/mail/templates/request.declined"
    assert len(admin.get("/mail/templates")["items"]) > 10
    built_in = admin.get(path)
    assert built_in["source"] == "built-in" and "reason" in built_in["variables"]
    for wrong in ({"text": ""}, {"text": "{link} {password}"}, {"subject": "a\nb"}, {"text": "x" * 20000}):
        admin.put(path, {"subject": "No", "text": "Because {reason}", **wrong}, 422, problem="mail-template")
    mine = admin.put(path, {"subject": "No: {subject}", "text": "Because {reason}", "html": "<b>{reason}</b>"})
    assert mine["source"] == "here" and mine["version"] == 1
    admin.put(path, {"subject": "No", "text": "x", "version": 7}, 409, problem="changed-meanwhile")
    assert admin.get(f"{path}?organisation={ORGANISATION}")["source"] == "instance"
    theirs = admin.put(f"{path}?organisation={ORGANISATION}", {"subject": "Nein", "text": "Weil: {reason}"})
    assert theirs["source"] == "here" and admin.get(path)["subject"] == "No: {subject}"
    admin.get(f"{path}?organisation=nowhere", 404)
    shown = admin.post(path + "/preview", {"subject": "No", "text": "Because {reason}\nhttps://a.example/?b=1&c"})
    assert shown["text"].startswith("Because [reason]")
    assert '<a href="https://a.example/?b=1&amp;c">' in shown["html"]
    admin.delete(f"{path}?organisation={ORGANISATION}")
    admin.delete(path)
    admin.delete(path, 404)
    admin.get("/mail/templates/unknown", 404)


def run(_gateway, admin, _made):
    with tempfile.TemporaryDirectory() as directory:
        key, certificate = os.path.join(directory, "key.pem"), os.path.join(directory, "cert.pem")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                "-out", certificate, "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "9")
        server = Server(directory, "--starttls", certificate, key, "--login", "gate", PASSWORD)
        try:
            with open(certificate, encoding="ascii") as file:
                settings = check_settings(admin, server, file.read())
            check_test_mail(admin, server)
            check_wrong_server(admin, settings, server)
            check_queue(admin, server)
            check_wording(admin)
        finally:
            server.stop()
    now = admin.get("/mail/settings")
    admin.put("/mail/settings", {"server": "", "from": "", "version": now["version"]})
