#!/bin/bash
# The audit trail where it goes to: rsyslog over TLS (RFC 5424, 5425), away for a while and behind a proxy; systemd's
# journal; an HTTP collector. Seals with RFC 3161 tokens, verified, exported, archived; and what the database account of
# `serve` cannot do.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

audit() { "$bin/gatehouse" audit "$@" --data "$instance/data" --db "$GATEHOUSE_DB"; }
stream() { rest GET audit/streams | jq -r ".items[] | select(.id == \"$1\") | .$2"; }

start_rsyslog() {
    cat >rsyslog.conf <<CONF
global(workDirectory="$work" defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="$work/ca.pem"
       defaultNetstreamDriverCertFile="$work/log.pem" defaultNetstreamDriverKeyFile="$work/log.key")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon" maxSessions="20")
input(type="imtcp" port="$syslog_port" address="127.0.0.1")
template(name="parsed" type="list" option.jsonf="on") {
    property(outname="app" name="app-name" format="jsonf")
    property(outname="id" name="msgid" format="jsonf")
    property(outname="data" name="structured-data" format="jsonf")
    property(outname="facility" name="syslogfacility-text" format="jsonf")
    property(outname="protocol" name="protocol-version" format="jsonf")
    property(outname="message" name="msg" format="jsonf")
}
action(type="omfile" file="$work/received" template="parsed")
CONF
    rsyslogd -n -C -f "$work/rsyslog.conf" -i "$work/rsyslog.pid" >>rsyslog.log 2>&1 &
    rsyslog_pid=$!
    other_pids+=("$rsyslog_pid")
    within 10 connects "$syslog_port" || die "rsyslog does not listen: $(cat rsyslog.log)"
}
connects() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

received() { [ -s received ] && jq -se --arg id "$1" --arg object "$2" 'any(.[]; .id == $id and (.data | contains($object)))' received >/dev/null 2>&1; }
# make_role SLUG: a change that is an event
make_role() { rest POST roles "{\"id\":\"$1\",\"name\":\"x\",\"permissions\":[\"cas:read\"]}" >/dev/null; }

by_syslog() {
    jq -n --rawfile ca ca.pem --argjson port "$syslog_port" \
        '{id: "siem", kind: "syslog", settings: {host: "localhost", port: $port, ca: $ca}}' >stream.json
    rest POST audit/streams @stream.json >/dev/null
    rest POST audit/streams/siem/test >/dev/null || die "the test event does not arrive"
    make_role first-role
    within 90 received role.created first-role ||
        die "rsyslog did not get the event: $(stream siem failure) $(tail -n 3 received) $(tail -n 3 rsyslog.log)"
    jq -se '[.[] | select(.id == "role.created") | .app == "gatehouse" and .protocol == "1" and .facility == "audit"] | length > 0 and all' received >/dev/null ||
        die "rsyslog reads it otherwise: $(tail -n1 received)"
    [ "$(jq -r 'select(.id == "role.created") | .message | ltrimstr("\ufeff") | ltrimstr(" ") | ltrimstr("\ufeff") | fromjson | .object' received | tail -n1)" = first-role ] ||
        die "the message is no JSON: $(tail -n1 received)"
    shown "rsyslog gets events over TLS, and reads them by RFC 5424"
}

nothing_is_lost() {
    local missing
    kill "$rsyslog_pid"
    within 10 gone "$rsyslog_pid" || die "rsyslog does not end"
    make_role while-away-1
    make_role while-away-2
    failed() { [ "$(stream siem failure)" != null ]; }
    within 90 failed || die "the failure is not told"
    note "told: $(stream siem failure)"
    start_rsyslog
    within 90 received role.created while-away-2 || die "what happened meanwhile did not come"
    received role.created while-away-1 || die "one event is missing"
    jq -r '.message | ltrimstr("\ufeff") | ltrimstr(" ") | ltrimstr("\ufeff") | fromjson | .id' received | sort -u >got
    rest GET "events?code=role.created" | jq -r '.items[].id' | sort -u >wanted
    missing=$(comm -13 got wanted | wc -l)
    [ "$missing" = 0 ] || die "$missing events are missing at rsyslog"
    shown "rsyslog was away: the failure is told, and every event comes afterwards"
}

