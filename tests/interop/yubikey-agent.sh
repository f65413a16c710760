#!/bin/bash
# YubiKeys at an agent: its local page provisions their slots (keys made and taken in, root, CSR, certificate), the gateway
# takes the CA over, a second YubiKey is plugged in meanwhile. Yubico's module (ykcs11) unchanged, over PIV cards in software
# (softhsm-fixtures/yubikey-card).
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/agent_page.sh
. "$here/agent_page.sh"

fixture=$interop_root/softhsm-fixtures/yubikey
label='YubiKey PIV #10000001'
management=010203040506070801020304050607080102030405060708

plug_in() {
    [ "$(id -u)" = 0 ] || die "pcscd wants to run as root"
    "$fixture" start "$work/yubikey" "$bin/yubikey-card" >yubikey.env || die "no YubiKey"
    # shellcheck disable=SC1091 # written the line before
    . "$work/yubikey.env"
    other_pids+=("$YUBIKEY_PID" "$(cat "$work/yubikey/pcscd.pid")")
}

start_agent() {
    printf '123456\n' >yubikey.pin
    chmod 600 yubikey.pin
    rest POST agents '{"name":"desk"}' >desk.json
    jq -er .code desk.json >desk.code
    "$bin/gatehouse-agent" --enrol --code-file desk.code --state "$work/desk" --gateway "127.0.0.1:$agents_port" \
        >enrol.log 2>&1 || die "the agent does not enrol: $(cat enrol.log)"
    printf '%s\n' "$page_password" | "$bin/gatehouse-agent" --state "$work/desk" --set-password 2>>enrol.log ||
        die "no password: $(cat enrol.log)"
    page_port=$(free_port)
    "$bin/gatehouse-agent" --state "$work/desk" --gateway "127.0.0.1:$agents_port" --module "yk=$TOKEN_MODULE" \
        --pin "$label=$work/yubikey.pin" --page "127.0.0.1:$page_port" >>desk.log 2>&1 &
    other_pids+=($!)
    within 20 is_there 10000001 || die "the agent does not come: $(tail -n 5 desk.log)"
}

# The gateway sees the YubiKey with that serial number, and nothing is wrong with it.
is_there() {
    rest GET "agents/$(jq -r .id desk.json)" | jq -e --arg serial "$1" '.state == "connected" and
        ([.tokens[] | select(.serial == $serial and .problem == null)] | length == 1)' >/dev/null
}

# token SERIAL: its URI on the page.
token() {
    expect page "$(page "$page_password" / -k)" 200
    links token | grep "$1" || die "the page does not show the YubiKey $1"
}

management_keys() {
    mkdir keys
    python3 "$interop_root/tests/interop/yubikey_management.py" "$bin/yubikey-card" "$work/keys" "$openssl" >>keys.log 2>&1 ||
        die "the card's management key: $(tail -n 3 keys.log)"
    shown "the card's management key is 3DES, AES-128, AES-192 or AES-256, proved both ways; wrong keys and sizes are refused"
}

a_root() {
    form /keys 200 "uri=$first" slot=2 "officer=$management" how=generate type=P-384
    grep -q 'Slot 9c' page.html || die "the page shows another slot than 9c"
    refused /certify 403 'management key' "uri=$first;id=%02" what=root "cn=Desk Root" o=Example c=CH years=5
    form /certify 200 "uri=$first;id=%02" "officer=$management" what=root "cn=Desk Root" o=Example c=CH years=5
    taken CERTIFICATE root.pem
    "$openssl" verify -x509_strict -CAfile root.pem root.pem >/dev/null || die "the root does not verify"
    rest POST cas/import "$(jq -n --rawfile pem root.pem '{name: "Desk Root", certificate: $pem}')" >/dev/null ||
        die "the root is not imported"
    expect "its state without its key" "$(rest GET cas/desk-root | jq -r .state)" certificate-only
    rest PUT cas/desk-root/key '{"uri":"pkcs11:serial=10000001;id=%02;type=private"}' >/dev/null || die "its key is not taken"
    expect "its state with its key" "$(rest GET cas/desk-root | jq -r .state)" active
    rest POST cas/desk-root/crl >/dev/null || die "it signs no CRL"
    public /crl/desk-root.crl | "$openssl" crl -inform DER -CAfile root.pem -noout 2>&1 | grep -q 'verify OK' ||
        die "the CRL does not verify"
    shown "the agent's page: a key in slot 9c, its root written to the slot; the gateway takes it over, its CRL is signed there"
}

# import SLOT ID KEY-FILE: through the page, without and with the management key.
import() {
    refused /keys 403 'management key' "uri=$first" "slot=$1" how=import "key@$3" password=geheim
    form /keys 200 "uri=$first" "slot=$1" "officer=$management" how=import "key@$3" password=geheim
    form /certify 200 "uri=$first;id=$2" what=csr "cn=$3"
    taken 'CERTIFICATE REQUEST' import.csr
    "$openssl" req -in import.csr -verify -noout >>openssl.log 2>&1 || die "the CSR of the key in slot $1 does not verify"
    cmp <("$openssl" req -in import.csr -noout -pubkey) <("$openssl" pkey -in "$3" -passin pass:geheim -pubout) ||
        die "slot $1 has another key"
    refused /keys 409 'holds a key' "uri=$first" "slot=$1" "officer=$management" how=import "key@$3" password=geheim
}

imports() {
    "$openssl" genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem 2>>openssl.log
    "$openssl" genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:geheim -out ec.pem 2>>openssl.log
    import 5 %05 rsa.pem
    import 6 %06 ec.pem
    shown "the page puts an RSA key into slot 82 and an encrypted P-256 key into 83, each signs a CSR; none is overwritten"
}

