#!/bin/bash
# A further token and its module: the PIN typed, and nowhere to be read; a module that hangs; timestamps
# with a key in a token; a token that is away, and a job that fails, with the mails about it.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/mailbox.sh
. "$here/mailbox.sh"

pin=7091357224611803

find_softhsm() {
    local path
    for path in "${SOFTHSM2_MODULE:-}" /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do
        [ ! -e "$path" ] || { softhsm=$path && return; }
    done
    die "libsofthsm2.so is missing: run scripts/deps"
}

make_token() {
    mkdir tokens
    printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$work/tokens" >softhsm2.conf
    export SOFTHSM2_CONF=$work/softhsm2.conf
    softhsm2-util --init-token --free --label hsm --so-pin 12345678 --pin "$pin" >/dev/null
    pkcs11-tool --module "$softhsm" --token-label hsm --login --pin "$pin" --keypairgen --key-type EC:prime256v1 \
        --label issuing --id 01 >/dev/null 2>&1 || die "no key is made in SoftHSM2"
    pkcs11-tool --module "$softhsm" --token-label hsm --login --pin "$pin" --keypairgen --key-type rsa:2048 \
        --label stamps --id 02 >/dev/null 2>&1 || die "no RSA key is made in SoftHSM2"
}

readyz() { curl -s "$GATEHOUSE_HTTP_URL/readyz" -o "$work/ready.json" -w '%{http_code}'; }
# degraded NAME REASON: 200 all the same, with a warning of that name.
degraded() {
    [ "$(readyz)" = 200 ] && jq -e --arg name "$1" --arg reason "$2" \
        '.ready and .degraded and any(.checks[]; (.name | startswith($name)) and (.warning // "" | test($reason)))' \
        "$work/ready.json" >/dev/null
}
well() { [ "$(readyz)" = 200 ] && jq -e '.ready and (.degraded | not)' "$work/ready.json" >/dev/null; }
# The module's process: the child of the signer.
module_pid() { cat "/proc/$(signer_pid)/task"/*/children 2>/dev/null | tr -d ' \n'; }
hsm_signs() { [ "$(rest_status POST "cas/$ca/crl")" = 200 ]; }

log_in() {
    local uri='pkcs11:token=hsm'
    degraded 'token hsm' 'Nobody is logged in' || within 15 degraded 'token hsm' 'Nobody is logged in' || die "readyz: $(cat ready.json)"
    shown "without a PIN the instance is ready, degraded, and says which token wants one"
    ! "$bin/gatehouse" token login "$uri" <<<'wrong' 2>err || die "a wrong PIN is taken"
    grep -qi 'pin' err || die "a wrong PIN: $(cat err)"
    "$bin/gatehouse" token login "$uri" <<<"$pin" || die "no log-in"
    ca=$(jq -n '{name: "HSM", key: {uri: "pkcs11:token=hsm;object=issuing"}, subject: {CN: "HSM"}}' >ca.json &&
        rest POST cas @ca.json | jq -er .id) || die "no CA on the token"
    within 15 well || die "readyz: $(cat ready.json)"
    expect "events" "$(rest GET 'events?code=token.' | jq -r '[.items[] | .code + " " + .outcome] | reverse | join(", ")')" \
        "token.lost failure, token.login failure, token.login success, token.back success"
    shown "gatehouse token login: a wrong PIN is refused, the right one makes the token usable, readyz is well by itself"
}

nowhere_to_read() {
    local process
    ! grep -rqF "$pin" "$instance"/*.log "$instance/data" || die "the PIN is in a file"
    ! grep -qF "$pin" err || die "the PIN is on standard error"
    for process in $(gateway_pid) $(signer_pid) $(module_pid); do
        ! tr '\0' '\n' <"/proc/$process/cmdline" | grep -qF "$pin" || die "the PIN is in the command line of $process"
        expect "core file of $process" "$(awk '/Max core file size/ {print $5}' "/proc/$process/limits")" 0
    done
    [ "$(awk '/VmLck/ {print $2}' "/proc/$(module_pid)/status")" -gt 0 ] || die "the module's process has no locked memory"
    [ "$(sql <<<"SELECT COUNT(*) FROM events WHERE details LIKE '%$pin%' OR object LIKE '%$pin%'")" = 0 ] || die "the PIN is in an event"
    shown "the PIN is in no log, command line, file or event; its process has locked memory and no core file"
}

# Also not where it came through on its way: by the command line's log-in, and by the console's.
locked_memory_only() {
    printf '%s' "$pin" >typed
    rest POST tokens/login "$(jq -n --arg pin "$pin" '{token: "pkcs11:token=hsm", $pin}')" >/dev/null || die "no log-in"
    within 10 locked_alone || die "the PIN lies in memory that is not locked: $(cat memory.txt)"
    grep -q "^$(module_pid) .* locked" memory.txt || die "the PIN is not kept: $(cat memory.txt)"
    rm typed
    shown "in the memory of gateway, signer and the module's process the typed PIN is in locked pages alone"
}
sql() { mariadb --no-defaults --socket="$instance/db/db.sock" --user=root --batch --skip-column-names gatehouse; }

locked_alone() {
    python3 "$here/memory_of.py" typed "$(gateway_pid)" "$(signer_pid)" "$(module_pid)" >memory.txt || die "no look into the memory"
    ! grep -qv ' locked ' memory.txt
}

hang() {
    local process
    process=$(module_pid)
    kill -STOP "$process"
    within 20 degraded 'module hsm' 'gave no answer for 2 seconds' || die "readyz: $(cat ready.json)"
    "$bin/gatehouse" ctl get-status >/dev/null || die "the gateway does not answer"
    within 20 well || die "it is not well again: $(cat ready.json)"
    [ "$(module_pid)" != "$process" ] || die "it is the same process"
    within 10 hsm_signs || die "the token does not sign"
    shown "a module that hangs is named by readyz, its process is ended and started again, with the typed PIN: well by itself"
}

# The timestamping key in the token, its certificate from elsewhere.
stamps() {
    local id
    jq -n '{name: "Stamps", $ca, key: {uri: "pkcs11:token=hsm;object=stamps"}, subject: {CN: "Stamps"}}' --arg ca "$ca" >stamps.json
    rest POST timestamping-certificates @stamps.json >stamps.made || die "no request for the key in the token"
    id=$(jq -er 'select(.managed | not) | .id' stamps.made) || die "managed: $(cat stamps.made)"
    jq -er .csr stamps.made >stamps.csr
    certify_elsewhere stamps.csr stamps.pem
    jq -Rs '{certificate: .}' stamps.pem >stamps.up
    rest POST "timestamping-certificates/$id/certificate" @stamps.up >/dev/null || die "the certificate is refused"
    rest POST "cas/$ca/timestamping" "{\"id\":\"stamps\",\"document\":{\"certificate\":\"$id\"}}" >/dev/null
    "$openssl" ts -query -data stamps.csr -sha256 -cert -out stamps.tsq 2>/dev/null
    expect "the answer" "$(stamp)" 200
    stamp_verifies || die "not verified: $(cat stamps.verify)"
    pkcs11-tool --module "$softhsm" --token-label hsm --read-object --type pubkey --label stamps -o stamps.spki >/dev/null 2>&1
    cmp <("$openssl" pkey -pubin -inform DER -in stamps.spki) <("$openssl" x509 -in stamps.pem -noout -pubkey) ||
        die "the certificate is for another key"
    shown "a timestamping key in a token, its certificate from elsewhere: openssl ts verifies its tokens"
}
stamp() {
    curl -sS -o stamps.tsr -w '%{http_code}' -H 'Content-Type: application/timestamp-query' --data-binary @stamps.tsq \
        "$GATEHOUSE_HTTP_URL/tsa/$ca/stamps"
}
stamp_verifies() { "$openssl" ts -verify -queryfile stamps.tsq -in stamps.tsr -CAfile elsewhere.pem >stamps.verify 2>&1; }

rules() {
    rest PUT notices '{"rules":[{"id":"now","on":"trouble","minutes":0,"to":["now@example.test"]},
        {"id":"later","on":"trouble","minutes":60,"to":["later@example.test"]}]}' >/dev/null
}

a_job_fails() {
    sql <<<"RENAME TABLE login_tickets TO login_tickets_away"
    within 30 told 'The job sessions fails on .* since 20' || die "no notice: $(cat said) $(tail -n 3 "$instance/serve.log")"
    sql <<<"RENAME TABLE login_tickets_away TO login_tickets"
    within 30 told 'Back again: the job sessions succeeds' || die "no notice of its end: $(cat said)"
    expect "notices of it" "$(grep -c 'job sessions' said)" 2
    shown "a job that fails is told of by mail once, and that it succeeds again"
}

# The typed PIN goes with the signer: the token is away. The present list is said to end in half an hour.
away() {
    rest GET "cas/$ca" | jq -r .certificate.pem >hsm.pem
    grep -q BEGIN hsm.pem || public "/ca/$ca.pem" >hsm.pem
    stop_gateway
    sql <<<"UPDATE crls l JOIN cas c ON c.id = l.ca_id SET l.next_update_us = (UNIX_TIMESTAMP() + 1800) * 1000000 WHERE c.slug = '$ca'"
    start_gateway
    within 20 degraded "ca $ca" 'The CRL now ends at 20' || die "readyz: $(cat ready.json)"
    within 90 told 'token hsm (.*) cannot be used on .* since 20.*: ' || die "no notice: $(cat said)"
    public "/crl/$ca.crl" | "$openssl" crl -inform DER -CAfile hsm.pem -noout -verify >away.verify 2>&1 || die "no CRL: $(cat away.verify)"
    "$openssl" ocsp -issuer hsm.pem -serial 0x77 -url "$GATEHOUSE_HTTP_URL/ocsp/$ca" -CAfile hsm.pem -no_nonce >away.ocsp 2>&1
    grep -q 'verify OK' away.ocsp || die "no OCSP answer: $(cat away.ocsp)"
    expect "the answer" "$(stamp)" 503
    sleep 3
    expect "events of it" "$(rest GET 'events?code=ca.crl-overdue' | jq -c '[.items[] | [.outcome, .object, (.details | has("until", "reason"))]]')" \
        "[[\"failure\",\"$ca\",true,true]]"
    "$bin/gatehouse" token login 'pkcs11:token=hsm' <<<"$pin" || die "no log-in"
    within 20 well || die "it is not well again: $(cat ready.json)"
    within 90 told 'Back again: token hsm (.*) is not missed' || die "no notice of its end: $(cat said)"
    expect "notices of it" "$(grep -c 'token hsm' said)" 2
    expect "notices to who wants to wait an hour" "$(grep -c '^later@' said)" 0
    expect "and of its end" "$(rest GET 'events?code=ca.crl-renewed' | jq '.items | length')" 1
    expect "the answer" "$(stamp)" 200
    stamp_verifies || die "not verified: $(cat stamps.verify)"
    shown "a token that is away: CRL and OCSP go on, timestamps are refused, readyz and one event warn before the end; all is well when it is back; one mail tells that it is away, one that it is back"
}

begin
need softhsm2-util pkcs11-tool mariadb python3
find_softhsm
make_token
start_instance --module "hsm=$softhsm" --module-timeout 2 --jobs-interval 1
log_in
nowhere_to_read
locked_memory_only
hang
stamps
start_mailbox
rules
a_job_fails
away
finish
