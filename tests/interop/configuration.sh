#!/bin/bash
# The configuration: checked, shown without secrets, exported and imported; listeners with rules of their own; levels
# of the log changed while running; everything fetched goes through the outgoing proxy.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

config() { "$bin/gatehouse" config "$@"; }

the_page() {
    config reference >"$work/page"
    cmp "$work/page" "$interop_root/docs/configuration.md" ||
        die "docs/configuration.md is old: gatehouse config reference >docs/configuration.md"
    shown "docs/configuration.md is what the table of options says"
}

commands() {
    local db=mysql://pki:geheim@localhost/pki
    GATEHOUSE_DB=$db config show >"$work/show"
    grep -q '^db = mysql://pki:\*\*\*@localhost/pki$' "$work/show" || die "show does not show the database"
    ! grep -q geheim "$work/show" || die "show tells the password"
    GATEHOUSE_DB=$db config export "$work/exported" --log-level debug 2>"$work/notice"
    ! grep -q geheim "$work/exported" || die "export tells the password"
    grep -q db-password-file "$work/notice" || die "export says nothing about the password"
    printf 'db = mysql://pki@localhost/pki\nthreads = 7\n' >"$work/present.conf"
    cp "$work/present.conf" "$work/before.conf"
    config import "$work/exported" --dry-run --config "$work/present.conf" >"$work/diff"
    grep -qx -- '- threads = 7' "$work/diff" && grep -qx -- '+ log-level = debug' "$work/diff" || die "the difference"
    cmp "$work/present.conf" "$work/before.conf" || die "a dry run wrote"
    config import "$work/exported" --config "$work/present.conf" >/dev/null
    cmp "$work/present.conf" "$work/exported" || die "the import did not write"
    printf 'db = mysql://pki@localhost/pki\nlisten = 127.0.0.1:1 ftp\n' >"$work/bad.conf"
    ! config import "$work/bad.conf" --config "$work/present.conf" >/dev/null 2>"$work/error" || die "a bad file was taken"
    cmp "$work/present.conf" "$work/exported" || die "a bad file was written"
    config check --db "$db" --http 0.0.0.0:8080 --public-url http://192.0.2.1:8080 >"$work/check"
    expect "notices" "$(grep -c '^notice' "$work/check")" 3
    shown "config show and export tell no password, import shows the difference and refuses what does not check"
}

listeners() {
    local only=$1 busy=$2
    expect "paths=" "$(curl -sS -o /dev/null -w '%{http_code}' "http://127.0.0.1:$only/healthz")" 200
    expect "paths=" "$(curl -sS -o /dev/null -w '%{http_code}' "http://127.0.0.1:$only/start")" 404
    expect "a unix socket" "$(curl -sS --unix-socket "$work/http.sock" http://pki/healthz)" ok
    expect "most=" "$(curl -sS -o /dev/null -w '%{http_code}' "http://127.0.0.1:$busy/healthz")" 200
    shown "listeners with paths of their own, and on a unix socket"
    # Nobody without a certificate gets through the handshake.
    ! curl -sS --max-time 5 --cacert "$GATEHOUSE_TLS_CERT" -o /dev/null "https://localhost:$3/healthz" 2>"$work/tls" ||
        die "client=required let somebody in without a certificate"
    "$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=me -keyout "$work/me.key" \
        -out "$work/me.pem" 2>/dev/null
    expect "with one" "$(curl -sS --cacert "$GATEHOUSE_TLS_CERT" --cert "$work/me.pem" --key "$work/me.key" \
        "https://localhost:$3/healthz")" ok
    shown "client=required: no certificate, no connection"
}

secret_file() {
    local url file=$work/db.password
    url=$("$interop_root/tests/lib/mariadb.sh" url "$instance/db")
    (umask 077 && sed -E 's|.*://[^:]+:([^@]+)@.*|\1|' <<<"$url" >"$file")
    "$bin/gatehouse" check --db "$(sed -E 's|(://[^:]+):[^@]+@|\1@|' <<<"$url")" --db-password-file "$file" \
        --data "$instance/data" >"$work/checked" || true
    grep -q '^ok       database' "$work/checked" || { cat "$work/checked" >&2; die "the password's file was not used"; }
    shown "the database's password from a file"
}

