"""What year.sh shows: `notices`, then `chatter`, then (the gateway started again, a year later) `later`."""

import datetime
import email
import email.policy
import http.client
import json
import os
import re
import ssl
import subprocess
import sys
import time
import urllib.parse

from acme_client import Client as Acme, make_csr
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp

DAY = 86400
URL = urllib.parse.urlsplit(os.environ["GATEHOUSE_URL"])
PEOPLE = ("owner", "ca", "template", "tag", "own", "secrets", "maker", "issued", "revoked", "declined", "desk", "failed")


def shown(text):
    count = int(open("claims", encoding="ascii").read()) + 1 if os.path.exists("claims") else 1
    with open("claims", "w", encoding="ascii") as file:
        file.write(str(count))
    print(f"shown {count:2d}: {text}", flush=True)


def ask(method, path, body=None, status=(200, 201, 204), token=None):
    """Without looking at the certificate's dates: this program's clock does not move."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(URL.hostname, URL.port, timeout=60, context=context)
    headers = {"Authorization": "Bearer " + (token or os.environ["GATEHOUSE_TOKEN"]), "Content-Type": "application/json"}
    connection.request(method, "/api/v1" + path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    assert answer.status in status, f"{method} {path}: {answer.status} {data[:600]}"
    return json.loads(data) if data[:1] in (b"{", b"[") else data


def sql(text):
    run = ["mariadb", "--no-defaults", "--socket=" + sys.argv[2], "-uroot", "-N", "-B", "gatehouse", "-e", text]
    return subprocess.run(run, check=True, capture_output=True, text=True).stdout.split("\n")[:-1]


def wait_for(what, seconds=40):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what.__code__.co_names} {mails_by_receiver()}")


def move_clock(seconds):
    with open("clock", "r+b") as file:
        file.write(int(seconds).to_bytes(8, "little", signed=True))


def mails():
    found = []
    for name in os.listdir("mails"):
        if name.endswith(".eml"):
            with open(os.path.join("mails", name), "rb") as file:
                found.append(email.message_from_binary_file(file, policy=email.policy.default))
    return found


def mails_by_receiver():
    count = {}
    for mail in mails():
        count[mail["To"]] = count.get(mail["To"], 0) + 1
    return count


def text_of(receiver):
    return [mail.get_body(("plain",)).get_content() for mail in mails() if mail["To"] == receiver + "@example.org"]


def lines_about(receiver, name):
    return sum(line.count(name) for text in text_of(receiver) for line in text.splitlines())


def look():
    """Three times: what was told is not told again. Then nothing waits in the queue any more."""
    for _ in range(3):
        ask("POST", "/notices/run")
    wait_for(lambda: sql("SELECT COUNT(*) FROM mail_queue WHERE state = 1") == ["0"])


def utc(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def csr_of(name):
    return x509.load_der_x509_csr(make_csr([name], common_name=name)).public_bytes(Encoding.PEM).decode()


def issue(template, name, **more):
    body = {"csr": csr_of(name), "issue": True, **more}
    return ask("POST", f"/templates/{template}/requests", body)["certificate"]


# --- notices -----------------------------------------------------------------------------------------------------------


def to(name):
    return f"{name}@example.org"


def rules(ca, other):
    soon = {"on": "certificate.expiring"}
    return [{"id": "by-owner", **soon, "owner": to("owner"), "toOwner": True}, {"id": "by-ca", **soon, "ca": ca, "to": [to("ca")]},
            {"id": "by-template", **soon, "template": other, "to": [to("template")]},
            {"id": "by-tag", **soon, "tag": "gold", "to": [to("tag")]},
            {"id": "own", "on": "authority.expiring", "to": [to("own")]},
            {"id": "secrets", "on": "secret.expiring", "to": [to("secrets")], "toOwner": True},
            {"id": "issued", "on": "event", "codes": ["certificate.issued"], "to": [to("issued")]},
            {"id": "revoked", "on": "event", "codes": ["certificate.revoked"], "to": [to("revoked")]},
            {"id": "declined", "on": "event", "codes": ["request.declined"], "to": [to("declined")]},
            {"id": "waiting", "on": "event", "codes": ["request.submitted"], "toApprovers": True},
            {"id": "failed", "on": "event", "codes": ["job.failed"], "to": [to("failed")]}]


def wrong_rules(ca):
    event = {"id": "x", "on": "event", "codes": ["a"]}
    for bad in ({"id": "x", "on": "secret.expiring"}, {"id": "x", "on": "secret.expiring", "to": [to("a")], "ca": ca},
                {**event, "toOwner": True}, {"id": "x", "on": "certificate.expiring", "toApprovers": True},
                {**event, "toApprovers": "yes"}, event, {"id": "x", "on": "password.expiring", "to": [to("a")]}):
        ask("PUT", "/notices", {"rules": [bad]}, status=(400, 422))


def people(ca):
    """Who can decide requests of this CA: an officer, somebody with a role of their own; not the rest."""
    ask("POST", "/roles", {"id": "desk", "name": "Desk", "permissions": ["cas:read", "requests:read", "requests:decide"]})
    ask("POST", "/roles", {"id": "reader", "name": "Reader", "permissions": ["cas:read", "requests:read"]})
    for name, role, scope in (("officer", "officer", "ca"), ("desk", "desk", "ca"), ("reader", "reader", "ca"),
                              ("requester", "requester", "instance"), ("elsewhere", "officer", "other")):
        where = {"role": role, "scope": "instance" if scope == "instance" else "ca"}
        if scope != "instance":
            where["object"] = ca if scope == "ca" else "elsewhere"
        ask("POST", "/users", {"username": name, "email": to(name), "roles": [where]})


def secrets(template, policy, begin):
    until = {"expiresAt": utc(begin + 60 * DAY)}
    made = {name: ask("POST", f"/templates/{template}/credentials", {"kind": kind, "name": name, "uses": uses, **until})
            for name, kind, uses in (("static-challenge", "challenge", 0), ("cmp-secret", "mac", 0), ("spent-code", "code", 1))}
    ask("POST", f"/templates/{template}/credentials", {"kind": "challenge", "label": "of an hour", "validMinutes": 60})
    gone = ask("POST", f"/templates/{template}/credentials", {"kind": "code", "label": "revoked-code", **until})
    ask("DELETE", f"/credentials/{gone['id']}")
    sql(f"UPDATE credentials SET used = 1 WHERE name = 'spent-code' AND id = UNHEX(REPLACE('{made['spent-code']['id']}', '-', ''))")
    ask("POST", "/session/tokens", {"label": "deploy-token", **until})
    ask("POST", "/session/tokens", {"label": "short-token", "expiresAt": utc(begin + 10 * DAY)})
    ask("POST", f"/acme/policies/{policy}/bindings", {"name": "eab-of-web", "uses": 0, **until})


def by_event(template):
    """Issued, revoked, pending, declined, a job that fails."""
    one = issue(template, "event.example.org")
    waits = ask("POST", f"/templates/{template}/requests", {"csr": csr_of("waits.example.org")})
    look()
    ask("POST", f"/certificates/{one['id']}/revoke", {"reason": "superseded"})
    ask("POST", f"/requests/{waits['id']}/decline", {"reason": "no such host"})
    # A job that cannot do its work: what it reads is gone for a moment.
    sql("RENAME TABLE login_tickets TO login_tickets_away")
    wait_for(lambda: "job.failed" in sql("SELECT code FROM events WHERE code = 'job.failed' LIMIT 1"), 90)
    sql("RENAME TABLE login_tickets_away TO login_tickets")
    look()
    for name, mark in (("issued", "certificate.issued"), ("revoked", one["id"]), ("declined", waits["id"]), ("failed", "sessions")):
        assert lines_about(name, mark) == 1, (name, mark, text_of(name))
    for name in ("officer", "desk"):
        assert lines_about(name, waits["id"]) == 1, (name, text_of(name))
    for name in ("reader", "requester", "elsewhere"):
        assert not text_of(name), (name, text_of(name))
    shown("issued, revoked, declined and a job that fails: one line each to whom the rule names; pending: to those who can decide "
          "on that CA (an officer, a role with the permission), not to others")


def short_lived():
    """Made for ten days: nothing at 15, something at 7."""
    for days, times in ((1, 0), (4, 1)):
        move_clock(days * DAY)
        look()
        assert lines_about("secrets", '"short-token"') == times, (days, text_of("secrets"))


def stages(end, names):
    """At 30, 15, 7, 2 and 1 days, once each."""
    for number, days in enumerate((30, 15, 7, 2, 1), 1):
        move_clock(end - days * DAY + 3600 - time.time())
        look()
        counts = {name: lines_about(name, "soon.example.org") for name in ("owner", "ca", "template", "tag")}
        assert counts == {"owner": number, "ca": number, "template": 0, "tag": number}, (days, counts)
        assert lines_about("template", "other.example.org") == number and lines_about("ca", "other.example.org") == number
        assert lines_about("owner", "other.example.org") == 0 and lines_about("tag", "other.example.org") == 0
        for name in names:
            assert lines_about("secrets", f'"{name}"') == number, (days, name, text_of("secrets"))
            assert lines_about("maker", f'"{name}"') == number, (days, name, text_of("maker"))
        for text in ("of an hour", "spent-code", "revoked-code"):
            assert lines_about("secrets", text) == 0, text_of("secrets")
        assert lines_about("own", "CN=Short (issuing") == number, (days, text_of("own"))
        assert lines_about("own", "The instance's TLS certificate (CN=imported.example.org") == number, (days, text_of("own"))
        # Responders came and went meanwhile, each followed by the next: nobody's worry.
        assert lines_about("own", "ocsp") == 0, (days, text_of("own"))
        responder()


def import_tls(end):
    """A TLS certificate that nobody renews; the instance goes back to its own afterwards."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "imported.example.org")])
    at = datetime.datetime.fromtimestamp(time.time() - 3600, datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(4711)
            .not_valid_before(at).not_valid_after(datetime.datetime.fromtimestamp(end, datetime.timezone.utc))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False).sign(key, hashes.SHA256()))
    ask("POST", "/tls/certificate", {"certificate": made.public_bytes(Encoding.PEM).decode(), "privateKey": key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()})


