#!/bin/bash
# SCEP with messages made and read by Bouncy Castle, against RSA, EC and ML-DSA CAs: capabilities, CA certificates,
# enrolment, polling, renewal, GetCert, GetCRL, roll-over; and the settings that strangers get in by.
# shellcheck disable=SC2154 # openssl, work and the instance's addresses are lib.sh's
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/scep.sh
. "$here/scep.sh"
# shellcheck source=tests/interop/bouncycastle.sh
. "$here/bouncycastle.sh"

client() { # CA TEMPLATE ARGUMENTS...
    local ca=$1 template=$2
    shift 2
    (cd "$work/$ca" && run_client ScepClient "$GATEHOUSE_HTTP_URL/scep/$template" "$@") || cat "$work/client.err" >&2
}
chains() { "$openssl" verify -partial_chain -CAfile "$1/ca.pem" "$1/$2" >"$work/verify" 2>&1 || die "$1/$2: $(cat "$work/verify")"; }

check() { # CA
    mkdir "$1"
    client "$1" "$1-devices" caps >caps
    grep -q SCEPStandard caps || die "$1: $(cat caps)"
    expect "$1: GetCACert" "$(client "$1" "$1-devices" cacerts)" "certificates 2"
    chains "$1" ra.pem
    expect "$1: enrol" "$(client "$1" "$1-devices" enrol one "$(challenge "$1-devices")")" issued
    chains "$1" one.pem
    expect "$1: a wrong challenge" "$(client "$1" "$1-devices" enrol liar wrong)" "failure 2"
    shown "$1: capabilities, CA certificates, PKCSReq; a wrong challenge is badRequest"
    expect "$1: renew" "$(client "$1" "$1-devices" renew one two)" issued
    chains "$1" two.pem
    [ "$(serial_of "$1/one.pem")" != "$(serial_of "$1/two.pem")" ] || die "$1: not renewed"
    expect "$1: GetCert" "$(client "$1" "$1-devices" cert one)" "certificates 1"
    expect "$1: GetCRL" "$(client "$1" "$1-devices" crl one)" "crls 1"
    "$openssl" crl -in "$1/one.crl" -CAfile "$1/ca.pem" -noout 2>&1 | grep -q 'verify OK' || die "$1: the CRL"
    shown "$1: RenewalReq, GetCert, GetCRL"
    expect "$1: pending" "$(client "$1" "$1-manual" enrol slow "$(challenge "$1-manual")")" pending
    expect "$1: CertPoll" "$(client "$1" "$1-manual" poll slow)" pending
    approve "$1"
    expect "$1: CertPoll" "$(client "$1" "$1-manual" poll slow)" issued
    chains "$1" slow.pem
    shown "$1: pending, CertPoll before and after the approval"
    scep_settings "$1-devices" ".nextCa = \"$2\""
    expect "$1: GetNextCACert" "$(client "$1" "$1-devices" next)" "certificates 2"
    shown "$1: GetNextCACert signed by the present RA"
}

check_doors() {
    expect "without a challenge" "$(client rsa rsa-devices enrol nobody '')" "failure 2"
    scep_settings rsa-devices '.validation.insecureAcceptAnyone = true'
    expect "anybody, approval by role" "$(client rsa rsa-devices enrol anybody '')" pending
    scep_template rsa open none >/dev/null
    expect "approval none, and no challenge" "$(client rsa rsa-open enrol nobody '')" "failure 2"
    scep_settings rsa-open '.validation.insecureAcceptAnyone = true'
    expect "insecureAcceptAnyone" "$(client rsa rsa-open enrol anybody '')" issued
    scep_settings rsa-open '.validation.insecureAcceptAnyone = false'
    expect "closed again" "$(client rsa rsa-open enrol nobody '')" "failure 2"
    shown "insecureAcceptAnyone lets everybody ask, which is no approval by role; nobody when it is off"
    scep_template sub devices role >/dev/null
    expect "the whole chain" "$(mkdir sub && client sub sub-devices cacerts)" "certificates 3"
    scep_settings sub-devices '.stripRoot = true'
    expect "stripRoot" "$(client sub sub-devices cacerts)" "certificates 2"
    expect "enrolment without the root" "$(client sub sub-devices enrol one "$(challenge sub-devices)")" issued
    shown "stripRoot leaves the root out of GetCACert"
}

begin
start_instance
compile_client ScepClient
make_ca rsa '{"type":"RSA","bits":2048}' >/dev/null
make_ca ec '{"type":"EC","curve":"P-256"}' >/dev/null
make_ca pq '{"type":"ML-DSA-65"}' >/dev/null
make_ca sub '{"type":"EC","curve":"P-256"}' rsa >/dev/null
for ca in rsa ec pq; do
    scep_template $ca devices role >/dev/null
    scep_template $ca manual always >/dev/null
done
check rsa ec
check ec pq
check pq rsa
check_doors
finish
