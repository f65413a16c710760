#!/bin/bash
# EST serverkeygen (RFC 7030 section 4.4) with curl and openssl: keys made here in the clear, encrypted by an AES key and to
# a client certificate, after manual approval, and to nobody but who asked.
# shellcheck disable=SC2154 # openssl, work and the instance's addresses are lib.sh's
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/est.sh
. "$here/est.sh"

answers() { # WANTED STATUS WHAT FILE
    [ "$1" = "$2" ] || die "$3: $2 instead of $1: $(head -c 300 "$4")"
}
helper() { python3 -B "$interop_root/tests/interop/est_keygen.py" "$@"; }

# device_csr TYPE FILE NAME: est_csr, and FILE.csr.der
device_csr() {
    est_csr "$@"
    base64 -d "$2.b64" >"$2.csr.der"
}

# keygen WANTED TEMPLATE CSR FILE OPTIONS...
keygen() {
    local wanted=$1 t=$2 csr=$3 file=$4
    shift 4
    answers "$wanted" "$(est_post "$t" serverkeygen "$csr" "$file" "$@")" "serverkeygen of $csr" "$file"
}

# delivered FILE [later]: the parts of FILE; unless later, the first is the private key of the certificate.
delivered() {
    helper parts "$1" || die "$1 is no answer in two parts"
    "$openssl" pkcs7 -inform DER -in "$1.p7" -print_certs -out "$1.pem" || die "$1: no certificate"
    "$openssl" verify -CAfile top.pem -untrusted site.pem "$1.pem" >/dev/null || die "$1: not from the CA"
    [ "$#" -gt 1 ] || belongs "$1" "$1.part"
}
belongs() { # FILE KEY
    "$openssl" pkey -inform DER -in "$2" -pubout -out "$1.pub" || die "$1: no private key"
    expect "$1: key" "$("$openssl" x509 -in "$1.pem" -noout -pubkey)" "$(cat "$1.pub")"
}

# opened FILE: FILE.signed is decrypted; its signature by the CA's service, and the key in it.
opened() {
    helper contentinfo "$1.signed" "$1.cms"
    "$openssl" cms -verify -inform DER -in "$1.cms" -CAfile top.pem -certfile site.pem -purpose any -out "$1.package" \
        -signer "$1.signer" 2>cms.log || die "$1: the signature on the key: $(cat cms.log)"
    "$openssl" x509 -in "$1.signer" -noout -ext extendedKeyUsage | grep -q 'Key Generation Authority' ||
        die "$1: not signed by who makes keys: $("$openssl" x509 -in "$1.signer" -noout -ext extendedKeyUsage)"
    helper package "$1.package" "$1.key"
    belongs "$1" "$1.key"
}

check_plain() {
    local type secret
    for type in RSA P-256 Ed25519 ML-DSA-65; do
        secret=$(challenge site-devices)
        device_csr $type "plain-$type" "${type,,}.example.test"
        keygen 200 site-devices "plain-$type.b64" out -u ":$secret"
        delivered out
        expect "$type: content type" "$(cat out.type)" application/pkcs8
        expect "$type: names" "$(subject_of out.pem)" "CN=${type,,}.example.test"
        [ "$("$openssl" pkey -in "plain-$type.key" -pubout)" != "$(cat out.pub)" ] || die "$type: the client's own key"
        "$openssl" x509 -in out.pem -noout -text | grep -qi "Public Key Algorithm: $(case $type in RSA) echo rsaE ;; P-256) echo id-ec ;; *) echo "$type" ;; esac)" ||
            die "$type: a key of another type"
    done
    shown "keys made here in the clear inside of TLS, of the type in the CSR: RSA, P-256, Ed25519 and ML-DSA-65"
    cp out first
    cp out.head first.head
    keygen 200 site-devices plain-ML-DSA-65.b64 out -u ":$secret"
    helper parts first && helper parts out
    cmp -s first.part out.part || die "a repetition got another key"
    cmp -s first.p7 out.p7 || die "a repetition got another certificate"
    keygen 401 site-devices plain-ML-DSA-65.b64 out -u ":$(challenge site-devices)"
    keygen 401 site-devices plain-ML-DSA-65.b64 out -u ':0123456789ABCDEF'
    keygen 401 site-devices plain-ML-DSA-65.b64 out
    shown "a lost answer can be had again by the same challenge password, by no other"
    secret=$(challenge site-devices)
    head -c -9 plain-P-256.csr.der >forged.der && printf 'forged!!!' >>forged.der
    base64 <forged.der >forged.b64
    keygen 200 site-devices forged.b64 out -u ":$secret"
    delivered out
    shown "key and signature of the CSR mean nothing (RFC 7030 section 4.4.1)"
    "$openssl" req -new -newkey rsa:1024 -nodes -keyout weak.key -subj /CN=weak.example.test -outform DER 2>/dev/null | base64 >weak.b64
    keygen 200 site-devices weak.b64 out -u ":$(challenge site-devices)"
    delivered out
    "$openssl" x509 -in out.pem -noout -text | grep -q 'Public-Key: ([23]...\? bit)' || die "the key has the size of the weak one"
    shown "a weak key in the CSR is answered with a strong one"
}

