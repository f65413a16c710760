"""Drives a live gateway through its whole REST API (environment: see tests/lib/gateway.sh)."""

import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse

import access
import agents
import audit
import factors
import connections
import credentials
import authorities
import decisions
import extremes
import templates
import token_keys
import acme
import hostile
import identity
import inspecting
import keys
import scenario
import scep
import validators
import limits
import logs
import mail
import notices
import oddities
import openid
import organisations
import own_tls
import public_pages
import related
import retention
import revocations
import strangers
import weaknesses
from client import Client, Gateway

HERE = os.path.dirname(os.path.abspath(__file__))


def check_coverage(gateway):
    missing = [f"{method} {path}" for method, _, path, _ in gateway.document.operations
               if (method, path) not in gateway.succeeded]
    assert not missing, f"never seen to work: {missing}"


def check_guide():
    """The commands of docs/rest.md as they stand there, on this gateway."""
    with open(os.path.join(HERE, "../../../docs/rest.md"), encoding="utf-8") as file:
        commands = re.search(r"```sh\n(.*?)```", file.read(), re.DOTALL)[1]
    address = urllib.parse.urlsplit(os.environ["GATEHOUSE_URL"]).netloc
    assert "localhost:8443" in commands
    with tempfile.TemporaryDirectory(prefix="gatehouse-guide.") as directory:
        os.mkdir(os.path.join(directory, "var"))
        os.symlink(os.path.join(os.environ["GATEHOUSE_DIR"], "first-login.txt"),
                   os.path.join(directory, "var/first-login.txt"))
        script = "set -euo pipefail\n" + commands.replace("curl ", "curl --fail-with-body ")
        result = subprocess.run(["bash", "-c", script.replace("localhost:8443", address)], cwd=directory,
                                capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "www.chain.pem: OK" in result.stdout and '"state":"revoked"' in result.stdout, result.stdout


def check_plain_http():
    """The API is not on plain HTTP: secrets would travel."""
    url = urllib.parse.urlsplit(os.environ["GATEHOUSE_HTTP_URL"])
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    connection.request("GET", "/api/v1/cas", headers={"Authorization": "Bearer " + os.environ["GATEHOUSE_TOKEN"]})
    answer = connection.getresponse()
    assert answer.status == 404 and json.loads(answer.read())["type"] == "/problems/other-listener"
    connection.close()


def run_whole(gateway, admin, token, seconds):
    """The scenario through every operation, strangers, broken requests, and the guide."""
    made = scenario.run(gateway, admin)
    for module in (credentials, authorities, templates, related, retention, scep, validators, mail,
                   notices, public_pages, acme, access):
        module.run(gateway, admin, made)
    for module in (decisions, revocations, inspecting, oddities, extremes):
        module.run(gateway, admin, made)
    for module in (factors, identity, openid, logs, audit):
        module.run(gateway, admin)
    for module in (limits, keys, token_keys, agents, weaknesses, own_tls):
        module.run(gateway, admin, made)
    for module in (organisations, connections):
        module.run(gateway, admin, made)
    check_coverage(gateway)
    print(f"scenario: every operation has worked, every answer is as documented ({seconds():.0f} s)")
    strangers.run(gateway, admin, made, admin.post("/organisations", {"id": "elsewhere", "name": "Elsewhere"}, 201)["id"])
    print(f"strangers: nobody, no roles, another organisation, each role at its border ({seconds():.0f} s)")
    hostile.run(gateway, admin, made, token)
    print(f"hostile: 4xx problems alone, nothing changed ({seconds():.0f} s)")
    check_plain_http()
    check_guide()
    print("guide: the commands of docs/rest.md do what it says")


def run_fields(gateway, admin):
    """Each field of each body with values it was not made for."""
    made = scenario.run(gateway, admin)
    for module in (credentials, authorities, scep, validators, acme, agents):
        module.run(gateway, admin, made)
    hostile.run_fields(gateway, admin, made)


def main():
    started = time.monotonic()

    def seconds():
        return time.monotonic() - started

    gateway = Gateway()
    token = os.environ["GATEHOUSE_TOKEN"]
    admin = Client(gateway, token=token)
    gateway.document.check_itself()
    print(f"document: {len(gateway.document.operations)} operations, consistent")
    part = sys.argv[1] if len(sys.argv) > 1 else "whole"
    if part == "whole":
        run_whole(gateway, admin, token, seconds)
    elif part == "fields":
        run_fields(gateway, admin)
    else:
        sys.exit("usage: run.py [whole|fields]")
    print(f"ok: {gateway.requests} requests in {seconds():.0f} s")


if __name__ == "__main__":
    main()