def get_http(path, body=None):
    url = urllib.parse.urlsplit(os.environ["GATEHOUSE_HTTP_URL"])
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    connection.request("GET" if body is None else "POST", path, body, {"Content-Type": "application/ocsp-request"})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    assert answer.status == 200, (path, answer.status, data[:300])
    return data


def responder():
    """What the authority's responder says now."""
    issuer = x509.load_pem_x509_certificate(get_http("/ca/issuing.pem"))
    request = ocsp.OCSPRequestBuilder().add_certificate(issuer, issuer, hashes.SHA1()).build()
    return ocsp.load_der_ocsp_response(get_http("/ocsp/issuing", request.public_bytes(Encoding.DER)))


def moment(thing, name):
    """Older versions of the library have no names with a zone."""
    found = getattr(thing, name + "_utc", None) or getattr(thing, name).replace(tzinfo=datetime.timezone.utc)
    return found.timestamp()


def set_right():
    """The clock was two months ahead. What was made meanwhile would hold for nobody now."""
    def beginnings():
        answer, crl = responder(), x509.load_der_x509_crl(get_http("/crl/issuing.crl"))
        return {"answer": moment(answer, "this_update"), "responder": moment(answer.certificates[0], "not_valid_before"),
                "list": moment(crl, "last_update")}
    assert min(beginnings().values()) > time.time() + 30 * DAY, beginnings()
    move_clock(0)
    assert max(beginnings().values()) < time.time() + 60, beginnings()
    wait_for(lambda: ask("GET", "/tls")["certificate"]["notBefore"] <= utc(time.time()))
    with open(os.environ["GATEHOUSE_TLS_CERT"], "w", encoding="ascii") as file:
        file.write(ask("GET", "/tls")["certificate"]["pem"])
    shown("the clock set right after it was two months ahead: list, OCSP answer and the responder's certificate are made anew at "
          "once, the TLS certificate soon")
    behind()


