"""What programs may ask for: requests a second and certificates a day of a token; 429 says when to come again."""

import time

from client import Client, make_csr


def run(gateway, admin, made):
    for bad in ({"requestsPerSecond": 0}, {"certificatesPerDay": -1}, {"requestsPerSecond": 1.5}, {"certificatesPerDay": "2"}):
        admin.post("/session/tokens", {"label": "x", **bad}, 400)
    token = admin.post("/session/tokens", {"label": "slow", "requestsPerSecond": 3}, 201)
    assert token["limits"] == {"roles": [], "cas": [], "requestsPerSecond": 3}
    slow = Client(gateway, token=token["token"])
    answers = [slow.raw("GET", "/roles") for _ in range(8)]
    refused = [answer for answer in answers if answer.status == 429]
    assert 3 <= sum(answer.status == 200 for answer in answers) <= 6 and refused, [answer.status for answer in answers]
    assert refused[0].headers["Retry-After"] == "1" and b"/problems/rate-limit" in refused[0].body
    time.sleep(1.1)
    slow.get("/roles")
    slow.post("/session/tokens", {"label": "faster"}, 403, problem="limited-token")  # not by making another
    admin.get("/roles")
    token = admin.post("/session/tokens", {"label": "few", "certificatesPerDay": 2}, 201)
    few = Client(gateway, token=token["token"])
    body = {"csr": make_csr("few.example").decode(), "issue": True}
    before = admin.get("/certificates/count")["count"]
    for _ in range(2):
        few.post(f"/templates/{made['template']}/requests", body, 201)
    answer = few.post(f"/templates/{made['template']}/requests", body, 429, problem="daily-limit")
    assert 0 < int(answer.headers["Retry-After"]) <= 86400
    assert admin.get("/certificates/count")["count"] == before + 2
    few.get("/roles")
    admin.post(f"/templates/{made['template']}/requests", body, 201)
    for item in (token,):
        admin.delete("/session/tokens/" + item["id"])
