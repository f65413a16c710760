"""The stable problem types: what the sources raise, gateway/api/openapi/problems.json lists and
docs/rest.md shows must be the same.

    problem_types.py check
    problem_types.py write     writes the table of docs/rest.md from problems.json
    problem_types.py missing   prints what the sources raise and the list lacks
"""

import glob
import json
import os
import re
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
LIST = os.path.join(ROOT, "gateway/api/openapi/problems.json")
DOCS = os.path.join(ROOT, "docs/rest.md")
BEGIN, END = "<!-- problem types: begin -->\n", "<!-- problem types: end -->\n"

STATUS = {
    "MALFORMED": 400, "UNAUTHENTICATED": 401, "FORBIDDEN": 403, "NOT_FOUND": 404, "CONFLICT": 409,
    "TOO_LARGE": 413, "POLICY": 422, "TOO_MANY": 429, "INTERNAL": 500, "UNAVAILABLE": 503,
}
# Errors of starting up and of the command line, which no HTTP answer carries.
NOT_SERVED = ("gateway/commands/", "gateway/console/files.c", "gateway/base/options.c", "gateway/store/dump.c", "gateway/store/url.c",
              "gateway/store/migrate",
              "pkcs11/signer/main.c", "pkcs11/signer/init.c", "pkcs11/signer/ceremony.c", "pkcs11/signer/share.c",
              "pkcs11/signer/serve.c", "pkcs11/signer/token_init.c", "pkcs11/softtoken/", "pkcs11/wire/", "pkcs11/agent/",
              # Said on agents' connections alone.
              "gateway/agents/hub.c", "gateway/agents/hub_exchange.c", "gateway/agents/admit.c", "gateway/store/agents.c")
PASSED_ON = "pkcs11/agent/relay.c"  # what an agent refuses is told on
NOT_SERVED_TYPES = {"bad-address", "bad-option", "cannot-listen",
                    # Told by the store to its callers, which know what to do.
                    "acme-account-changed", "acme-nonce-used", "acme-replaced", "transaction-known"}
RAISE = re.compile(r'\bERROR_([A-Z_]+),\s*"([a-z0-9-]+)"')
REFUSE = re.compile(r'\brefuse\(err, "([a-z]+-[a-z-]+)",')  # gateway/http/framing.c


def sources():
    """type -> {status: [file, ...]}"""
    found = {}
    for path in glob.glob(os.path.join(ROOT, "gateway/**/*.c"), recursive=True) + \
            glob.glob(os.path.join(ROOT, "pkcs11/**/*.c"), recursive=True):
        name = os.path.relpath(path, ROOT)
        if name.startswith(NOT_SERVED) and name != PASSED_ON:
            continue
        with open(path, encoding="utf-8") as file:
            text = file.read()
        raised = RAISE.findall(text)
        if name == "gateway/http/framing.c":
            raised += [("MALFORMED", problem) for problem in REFUSE.findall(text)]
        for kind, problem in raised:
            if problem not in NOT_SERVED_TYPES:
                found.setdefault(problem, {}).setdefault(STATUS[kind], []).append(name)
    return found


def listed():
    with open(LIST, encoding="utf-8") as file:
        return json.load(file)


def table(problems):
    lines = ["| type `/problems/...` | status | meaning |\n", "|---|---|---|\n"]
    for name in sorted(problems):
        lines.append(f"| `{name}` | {problems[name]['status']} | {problems[name]['meaning']} |\n")
    return "".join(lines)


def split_docs():
    with open(DOCS, encoding="utf-8") as file:
        head, rest = file.read().split(BEGIN)
    return head, *rest.split(END)


def check():
    raised, problems = sources(), listed()
    errors = [f"{name} is raised in {', '.join(sum(where.values(), []))} and not in problems.json"
              for name, where in raised.items() if name not in problems]
    errors += [f"{name} is in problems.json and raised nowhere" for name in problems if name not in raised]
    for name, where in raised.items():
        statuses = problems.get(name, {}).get("status", "").split(", ")
        # The HTTP room answers some of its own with statuses that no kind of error has (405, 431 ...).
        own = all(path.startswith("gateway/http/") for path in sum(where.values(), []))
        if name in problems and not own and sorted(map(int, statuses)) != sorted(where):
            errors.append(f"{name}: status {problems[name]['status']} in problems.json, {sorted(where)} in the sources")
    if split_docs()[1] != table(problems):
        errors.append("the table in docs/rest.md is not that of problems.json; run problem_types.py write")
    for error in sorted(errors):
        print(error)
    print(f"{len(problems)} problem types, {len(errors)} errors")
    return 1 if errors else 0


def write():
    head, _, tail = split_docs()
    with open(DOCS, "w", encoding="utf-8") as file:
        file.write(head + BEGIN + table(listed()) + END + tail)
    return 0


def missing():
    problems = listed()
    for name, where in sorted(sources().items()):
        if name not in problems:
            print(name, sorted(where), *sorted(set(sum(where.values(), []))))
    return 0


if __name__ == "__main__":
    sys.exit({"check": check, "write": write, "missing": missing}[sys.argv[1]]())
