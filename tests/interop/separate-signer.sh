#!/bin/bash
# The signer as a service of its own, as the systemd units run it: the gateway reaches it by a socket, starts
# none itself, says so when it is away, and goes on when it is back.
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

socket=
# Becomes the signer: call it in a subshell, whose pid is then the signer's.
become_signer() {
    exec "$bin/gatehouse-signer" --managed-module "$bin/../lib/gatehouse/gatehouse-softtoken.so" \
        --managed-token gatehouse --managed-pin-file "$work/pin" --token-dir "$work/token" "$@"
}

start_signer() {
    become_signer --socket "$socket" --allow-user "$(id -un)" >>"$work/signer.log" 2>&1 &
    signer=$!
    other_pids+=("$signer")
    within 20 test -S "$socket" || die "the signer does not listen"
}

signs() { [ "$(rest_status POST cas "{\"name\":\"$1\",\"key\":{\"type\":\"P-256\"}}")" = 201 ]; }
ready_is() { [ "$(curl -s -o "$work/ready.json" -w '%{http_code}' "$GATEHOUSE_HTTP_URL/readyz")" = "$1" ]; }

begin
need jq curl
socket=$work/s
mkdir "$work/token"
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
finish
