#!/bin/bash
# A YubiKey as CA key: Yubico's own tool and PKCS#11 module (ykcs11), unchanged, over a PIV card in software
# (softhsm-fixtures/yubikey-card) behind pcscd. Keys made and imported, attestation, PIN and touch, certificates written
# back, a CA that issues and signs its CRL, the token pulled in the middle of a signature.
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

fixture=$interop_root/softhsm-fixtures/yubikey
label='YubiKey PIV #10000001'
uri="pkcs11:token=YubiKey%20PIV%20%2310000001"
so_pin=010203040506070801020304050607080102030405060708

piv() { yubico-piv-tool "$@" >>piv.log 2>&1; }

plug_in() {
    [ "$(id -u)" = 0 ] || die "pcscd wants to run as root"
    "$fixture" start "$work/yubikey" "$bin/yubikey-card" >yubikey.env || die "no YubiKey"
    # shellcheck disable=SC1091 # written the line before
    . "$work/yubikey.env"
    other_pids+=("$YUBIKEY_PID" "$(cat "$work/yubikey/pcscd.pid")")
}

signatures() { cat "$work/yubikey/signatures" 2>/dev/null || echo 0; }

tries_left() { yubico-piv-tool -a status | sed -n 's/^PIN tries left:[[:space:]]*//p'; }

# Version 2.2, which Debian 12 has, was written for OpenSSL 1.1 and signs no certificate under OpenSSL 3.
self_signed() {
    if yubico-piv-tool --version | grep -q ' 2\.2\.'; then
        note "yubico-piv-tool 2.2 cannot self-sign under OpenSSL 3; left out"
        return
    fi
    piv -a verify-pin -P 123456 -a selfsign-certificate -s 9a -S /CN=self/ -i 9a.pub -o self.pem ||
        die "selfsign: $(tail -n 3 piv.log)"
    "$openssl" verify -CAfile self.pem self.pem >/dev/null || die "the self-signed certificate does not verify"
    piv -a verify-pin -P 123456 -a request-certificate -s 9a -S /CN=request/ -i 9a.pub -o 9a.csr ||
        die "request: $(tail -n 3 piv.log)"
    "$openssl" req -in 9a.csr -noout -verify 2>/dev/null || die "the request does not verify"
    shown "yubico-piv-tool: self-signed certificate and request"
}

with_yubicos_tool() {
    piv -a generate -s 9a -A RSA2048 -o 9a.pub || die "generate: $(tail -n 3 piv.log)"
    "$openssl" genrsa -out other.key 2048 2>/dev/null
    "$openssl" x509 -new -force_pubkey 9a.pub -key other.key -subj /CN=other -out 9a.pem 2>>openssl.log
    piv -a import-certificate -s 9a -i 9a.pem || die "import-certificate: $(tail -n 3 piv.log)"
    self_signed
    "$openssl" genrsa -out 9d.key 2048 2>/dev/null
    "$openssl" req -x509 -key 9d.key -subj /CN=imported -out 9d.pem
    piv -a import-key -s 9d -i 9d.key || die "import-key: $(tail -n 3 piv.log)"
    piv -a import-certificate -s 9d -i 9d.pem
    piv -a verify-pin -P 123456 -a test-signature -s 9d -i 9d.pem || die "test-signature: $(tail -n 3 piv.log)"
    piv -a verify-pin -P 123456 -a test-decipher -s 9d -i 9d.pem || die "test-decipher: $(tail -n 3 piv.log)"
    yubico-piv-tool -a status >status.txt || die "no status"
    grep -q 'Subject DN:[[:space:]]*CN=imported' status.txt || die "status shows no certificate: $(cat status.txt)"
    shown "yubico-piv-tool: a key made and one imported, certificates in and out, signed, deciphered"

    piv -a change-pin -P 123456 -N 654321 || die "change-pin: $(tail -n 3 piv.log)"
    piv -a change-puk -P 12345678 -N 87654321 || die "change-puk: $(tail -n 3 piv.log)"
    ! piv -a verify-pin -P 123456 || die "the old PIN is taken"
    expect "PIN tries after a wrong one" "$(tries_left)" 2
    piv -a unblock-pin -P 87654321 -N 123456 || die "unblock: $(tail -n 3 piv.log)"
    piv -a verify-pin -P 123456 -a pin-retries --pin-retries 5 --puk-retries 4 || die "pin-retries: $(tail -n 3 piv.log)"
    expect "PIN tries" "$(tries_left)" 5
    shown "yubico-piv-tool: PIN and PUK changed, PIN unblocked by the PUK, number of tries set"
}