not_trusted() {
    "$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other -days 2 \
        -keyout other.key -out other.pem 2>/dev/null
    jq --rawfile ca other.pem 'del(.id) | .settings.ca = $ca' stream.json >bad.json
    rest PUT audit/streams/siem @bad.json >/dev/null
    expect "the test of an untrusted receiver" "$(rest_status POST audit/streams/siem/test)" 503
    jq 'del(.id)' stream.json >good.json
    rest PUT audit/streams/siem @good.json >/dev/null
    shown "a receiver whose certificate is not trusted gets nothing"
}

by_journal() {
    if [ ! -S /run/systemd/journal/socket ]; then
        [ "$(id -u)" = 0 ] || die "there is no journal, and only root can start one"
        mkdir -p /run/systemd/journal
        /lib/systemd/systemd-journald >journald.log 2>&1 &
        other_pids+=("$!")
        within 20 test -S /run/systemd/journal/socket || die "journald does not start: $(cat journald.log)"
    fi
    rest POST audit/streams '{"id":"journal","kind":"journal"}' >/dev/null
    make_role in-the-journal
    in_journal() { journalctl -q -o json GATEHOUSE_CODE=role.created GATEHOUSE_OBJECT=in-the-journal 2>/dev/null | tail -n1 >entry && [ -s entry ]; }
    within 90 in_journal || die "the journal has no such event"
    [ "$(jq -r '.MESSAGE | fromjson | .code' entry)" = role.created ] || die "the entry is $(cat entry)"
    [ "$(jq -r .SYSLOG_IDENTIFIER entry)" = gatehouse ] || die "the entry is $(cat entry)"
    rest DELETE audit/streams/journal >/dev/null
    shown "journalctl finds events by their fields"
}

with_timestamps() {
    local ca
    ca=$(make_ca "Audit Stamps" '{"type":"P-256"}')
    rest GET audit | jq --arg url "$GATEHOUSE_HTTP_URL/tsa/$ca" '.tsaUrl = $url | .tsaMinutes = 0' >settings.json
    rest PUT audit @settings.json >/dev/null
    make_role stamped
    has_token() { rest GET audit/seals | jq -e '[.items[] | select(.timestampToken != null)] | length > 0' >/dev/null; }
    within 90 has_token || die "no seal has a timestamp token"
    rest GET audit/seals | jq -r '[.items[] | select(.timestampToken != null)][0] | .statement' | head -c -1 >statement
    rest GET audit/seals | jq -r '[.items[] | select(.timestampToken != null)][0] | .timestampToken' | base64 -d >token
    rest GET audit/seals | jq -r '[.items[] | select(.timestampToken != null)][0] | .signature' | base64 -d >signature
    rest GET audit/seals | jq -r .publicKey >audit.pub
    public "/ca/$ca.pem" >tsa.pem
    "$openssl" ts -verify -data statement -in token -token_in -CAfile tsa.pem >ts.out 2>&1 || die "$(cat ts.out)"
    "$openssl" dgst -sha256 -verify audit.pub -signature signature statement >/dev/null || die "openssl dgst -verify refuses the seal"
    shown "openssl dgst verifies a seal with the audit key, openssl ts its RFC 3161 token"
}

