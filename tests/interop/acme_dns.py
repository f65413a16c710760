"""dns-account-01, dns-persist-01 and CAA against a real name server: acme_dns.py DIRECTORY KID HMAC KIND. Records
are put by nsupdate, whose command line is in NSUPDATE."""

import base64
import hashlib
import os
import shlex
import subprocess
import sys
import time

from acme_client import Client, b64, make_csr
from acme_scenarios import CA, expect, shown, wait


def update(*lines):
    text = "\n".join(lines + ("send", ""))
    subprocess.run(shlex.split(os.environ["NSUPDATE"]), input=text.encode(), check=True)


def challenge(client, names, kind):
    order = client.order(names)
    expect("order", order.status, 201)
    authz = order.json["authorizations"][0]
    one = [one for one in client.post(authz).json["challenges"] if one["type"] == kind][0]
    return order, authz, one


def outcome(client, authz, one):
    expect("answer", client.post(one["url"], {}).status, 200)
    return wait(client, authz, ("valid", "invalid")).json


def account(client):
    order, authz, one = challenge(client, ["*.acct.example.test"], "dns-account-01")
    label = base64.b32encode(hashlib.sha256(client.kid.encode()).digest()[:10]).decode().lower()
    value = b64(hashlib.sha256(client.key_authorization(one["token"]).encode()).digest())
    update(f'update add _acme-challenge.acct.example.test. 1 TXT "{value}"')
    expect("a record without the account's label", outcome(client, authz, one)["status"], "invalid")
    order, authz, one = challenge(client, ["*.acct.example.test"], "dns-account-01")
    value = b64(hashlib.sha256(client.key_authorization(one["token"]).encode()).digest())
    update(f'update add _{label}._acme-challenge.acct.example.test. 1 TXT "{value}"')
    expect("dns-account-01", outcome(client, authz, one)["status"], "valid")
    answer = client.post(order.json["finalize"], {"csr": b64(make_csr(["*.acct.example.test"]))})
    expect("finalize", answer.json["status"], "valid")
    shown("dns-account-01: a wildcard by a record under the account's own label, and not by the common one")


def persist(client):
    name = "keep.example.test"

    def attempt(record, names=(name,)):
        update(f"update delete _validation-persist.{name}. TXT",
               f'update add _validation-persist.{name}. 1 TXT "{record}"')
        order, authz, one = challenge(client, list(names), "dns-persist-01")
        assert "token" not in one and one["issuer-domain-names"] == ["ca.example.test"], one
        expect("accounturi", one["accounturi"], client.kid)
        return outcome(client, authz, one), order
    for record, words in [
            ("other.example; accounturi=" + client.kid, "another CA"),
            ("ca.example.test", "no account"),
            ("ca.example.test; accounturi=https://other.example/1", "another one"),
            (f"ca.example.test; accounturi={client.kid}; accounturi={client.kid}", "malformed"),
            (f"ca.example.test; accounturi={client.kid}; persistUntil={int(time.time()) - 10}", "persistUntil"),
            (f"ca.example.test; accounturi={client.kid}; persistUntil=soon", "persistUntil")]:
        result, _ = attempt(record)
        assert result["status"] == "invalid" and words in result["challenges"][0]["error"]["detail"], (record, result)
    result, _ = attempt(f"ca.example.test; accounturi={client.kid}", ["*." + name])
    assert "policy=wildcard" in result["challenges"][0]["error"]["detail"], result
    shown("dns-persist-01: another CA, another account, twice, over, malformed, no wildcard: refused with the reason")
    record = f"CA.example.test; accounturi={client.kid}; policy=Wildcard; persistUntil={int(time.time()) + 600}; x=y"
    for names in ([name], ["*." + name]):
        result, order = attempt(record, names)
        expect("dns-persist-01", result["status"], "valid")
        answer = client.post(order.json["finalize"], {"csr": b64(make_csr(names))})
        expect("finalize", answer.json["status"], "valid")
    shown("dns-persist-01: a name and its wildcard by one record that stays")


