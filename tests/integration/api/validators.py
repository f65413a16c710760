"""Validators: OCSP for a foreign authority, whose lists are pushed and refused."""

import datetime
import os
import tempfile

from client import openssl

CONFIG = """[ca]
default_ca = d
[d]
database = {0}/index.txt
crlnumber = {0}/number
certificate = {0}/ca.pem
private_key = {0}/ca.key
default_md = sha256
default_crl_days = 5
crl_extensions = c
[c]
authorityKeyIdentifier = keyid
[named]
authorityKeyIdentifier = keyid
issuingDistributionPoint = critical, @name
[name]
fullname = URI:http://foreign.test/2-0.crl
[some]
authorityKeyIdentifier = keyid
issuingDistributionPoint = critical, @users
[users]
fullname = URI:http://foreign.test/2-0.crl
onlyuser = TRUE
[ocsp]
extendedKeyUsage = OCSPSigning
[req]
distinguished_name = dn
[dn]
"""


def foreign(directory):
    def path(name):
        return os.path.join(directory, name)

    for name, text in (("conf", CONFIG.format(directory)), ("index.txt", ""), ("number", "0A")):
        with open(path(name), "w", encoding="ascii") as file:
            file.write(text)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", path("conf"),
            "-keyout", path("ca.key"), "-out", path("ca.pem"), "-subj", "/CN=Foreign", "-days", "9",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "subjectKeyIdentifier=hash")
    return path


def push(admin, path, body, status=200, problem=None):
    return admin.post(path, None, status, body=body, headers={"Content-Type": "application/pkix-crl"}, problem=problem)


def check_named(admin, one, path):
    """One of several lists says so by its name alone; what is revoked in another would be answered good."""
    named = openssl("ca", "-config", path("conf"), "-gencrl", "-batch", "-crlexts", "named")
    refused = push(admin, one + "/crl", named, 422, "list-refused")
    assert "names a distribution point" in refused["detail"] and "acceptNamedLists" in refused["detail"]
    settings = admin.get(one)["settings"]
    assert settings["acceptNamedLists"] is False
    assert admin.patch(one, {"settings": {**settings, "acceptNamedLists": True}})["settings"]["acceptNamedLists"] is True
    assert push(admin, one + "/crl", named)["crl"]["number"] == "0c"
    some = openssl("ca", "-config", path("conf"), "-gencrl", "-batch", "-crlexts", "some")
    assert "some certificates alone" in push(admin, one + "/crl", some, 422, "list-refused")["detail"]
    admin.patch(one, {"settings": settings})


def check_servers(admin, owner):
    path = owner + "/servers"
    assert admin.get(path).value == {"items": [], "version": 0}
    login = {"server": "ldaps://ldap.example:636", "username": "cn=pki,dc=example", "password": "four words of it"}
    kept = admin.put(path, {"items": [login], "version": 0})
    assert kept["items"][0]["hasPassword"] and kept["version"] == 1
    assert "four words" not in str(kept.value) + str(admin.get(path).value) + str(admin.get("/events?limit=20").value)
    admin.put(path, {"items": [], "version": 0}, 409, problem="changed-meanwhile")
    admin.put(path, {"items": []}, 400, problem="missing-field")
    admin.put(path, {"items": [{**login, "sealed": "x"}], "version": 1}, 400, problem="unknown-field")
    for wrong in ({"server": "ftp://x"}, {"server": "ldaps://ldap.example/dc=x"}, {"server": "http://ldap.example"},
                  {"username": "somebody else", "password": None}, {"username": None}, {"password": ""},
                  {"caCertificates": "x"}, {"username": "a\nb"}):
        admin.put(path, {"items": [{k: v for k, v in {**login, **wrong}.items() if v is not None}], "version": 1}, 422,
                  problem="bad-server")
    admin.put(path, {"items": [login, login], "version": 1}, 422, problem="bad-server")
    same = {"server": login["server"], "username": login["username"]}
    assert admin.put(path, {"items": [same], "version": 1})["items"][0]["hasPassword"]
    admin.put(path, {"items": [], "version": 2})