# plug_beside SERIAL FIRMWARE: a YubiKey comes into the reader's second place while everything runs; $beside_pid.
plug_beside() {
    mkdir "$1"
    setsid "$bin/yubikey-card" "$(($(cat "$work/yubikey/port") + 1))" "$work/$1" "$1" "$2" </dev/null >"$1.log" 2>&1 &
    beside_pid=$!
    other_pids+=("$beside_pid")
    within 15 is_listed "$1" || die "the YubiKey $1 is not seen: $(tail -n 5 desk.log)"
}

# From firmware 5.7 on a YubiKey leaves the factory with an AES-192 management key.
newer_firmware() {
    local newer
    plug_beside 10000003 5.7.1
    newer=$(token 10000003)
    form /pin 200 "uri=$newer" pin=123456
    if yubico-piv-tool --version | grep -q ' 2\.[0-2]\.'; then
        refused /keys 403 'needs ykcs11 2.3' "uri=$newer" slot=1 "officer=$management" how=generate type=P-256
        shown "a YubiKey whose management key is AES, under a ykcs11 that knows 3DES alone: the page says what it needs"
    else
        form /keys 200 "uri=$newer" slot=1 "officer=$management" how=generate type=P-256
        shown "a YubiKey whose management key is AES: a key is made"
    fi
    kill "$beside_pid"
    within 15 is_unlisted 10000003 || die "it is listed though it is out"
}

# Its PIN is typed on the page.
a_second_one() {
    local second
    plug_beside 10000002 5.4.3
    second=$(token 10000002)
    refused /pin 403 'PIN' "uri=$second" pin=999999
    form /pin 200 "uri=$second" pin=123456
    within 15 is_there 10000002 || die "the gateway does not see that it is ready"
    form /keys 200 "uri=$second" slot=1 "officer=$management" how=generate type=P-256
    rest POST cas '{"name": "Second", "subject": {"CN": "Second"}, "key": {"uri": "pkcs11:serial=10000002;id=%01"}}' >second.json ||
        die "no CA with the key of the second YubiKey"
    ca=$(jq -er .id second.json)
    public "/ca/$ca.crt" | "$openssl" x509 -inform DER -out second.pem
    make_csr P-256 leaf leaf.example
    submit_and_sign "$ca-web-server" leaf
    "$openssl" verify -x509_strict -CAfile second.pem leaf.pem >/dev/null || die "the leaf does not verify"
    rest POST cas/desk-root/crl >/dev/null || die "the first YubiKey is not used any more"
    shown "a second YubiKey is plugged in: it is listed at the agent and the gateway, a key made, a CA issues with it, the first goes on"

    kill -HUP "$beside_pid"
    within 15 is_unlisted 10000002 || die "it is listed though it is out"
    expect "with the second one pulled out" "$(rest_status POST "cas/$ca/crl")" 503
    rest POST cas/desk-root/crl >/dev/null || die "the first YubiKey stands still because the second is out"
    kill -USR2 "$beside_pid"
    within 20 is_there 10000002 || die "it is not seen again: $(tail -n 5 desk.log)"
    rest POST "cas/$ca/crl" >/dev/null || die "it is not used again"
    shown "the second one is pulled out: its CA says so, the other goes on; plugged in, it works with the PIN that was typed"
}
is_listed() { rest GET "agents/$(jq -r .id desk.json)" | jq -e --arg serial "$1" 'any(.tokens[]; .serial == $serial)' >/dev/null; }
is_unlisted() { ! is_there "$1"; }

# With a P-256 key in 9d: what the YubiKey and OpenSSL come to is the same secret.
agreed() {
    local tool=(pkcs11-tool --module "$TOKEN_MODULE" --token-label "$label")
    form /keys 200 "uri=$first" slot=3 "officer=$management" how=generate type=P-256
    form /certify 200 "uri=$first;id=%03" what=csr "cn=Agreement"
    taken 'CERTIFICATE REQUEST' 9d.csr
    "$openssl" req -in 9d.csr -noout -pubkey >9d.pub
    "$openssl" genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out peer.key 2>>openssl.log
    "$openssl" pkey -in peer.key -pubout -outform DER -out peer.der
    "${tool[@]}" --login --pin 123456 --derive -m ECDH1-DERIVE --id 3 --input-file peer.der --output-file card.secret \
        >>pkcs11.log 2>&1 || die "ykcs11 derives nothing: $(tail -n 3 pkcs11.log)"
    "$openssl" pkeyutl -derive -inkey peer.key -peerkey 9d.pub -out own.secret
    cmp card.secret own.secret || die "the YubiKey and OpenSSL have different secrets"
    "$openssl" genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out other.key 2>>openssl.log
    "$openssl" pkey -in other.key -pubout -outform DER -out other.der
    ! "${tool[@]}" --login --pin 123456 --derive -m ECDH1-DERIVE --id 3 --input-file other.der --output-file none.secret \
        >>pkcs11.log 2>&1 || die "a secret with a point of another curve"
    shown "ECDH with a P-256 key in slot 9d, under pkcs11-tool: the same secret as OpenSSL's; a point of another curve is refused"
}

begin
need python3 yubico-piv-tool pkcs11-tool pcscd systemd-socket-activate
management_keys
plug_in
agents_port=$(free_port)
start_instance --agents "127.0.0.1:$agents_port"
start_agent
first=$(token 10000001)
a_root
imports
agreed
newer_firmware
a_second_one
finish
