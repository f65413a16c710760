# A real mail server, and what the notices that came to it say. Sourced after lib.sh; in $work.
# shellcheck shell=bash disable=SC2154

start_mailbox() {
    mkdir mails
    /usr/bin/python3 "$interop_root/tests/lib/smtp_server.py" mails >smtp.log 2>&1 &
    other_pids+=($!)
    within 20 test -s mails/port || die "no mail server: $(cat smtp.log)"
    rest PUT mail/settings "{\"server\":\"127.0.0.1\",\"port\":$(cat mails/port),\"security\":\"none\",\"from\":\"pki@example.test\"}" >/dev/null
}

# Each notice as a line, behind the address that it came to.
mails_say() {
    /usr/bin/python3 - mails/*.eml <<'PYTHON'
import email, email.policy, sys
for name in sys.argv[1:]:
    with open(name, "rb") as file:
        mail = email.message_from_binary_file(file, policy=email.policy.default)
    for line in mail.get_body(("plain",)).get_content().splitlines():
        if line.startswith("* "):
            print(mail["To"], line)
PYTHON
}

# told PATTERN: the rules are looked at, and a notice has come that says so; all of them are in "said".
told() {
    rest_status POST notices/run >/dev/null
    : >said
    [ ! -e mails/1.eml ] || mails_say >said
    grep -q "$1" said
}
