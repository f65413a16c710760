"""What a policy says, clause by clause, each by a policy of its own: acme_policies.py NAME ARGUMENT..., see
acme-protocol.sh and acme-dns-options.sh."""

import datetime
import json
import sys
import time

from cryptography import x509

from acme_client import Client, b64, make_csr
from acme_rules import ADMIN, API, account, refused
from acme_scenarios import CA, Responses, challenge, expect, finish, serve, shown, wait

NOW = int(time.time())


class Policies:
    def __init__(self, directory, template):
        self.directory, self.template = directory, template
        self.asker = Client(directory, CA)

    def bound(self, name, document):
        """KID and key of a binding of a new policy, any number of uses."""
        def made(path, body):
            answer = self.asker.raw("POST", API + "/acme/policies" + path, json.dumps(body), ADMIN)
            expect(name, answer.status, 201)
            return answer.json
        policy = made("", {"name": name, "document": {"templates": [self.template], **document}})
        binding = made(f"/{policy['id']}/bindings", {"name": name, "uses": 0})
        return self.directory, binding["kid"], binding["hmacKey"]


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def about(what, text, hours):
    at = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()
    assert abs(at - time.time() - hours * 3600) < 120, (what, text, hours)


def limited(what, answer):
    refused(what, answer, 429, "rateLimited")
    assert int(answer.headers["Retry-After"]) > 0, answer


def issued(client, name, **more):
    """The certificate of an order that needs no challenge."""
    answer = client.order([name], **more)
    expect(name, (answer.status, answer.json["status"]), (201, "ready"))
    return finish(client, answer, [name])[0][0]


def limits(directory, template):
    policies = Policies(directory, template)
    approved = {"preapproved": ["**.example.test"]}
    bound = policies.bound("Weekly", {**approved, "limits": {"ordersPerIdentifierPerWeek": 2}})
    one, other = account(*bound), account(*bound)
    for client in (one, other):
        expect("order", client.order(["w.example.test"]).status, 201)
    answer = other.order(["free.example.test", "w.example.test"])
    limited("the name a third time", answer)
    assert "w.example.test" in answer.json["detail"], answer
    expect("another name", one.order(["v.example.test"]).status, 201)
    expect("what was refused did not count", other.order(["free.example.test"]).status, 201)
    bound = policies.bound("Hourly", {**approved, "limits": {"policyOrdersPerHour": 2, "accounts": 2}})
    one, other = account(*bound), account(*bound)
    third = Client(directory, CA)
    limited("a third account", third.register(*bound[1:]))
    for client in (one, other):
        expect("order", client.order(["h.example.test"]).status, 201)
    limited("the policy's third", one.order(["i.example.test"]))
    expect("one goes", one.post(one.kid, {"status": "deactivated"}).status, 200)
    expect("and makes room", third.register(*bound[1:]).status, 201)
    client = account(*policies.bound("Few", {**approved, "limits": {"identifiersPerOrder": 2}}))
    expect("two names", client.order(["a.example.test", "b.example.test"]).status, 201)
    refused("three", client.order([f"{one}.example.test" for one in "abc"]), 400, "malformed")
    shown("limits by identifier over accounts, by policy, of accounts and of names in an order, each as its policy says")


def lifetimes(directory, template):
    policies = Policies(directory, template)
    hours = {"lifetimes": {"orderHours": 2, "pendingHours": 3, "authorizationHours": 4}}
    client = account(*policies.bound("Lifetimes", {"preapproved": ["ok.example.test"], **hours}))
    for name, life in (("ok.example.test", 4), ("ask.example.test", 3)):
        order = client.order([name]).json
        about("order", order["expires"], 2)
        about(name, client.post(order["authorizations"][0]).json["expires"], life)
    start, end = NOW + 3600, NOW + 3600 + 6 * 86400
    certificate = issued(client, "ok.example.test", notBefore=stamp(start), notAfter=stamp(end))
    expect("as ordered", (stamp(start), stamp(end)), tuple(
        one.strftime("%Y-%m-%dT%H:%M:%SZ") for one in (certificate.not_valid_before, certificate.not_valid_after)))
    certificate = issued(client, "ok.example.test", notAfter=stamp(NOW + 1800))
    expect("half an hour", certificate.not_valid_after.strftime("%Y-%m-%dT%H:%M:%SZ"), stamp(NOW + 1800))
    for when in ({"notAfter": stamp(NOW + 4000 * 86400)}, {"notBefore": stamp(end), "notAfter": stamp(start)}):
        refused("no such life", client.order(["ok.example.test"], **when), 400, "malformed")
    shown("lifetimes of orders and authorizations; notBefore and notAfter as ordered, down to half an hour (rfc8555#7.1.3)")


