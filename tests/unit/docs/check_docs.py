"""docs/operations.md tells of every table by which rule it shrinks, and of every alert what to do.

    check_docs.py ROOT
"""

import glob
import os
import re
import sys


def section(text, heading):
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/operations.md has no section \"{heading}\""
    return found[1]


def rows(text):
    """The first cells of the tables' rows."""
    return [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ") and not line.startswith("|--")]


def tables(root):
    made = set()
    for path in glob.glob(os.path.join(root, "sql", "[0-9]*.sql")):
        with open(path, encoding="utf-8") as file:
            made |= set(re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", file.read()))
    return made


def differ(what, there, told):
    problems = [f"{what} {name} is missing in docs/operations.md" for name in sorted(there - told)]
    return problems + [f"{what} {name} of docs/operations.md does not exist" for name in sorted(told - there)]


def main():
    root = sys.argv[1]
    with open(os.path.join(root, "docs/operations.md"), encoding="utf-8") as file:
        guide = file.read()
    with open(os.path.join(root, "docs/monitoring/alerts.yml"), encoding="utf-8") as file:
        alerts = set(re.findall(r"alert: (\w+)", file.read()))
    growth = [name for cell in rows(section(guide, "What grows, and by which rule it goes"))[1:] for name in cell.split(", ")]
    told = {name for cell in rows(section(guide, "Metrics and alerts")) for name in cell.split(", ") if name.startswith("Gatehouse")}
    made = tables(root)
    assert len(made) > 50 and len(alerts) > 10, "the schema or the rules were not found"
    problems = differ("the table", made, set(growth)) + differ("the alert", alerts, told)
    problems += [f"the table {name} is told of twice" for name in sorted(set(growth)) if growth.count(name) > 1]
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(made)} tables and {len(alerts)} alerts are told of")


main()
