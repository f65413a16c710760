#!/bin/bash
# A database of an older release (upgrade/, made by that release) is upgraded: a dry run tells what is to be done and
# does nothing; after the migration every statement of the older release still runs, so its nodes may go on meanwhile;
# then this release answers for what the older one issued, and issues with its keys.
#
# GATEHOUSE_OLD_BIN=DIRECTORY: the programs of that release; then it really serves while the schema is migrated.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

old=$here/upgrade/first-release
first=$old/database.sql
db=$interop_root/tests/lib/mariadb.sh

root_sql() { mariadb --no-defaults --socket="$instance/db/db.sock" --user=root --batch --skip-column-names gatehouse; }
schema() {
    root_sql <<<"SELECT CONCAT_WS(' ', table_name, column_name, column_type, is_nullable, column_default) FROM information_schema.columns
        WHERE table_schema = 'gatehouse' ORDER BY table_name, column_name"
}
gatehouse() { "$bin/gatehouse" "$@" "${args[@]}"; }
known() { sed -n "s/^$1=//p" "$old/known"; }

older_release() {
    mkdir -p "$instance/data"
    GATEHOUSE_DB=$("$db" start "$instance/db")
    root_sql <"$first"
    tar -C "$instance/data" -xf "$old/token.tar"
    http_port=$(free_port) https_port=$(free_port)
    GATEHOUSE_HTTP_URL=http://localhost:$http_port GATEHOUSE_URL=https://localhost:$https_port
    GATEHOUSE_TOKEN=$(known token) GATEHOUSE_TLS_CERT=$work/tls.pem issuing=$(known issuing)
    args=(--data "$instance/data" --db "$GATEHOUSE_DB")
    cp "$old"/*.pem "$old/issuing.crl" .
    cat root.pem issuing.pem >chain.pem
}

serve() { # PROGRAM
    : >serve.out
    "$1" serve "${args[@]}" --http "127.0.0.1:$http_port" --https "127.0.0.1:$https_port" --public-name localhost \
        </dev/null >serve.out 2>serve.log &
    gateway=$!
    other_pids+=("$gateway")
    within 60 grep -q '^ready' serve.out || die "$1 does not serve: $(tail -n 5 serve.log)"
    "$openssl" s_client -connect "127.0.0.1:$https_port" -servername localhost </dev/null 2>/dev/null | "$openssl" x509 >tls.pem
}

dry_run() {
    local status=0
    schema >before
    gatehouse migrate --dry-run >plan 2>plan.err || status=$?
    expect "exit status of the dry run" "$status" 3
    grep -q 'CREATE TABLE' plan || die "the plan has no statement: $(head -n 5 plan)"
    schema | cmp -s - before || die "the dry run has changed the schema"
    ! "$bin/gatehouse" serve "${args[@]}" --http "127.0.0.1:$http_port" --https none >early.out 2>&1 || die "the old schema is served"
    grep -qi 'migrate' early.out || die "no word about migrating: $(cat early.out)"
    shown "migrate --dry-run tells $(grep -c . plan) lines and changes nothing; an older schema is not served"
}

migrated() {
    gatehouse migrate >migrate.out 2>&1 || die "migrate: $(cat migrate.out)"
    gatehouse migrate --dry-run >plan 2>&1 || die "something is left to do: $(head -n 5 plan)"
    schema >after
    expect "columns that are gone or different" "$(comm -23 <(sort before) <(sort after) | head -n 5)" ""
    # What an INSERT of the older release does not name must have a value of its own.
    root_sql <<<"SELECT CONCAT(c.table_name, '.', c.column_name) FROM information_schema.columns c WHERE c.table_schema = 'gatehouse'
        AND c.is_nullable = 'NO' AND c.column_default IS NULL AND c.extra = ''" | sort >needed
    awk '{ print $1 "." $2 }' before | sort >columns
    awk '{ print $1 }' before | sort -u >tables
    expect "new columns of old tables without a default" "$(comm -23 needed columns | awk -F. 'NR == FNR { old[$1]; next } $1 in old' tables -)" ""
    sed "s/\\\\/\\\\\\\\/g; s/'/''/g; s/.*/PREPARE s FROM '&'; DEALLOCATE PREPARE s;/" "$old/statements.sql" >prepare.sql
    root_sql <prepare.sql 2>prepare.err || die "a statement of the older release does not run: $(cat prepare.err)"
    shown "migrated; all $(wc -l <"$old/statements.sql") statements of the older release still run, no column of its tables is gone or must be named"
}

