"""Inspecting, and the inventory of certificates."""

import base64

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


def run(gateway, admin, made):
    check_inspect(gateway, admin, made)