attested() {
    piv -a generate -s 9c -A ECCP384 --pin-policy=once -o 9c.pub || die "generate: $(tail -n 3 piv.log)"
    piv -a attest -s 9c -o attestation.pem || die "attest: $(tail -n 3 piv.log)"
    piv -a read-certificate -s f9 -o f9.pem || die "read-certificate: $(tail -n 3 piv.log)"
    "$openssl" verify -CAfile yubikey/attestation-root.pem -untrusted f9.pem attestation.pem >/dev/null ||
        die "the attestation does not verify"
    cmp -s <("$openssl" x509 -in attestation.pem -noout -pubkey) 9c.pub || die "another key is attested"
    ! piv -a attest -s 9d -o none.pem || die "an imported key is attested"
    shown "attestation: the key in 9c was made on the YubiKey, verified up to the root; an imported key is not attested"
}

with_pkcs11_tool() {
    local tool=(pkcs11-tool --module "$TOKEN_MODULE" --token-label "$label")
    "${tool[@]}" --login --login-type so --so-pin "$so_pin" --keypairgen --id 5 --key-type EC:prime256v1 \
        >>pkcs11.log 2>&1 || die "ykcs11 makes no key in 82: $(tail -n 3 pkcs11.log)"
    "${tool[@]}" --login --login-type so --so-pin "$so_pin" --keypairgen --id 18 --key-type rsa:2048 \
        >>pkcs11.log 2>&1 || die "ykcs11 makes no key in 95: $(tail -n 3 pkcs11.log)"
    printf 'a message' >message
    "${tool[@]}" --login --pin 123456 --sign -m ECDSA-SHA256 --id 5 --signature-format openssl --input-file message \
        --output-file message.sig >>pkcs11.log 2>&1 || die "ykcs11 does not sign: $(tail -n 3 pkcs11.log)"
    "${tool[@]}" --read-object --type cert --id 5 --output-file 82.der >>pkcs11.log 2>&1
    "$openssl" x509 -inform DER -in 82.der -noout -pubkey >82.pub
    "$openssl" dgst -sha256 -verify 82.pub -signature message.sig message >/dev/null || die "ykcs11's signature is wrong"
    "${tool[@]}" -L >>pkcs11.log
    shown "ykcs11 under pkcs11-tool: keys made in 82 and 95 with the management key, signature verified"
}

listed() { rest GET tokens | jq -e '.items[] | select(.module == "yk")'; }

work_as_ca() {
    expect "the serial number of the token" "$(listed | jq -r .serial)" 10000001
    jq -n --arg uri "$uri;id=%02" '{name: "Root on YubiKey", key: {uri: $uri}}' >ca.json
    root=$(rest POST cas @ca.json | jq -er .id) || die "no CA with the key in 9c"
    public "/ca/$root.crt" | "$openssl" x509 -inform DER -out root.pem
    cmp -s <("$openssl" x509 -in root.pem -noout -pubkey) 9c.pub || die "the CA has another key than 9c"
    make_csr P-256 leaf leaf.example
    submit_and_sign "$root-web-server" leaf
    "$openssl" verify -x509_strict -CAfile root.pem leaf.pem >/dev/null || die "the leaf does not verify"
    rest POST "certificates/$(certificate_id leaf)/revoke" '{"reason":"superseded"}' >/dev/null
    public "/crl/$root.crl" | "$openssl" crl -inform DER -CAfile root.pem -noout 2>&1 | grep -q 'verify OK' ||
        die "the CRL does not verify"
    [ "$(signatures)" -ge 3 ] || die "the YubiKey did not sign"
    shown "a CA with its key in slot 9c: self-signed, a certificate issued, a CRL, $(signatures) signatures by the YubiKey"
}

