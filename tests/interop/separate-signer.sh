#!/bin/bash
# The signer as a service of its own, as the systemd units run it: the gateway reaches it by a socket, starts
# none itself, says so when it is away, and goes on when it is back.
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

socket=
# Becomes the signer: call it in a subshell, whose pid is then the signer's. $home has its files.
home=
become_signer() {
    exec "$bin/gatehouse-signer" --managed-module "$bin/../lib/gatehouse/gatehouse-softtoken.so" \
        --managed-token gatehouse --managed-pin-file "$home/token.pin" --token-dir "$home/token" "$@"
}

start_signer() {
    become_signer --socket "$socket" --allow-user "$(id -un)" >>"$work/signer.log" 2>&1 &
    signer=$!
    other_pids+=("$signer")
    within 20 test -S "$socket" || die "the signer does not listen"
}

signs() { [ "$(rest_status POST cas "{\"name\":\"$1\",\"key\":{\"type\":\"P-256\"}}")" = 201 ]; }
ready_is() { [ "$(curl -s -o "$work/ready.json" -w '%{http_code}' "$GATEHOUSE_HTTP_URL/readyz")" = "$1" ]; }

# What an administrator is told who is not the user that the signer serves, and whose backup lacks the token.
guides() {
    echo 'correct horse battery' >word
    chmod 600 word
    "$bin/gatehouse" backup "$work/bare" --passphrase-file word --data "$instance/data" --db "$GATEHOUSE_DB" --signer-socket "$socket" >bare.out ||
        die "no backup"
    grep -q '^notice   the managed token is .* not in it: .*--add' bare.out || die "the backup says nothing of the token: $(cat bare.out)"
    "$bin/gatehouse" backup "$work/full" --passphrase-file word --data "$instance/data" --db "$GATEHOUSE_DB" --signer-socket "$socket" \
        --add "$home" >full.out || die "no backup"
    ! grep -q notice full.out || die "the backup lacks something: $(cat full.out)"
    shown "a backup without the signer's token says so"
    [ "$(id -u)" = 0 ] || { note "another user's signer: not tried, for that needs root"; return 0; }
    become_signer --socket "$work/other" --allow-user nobody >>"$work/signer.log" 2>&1 &
    other_pids+=("$!")
    within 20 test -S "$work/other" || die "the other signer does not listen"
    ! "$bin/gatehouse" check --data "$instance/data" --db "$GATEHOUSE_DB" --signer-socket "$work/other" >check.out 2>&1 ||
        die "another user's signer is used"
    grep -q 'PROBLEM  signer: .*allow-user' check.out || die "the refused user is not told why: $(cat check.out)"
    shown "who is not the user that the signer serves is told so"
}

# A second node of the same kind: the signer's files go from one signer's directory to the other's.
joins() {
    local address code port
    address=127.0.0.1:$(free_port)
    port=$(free_port)
    "$bin/gatehouse" node invite "$address" --db "$GATEHOUSE_DB" --data "$instance/data" --signer-socket "$socket" \
        --node-db "$GATEHOUSE_DB" --token-from "$home" --public-url "$GATEHOUSE_HTTP_URL" --https none >invite.out 2>invite.err &
    other_pids+=("$!")
    within 20 grep -q 'node join' invite.out || die "no invitation: $(cat invite.err)"
    code=$(sed -n 's/.*node join [^ ]* //p' invite.out)
    mkdir second
    "$bin/gatehouse" node join "$address" "$code" --data "$work/second-data" --token-to "$work/second" \
        --signer-socket "$work/s2" --write-config "$work/second.conf" --http "127.0.0.1:$port" >join.out 2>join.err ||
        die "it does not join: $(cat join.err join.out)"
    diff -r first second || die "the token is not the same"
    expect "modes" "$(find second -type f ! -perm 600 | wc -l)" 0
    expect "files of the signer with the gateway" "$(find second-data -name 'token*' | wc -l)" 0
    grep -q '^in place; see to the problems above' join.out || die "its signer does not run yet, and it says: $(cat join.out)"
    home=$work/second
    socket=$work/s2
    start_signer
    "$bin/gatehouse" serve --config second.conf </dev/null >second.out 2>second.log &
    other_pids+=("$!")
    within 30 grep -q '^ready:' second.out || die "the second node does not start: $(tail -n 5 second.log)"
    curl -sSf "http://127.0.0.1:$port/ca/before.pem" >before.pem
    "$openssl" ocsp -issuer before.pem -serial 0x1234 -url "http://127.0.0.1:$port/ocsp/before" -CAfile before.pem >ocsp.out 2>&1 ||
        die "$(cat ocsp.out)"
    grep -q 'Response verify OK' ocsp.out || die "$(cat ocsp.out)"
    shown "node invite --token-from and join --token-to bring the token to the new node's own signer, and that one signs"
}

begin
need jq curl
socket=$work/s
home=$work/first
mkdir -p "$home/token"
(become_signer --init) >>"$work/signer.log" 2>&1 || die "gatehouse-signer --init fails: $(tail -n 3 "$work/signer.log")"
start_signer
start_instance --signer-socket "$socket"
[ -z "$(pgrep -P "$(gateway_pid)" -f gatehouse-signer)" ] || die "the gateway started a signer of its own"
signs Before || die "no CA is made"
shown "a gateway without a signer of its own makes a CA through the socket"

kill -9 "$signer"
within 10 ready_is 503 || die "readyz is not 503 while the signer is away"
jq -e '.checks[] | select(.name == "signer") | .ok == false and (.reason | length > 0)' "$work/ready.json" >/dev/null ||
    die "readyz does not name the signer"
shown "signer away: readyz answers 503 and names it"

rm -f "$socket"
start_signer
within 20 ready_is 200 || die "readyz does not recover"
within 10 signs After || die "no CA is made after the signer came back"
shown "signer back: the same gateway signs again"
guides
joins
finish
