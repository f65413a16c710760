#!/bin/bash
# EST with Bouncy Castle's client, the third that is not ours after curl's users and strongSwan's pki.
# shellcheck disable=SC2154 # openssl, work and the instance's addresses are lib.sh's
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/est.sh
. "$here/est.sh"
# shellcheck source=tests/interop/bouncycastle.sh
. "$here/bouncycastle.sh"

client() { run_client EstClient "$@" || { cat "$work/client.err" >&2; }; }
chains() { "$openssl" verify -CAfile top.pem -untrusted site.pem "$1" >verify.out 2>&1 || die "$1: $(cat verify.out)"; }

check_enrolment() {
    local secret type
    expect "cacerts" "$(client "$est_url" site-devices "$GATEHOUSE_TLS_CERT" cacerts ca.pem)" "certificates 2"
    expect "csrattrs" "$(client "$est_url" site-devices "$GATEHOUSE_TLS_CERT" csrattrs)" \
        "attributes 1.2.840.113549.1.1.1 1.2.840.113549.1.9.14 1.2.840.113549.1.9.16.2.61"
    shown "Bouncy Castle reads CA certificates and CSR attributes"
    for type in RSA EC; do
        secret=$(challenge site-devices '{"name":"bc-'$type'"}')
        expect "$type" "$(client "$est_url" site-devices "$GATEHOUSE_TLS_CERT" enroll $type dev-$type "bc-$type" "$secret")" \
            "certificates 1"
        chains dev-$type.pem
    done
    expect "a wrong password" "$(client "$est_url" site-devices "$GATEHOUSE_TLS_CERT" enroll EC liar bc-RSA wrong | cut -d: -f1)" failed
    shown "simpleenroll with RSA and EC keys: HTTP Basic after the 401; a wrong password is refused"
}

check_renewal() {
    expect "simplereenroll" \
        "$(client "$mtls" site-devices "$GATEHOUSE_TLS_CERT" reenroll EC dev-EC new "$(subject_of dev-EC.pem)")" "certificates 1"
    chains new.pem
    expect "names" "$(subject_of new.pem)" "$(subject_of dev-EC.pem)"
    [ "$(serial_of new.pem)" != "$(serial_of dev-EC.pem)" ] || die "not renewed"
    shown "simplereenroll over TLS with the certificate just got, for a new key"
}

check_waiting() {
    local secret
    secret=$(challenge site-manual '{"name":"waits"}')
    est_settings site-manual '.retryAfterSeconds = 9'
    expect "202" "$(client "$est_url" site-manual "$GATEHOUSE_TLS_CERT" enroll EC slow waits "$secret")" "wait 9"
    approve site
    expect "after approval" "$(client "$est_url" site-manual "$GATEHOUSE_TLS_CERT" repeat slow waits "$secret")" "certificates 1"
    chains slow.pem
    shown "202 with Retry-After, and the certificate once somebody has approved"
}

begin
mtls_port=$(free_port)
start_instance --mtls "127.0.0.1:$mtls_port"
est_url=$GATEHOUSE_URL
mtls=https://localhost:$mtls_port
compile_client EstClient
make_ca top '{"type":"EC","curve":"P-256"}' >/dev/null
make_ca site '{"type":"RSA","bits":2048}' top >/dev/null
public /ca/site.pem >site.pem
public /ca/top.pem >top.pem
est_template site Devices role '{keys: ["RSA","EC"]}' >/dev/null
est_template site Manual always >/dev/null
check_enrolment
check_renewal
check_waiting
finish
