#!/bin/bash
# A backup made while the instance serves, restored onto an empty machine: OCSP for every certificate, revocations
# from the events since, numbers of CRLs that only grow.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/flow.sh
. "$here/flow.sh"

certificates=12

gatehouse() { "$bin/gatehouse" "$@" --data "$instance/data" --db "$GATEHOUSE_DB"; }

make_certificates() {
    local i
    mkdir "$work/one"
    make_ca Root '{"type":"P-256"}' >"$work/one/root.slug"
    make_ca Issuing '{"type":"P-256"}' "$(cat "$work/one/root.slug")" >"$work/one/issuing.slug"
    public /ca/root.pem >"$work/one/root.pem"
    for i in $(seq $certificates); do
        make_csr P-256 "$work/one/c$i" "c$i.example.test"
        submit_and_sign issuing-web-server "$work/one/c$i"
    done
    rest POST "certificates/$(certificate_id "$work/one/c1")/revoke" '{"reason":"keyCompromise"}' >/dev/null
    rest PATCH cas/issuing '{"settings":{"ocsp":{"neverIssued":"revoked"}}}' >/dev/null
    rest POST "certificates/$(certificate_id "$work/one/c2")/revoke" '{"reason":"certificateHold"}' >/dev/null
}

issue_meanwhile() {
    local i=0
    while [ ! -e "$work/stop" ]; do
        i=$((i + 1))
        make_csr P-256 "$work/meanwhile" "m$i.example.test"
        (submit_and_sign issuing-web-server "$work/meanwhile" && echo "$i" >>"$work/meanwhile.count") || echo "$i" >>"$work/meanwhile.failed"
    done
}

take_backup() {
    echo 'correct horse battery' >"$work/word"
    chmod 600 "$work/word"
    "$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=Safe" -days 30 \
        -keyout "$work/safe.key" -out "$work/safe.pem" 2>/dev/null
    issue_meanwhile &
    other_pids+=($!)
    within 30 test -s "$work/meanwhile.count" || die "nothing is issued meanwhile"
    gatehouse backup "$work/backup" --to "$work/safe.pem" --passphrase-file "$work/word" >"$work/backup.out"
    touch "$work/stop"
    wait
    [ ! -e "$work/meanwhile.failed" ] || die "the instance stopped issuing during the backup"
    expect "mode of the backup" "$(stat -c %a "$work/backup")" 600
    ! grep -aq 'INSERT INTO\|PRIVATE KEY\|example.test' "$work/backup" || die "the backup can be read"
    rest GET 'events?limit=5&code=backup.made' | jq -e '.items | length == 1' >/dev/null || die "no event of the backup"
    shown "backup while issuing goes on: $(cat "$work/backup.out"), $(wc -l <"$work/meanwhile.count") certificates meanwhile"
}

after_the_backup() {
    make_csr P-256 "$work/one/late" late.example.test
    submit_and_sign issuing-web-server "$work/one/late"
    rest POST "certificates/$(certificate_id "$work/one/c3")/revoke" '{"reason":"superseded"}' >/dev/null
    rest GET 'events?limit=200' | jq -c '.items[]' >"$work/events"
    # Once more, so that the next number is greater than any in the backup.
    public /crl/issuing.crl >"$work/last.crl"
    last_number=$("$openssl" crl -inform DER -in "$work/last.crl" -noout -crlnumber | sed 's/.*0x//')
    printf '%s\n' "$GATEHOUSE_HTTP_URL" >"$work/old.url"
}

refused() {
    echo 'wrong horse' >"$work/wrong"
    chmod 600 "$work/wrong"
    "$interop_root/tests/lib/mariadb.sh" start "$work/second/db" >/dev/null
    new_db=$("$interop_root/tests/lib/mariadb.sh" url "$work/second/db")
    ! "$bin/gatehouse" restore "$work/backup" --passphrase-file "$work/wrong" --data "$work/second/data" --db "$new_db" \
        >/dev/null 2>"$work/error" || die "the wrong passphrase opened it"
    grep -q 'does not open' "$work/error" || die "$(cat "$work/error")"
    head -c -100 "$work/backup" >"$work/short"
    ! "$bin/gatehouse" restore "$work/short" --passphrase-file "$work/word" --data "$work/second/data" --db "$new_db" \
        >/dev/null 2>"$work/error" || die "half a backup was restored"
    ! gatehouse restore "$work/backup" --passphrase-file "$work/word" >/dev/null 2>"$work/error" || die "restored over a live instance"
    grep -q 'has tables' "$work/error" || die "$(cat "$work/error")"
    ! "$bin/gatehouse" restore "$work/backup" --passphrase-file "$work/word" --data "$work/second/data" --db "$new_db" \
        --signer-socket "$work/nobody" >/dev/null 2>"$work/error" || die "restored without the signer that it needs"
    grep -q 'nobody answers on its socket' "$work/error" || die "$(cat "$work/error")"
    shown "refused: a wrong passphrase, half a file, a database that is not empty, a signer that is away; nothing is written"
}