issue() {
    make_csr P-256 "$1" "$1.example"
    submit_and_sign "$root-web-server" "$1"
    "$openssl" verify -x509_strict -CAfile root.pem "$1.pem" >/dev/null
}

sign_waiting() { rest POST "requests/$waiting/sign" '{}' >signed.json 2>>rest.log; }

pulled_out() {
    local before status
    make_csr P-256 pulled pulled.example
    waiting=$(rest POST "templates/$root-web-server/requests" "$(jq -Rs '{csr: .}' pulled.csr)" | jq -er .id)
    before=$(rest GET "certificates?ca=$root" | jq '.items | length')
    kill -USR1 "$YUBIKEY_PID"
    status=$(rest_status POST "requests/$waiting/sign" '{}')
    expect "a signature under which the token is pulled out" "$status" 503
    expect "the request stays" "$(rest GET "requests/$waiting" | jq -r .state)" pending
    expect "certificates" "$(rest GET "certificates?ca=$root" | jq '.items | length')" "$before"
    expect "while it is out" "$(rest_status POST "requests/$waiting/sign" '{}')" 503
    kill -USR2 "$YUBIKEY_PID"
    within 15 sign_waiting || die "the CA does not work again: $(tail -n 1 rest.log)"
    jq -er .certificate.pem signed.json >pulled.pem
    "$openssl" verify -x509_strict -CAfile root.pem pulled.pem >/dev/null || die "the certificate does not verify"
    shown "pulled out in the middle of a signature: a clear refusal, nothing half done; plugged in, it works by itself"
}

# With the management key as the officer's PIN: key, CSR and attestation in one step, the certificate written back.
through_the_gateway() {
    local made
    jq -n --arg uri "$uri;id=%06" --arg pin "$so_pin" --rawfile root yubikey/attestation-root.pem \
        '{uri: $uri, key: {type: "EC", curve: "P-256"}, officerPin: $pin, attestationRoot: $root,
          subject: {CN: "Issuing on YubiKey"}}' >make.json
    expect "without the officer's PIN" "$(rest_status POST token-keys "$(jq 'del(.officerPin)' make.json)")" 403
    made=$(rest POST token-keys @make.json) || die "no key in slot 83"
    expect "attestation" "$(jq -c '.key.attestation | [.verified, .serial, .firmware, .pinPolicy, .touchPolicy]' <<<"$made")" \
        '[true,"10000001","5.4.3","once","never"]'
    jq -r .csr <<<"$made" >83.csr
    "$openssl" req -in 83.csr -verify -noout >/dev/null 2>&1 || die "the CSR does not verify"
    "$openssl" req -in 83.csr -noout -pubkey >83.pub
    cmp -s 83.pub <(jq -j .key.publicKey <<<"$made") || die "the CSR is by another key"
    expect "a key that is there is kept" "$(rest_status POST token-keys @make.json)" 409
    jq '.uri |= sub("%06"; "%07") | .attestationRoot = $other' --rawfile other 9d.pem make.json >other.json
    expect "an attestation under another root" "$(rest_status POST token-keys @other.json)" 422
    shown "REST: key, CSR and verified attestation in slot 83 in one step; no key overwritten; a foreign root refused"

    jq -n --arg uri "$uri;id=%06" '{name: "Issuing on YubiKey", key: {uri: $uri}, issuer: "root-on-yubikey"}' >ca.json
    rest POST cas @ca.json >issuing.json || die "no CA with the key in 83"
    public /ca/issuing-on-yubikey.crt | "$openssl" x509 -inform DER -out issuing.pem
    jq -n --arg uri "$uri;id=%06" --arg pin "$so_pin" --rawfile certificate issuing.pem \
        '{uri: $uri, officerPin: $pin, certificate: $certificate}' >store.json
    rest POST token-keys/certificate @store.json || die "the certificate is not written back"
    yubico-piv-tool -a read-certificate -s 83 -o read.pem 2>>piv.log
    cmp -s <("$openssl" x509 -in read.pem -outform DER) <("$openssl" x509 -in issuing.pem -outform DER) ||
        die "slot 83 holds another certificate"
    expect "another key's certificate" \
        "$(rest_status POST token-keys/certificate "$(jq --rawfile other 9d.pem '.certificate = $other' store.json)")" 422
    expect "delete while a CA uses it" "$(rest_status POST token-keys/delete \
        "$(jq -c '{uri, confirm: .uri, officerPin}' store.json)")" 409
    rest GET "token-keys?uri=$(jq -rn --arg uri "$uri;id=%06" '$uri | @uri')" |
        jq -e '.items[0].usedBy == ["the authority issuing-on-yubikey"]' >/dev/null || die "the key's user is not named"
    rest POST "cas/$root/crl" >/dev/null || die "the user is not logged in again"
    shown "the CA's certificate written back to its slot; the key's user is named, and keeps it from being deleted"
}

