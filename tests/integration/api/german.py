"""What the server says in English and the pages say in German: every code of the server has its German words, and no words
are left of a code that is gone.

    german.py [ROOT]
"""

import glob
import json
import os
import re
import sys

ROOT = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "../../.."))
TEXTS = "admin-ui/console/src/texts"

# Told to devices and programs alone, and on the command line: no page meets them.
NO_PAGE = re.compile(r"^(cmp-(algorithm|header|proof|protection|request|transaction)|est-(binding|declined|decrypt-key|message|names|repeated)"
                     r"|scep-(address|algorithm|declined|envelope|message|recipient-key|renewal|signer|transaction|type)"
                     r"|ocsp-(request|signature|signature-needed)|other-issuer|crl-ended|tsa-(authenticode|rate)|timestamp-request"
                     r"|transaction-(busy|reused|too-long)|bad-(challenge|jws)|malformed-cmp|mdm-variable|unsupported-identifier"
                     r"|ambiguous-length|http-version|malformed-(header|path)|method-not-allowed|proxy-not-trusted|repeated-header"
                     r"|no-file|not-initialised|nothing-to-archive|write-failed)$")
# The browser's own.
OF_THE_PAGE = {"unreachable"}


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def keys(path, name):
    """The keys of `export const NAME ... = { ... };` """
    found = re.search(rf"export const {name}\b[^\n]*?= \{{(.*?)\}};", read(path), re.S)
    if found is None:
        sys.exit(f"{path} has no {name}")
    return set(re.findall(r"(?:^|[{,])\s*'?([\w.-]+?)'?: (?=['\[])", found.group(1), re.M))


def listed_problems():
    return set(json.loads(read("gateway/api/openapi/problems.json")))


def compare(what, server, pages, errors):
    errors += [f"{what}: {one} has no German words" for one in sorted(server - pages)]
    errors += [f"{what}: German words of {one}, which the server does not say" for one in sorted(pages - server)]
    if not server:
        errors.append(f"{what}: the server's list could not be read")
    return len(server)


def main():
    errors = []
    problems = listed_problems()
    gone = [one for one in sorted(problems) if NO_PAGE.match(one)]
    counts = {
        "problems": compare("problem types", {one for one in problems if not NO_PAGE.match(one)},
                            keys(f"{TEXTS}/problems-de.ts", "problems") - OF_THE_PAGE, errors),
        "warnings": compare("warnings of authorities",
                            set(re.findall(r'add\(ret, "([a-z0-9-]+)"', read("gateway/ca/authority_warnings.c"))),
                            keys(f"{TEXTS}/server-de.ts", "warnings"), errors),
        "sets": compare("sets of starters",
                        {json.loads(read(path))["id"] for path in glob.glob("gateway/template/starters/*.json", root_dir=ROOT)},
                        keys(f"{TEXTS}/server-de.ts", "sets"), errors),
        "mails": compare("kinds of mail", set(re.findall(r'^    \{"([a-z.]+)",', read("gateway/mail/catalogue.c"), re.M)),
                         keys(f"{TEXTS}/server-de.ts", "mails"), errors),
        "roles": compare("roles", set(re.findall(r'\[ROLE_\w+\] = \{"(\w+)"', read("gateway/ca/access.c"))),
                         keys(f"{TEXTS}/server-de.ts", "roles"), errors),
    }
    errors += [f"public pages: German words of {one}, which the server does not say"
               for one in sorted(keys("admin-ui/public/src/problems.ts", "problems") - problems)]
    for error in errors:
        print(error)
    print(", ".join(f"{count} {what}" for what, count in counts.items()), f"in German; {len(gone)} problem types meet no page;",
          f"{len(errors)} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