restored() {
    stop_gateway # the old machine is gone
    "$bin/gatehouse" restore "$work/backup" --key "$work/safe.key" --certificate "$work/safe.pem" --events "$work/events" \
        --data "$work/second/data" --db "$new_db" >"$work/restore.out" 2>&1 || { cat "$work/restore.out" >&2; die "restore failed"; }
    grep -q '1 certificates revoked again' "$work/restore.out" || { cat "$work/restore.out" >&2; die "the events were not used"; }
    grep -q '^notice   CA issuing answers unknown' "$work/restore.out" || { cat "$work/restore.out" >&2; die "the gap is not told of"; }
    grep -q '^ok       CA issuing' "$work/restore.out" || { cat "$work/restore.out" >&2; die "restore did not check"; }
    shown "restored with the recipient's key, checked, revocations since taken from the events"
}

# The new machine takes over the old one's addresses, which stand in the certificates.
serves_again() {
    local port=${GATEHOUSE_HTTP_URL##*:} i status number
    "$bin/gatehouse" serve --data "$work/second/data" --db "$new_db" --http "127.0.0.1:$port" --https "127.0.0.1:${GATEHOUSE_URL##*:}" \
        --public-url "$GATEHOUSE_HTTP_URL" --public-https-url "$GATEHOUSE_URL" --public-name localhost \
        >"$work/second.out" 2>"$work/second.log" </dev/null &
    other_pids+=($!)
    within 60 grep -q '^ready' "$work/second.out" || { tail -5 "$work/second.log" >&2; die "the restored instance does not start"; }
    fetch_hierarchy "$work/one" "$work/one/c1.pem"
    for i in $(seq $certificates); do
        case $i in 1 | 2 | 3) status=revoked ;; *) status=good ;; esac
        expect "OCSP of c$i" "$(ocsp "$work/one" "$work/one/c$i.pem")" $status
    done
    expect "OCSP of one that was issued after the backup" "$(ocsp "$work/one" "$work/one/late.pem")" unknown
    shown "OCSP for all $certificates certificates after the restore, three of them revoked"
    number=$("$openssl" crl -in "$work/one/leaf.crl.pem" -noout -crlnumber | sed 's/.*0x//')
    [ $((16#$number)) -gt $((16#$last_number)) ] || die "CRL number $number after $last_number"
    "$openssl" crl -in "$work/one/leaf.crl.pem" -noout -text | grep -c 'Serial Number' | grep -qx 3 || die "the CRL has not three entries"
    verify "$work/one" "$work/one/c5.pem" || die "$(cat "$work/one/verify.out")"
    make_csr P-256 "$work/one/new" new.example.test
    submit_and_sign issuing-web-server "$work/one/new" # with the token of before: API tokens are restored, too
    expect "OCSP of a new one" "$(ocsp "$work/one" "$work/one/new.pem")" good
    shown "CRL numbers go on, the old API token issues with the old keys"
}

taken_apart() {
    "$bin/gatehouse" restore "$work/backup" --passphrase-file "$work/word" --extract "$work/parts" --data "$work/none" >/dev/null
    grep -q 'CREATE TABLE' "$work/parts/database.sql" || die "no database in the parts"
    [ -s "$work/parts/data/token.pin" ] || die "no PIN in the parts"
    expect "mode of the PIN" "$(stat -c %a "$work/parts/data/token.pin")" 600
    shown "--extract gives the parts as files"
}

stop_second() { "$interop_root/tests/lib/mariadb.sh" stop "$work/second/db" >/dev/null 2>&1 || true; }

begin
at_end+=(stop_second)
mkdir -p "$work/second"
start_instance
make_certificates
take_backup
after_the_backup
refused
restored
serves_again
taken_apart
finish
