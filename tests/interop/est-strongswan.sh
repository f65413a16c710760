#!/bin/bash
# EST as strongSwan's pki speaks it, with a TLS of its own: CA certificates, enrolment by challenge password and by
# a user, polling a pending request, renewal with the certificate just got.
# shellcheck disable=SC2154 # openssl, work and the instance's addresses are lib.sh's
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/est.sh
. "$here/est.sh"

# swan TEMPLATE FILE LISTENER OPTIONS...: FILE.csr becomes FILE.pem
swan() {
    local file=$2 base=$3
    rest PUT est "{\"defaultTemplate\":\"$1\"}" >default.json # pki 5.9 knows no labels
    shift 3
    pki --est --url "$base" --in "$file.csr.der" --cacert "$GATEHOUSE_TLS_CERT" \
        --cacert site.pem --cacert top.pem --outform pem "$@" >"$file.pem" 2>pki.err
}

swan_csr() { # FILE NAME TYPE
    if [ "$3" = rsa ]; then pki --gen --type rsa --size 2048; else pki --gen --type "$3"; fi >"$1.key.der" 2>/dev/null
    pki --req --in "$1.key.der" --dn "CN=$2" --san "$2" >"$1.csr.der" 2>/dev/null || die "pki --req: $3"
}

check_ca() {
    rest PUT est "{\"defaultTemplate\":\"site-devices\"}" >default.json
    pki --estca --url "$GATEHOUSE_URL" --cacert "$GATEHOUSE_TLS_CERT" --caout got.pem \
        --outform pem --force >pki.out 2>pki.err || die "pki --estca: $(tail -5 pki.err)"
    public /ca/site.pem >site.pem
    public /ca/top.pem >top.pem
    cat got*.pem >all.pem
    for ca in site top; do
        want=$("$openssl" x509 -in $ca.pem -noout -fingerprint -sha256)
        found=
        for file in got*.pem; do
            [ "$("$openssl" x509 -in "$file" -noout -fingerprint -sha256)" != "$want" ] || found=1
        done
        [ -n "$found" ] || die "pki --estca did not bring $ca: $(ls got*)"
    done
    shown "pki --estca: issuing CA and root"
}

check_enrol() {
    local type secret
    for type in rsa ecdsa ed25519; do
        secret=$(challenge site-devices)
        swan_csr $type "$type.example.test" $type
        swan site-devices $type "$GATEHOUSE_URL" --userpass "device:$secret" && die "a user name that is none was taken"
        rest POST templates/site-devices/credentials "{\"name\":\"device-$type\"}" >named.json
        swan site-devices $type "$GATEHOUSE_URL" --userpass "device-$type:$(jq -er .secret named.json)" ||
            die "pki --est $type: $(tail -5 pki.err)"
        "$openssl" verify -CAfile top.pem -untrusted site.pem $type.pem >/dev/null || die "$type: not from the CA"
        expect "$type: subject" "$(subject_of $type.pem)" "CN=$type.example.test"
    done
    shown "pki --est: RSA, ECDSA and Ed25519 with a named challenge password by HTTP Basic"
}

check_renewal() {
    swan_csr renewed rsa.example.test ecdsa
    "$openssl" x509 -in rsa.pem -outform DER -out rsa.der
    swan site-devices renewed "$mtls" --cert rsa.der --key rsa.key.der || die "renewal: $(tail -5 pki.err; tail -3 "$instance/serve.log")"
    expect "renewed" "$(subject_of renewed.pem)" CN=rsa.example.test
    [ "$(serial_of renewed.pem)" != "$(serial_of rsa.pem)" ] || die "not renewed"
    shown "pki --est with the certificate just got: renewed for a new key"
}

pending() { [ "$(rest GET 'cas/site/requests?state=pending' | jq '.items | length')" -gt 0 ]; }

check_pending() {
    local pid
    est_settings site-manual '.retryAfterSeconds = 1'
    rest POST templates/site-manual/credentials '{"name":"patient"}' >named.json
    swan_csr manual manual.example.test ecdsa
    swan site-manual manual "$GATEHOUSE_URL" --userpass "patient:$(jq -er .secret named.json)" --interval 1 --maxpolltime 60 &
    pid=$!
    within 20 pending || die "nothing is pending: $(tail -5 pki.err)"
    sleep 2
    approve site
    wait $pid || die "polling: $(tail -5 pki.err)"
    expect "polled" "$(subject_of manual.pem)" CN=manual.example.test
    shown "pki --est polls through 202 until an officer has approved"
}

begin
need pki
mtls_port=$(free_port)
start_instance --mtls "127.0.0.1:$mtls_port"
est_url=$GATEHOUSE_URL
mtls=https://localhost:$mtls_port
make_ca top '{"type":"EC","curve":"P-256"}' >/dev/null
make_ca site '{"type":"EC","curve":"P-256"}' top >/dev/null
expect template "$(est_template site Devices role)" site-devices
expect template "$(est_template site Manual always)" site-manual
check_ca
check_enrol
check_renewal
check_pending
finish
