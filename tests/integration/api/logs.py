"""The log over REST: levels for a while, lines as they come, and nobody who may not."""

import os
import subprocess
import threading
import time

from access import new_user
from client import Client


def check_levels(admin):
    before = admin.get("/log/levels")
    assert before["until"] is None and before["levels"] == before["configured"]
    for bad in ("loud", "http=", "=debug", "info,,", "debug," * 200):
        admin.put("/log/levels", {"levels": bad}, 422, problem="bad-setting")
    admin.put("/log/levels", {"levels": "debug", "minutes": 0}, 400)
    now = admin.put("/log/levels", {"levels": "warn,http=debug", "minutes": 5})
    assert now["levels"] == "warn,http=debug" and now["until"] and now["configured"] == before["configured"]
    assert admin.get("/events?code=log.levels-changed")["items"]
    return before["configured"]


def check_lines(gateway, admin):
    first = admin.get("/log/lines?limit=500")
    assert first["items"] and first["items"][-1]["number"] == first["next"]
    numbers = [item["number"] for item in first["items"]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(admin.get("/log/lines?limit=3")["items"]) == 3
    # Nothing comes: the answer waits as long as was asked, and a line that comes is told at once.
    admin.put("/log/levels", {"levels": "error"})
    last = admin.get("/log/lines?limit=1")["next"]
    began = time.monotonic()
    assert admin.get(f"/log/lines?after={last}&wait=1")["items"] == [] and time.monotonic() - began >= 0.9
    other = Client(type(gateway)(), token=os.environ["GATEHOUSE_TOKEN"])
    timer = threading.Timer(0.5, lambda: other.put("/log/levels", {"levels": "warn,http=debug,logs=info"}))
    timer.start()
    began = time.monotonic()
    lines = admin.get(f"/log/lines?after={last}&wait=20")
    timer.join()
    assert lines["items"] and time.monotonic() - began < 10 and "levels: warn,http=debug" in lines["items"][0]["line"], lines.value
    admin.get("/roles")
    assert any("GET /api/v1/roles 200" in item["line"] for item in admin.get(f"/log/lines?after={last}")["items"])
    # Who follows the log is in it at debug alone: else each look would be the line that the next one returns at once.
    admin.put("/log/levels", {"levels": "info"})
    last = admin.get("/log/lines?limit=1")["next"]
    admin.get(f"/log/lines?after={last}&limit=1")
    admin.get("/roles")
    told = [item["line"] for item in admin.get(f"/log/lines?after={last}")["items"]]
    assert any("GET /api/v1/roles 200" in line for line in told) and not any("/log/lines" in line for line in told), told
    assert os.environ["GATEHOUSE_TOKEN"] not in str(admin.get("/log/lines?limit=500").value)
    for bad in ("after=x", "wait=26", "limit=0", "limit=501", "after=-1", "more=1"):
        admin.get("/log/lines?" + bad, 400)


def check_command(configured):
    program = os.path.join(os.environ["GATEHOUSE_BIN"], "gatehouse")
    shown = subprocess.run([program, "log", "level", "info,jobs=debug", "--minutes", "3"], capture_output=True, text=True, check=True)
    assert '"levels":"info,jobs=debug"' in shown.stdout, shown
    with subprocess.Popen([program, "log", "tail"], stdout=subprocess.PIPE, text=True) as tail:
        assert "gatehouse/" in tail.stdout.readline()
        tail.terminate()
    shown = subprocess.run([program, "log", "level", ""], capture_output=True, text=True, check=True)
    assert f'"levels":"{configured}"' in shown.stdout and '"until":null' in shown.stdout, shown


def run(gateway, admin):
    configured = check_levels(admin)
    check_lines(gateway, admin)
    _, reader = new_user(gateway, admin, "log-reader", [{"role": "auditor", "scope": "instance"}])
    reader.get("/log/levels")
    reader.get("/log/lines", 403)
    reader.put("/log/levels", {"levels": "debug"}, 403)
    check_command(configured)