# A key from elsewhere, through our signer into slot 85; its policies where ykcs11 knows them.
imported() {
    local made
    "$openssl" genrsa -out 85.key 2048 2>/dev/null
    "$openssl" req -x509 -key 85.key -subj /CN=85 -out 85.pem
    "$openssl" pkcs12 -export -inkey 85.key -in 85.pem -passout pass:file -out 85.p12
    jq -n --arg uri "$uri;id=%08" --arg pin "$so_pin" --arg key "$(base64 -w0 85.p12)" \
        '{uri: $uri, privateKey: $key, password: "file", officerPin: $pin, decrypts: true, subject: {CN: "85"}}' >import.json
    expect "import without the officer's PIN" "$(rest_status POST token-keys/import "$(jq 'del(.officerPin)' import.json)")" 403
    made=$(rest POST token-keys/import @import.json) || die "no key imported into slot 85"
    jq -r .csr <<<"$made" | "$openssl" req -verify -noout >/dev/null 2>&1 || die "the imported key signs no CSR"
    cmp -s <(jq -j .key.publicKey <<<"$made") <("$openssl" pkey -in 85.key -pubout) || die "another key is in slot 85"
    expect "made in the token, attested" "$(jq -c '[.key.madeInToken, .key.attestation]' <<<"$made")" '[false,null]'
    yubico-piv-tool -a read-certificate -s 85 -o read.pem 2>>piv.log
    cmp -s <("$openssl" x509 -in read.pem -outform DER) <("$openssl" x509 -in 85.pem -outform DER) ||
        die "the certificate that came along is not in slot 85"
    expect "a key that is there is kept" "$(rest_status POST token-keys/import @import.json)" 409
    shown "REST: a PKCS#12 file imported into slot 85 with its certificate; it signs, and is not said to be attested"
    touched
}

touched() {
    local status
    jq -n --arg uri "$uri;id=%09" --arg pin "$so_pin" '{uri: $uri, key: {type: "EC", curve: "P-256"}, officerPin: $pin,
        pinPolicy: "never", touchPolicy: "cached", subject: {CN: "86"}}' >policies.json
    status=$(rest_status POST token-keys @policies.json)
    if [ "$status" = 422 ]; then
        note "this ykcs11 knows no policies (before 2.3): refused, nothing made"
        expect "keys in slot 86" "$(rest GET "token-keys?uri=$(jq -rn --arg uri "$uri;id=%09" '$uri | @uri')" | jq '.items | length')" 0
        return
    fi
    expect "a key with policies" "$status" 201
    expect "as attested" "$(rest GET "token-keys?uri=$(jq -rn --arg uri "$uri;id=%09" '$uri | @uri')" |
        jq -c '.items[0].attestation | [.pinPolicy, .touchPolicy]')" '["never","cached"]'
    shown "REST: PIN and touch policy given with the key, and attested"
}