def names(directory, template):
    policies = Policies(directory, template)
    client = account(*policies.bound("Bare names", {"preapproved": ["*"], "bareNames": True}))
    for name in ("printer", "printer.corp", "www.site.internal"):
        found = issued(client, name).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        expect(name, found.get_values_for_type(x509.DNSName), [name])
    client = account(*policies.bound("No bare names", {"preapproved": ["*"], "bareNames": False, "wildcards": False}))
    refused("a bare name", client.order(["printer"]), 403, "rejectedIdentifier")
    refused("a wildcard", client.order(["*.site.internal"]), 403, "rejectedIdentifier")
    expect("with a dot", client.order(["printer.corp"]).status, 201)
    client = account(*policies.bound("Ranges", {"identifiers": ["10.1.0.0/16", "fd00::/8"], "preapproved": ["10.1.2.0/24"]}))
    issued(client, "10.1.2.3")
    expect("to be proved", client.order(["fd00::7"]).json["status"], "pending")
    refused("out of range", client.order(["10.2.0.1"]), 403, "rejectedIdentifier")
    shown("bare host names, private TLDs, wildcards and address ranges, as the policy allows them")


def families(directory, template, dns_port, port):
    """six.example.test is ::1 and 127.0.0.1."""
    asked = []

    class Six(Responses):
        def do_GET(self):
            asked.append(self.server.server_address[0])
            return super().do_GET()
    client = account(*Policies(directory, template).bound("Families", {
        "dns": {"resolvers": [f"127.0.0.1@{dns_port}"]}, "validation": {"httpPort": int(port), "reach": "anywhere"}}))

    def proved(wanted):
        order = client.order(["six.example.test"])
        authz = order.json["authorizations"][0]
        one = challenge(client, client.post(authz).json, "http-01")
        Responses.answers[one["token"]] = client.key_authorization(one["token"])
        asked.clear()
        expect("answer", client.post(one["url"], {}).status, 200)
        expect("proved", wait(client, authz, ("valid", "invalid")).json["status"], "valid")
        expect("where", asked, wanted)
        expect("again next time", client.post(authz, {"status": "deactivated"}).status, 200)
    four = serve(int(port))
    four.RequestHandlerClass = Six
    proved(["127.0.0.1"])
    shown("IPv6 first: where nobody answers there, IPv4 is asked (rfc8555#8.3)")
    try:
        six = serve(int(port), "::1")
    except OSError:  # a machine without IPv6
        return
    six.RequestHandlerClass = Six
    proved(["::1"])
    shown("IPv6 first: where it answers, IPv4 is not asked")


def resolution(directory, template, port, signed, forged, anchor, root):
    """Name servers: of a signed zone, of the same with another address of moved.test, and a root of one's own."""
    policies = Policies(directory, template)
    serve(int(port))

    def looked_up(what, host, dns):
        client = account(*policies.bound(what, {"challenges": ["http-01"], "dns": dns, "validation": {
            "attempts": 1, "httpPort": int(port), "reach": "anywhere"}}))
        authz = client.order([host]).json["authorizations"][0]
        one = challenge(client, client.post(authz).json, "http-01")
        Responses.answers[one["token"]] = client.key_authorization(one["token"])
        expect("answer", client.post(one["url"], {}).status, 200)
        return wait(client, authz, ("valid", "invalid")).json
    dnssec = {"dnssec": True, "trustAnchor": anchor}
    expect("signed", looked_up("Signed", "good.test", {"resolvers": [signed], **dnssec})["status"], "valid")
    expect("its neighbour", looked_up("Neighbour", "good.test", {"resolvers": [forged], **dnssec})["status"], "valid")
    expect("not asked for", looked_up("Unsigned", "moved.test", {"resolvers": [forged]})["status"], "valid")
    answer = looked_up("Forged", "moved.test", {"resolvers": [forged], **dnssec})
    error = answer["challenges"][0]["error"]
    expect("forged", (answer["status"], error["type"].rsplit(":", 1)[1]), ("invalid", "dns"))
    assert "DNSSEC" in error["detail"], error
    shown("DNSSEC: an address whose signature is wrong is not dialled, and the client reads why; the zone's others are")
    expect("by roots", looked_up("Roots", "www.split", {"roots": [root]})["status"], "valid")
    host, number = root.split("@")
    expect("by roots and port", looked_up("Port", "www.split", {"roots": [host], "port": int(number)})["status"], "valid")
    expect("not theirs", looked_up("None", "www.nowhere", {"roots": [root]})["status"], "invalid")
    shown("a network of its own: names are resolved from its own root servers, at its own port")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
