"""Asks a filled inventory (tests/bench/inventory) and prints medians: inventory.py ROWS CALLS CA"""

import base64
import http.client
import json
import os
import ssl
import statistics
import sys
import time
import urllib.parse

LIMIT_MS = 100
rows, calls = int(sys.argv[1]), int(sys.argv[2])
url = urllib.parse.urlsplit(os.environ["GATEHOUSE_URL"])
connection = http.client.HTTPSConnection(
    url.hostname, url.port, timeout=120, context=ssl.create_default_context(cafile=os.environ["GATEHOUSE_TLS_CERT"]))


def ask(query):
    began = time.monotonic()
    connection.request("GET", "/api/v1/certificates" + query,
                       headers={"Authorization": "Bearer " + os.environ["GATEHOUSE_TOKEN"]})
    answer = connection.getresponse()
    body = answer.read()
    took = (time.monotonic() - began) * 1000
    assert answer.status == 200, (query, body[:300])
    return took, json.loads(body)


def cursor(page, size=50):
    """Where that page begins: behind the last item of the one before it, newest first."""
    seq = rows - (page - 1) * size + 1
    value = bytes.fromhex(f"{1760000000000 + seq:012X}70008000{seq:012X}")
    return base64.urlsafe_b64encode(b"c" + value).decode().rstrip("=")


middle = rows // 2
CA, TEMPLATE = sys.argv[3], sys.argv[3] + "-web-server"
QUESTIONS = [  # what, query, has a limit
    ("first page of 50", "", True),
    ("page 10,000 of 50", "?cursor=" + cursor(min(10000, rows // 50)), True),
    ("name, whole", f"?name=host-{middle}.example.com", True),
    ("name, rare beginning", f"?namePrefix=host-{middle}.", True),
    ("name, frequent beginning", "?namePrefix=host-", True),
    ("name, rare end", f"?nameSuffix=-{middle}.example.com", True),
    ("name, frequent end", "?nameSuffix=.example.com", True),
    ("name, nowhere", "?name=nowhere.example.com", True),
    ("expiring in 30 days", "?expiresWithin=30", True),
    ("expiring in 30 days, one CA", f"?expiresWithin=30&ca={CA}", True),
    ("expiring in 30 days, frequent text", "?expiresWithin=30&q=example", True),
    ("expiring in 30 days, tag", "?expiresWithin=30&tag=web", True),
    ("valid, one CA", f"?state=valid&ca={CA}", True),
    ("valid, frequent text", "?state=valid&q=example", True),
    ("expired; the newest half million are valid", "?state=expired", True),
    ("revoked", "?state=revoked", True),
    ("revoked, of a key", "?state=revoked&keyType=P-256", True),
    ("revoked, frequent text", "?state=revoked&q=example", True),
    ("held (none is), of a template", f"?state=held&template={TEMPLATE}", True),
    ("held (none is), of a requester", "?state=held&requester=alice", True),
    ("by door", "?door=acme", True),
    ("by template, one CA", f"?template={TEMPLATE}&ca={CA}", True),
    ("of OCSP responders (one)", "?use=ocsp", True),
    ("of OCSP responders, valid", "?use=ocsp&state=valid", True),
    ("of OCSP responders, held", "?use=ocsp&state=held", True),
    ("by tag and owner", "?tag=web&owner=alice", True),
    ("ends first", "?sort=notAfter", True),
    ("ends last, valid", "?sort=-notAfter&state=valid", True),
    ("oldest", "?sort=createdAt", True),
    ("by door, ends first", "?door=acme&sort=notAfter", True),
    ("expiring in 30 days, ends first", "?expiresWithin=30&sort=notAfter", True),
    ("revoked, ends last", "?state=revoked&sort=-notAfter", False),
    ("part of a name, frequent, ends first", "?q=example&sort=notAfter", False),
    ("part of a name, frequent", "?q=example", True),
    ("part of a name, rare", f"?q=st-{middle}.", False),
    ("part of a name, rare, of a key", f"?q=st-{middle}.&keyType=P-256", False),
    ("count: all", "/count", False),
    ("count: valid", "/count?state=valid", False),
    ("count: expired", "/count?state=expired", False),
    ("count: revoked", "/count?state=revoked", False),
    ("count: valid of one CA, of people", f"/count?state=valid&use=end-entity&ca={CA}", False),
    ("count: expiring in 30 days", "/count?expiresWithin=30", False),
    ("count: frequent text", "/count?q=example", False),
]
# What the console asks: counted to five thousand.
QUESTIONS += [(f"count, bounded: {what}", "/count?most=5000" + query, True) for what, query in (
    ("all", ""), ("valid", "&state=valid"), ("expired", "&state=expired"), ("revoked", "&state=revoked"),
    ("held", "&state=held"), ("expiring in 30 days", "&expiresWithin=30"), ("frequent text", "&q=example"),
    ("valid, of one CA", f"&state=valid&ca={CA}"), ("of a template", f"&template={TEMPLATE}"), ("of a key type", "&keyType=P-256"),
    ("by door", "&door=acme"), ("of a requester", "&requester=alice"), ("frequent end of a name", "&nameSuffix=.example.com"),
    ("revoked, of a key type", "&state=revoked&keyType=P-256"), ("valid, of a requester", "&state=valid&requester=alice"),
    ("door, key and template", f"&door=acme&keyType=P-256&template={TEMPLATE}"),
    ("expiring, of a key type", "&expiresWithin=30&keyType=P-256"), ("expired, of a template", f"&state=expired&template={TEMPLATE}"),
    ("a rare key of a frequent requester", "&keyType=RSA-2048&requester=alice"), ("by tag and owner", "&tag=web&owner=alice"))]
QUESTIONS += [
    ("a rare key of a frequent requester", "?keyType=RSA-2048&requester=alice", True),
    ("a rare door, valid", "?door=scep&state=valid", True),
    ("count: of a template", f"/count?template={TEMPLATE}", False),
    ("count: of a key type, valid", "/count?keyType=P-256&state=valid", False),
]
slow = []
print(f"{'':44} {'median ms':>10} {'worst ms':>10} {'items':>6}")
for what, query, limited in QUESTIONS:
    times = []
    for _ in range(calls):
        took, answer = ask(query)
        times.append(took)
    median = statistics.median(times)
    count = len(answer["items"]) if "items" in answer else answer["count"]
    print(f"{what:44} {median:10.1f} {max(times):10.1f} {count:6}")
    if limited and median > LIMIT_MS:
        slow.append(what)
sys.exit(f"over {LIMIT_MS} ms: {', '.join(slow)}" if slow else 0)