def behind():
    """The clock an hour behind for a while: clients who have pinned the TLS certificate keep it."""
    def lease():
        return int(sql("SELECT until_us FROM leases WHERE name = 'job/tls-certificate'")[0]) / 1000000
    pem = ask("GET", "/tls")["certificate"]["pem"]
    move_clock(-3700)
    wait_for(lambda: lease() < time.time() - 3000)
    move_clock(0)
    wait_for(lambda: lease() > time.time())
    assert ask("GET", "/tls")["certificate"]["pem"] == pem
    shown("an hour's step back of the clock replaces no TLS certificate")


def notices():
    now = time.time()
    admin = next(one for one in ask("GET", "/users")["items"] if one["username"] == os.environ["GATEHOUSE_USER"])
    ask("PATCH", f"/users/{admin['id']}", {"email": to("maker")})
    with open("mails/port", encoding="ascii") as file:
        ask("PUT", "/mail/settings", {"server": "127.0.0.1", "port": int(file.read()), "security": "none",
                                      "from": "pki@example.org", "username": ""})
    end = now + 60 * DAY
    key = {"type": "EC", "curve": "P-256"}
    for name in ("Issuing", "Elsewhere"):
        ask("POST", "/cas", {"name": name, "key": key, "subject": {"CN": name}})
    ask("POST", "/cas", {"name": "Short", "key": key, "issuer": "issuing", "notAfter": utc(end)})
    first = ask("GET", "/templates/issuing-web-server")
    ask("POST", "/cas/issuing/templates", {"name": "Other", "document": first["document"]})
    template, other = "issuing-web-server", next(t["id"] for t in ask("GET", "/cas/issuing/templates")["items"] if t["name"] == "Other")
    document = ask("GET", f"/templates/{template}")
    document["document"]["doors"] = sorted(set(document["document"]["doors"] + ["acme"]))
    ask("PUT", f"/templates/{template}", {key: document[key] for key in ("name", "version", "document")})
    policy = ask("POST", "/acme/policies", {"name": "Year", "document": {"templates": [template], "validation": {"reach": "anywhere"}}})["id"]
    wrong_rules("issuing")
    people("issuing")
    secrets(template, policy, now)
    ask("PUT", "/notices", {"rules": rules("issuing", other)})
    by_event(template)
    soon, also = issue(template, "soon.example.org", notAfter=utc(end)), issue(other, "other.example.org", notAfter=utc(end))
    ask("PATCH", f"/certificates/{soon['id']}", {"owner": to("owner"), "tags": ["gold"]})
    assert also["id"] != soon["id"]
    import_tls(end)
    short_lived()
    stages(end, ("static-challenge", "cmp-secret", "deploy-token", "eab-of-web"))
    shown("certificates by owner, authority, template and tag, the instance's own, its TLS certificate, API tokens, challenges, shared secrets and "
          "account bindings: told at 30, 15, 7, 2 and 1 days, once each, though the rules are looked at again and again")
    ask("POST", "/certificates/%s/revoke" % soon["id"], {"reason": "superseded"})
    ask("PUT", "/tls", {"source": "self-signed"})
    set_right()


