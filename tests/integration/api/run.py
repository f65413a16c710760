"""Drives a live gateway through its whole REST API (environment: see tests/lib/gateway.sh)."""

import os
import subprocess
import sys
import time
import urllib.parse

import hostile
import scenario
import strangers
from client import Client, Gateway


def other_organisation():
    """A second organisation. There is no route that makes one yet, so it comes by SQL."""
    url = urllib.parse.urlsplit(os.environ["GATEHOUSE_DB"])
    socket = urllib.parse.parse_qs(url.query)["socket"][0]
    sql = ("INSERT INTO organisation (id, slug, name, created_us) "
           "VALUES (UNHEX('01930000000070008000000000000001'), 'elsewhere', 'Elsewhere', 1)")
    subprocess.run(["mariadb", "--no-defaults", f"--socket={socket}", f"--user={url.username}",
                    f"--password={urllib.parse.unquote(url.password)}", url.path.lstrip("/"), "--execute", sql],
                   check=True)
    return "elsewhere"


def check_coverage(gateway):
    missing = [f"{method} {path}" for method, _, path, _ in gateway.document.operations
               if (method, path) not in gateway.succeeded]
    assert not missing, f"never seen to work: {missing}"


def main():
    started = time.monotonic()
    gateway = Gateway()
    token = os.environ["GATEHOUSE_TOKEN"]
    admin = Client(gateway, token=token)
    gateway.document.check_itself()
    print(f"document: {len(gateway.document.operations)} operations, consistent")
    made = scenario.run(gateway, admin)
    check_coverage(gateway)
    print("scenario: every operation has worked, every answer is as documented")
    strangers.run(gateway, admin, made, other_organisation())
    print("strangers: nobody, no roles, another organisation, each role at its border")
    hostile.run(gateway, admin, made, token)
    print("hostile: 4xx problems alone, nothing changed")
    print(f"ok: {gateway.requests} requests in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    main()