checked() { # NAME URI: gatehouse token check, into NAME.check
    "$bin/gatehouse" token check "$2" --data "$work/cli" --module "yk=$TOKEN_MODULE" --pin "$label=$work/yubikey.pin" \
        --managed-module "$softtoken" --managed-pin-file "$work/yubikey.pin" >"$1.check" 2>"$1.err"
}

token_commands() {
    softtoken=$(dirname -- "$bin")/lib/gatehouse/gatehouse-softtoken.so
    "$bin/gatehouse" token list --data "$work/cli" --module "yk=$TOKEN_MODULE" --pin "$label=$work/yubikey.pin" \
        --managed-module "$softtoken" --managed-pin-file "$work/yubikey.pin" >list.txt || die "token list"
    grep -q 'serial=10000001' list.txt || die "token list does not show the YubiKey: $(cat list.txt)"
    checked rsa "$uri;id=%03" || die "token check of 9d: $(cat rsa.check rsa.err)"
    expect "steps for the RSA key" "$(grep -c '^ok ' rsa.check)" 6
    grep -q '^left out wrap' rsa.check || die "wrap: $(cat rsa.check)"
    checked ec "$uri;id=%02" || die "token check of 9c: $(cat ec.check ec.err)"
    grep -q '^left out decrypt .*RSA keys alone' ec.check || die "decrypt: $(cat ec.check)"
    checked none "$uri;id=%04" && die "token check finds a key in 9e: $(cat none.check)"
    grep -q '^PROBLEM  find .*add\|^PROBLEM  find .*no key' none.check || die "find: $(cat none.check)"
    checked away "pkcs11:serial=99" && die "token check finds a token that is not there"
    grep -q '^PROBLEM  token' away.check || die "token: $(cat away.check)"
    shown "token list and token check: log in, find, sign, verify, decrypt, wrap, each with its line; what is missing is said"
}

# The log-in is lost and the PIN is another one now: wrong tries stop before the last.
last_try() {
    stop_gateway
    piv -a change-pin -P 123456 -N 777777
    start_gateway
    for _ in 1 2 3 4 5 6 7; do
        [ "$(rest_status POST "cas/$root/crl" '')" != 200 ] || die "signed with a wrong PIN"
    done
    [ "$(tries_left)" -ge 1 ] || die "the gateway has locked the YubiKey"
    expect "PIN tries that a wrong PIN file costs" "$(tries_left)" 4
    stop_gateway
    while [ "$(tries_left)" -gt 1 ]; do ! piv -a verify-pin -P 111111 || die "a wrong PIN is taken"; done
    start_gateway
    printf '777777\n' >yubikey.pin
    expect "with the right PIN and one try left" "$(rest_status POST "cas/$root/crl" '')" 403
    expect "tries" "$(tries_left)" 1
    piv -a verify-pin -P 777777 || die "$(tail -n 2 piv.log)"
    expect "after a log-in with the vendor's tool" "$(rest_status POST "cas/$root/crl" '')" 200
    shown "a wrong PIN in the file costs one try, the last one is never spent; the right one works at once"
}

begin
need yubico-piv-tool pkcs11-tool pcscd systemd-socket-activate
plug_in
with_yubicos_tool
attested
with_pkcs11_tool

printf '123456\n' >yubikey.pin
chmod 600 yubikey.pin
start_instance --module "yk=$TOKEN_MODULE" --pin "$label=$work/yubikey.pin"
work_as_ca
through_the_gateway
imported
token_commands
pulled_out
last_try
finish
