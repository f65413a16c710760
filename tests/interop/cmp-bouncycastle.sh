#!/bin/bash
# CMP with messages made and read by Bouncy Castle, the second implementation beside OpenSSL's, over HTTP, over
# HTTPS, and with a client certificate of TLS beside the protection.
# shellcheck disable=SC2154 # openssl, work and the instance's addresses are lib.sh's
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/bouncycastle.sh
. "$here/bouncycastle.sh"

client() { run_client CmpClient "$url" "$@" || cat "$work/client.err" >&2; }
chains() { "$openssl" verify -CAfile root.pem -untrusted chain.pem "$1" >verify.out 2>&1 || die "$1: $(cat verify.out)"; }
state_of() {
    rest GET "certificates?q=$("$openssl" x509 -in "$1" -noout -serial | sed 's/serial=//' | tr A-Z a-z)" | jq -r '.items[0].state'
}
template_with() { # APPROVAL
    rest GET "templates/$label" | jq -c --arg approval "$1" '{name, version, document: (.document + {approval: $approval,
        doors: ["cmp"], subject: {from: "csr", attributes: ["CN","O"], required: [], fixed: {}},
        sans: {types: ["dns","ip"], min: 0, max: 100, commonNameToSan: false}})}' >template.json
    rest PUT "templates/$label" @template.json >/dev/null
}

set_up() {
    make_ca "Device Root" '"P-256"' >root.slug
    make_ca "Device Issuing" '{"type":"RSA","bits":2048}' "$(cat root.slug)" >issuing.slug
    public "/ca/$(cat root.slug).pem" >root.pem
    public "/ca/$(cat issuing.slug).pem" >chain.pem
    label=$(cat issuing.slug)-web-server
    url=$GATEHOUSE_HTTP_URL/.well-known/cmp/p/$label
    template_with role
    secret=$(rest POST "templates/$label/credentials" '{"kind":"mac","name":"bc","uses":0}' | jq -er .secret)
}

by_secret() {
    expect "ir" "$(client mac bc "$secret" ir EC CN=bc-ec ec)" confirmed
    chains ec.pem
    expect "cr" "$(client mac bc "$secret" cr RSA CN=bc-rsa rsa)" confirmed
    chains rsa.pem
    expect "a wrong secret" "$(client mac bc wrong-wrong-wrong ir EC CN=x x | cut -d: -f1)" failed
    shown "ir and cr under PasswordBasedMac with SHA-256, EC and RSA keys, explicit confirmation; another secret is refused"
    expect "genm" "$(client mac bc "$secret" genm)" "certificates 2"
    shown "genm caCerts"
}

by_signature() {
    expect "kur" "$(client sig ec signer.pem kur EC CN=bc-ec ec2)" confirmed
    chains ec2.pem
    "$openssl" verify -CAfile root.pem -untrusted chain.pem signer.pem >verify.out 2>&1 || die "who answers: $(cat verify.out)"
    shown "kur by signature; the answer's signature verifies, and its signer is the CA's"
    expect "rr" "$(client sig ec2 signer.pem rr ec2.pem 4)" "status 0"
    expect "revoked" "$(state_of ec2.pem)" revoked
    expect "after rr" "$(client sig ec2 signer.pem kur EC CN=bc-ec x | cut -d: -f1)" failed
    shown "rr with a reason; a revoked certificate asks in vain"
}

by_approval() {
    local pid
    template_with always
    rest GET "templates/$label/cmp" | jq '{settings: (.settings + {pollSeconds: 1})} + if .version > 0 then {version} else {} end' >poll.json
    rest PUT "templates/$label/cmp" @poll.json >/dev/null
    client mac bc "$secret" cr EC CN=bc-waits waits >waits.out &
    pid=$!
    within 30 pending || die "no request waits: $(cat waits.out)"
    sleep 2
    rest POST "requests/$(rest GET "cas/$(cat issuing.slug)/requests?state=pending" | jq -r '.items[0].id')/sign" '{}' >/dev/null
    wait $pid || die "$(cat waits.out)"
    expect "polled" "$(cat waits.out)" "confirmed polled"
    chains waits.pem
    template_with role
    shown "approval by a person: pollReq and pollRep until the certificate is there"
}
pending() { [ "$(rest GET "cas/$(cat issuing.slug)/requests?state=pending" | jq '.items | length')" -gt 0 ]; }

# openssl cmp over TLS, on both listeners: which is one more authentication, of the transport alone.
over_tls() {
    local common=(-config '' -cmd cr -path ".well-known/cmp/p/$label" -ref bc -secret "pass:$secret" -mac hmacWithSHA256 -newkey
        ec.key -trusted root.pem -tls_used -tls_trusted "$GATEHOUSE_TLS_CERT" -tls_host localhost)
    "$openssl" cmp "${common[@]}" -server "${GATEHOUSE_URL#https://}" -subject /CN=over-tls -certout tls.pem >tls.out 2>&1 ||
        die "HTTPS: $(tail -5 tls.out)"
    "$openssl" cmp "${common[@]}" -server "localhost:$mtls_port" -subject /CN=over-mtls -tls_cert rsa.pem -tls_key rsa.key \
        -certout mtls.pem >tls.out 2>&1 || die "HTTPS with a client certificate: $(tail -5 tls.out)"
    chains tls.pem
    chains mtls.pem
    ! "$openssl" cmp "${common[@]:0:2}" -cmd cr -path ".well-known/cmp/p/$label" -unprotected_requests -newkey ec.key -trusted root.pem \
        -tls_used -tls_trusted "$GATEHOUSE_TLS_CERT" -tls_host localhost -server "localhost:$mtls_port" -subject /CN=x \
        -tls_cert rsa.pem -tls_key rsa.key -certout x.pem -unprotected_errors >tls.out 2>&1 || die "TLS alone was enough"
    grep -q 'must be protected' tls.out || die "$(tail -5 tls.out)"
    shown "openssl cmp over HTTPS, with and without a client certificate; TLS does not take the place of the protection"
}

begin
mtls_port=$(free_port)
start_instance --mtls "127.0.0.1:$mtls_port"
compile_client CmpClient
set_up
by_secret
by_signature
by_approval
over_tls
finish