# Only with its programs: it serves on the old schema, then on the new one.
old_serves_on() {
    make_csr P-256 late late.example.test
    submit_and_sign "$issuing-web-server" late
    rest POST "certificates/$(certificate_id late)/revoke" '{"reason":"superseded"}' >/dev/null
    expect "OCSP of the older release on the new schema" "$(state late.pem)" revoked
    kill "$gateway"
    within 30 gone "$gateway" || die "the older release does not end"
    shown "the older release issues and revokes while the schema is migrated and afterwards"
}

state() { # FILE: by OCSP, its signature verified
    "$openssl" ocsp -issuer issuing.pem -cert "$1" -url "$GATEHOUSE_HTTP_URL/ocsp/$issuing" -CAfile chain.pem >ocsp.out 2>&1 ||
        die "OCSP: $(cat ocsp.out)"
    grep -q '^Response verify OK' ocsp.out || die "OCSP: $(cat ocsp.out)"
    sed -n "s/^$1: //p" ocsp.out
}

number_of() { "$openssl" crl -inform DER -in "$1" -noout -crlnumber | sed 's/.*0x//'; }

answers() {
    local file
    serve "$bin/gatehouse"
    expect "good.pem" "$(state good.pem)" good
    expect "revoked.pem" "$(state revoked.pem)" revoked
    expect "held.pem" "$(state held.pem)" revoked
    public "/crl/$issuing.crl" >new.crl
    [ $((16#$(number_of new.crl))) -ge $((16#$(number_of issuing.crl))) ] || die "the CRL number goes back"
    for file in revoked held; do
        "$openssl" crl -inform DER -in new.crl -noout -text |
            grep -qi "Serial Number: $("$openssl" x509 -in $file.pem -noout -serial | sed 's/.*=//')" || die "$file.pem is not in the CRL"
    done
    public "/ca/$issuing.pem" | cmp -s - issuing.pem || die "the CA's certificate is another"
    shown "certificates of the older release: OCSP says good, revoked and revoked (on hold), the CRL has both, its number only grows"
}

goes_on() {
    rest GET "certificates?q=held.example.test" | jq -er '.items[0].id' >held.id || die "the held one is not found"
    rest POST "certificates/$(cat held.id)/unhold" '{}' >/dev/null
    expect "the one whose hold is over" "$(state held.pem)" good
    make_csr P-256 new new.example.test
    submit_and_sign "$issuing-web-server" new
    "$openssl" verify -x509_strict -CAfile root.pem -untrusted issuing.pem new.pem >/dev/null || die "the new certificate does not verify"
    expect "new.pem" "$(state new.pem)" good
    expect "log-in with the one-time password of then" "$(curl -sS -o /dev/null -w '%{http_code}' --cacert "$GATEHOUSE_TLS_CERT" \
        -H 'Content-Type: application/json' -d "$(jq -n --arg u "$(known user)" --arg p "$(known password)" '{username: $u, password: $p}')" \
        "$GATEHOUSE_URL/api/v1/session")" 200
    gatehouse check --public-name localhost >check.out 2>&1 || die "check: $(grep -v '^ok' check.out)"
    within 120 verified || die "audit verify: $(tail -n 3 verify.out)" # what the older release left is sealed first
    shown "old keys sign, the old API token and password work, holds end; gatehouse check and audit verify are content"
}

verified() { gatehouse audit verify >verify.out 2>&1; }

begin
need mariadbd tar
older_release
if [ -n "${GATEHOUSE_OLD_BIN:-}" ]; then serve "$GATEHOUSE_OLD_BIN/gatehouse"; fi
dry_run
migrated
if [ -n "${GATEHOUSE_OLD_BIN:-}" ]; then old_serves_on; fi
answers
goes_on
finish