verified_exported_archived() {
    audit verify >verify.out || die "$(cat verify.out)"
    grep -q 'findings=0' verify.out || die "$(cat verify.out)"
    audit key >audit.pem
    cmp -s audit.pem audit.pub || [ "$("$openssl" pkey -pubin -in audit.pem -outform DER | sha256sum)" = "$("$openssl" pkey -pubin -in audit.pub -outform DER | sha256sum)" ] ||
        die "the audit key is another one"
    audit export --output export.jsonl >/dev/null
    "$bin/gatehouse" audit verify --file export.jsonl --key audit.pem | grep -q 'findings=0' || die "the export does not verify"
    sed '2d' export.jsonl >cut.jsonl
    if "$bin/gatehouse" audit verify --file cut.jsonl --key audit.pem >cut.out; then die "a missing line is not found"; fi
    audit archive --until "$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)" --output archive.jsonl >archive.out || die "$(cat archive.out)"
    "$bin/gatehouse" audit verify --file archive.jsonl --key audit.pem | grep -q 'findings=0' || die "the archive does not verify"
    audit verify >after.out || die "$(cat after.out)"
    grep -q 'findings=0' after.out || die "$(cat after.out)"
    note "$(tail -n1 after.out)"
    shown "verify, export, archive: what was moved into a file verifies there, and the chain goes on"
}

# The account that docs/operations.md gives to serve.
what_serve_cannot_do() {
    local sql=(mariadb --no-defaults "--socket=$instance/db/db.sock" --database=gatehouse) statement
    "${sql[@]}" --user=root <"$here/../../sql/grants.sql" || die "grants.sql"
    "${sql[@]}" --user=root -e "CREATE OR REPLACE USER app@localhost IDENTIFIED BY 'app';
        GRANT gatehouse_application TO app@localhost; SET DEFAULT ROLE gatehouse_application FOR app@localhost"
    for statement in "UPDATE events SET actor = 'nobody'" "DELETE FROM events" "TRUNCATE events" \
        "UPDATE certificates SET not_after_us = 0" "DELETE FROM certificates" "DELETE FROM revocations" \
        "UPDATE revocations SET reason = 0" "UPDATE event_seals SET events = 0" "DELETE FROM event_seals" \
        "INSERT INTO event_archives VALUES (1, 1, 1, REPEAT('a', 32), 1)" "DROP TABLE events" \
        "ALTER TABLE events DROP COLUMN actor"; do
        if "${sql[@]}" --user=app --password=app -e "$statement" 2>denied; then die "may: $statement"; fi
        grep -Eq 'denied' denied || die "$statement: $(cat denied)"
    done
    "${sql[@]}" --user=app --password=app -e "SELECT COUNT(*) FROM events" >/dev/null || die "it cannot read"
    shown "the database account of serve can neither change nor remove events, seals, certificates, revocations"
}

# A second instance would be needed for another way out: the same one starts again with a proxy.
through_a_proxy() {
    local port
    port=$(free_port)
    printf 'Port %s\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\nMaxClients 20\nConnectPort %s\nLogFile "%s"\nLogLevel Connect\n' \
        "$port" "$syslog_port" "$work/tinyproxy.log" >tinyproxy.conf
    : >tinyproxy.log
    tinyproxy -d -c "$work/tinyproxy.conf" >/dev/null 2>tinyproxy.err &
    other_pids+=("$!")
    within 10 connects "$port" || die "tinyproxy: $(cat tinyproxy.err)"
    stop_gateway
    printf '%s\n' --outgoing-proxy "http://127.0.0.1:$port" >>"$instance/options"
    start_gateway
    make_role by-the-proxy
    within 90 received role.created by-the-proxy || die "nothing came through the proxy: $(cat tinyproxy.log)"
    grep -q "CONNECT localhost:$syslog_port" tinyproxy.log || die "the proxy was not asked: $(cat tinyproxy.log)"
    shown "syslog goes through the outgoing proxy by CONNECT"
}

begin
need rsyslogd journalctl tinyproxy mariadb
syslog_port=$(free_port)
"$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=log -addext subjectAltName=DNS:localhost \
    -days 2 -keyout log.key -out log.pem 2>/dev/null
cp log.pem ca.pem
start_instance --clock-error 2000
start_rsyslog
by_syslog
nothing_is_lost
not_trusted
by_journal
with_timestamps
what_serve_cannot_do
through_a_proxy
verified_exported_archived
finish