def caa(client):
    def issue(name, wanted, *records):
        bare = name.removeprefix("*.")
        update(f"update delete {bare}. CAA", *[f"update add {bare}. 1 CAA {one}" for one in records])
        order = client.order([name])
        expect("preapproved", order.json["status"], "ready")
        answer = client.post(order.json["finalize"], {"csr": b64(make_csr([name]))})
        got = answer.problem if answer.status >= 400 else answer.json["status"]
        expect(f"{name} {records} {answer}", got, wanted)
    issue("a.caa.example.test", "valid")
    issue("a.caa.example.test", "valid", '0 issue "ca.example.test"')
    issue("a.caa.example.test", "valid", '0 issue "other.example"', '0 issue " CA.Example.Test "')
    issue("a.caa.example.test", "caa", '0 issue "other.example"')
    issue("a.caa.example.test", "caa", '0 issue ";"')
    issue("a.caa.example.test", "valid", '0 iodef "mailto:a@example.test"')
    issue("a.caa.example.test", "valid", '0 future "x"')
    issue("a.caa.example.test", "caa", '128 future "x"')
    shown("CAA (rfc8659) in BIND: named, another, nobody, unknown tags, critical ones")
    issue("a.caa.example.test", "valid", '0 issue "ca.example.test"', '0 issuewild ";"')
    issue("*.caa2.example.test", "caa", '0 issue "ca.example.test"', '0 issuewild ";"')
    issue("*.caa2.example.test", "valid", '0 issue "other.example"', '0 issuewild "ca.example.test"')
    issue("*.caa2.example.test", "valid", '0 issue "ca.example.test"')
    shown("CAA: issuewild counts for wildcards alone, issue where there is none")
    update('update add caa3.example.test. 1 CAA 0 issue "other.example"')
    issue("x.y.caa3.example.test", "caa")
    issue("x.y.caa3.example.test", "valid", '0 issue "ca.example.test"')
    shown("CAA: the closest name that has records decides")
    issue("a.caa.example.test", "valid", f'0 issue "ca.example.test; accounturi={client.kid}"')
    issue("a.caa.example.test", "caa", '0 issue "ca.example.test; accounturi=https://other.example/1"')
    shown("CAA: accounturi (rfc8657)")
    methods(client, issue)


def methods(client, issue):
    def proved(name, wanted, *listed):
        update(*[f'update add {name}. 1 CAA 0 issue "ca.example.test; validationmethods={one}"' for one in listed])
        order, authz, one = challenge(client, [name], "dns-01")
        value = b64(hashlib.sha256(client.key_authorization(one["token"]).encode()).digest())
        update(f'update add _acme-challenge.{name}. 1 TXT "{value}"')
        expect("dns-01", outcome(client, authz, one)["status"], "valid")
        answer = client.post(order.json["finalize"], {"csr": b64(make_csr([name]))})
        expect(f"{name} {listed}", answer.problem if answer.status >= 400 else answer.json["status"], wanted)
    proved("m1.proved.example.test", "valid", "dns-01")
    proved("m2.proved.example.test", "valid", "http-01,dns-01")
    proved("m3.proved.example.test", "caa", "http-01")
    proved("m4.proved.example.test", "valid", "http-01", "dns-01")
    proved("m5.proved.example.test", "caa", "dns-01x")
    issue("b.caa.example.test", "caa", '0 issue "ca.example.test; validationmethods=dns-01"')
    shown("CAA: validationmethods (rfc8657) by the challenge that succeeded; who is approved ahead fits no list")


def main(directory, kid, secret, kind):
    client = Client(directory, CA)
    expect("account", client.register(kid, secret).status, 201)
    {"account": account, "persist": persist, "caa": caa}[kind](client)


main(*sys.argv[1:])