log_levels() {
    local lines
    printf 'log-level = info,http=warn\n' >"$work/serve.conf"
    kill -HUP "$(gateway_pid)"
    within 10 grep -q 'log levels: info,http=warn' "$instance/serve.log" || die "SIGHUP did nothing"
    lines=$(grep -c 'gatehouse/http ' "$instance/serve.log" || true)
    public /healthz >/dev/null
    expect "lines of the room http" "$(grep -c 'gatehouse/http ' "$instance/serve.log" || true)" "$lines"
    printf 'log-level = loud\n' >"$work/serve.conf"
    kill -HUP "$(gateway_pid)"
    within 10 grep -q 'reloading: log-level is' "$instance/serve.log" || die "a wrong level went through"
    printf 'log-level = info\n' >"$work/serve.conf"
    kill -HUP "$(gateway_pid)"
    within 10 grep -q 'log levels: info$' "$instance/serve.log" || die "SIGHUP did nothing"
    public /healthz >/dev/null
    [ "$(grep -c 'gatehouse/http ' "$instance/serve.log")" -gt "$lines" ] || die "the room http is still quiet"
    shown "levels of single rooms changed while running, nothing changed by a file that is wrong"
}

# What a migration would run, on an empty database and on one that is up to date; nothing is changed.
dry_migration() {
    local status=0 tables
    "$interop_root/tests/lib/mariadb.sh" start "$work/empty" >/dev/null
    # No data directory: a dry run needs none and makes none.
    (cd "$work" && "$bin/gatehouse" migrate --dry-run --db "$("$interop_root/tests/lib/mariadb.sh" url "$work/empty")") \
        >"$work/plan.sql" || status=$?
    expect "exit status of a dry run with something to do" "$status" 3
    grep -q '^-- 0001-first, statement 1 of ' "$work/plan.sql" || die "the plan lacks the first migration"
    tables=$(mariadb --no-defaults --socket="$work/empty/db.sock" -uroot -BN -e 'SHOW TABLES' gatehouse | wc -l)
    expect "tables after the dry run" "$tables" 0
    [ ! -e "$work/var" ] || die "the dry run made a data directory"
    # The plan is SQL that the server takes as it stands.
    mariadb --no-defaults --socket="$work/empty/db.sock" -uroot gatehouse <"$work/plan.sql" || die "the plan is not SQL"
    "$interop_root/tests/lib/mariadb.sh" destroy "$work/empty"
    "$bin/gatehouse" migrate --dry-run --db "$GATEHOUSE_DB" >"$work/plan.sql" || die "a dry run with nothing to do"
    grep -q 'up to date' "$work/plan.sql" || die "$(head -5 "$work/plan.sql")"
    shown "migrate --dry-run prints the SQL and exits 3, or 0 when there is nothing to do; no table, no directory is made"
}