check_symmetric() {
    local secret key identifier
    key=$(rest POST templates/site-devices/credentials '{"kind":"key","name":"device-7","octets":32}' | jq -er .secret) ||
        die "no AES key"
    expect "hexadecimal digits of the AES key" ${#key} 64
    identifier=$(printf device-7 | xxd -p)
    helper attribute plain-P-256.csr.der 1.2.840.113549.1.9.16.2.37 "$identifier" symmetric.b64
    keygen 200 site-devices symmetric.b64 out -u ":$(challenge site-devices)"
    delivered out later
    grep -q 'smime-type=server-generated-key' out.type || die "$(cat out.type)"
    "$openssl" cms -decrypt -inform DER -in out.part -secretkey "$key" -secretkeyid "$identifier" -out out.signed ||
        die "the AES key does not open it"
    opened out
    ! "$openssl" cms -decrypt -inform DER -in out.part -secretkey "${key//[0-4]/5}" -secretkeyid "$identifier" -out /dev/null 2>/dev/null ||
        die "another AES key opens it"
    shown "encrypted by the AES key that DecryptKeyIdentifier names, signed by the CA's service key (RFC 5958)"
    helper attribute plain-P-256.csr.der 1.2.840.113549.1.9.16.2.37 "$(printf device-8 | xxd -p)" unknown.b64
    keygen 400 site-devices unknown.b64 out -u ":$(challenge site-devices)"
    grep -q 'no AES key' out || die "$(cat out)"
    rest POST templates/site-devices/credentials '{"kind":"key","name":"odd","secret":"abcd"}' >odd.json && die "an AES key of 16 bits"
    shown "an unknown identifier ends the request; AES keys have 16, 24 or 32 octets"
}

check_asymmetric() {
    local est_url=$mtls type identifier
    for type in RSA P-256; do
        device_csr $type "client-$type" "client-${type,,}.example.test"
        est_url=$GATEHOUSE_URL
        answers 200 "$(est_post site-devices simpleenroll "client-$type.b64" out -u ":$(challenge site-devices)")" "$type" out
        est_url=$mtls
        unpack out "client-$type.pem"
        identifier=$("$openssl" x509 -in "client-$type.pem" -noout -ext subjectKeyIdentifier | tail -1 | tr -d ' :')
        helper attribute "client-$type.csr.der" 1.2.840.113549.1.9.16.2.54 "$identifier" asymmetric.b64
        keygen 200 site-devices asymmetric.b64 out --cert "client-$type.pem" --key "client-$type.key"
        delivered out later
        grep -q 'smime-type=server-generated-key' out.type || die "$(cat out.type)"
        "$openssl" cms -decrypt -inform DER -in out.part -recip "client-$type.pem" -inkey "client-$type.key" -out out.signed ||
            die "$type: the client's key does not open it"
        opened out
        keygen 200 site-devices asymmetric.b64 again --cert "client-$type.pem" --key "client-$type.key"
        helper parts again
        cmp -s out.p7 again.p7 || die "a repetition got another certificate"
    done
    shown "encrypted to the client certificate that AsymmetricDecryptKeyIdentifier names: RSA and EC"
    helper attribute client-RSA.csr.der 1.2.840.113549.1.9.16.2.54 00112233 wrong.b64
    keygen 400 site-devices wrong.b64 out --cert client-RSA.pem --key client-RSA.key
    est_url=$GATEHOUSE_URL
    keygen 400 site-devices asymmetric.b64 out -u ":$(challenge site-devices)"
    shown "an identifier that is not the client certificate's ends the request"
}

check_manual() {
    local secret
    secret=$(challenge site-manual)
    est_csr P-256 manual manual.example.test
    for _ in 1 2; do
        keygen 202 site-manual manual.b64 out -u ":$secret"
        grep -qi '^retry-after: 60' out.head || die "202 without Retry-After"
    done
    expect pending "$(rest GET 'cas/site/requests?state=pending' | jq '.items | length')" 1
    keygen 401 site-manual manual.b64 out -u ":$(challenge site-manual)"
    approve site
    keygen 401 site-manual manual.b64 out
    keygen 200 site-manual manual.b64 out -u ":$secret"
    delivered out
    shown "manual approval: 202, one request however often it is repeated, then key and certificate, to who asked alone"
}

check_events() {
    rest GET 'events?limit=100' >events.json
    jq -e '[.items[] | select(.code == "est.key-delivered")] | length >= 6' events.json >/dev/null || die "deliveries are no events"
    ! grep -q 'PRIVATE KEY' events.json || die "a key in the events"
    shown "each delivery is an event"
}

begin
mtls_port=$(free_port)
start_instance --mtls "127.0.0.1:$mtls_port"
est_url=$GATEHOUSE_URL
mtls=https://localhost:$mtls_port
make_ca top '{"type":"EC","curve":"P-256"}' >/dev/null
make_ca site '{"type":"RSA","bits":2048}' top >/dev/null
expect template "$(est_template site Devices role '{keys: ["RSA","EC","Ed25519","ML-DSA"]}')" site-devices
expect template "$(est_template site Manual always)" site-manual
est_settings site-devices '.serverKeyGeneration = true'
est_settings site-manual '.serverKeyGeneration = true'
public /ca/site.pem >site.pem
public /ca/top.pem >top.pem
check_plain
check_symmetric
check_asymmetric
check_manual
check_events
finish
