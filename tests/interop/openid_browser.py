"""What a browser does at a log-in by OpenID Connect: openid_browser.py enter PROVIDER | leave COOKIE-FILE."""

import http.cookiejar
import json
import os
import re
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request

HOME = os.environ["GATEHOUSE_URL"]


class Stop(urllib.request.HTTPRedirectHandler):
    """Follows redirects within the provider; the one that leads home is the answer."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if newurl.startswith(HOME):
            raise Home(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Home(Exception):
    pass


def browser(jar):
    context = ssl.create_default_context(cafile=os.environ["GATEHOUSE_TLS_CERT"])
    context.load_verify_locations("id.pem")
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), Stop,
                                       urllib.request.HTTPCookieProcessor(jar))


def call(opener, method, path, document=None):
    request = urllib.request.Request(HOME + "/api/v1" + path, method=method,
                                     data=None if document is None else json.dumps(document).encode(),
                                     headers={"Content-Type": "application/json", "X-Gatehouse-CSRF": "1"})
    try:
        with opener.open(request, timeout=30) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as problem:
        return problem.code, json.loads(problem.read())


def visit(opener, url, data=None):
    try:
        with opener.open(url, data, timeout=30) as answer:
            return answer.geturl(), answer.read().decode()
    except Home as home:
        return str(home), ""


def enter(provider):
    jar = http.cookiejar.LWPCookieJar(f"{provider}.cookies")
    opener = browser(jar)
    status, begun = call(opener, "POST", "/session/openid", {"provider": provider})
    if status != 200:
        return status, begun
    back, page = visit(opener, begun["url"])
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))
    assert back.startswith(f"{HOME}/console/login/{provider}?") and "code" in query, (back, page[:500])
    answer = call(opener, "POST", "/session/openid/finish", {"provider": provider, "code": query["code"], "state": query["state"]})
    # The code is good once, also for somebody who begins anew with it.
    if answer[0] == 200 and os.environ.get("REPLAY"):
        other = browser(http.cookiejar.CookieJar())
        _, begun = call(other, "POST", "/session/openid", {"provider": provider})
        state = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(begun["url"]).query))["state"]
        answer = call(other, "POST", "/session/openid/finish", {"provider": provider, "code": query["code"], "state": state})
    jar.save(ignore_discard=True)
    return answer


def leave(provider):
    jar = http.cookiejar.LWPCookieJar(f"{provider}.cookies")
    jar.load(ignore_discard=True)
    opener = browser(jar)
    status, ended = call(opener, "DELETE", "/session")
    assert status == 200, (status, ended)
    _, page = visit(opener, ended["logoutUrl"])
    action = re.search(r'action="([^"]+)"', page)[1]
    xsrf = re.search(r'name="xsrf" value="([^"]+)"', page)[1]
    back, _ = visit(opener, action, urllib.parse.urlencode({"xsrf": xsrf, "logout": "yes"}).encode())
    return (200 if call(opener, "GET", "/session")[0] == 401 else 500), {"back": back}


result = {"enter": enter, "leave": leave}[sys.argv[1]](sys.argv[2])
print(json.dumps({"status": result[0], "answer": result[1]}))