# --- what grows ----------------------------------------------------------------------------------------------------------

CHATTER = ("acme_nonces", "acme_authorizations", "sessions", "guess_delays", "mail_queue", "bulk_jobs", "bulk_items",
           "kept_reports", "scep_captures", "public_requests", "cmp_transactions", "cmp_messages", "usage_days", "est_keys")
KEPT = ("certificates", "certificate_names", "revocations", "requests", "events", "event_seals", "users", "api_tokens",
        "templates", "cas")


def counts(tables):
    return {table: int(sql(f"SELECT COUNT(*) FROM {table}")[0]) for table in tables}


def acme_chatter():
    policy = ask("GET", "/acme/policies")["items"][0]["id"]
    made = ask("POST", f"/acme/policies/{policy}/bindings", {"name": "chatter"})
    client = Acme(os.environ["GATEHOUSE_URL"] + "/acme/directory", os.environ["GATEHOUSE_TLS_CERT"])
    assert client.register(made["kid"], made["hmacKey"]).status == 201
    for number in range(5):
        assert client.order([f"dead{number}.example.org"]).status == 201
    for _ in range(20):
        client.raw("HEAD", client.directory["newNonce"])


def seed():
    """Tables whose traffic would need a device of its own get a row by hand, as their protocol leaves it."""
    now = int(time.time() * 1e6)
    for table in CHATTER:
        if counts((table,))[table] > 0:
            continue
        columns = [line.split("\t") for line in sql(
            "SELECT column_name, data_type, is_nullable FROM information_schema.columns "
            f"WHERE table_schema = 'gatehouse' AND table_name = '{table}' ORDER BY ordinal_position")]
        values = []
        for name, kind, nullable in columns:
            if name == "state":
                values.append("3")  # done, of jobs and of transactions alike
            elif name == "delivered_us":
                values.append("0")  # nobody came
            elif name.endswith("_us"):
                values.append(str(now))
            elif kind == "binary" and nullable == "NO":
                values.append("UNHEX(MD5('seed'))" if "hash" not in name else "UNHEX(SHA2('seed', 256))")
            elif nullable == "YES":
                values.append("NULL")
            else:
                values.append("1" if "int" in kind else "'{}'")
        sql(f"SET foreign_key_checks = 0; INSERT INTO {table} ({', '.join(c[0] for c in columns)}) VALUES ({', '.join(values)})")