def run(_gateway, admin, made):
    with tempfile.TemporaryDirectory() as directory:
        path = foreign(directory)
        with open(path("ca.pem"), encoding="ascii") as file:
            certificate = file.read()
        order = {"name": "Foreign", "certificate": certificate}
        admin.post("/validators", {**order, "settings": {"sources": ["ftp://x/"]}}, 422, problem="validator-settings")
        admin.post("/validators", {**order, "settings": {"sources": ["ldap://x/"]}}, 422, problem="validator-settings")
        admin.post("/validators", {**order, "settings": {"colour": 1}}, 400, problem="unknown-field")
        admin.post("/validators", {**order, "name": ""}, 422, problem="bad-name")
        admin.post("/validators", {**order, "certificate": "x"}, 400)
        made_here = admin.post("/validators", order, 201)
        one = "/validators/" + made_here["id"]
        made["validator"] = made_here["id"]
        assert made_here["state"] == "waiting" and made_here["crl"] is None
        assert made_here["id"] in [v["id"] for v in admin.get("/validators")["items"]]

        csr = admin.raw("GET", one + "/csr")
        _ = admin.get(one + "/csr")
        with open(path("r.csr"), "wb") as file:
            file.write(csr.body)
        signed = openssl("x509", "-req", "-in", path("r.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-days", "4",
                         "-extfile", path("conf"), "-extensions", "ocsp").decode()
        plain = openssl("x509", "-req", "-in", path("r.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-days", "4").decode()
        for wrong in (plain, certificate):
            admin.post(one + "/certificate", {"certificate": wrong}, 422, problem="bad-responder")
        assert admin.post(one + "/certificate", {"certificate": signed})["state"] == "active"

        now = datetime.datetime.now(datetime.timezone.utc)
        dates = [(now + datetime.timedelta(days=d)).strftime("%Y%m%d%H%M%SZ") for d in (-10, 1)]
        late = openssl("x509", "-req", "-in", path("r.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-extfile", path("conf"),
                       "-extensions", "ocsp", "-not_before", dates[0], "-not_after", dates[1]).decode()

        first = openssl("ca", "-config", path("conf"), "-gencrl", "-batch")
        assert push(admin, one + "/crl", first)["crl"]["entries"] == 0
        second = openssl("ca", "-config", path("conf"), "-gencrl", "-batch")
        assert push(admin, one + "/crl", second)["crl"]["number"] == "0b"
        assert push(admin, one + "/crl", second)["crl"]["number"] == "0b"
        push(admin, one + "/crl", first, 422, "list-refused")
        check_named(admin, one, path)
        push(admin, one + "/crl", b"0\x03\x02\x01\x05", 400, "crl")
        text = {"Content-Type": "text/plain"}
        assert admin.post(one + "/issued", None, 400, body=b"01\n0a ff\n", headers=text)
        assert admin.post(one + "/issued", None, body=b"01\n0aff\n\n7\n", headers=text)["issued"]["entries"] == 3
        assert admin.post(one + "/fetch")["problem"] is None
        admin.post(one + "/certificate", {"certificate": late})
        assert admin.post(one + "/fetch")["problem"].startswith("validator.responder-ends")
        admin.post(one + "/certificate", {"certificate": signed})
        assert admin.post(one + "/fetch")["problem"] is None
        assert [e["code"] for e in admin.get("/events?code=validator.responder-ends")["items"]] == ["validator.responder-ends"]

        check_servers(admin, one)
        check_servers(admin, "/cas/" + made["issuing"])
        now = admin.get(one)
        changed = admin.patch(one, {"name": "Elsewhere", "settings": {"ocspHours": 2}, "version": now["version"]})
        assert changed["name"] == "Elsewhere" and changed["settings"]["ocspHours"] == 2
        admin.patch(one, {"name": "x", "version": now["version"]}, 409, problem="changed-meanwhile")
        admin.patch(one, {"settings": {"responder": "trusted"}}, 422, problem="validator-settings")
        trusted = admin.post("/validators", {**order, "keyType": "RSA-2048", "settings": {"responder": "trusted"}}, 201)
        assert trusted["state"] == "active"
        admin.delete("/validators/" + trusted["id"])
        admin.get("/validators/" + trusted["id"], 404)