# The bundle says what is wrong, and no PIN, password or token: not even those that somebody wrote into the log.
bundle() {
    local secret status=0
    local -a secrets=("$(cat "$instance/data/token.pin")" "$(cat "$instance/data/token.pin.so")" "$GATEHOUSE_PASSWORD"
        "$GATEHOUSE_TOKEN" "$(cat "$instance/db/password")" gh_somebodyelsestoken0123456789)
    cp "$instance/serve.log" "$work/leaky.log"
    printf 'leaked %s\n' "${secrets[@]}" >>"$work/leaky.log"
    "$bin/gatehouse" diagnose "$work/bundle.zip" --log "$work/leaky.log" --data "$instance/data" --db "$GATEHOUSE_DB" \
        --first-login "$instance/first-login.txt" >"$work/diagnose.out" || die "diagnose: $(cat "$work/diagnose.out")"
    expect "mode of the bundle" "$(stat -c %a "$work/bundle.zip")" 600
    mkdir "$work/bundle"
    (cd "$work/bundle" && python3 -m zipfile -e "$work/bundle.zip" .)
    for secret in "${secrets[@]}"; do
        [ ${#secret} -ge 16 ] || die "a secret is too short to look for"
        ! grep -rqF -- "$secret" "$work/bundle" "$work/bundle.zip" || die "the bundle has a secret in it"
    done
    expect "secrets taken out of the log" "$(grep -c '^leaked \[removed\]$' "$work/bundle/log.txt")" "${#secrets[@]}"
    grep -q '^db = mysql://gatehouse:\*\*\*@localhost' "$work/bundle/configuration.txt" || die "the configuration is not there"
    grep -q '^ok       schema' "$work/bundle/check.txt" || die "$(cat "$work/bundle/check.txt")"
    grep -q 'would run: 0$' "$work/bundle/schema.txt" || die "$(cat "$work/bundle/schema.txt")"
    grep -q 'OpenSSL 3' "$work/bundle/system.txt" || die "the versions are not there"
    grep -q ' token.pin$' "$work/bundle/data-directory.txt" || die "the data directory is not listed"
    # It is for when things do not work, too; and it overwrites nothing.
    "$bin/gatehouse" diagnose "$work/bundle.zip" --data "$instance/data" --db "$GATEHOUSE_DB" 2>/dev/null || status=$?
    expect "exit status where a file is already" "$status" 1
    "$bin/gatehouse" diagnose "$work/broken.zip" --data "$instance/data" --db mysql://u@127.0.0.1:1/d >/dev/null
    python3 -m zipfile -e "$work/broken.zip" "$work/broken"
    grep -q '^PROBLEM  database' "$work/broken/check.txt" || die "$(cat "$work/broken/check.txt")"
    shown "diagnose: configuration, check, schema, system, files and log without PIN, passwords and tokens"
}

served_tls() {
    "$openssl" s_client -connect "${GATEHOUSE_URL#https://}" </dev/null 2>/dev/null | "$openssl" x509 -noout -fingerprint
}
another_tls() { [ -n "$(served_tls)" ] && [ "$(served_tls)" != "$1" ]; }
no_tls_warning() { ! tls_warning >/dev/null; }
tls_warning() { public /readyz | jq -er '.checks[] | select(.name == "tls") | .warning'; }
warned() { held_elsewhere && tls_warning; }

# Another node holds the lease, and does not do the work. One of more than a few minutes would be of a clock that is wrong.
held_elsewhere() {
    root_sql "REPLACE INTO leases VALUES ('job/tls-certificate', REPEAT('x', 16), (UNIX_TIMESTAMP() + 60) * 1000000)"
}
root_sql() { mariadb --no-defaults --socket="$instance/db/db.sock" -uroot gatehouse -e "$1"; }

# service_ends DAYS: makes the TLS certificate, as the database has it, end then.
service_ends() {
    root_sql "UPDATE service_certificates
        SET not_before_us = not_before_us - 805 * 86400 * 1000000, not_after_us = (UNIX_TIMESTAMP() + $1 * 86400) * 1000000 WHERE ca_id IS NULL AND purpose = 4"
}

# check warns and a running gateway makes a new one in time, with its key in the signer, and serves it.
tls_renews() {
    local before status=0
    before=$(served_tls)
    "$bin/gatehouse" check --data "$instance/data" --db "$GATEHOUSE_DB" | grep -q '^ok       TLS certificate' ||
        die "check does not like a fresh TLS certificate"
    public /readyz | jq -e '.checks[] | select(.name == "tls") | .ok and (has("warning") | not)' >/dev/null ||
        die "readyz: $(public /readyz)"
    held_elsewhere
    service_ends 20
    "$bin/gatehouse" check --data "$instance/data" --db "$GATEHOUSE_DB" >"$work/check.out" || status=$?
    expect "exit status of check with 20 days left" "$status" 1
    grep -q '^PROBLEM  TLS certificate: The TLS certificate ends at' "$work/check.out" || die "$(cat "$work/check.out")"
    within 60 warned >"$work/warning" || die "readyz does not warn: $(public /readyz)"
    grep -q '^The TLS certificate ends at' "$work/warning" || die "$(cat "$work/warning")"
    expect "readyz with a warning" "$(public /readyz | jq .ready)" true
    root_sql "DELETE FROM leases WHERE name = 'job/tls-certificate'"
    within 150 another_tls "$before" || die "the TLS certificate was not renewed"
    "$openssl" s_client -connect "${GATEHOUSE_URL#https://}" </dev/null 2>/dev/null | "$openssl" x509 >"$GATEHOUSE_TLS_CERT"
    rest GET 'events?limit=1&code=tls.certificate-made' | jq -e '.items | length == 1' >/dev/null || die "no event of it"
    within 5 no_tls_warning || die "readyz warns of a new certificate"
    shown "the TLS certificate near its end: check and readyz say so, the running gateway renews and serves it without a restart"
}

begin
the_page
commands
only=$(free_port) busy=$(free_port) mutual=$(free_port)
echo 'log-level = info' >"$work/serve.conf"
start_instance --config "$work/serve.conf" --listen "127.0.0.1:$only http paths=/crl,/healthz" \
    --listen "unix:$work/http.sock http" --listen "127.0.0.1:$busy http most=1 threads=4" \
    --listen "127.0.0.1:$mutual mtls client=required"
listeners "$only" "$busy" "$mutual"
secret_file
log_levels
dry_migration
bundle
tls_renews
finish