def chatter():
    acme_chatter()
    for _ in range(3):
        ask("POST", "/session", {"username": "nobody", "password": "wrong password"}, status=(401, 429))
    ask("POST", "/session", {"username": os.environ["GATEHOUSE_USER"], "password": os.environ["GATEHOUSE_PASSWORD"]})
    standing = ask("GET", "/notices")
    ask("PUT", "/notices", {"version": standing["version"], "reports": [
        {"id": "all", "every": "month", "keepDays": 30, "to": [to("issued")]}]})
    ask("POST", "/notices/reports/all/send")
    seed()
    before = counts(CHATTER)
    assert all(before.values()), before
    with open("before.json", "w", encoding="ascii") as file:
        json.dump({"chatter": before, "kept": counts(KEPT)}, file)
    move_clock(366 * DAY)


def later():
    with open("before.json", encoding="ascii") as file:
        before = json.load(file)
    left = {}

    def gone():
        left.clear()
        left.update({table: count for table, count in counts(CHATTER).items() if count >= before["chatter"][table]})
        return not left
    try:
        wait_for(gone, 100)
    except AssertionError as error:
        raise AssertionError(f"still there after a year: {left}") from error
    rest = {table: count for table, count in counts(CHATTER).items() if count}
    after = counts(KEPT)
    assert all(after[table] >= count for table, count in before["kept"].items()), (before["kept"], after)
    assert ask("GET", "/acme/orders")["items"] == [], "dead orders are left"
    shown(f"a year later {sum(before['chatter'].values())} rows of {len(CHATTER)} tables of chatter are gone (of new traffic "
          f"{rest}); certificates, revocations, requests and events all stay")
    found = re.search(r"(\d+)", str(ask("GET", "/events?code=certificate.revoked")["items"][0]["at"]))
    assert found


{"notices": notices, "chatter": chatter, "later": later}[sys.argv[1]]()
