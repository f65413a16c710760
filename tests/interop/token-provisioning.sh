#!/bin/bash
# Authorities whose keys live in tokens: made, found, signed elsewhere, imported, moved to another token, with SoftHSM2 as
# the tokens and openssl as the authority elsewhere. REST and `gatehouse key`.
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

softhsm() { # DIR LABEL: a token of its own configuration directory
    "$interop_root/softhsm-fixtures/softhsm2" "$work/$1" "$2" >"$1.env" || die "no SoftHSM2 token"
}

key() { "$bin/gatehouse" key "$@" --url "$GATEHOUSE_URL" --ca-file "$GATEHOUSE_TLS_CERT"; }

make_key() { # NAME: key and CSR in token one
    key create --uri "pkcs11:token=one;object=$1" --key '{"type":"EC","curve":"P-256"}' \
        --subject "{\"CN\":\"$1\"}" >"$1.json" || die "no key $1"
    jq -r .csr "$1.json" | "$openssl" req -verify -noout >/dev/null 2>&1 || die "$1: its CSR does not verify"
}

uri_of() { jq -r .key.uri "$1.json"; }

certificate_of() { public "/ca/$1.crt" | "$openssl" x509 -inform DER; }

issues() { # CA NAME
    make_csr P-256 "$2" "$2.example"
    submit_and_sign "$1-web-server" "$2"
}

key_commands() {
    make_key root-key
    make_key spare
    key list --output json --uri pkcs11:token=one | jq -e '[.items[] | .label] | sort == ["root-key", "spare"]' >/dev/null ||
        die "key list: $(key list --uri pkcs11:token=one)"
    key csr --uri "$(uri_of spare)" --subject '{"CN":"another name","O":"Example"}' --sans '["spare.example"]' |
        jq -r .csr | "$openssl" req -verify -noout -subject 2>/dev/null | grep -q 'CN *= *another name' ||
        die "key csr"
    ! key delete --uri "$(uri_of spare)" --confirm pkcs11:token=one 2>delete.err || die "deleted without its URI typed again"
    grep -q 'confirm' delete.err || die "delete: $(cat delete.err)"
    key delete --uri "$(uri_of spare)" --confirm "$(uri_of spare)" || die "key delete"
    expect "keys that are left" "$(key list --output json --uri pkcs11:token=one | jq '.items | length')" 1
    expect "events" "$(rest GET 'events?code=token.' | jq -c '[.items[].code] | sort')" \
        '["token.csr-made","token.key-created","token.key-created","token.key-deleted"]'
    "$openssl" genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -aes256 -pass pass:secret -out in.key 2>/dev/null
    jq -r .csr <<<"$(key import --uri 'pkcs11:token=one;object=in' --privateKey @in.key --password secret)" >in.csr
    cmp -s <("$openssl" req -in in.csr -noout -pubkey) <("$openssl" pkey -in in.key -passin pass:secret -pubout) ||
        die "another key was imported"
    key delete --uri 'pkcs11:token=one;object=in' --confirm 'pkcs11:token=one;object=in' || die "key delete of an imported one"
    shown "gatehouse key import: an encrypted key from elsewhere, into SoftHSM2"
    shown "gatehouse key create, csr, list, delete: key and CSR in one step, another CSR with given names, typed again to delete"
}

root_in_token() {
    rest POST cas "$(jq -n --arg uri "$(uri_of root-key)" '{name: "Token Root", key: {uri: $uri}}')" >/dev/null ||
        die "no root with a key in the token"
    certificate_of token-root >root.pem
    "$openssl" verify -x509_strict -CAfile root.pem root.pem >/dev/null || die "the root does not verify"
    ! key delete --uri "$(uri_of root-key)" --confirm "$(uri_of root-key)" 2>delete.err || die "a CA's key was deleted"
    grep -q 'authority token-root' delete.err || die "the user is not named: $(cat delete.err)"
    shown "a self-signed root with a key that was found by its URI; its key is not deleted, the message names the root"
}

signed_elsewhere() {
    make_key issuing-key
    rest POST cas "$(jq -n --arg uri "$(uri_of issuing-key)" '{name: "Token Issuing", csrOnly: true, key: {uri: $uri}}')" \
        >/dev/null || die "no CA that waits"
    rest GET cas/token-issuing/csr >issuing.csr
    grep -q BEGIN issuing.csr || jq -r .csr issuing.csr >issuing.pem.csr
    [ -s issuing.pem.csr ] || cp issuing.csr issuing.pem.csr
    "$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout out.key -out out.pem -days 30 \
        -subj "/CN=Elsewhere" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
        -addext subjectKeyIdentifier=hash 2>>openssl.log
    printf 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n' >ca.ext
    printf 'authorityKeyIdentifier=keyid\n' >>ca.ext
    "$openssl" x509 -req -in issuing.pem.csr -CA out.pem -CAkey out.key -days 20 -extfile ca.ext -out signed.pem 2>>openssl.log
    jq -Rs '{certificate: .}' signed.pem >import.json
    status=$(rest_status POST cas/token-issuing/certificate @import.json)
    [ "$status" != 200 ] || expect "the chain of a CA without its issuer" "$(rest GET cas/token-issuing | jq -r .state)" active
    cat signed.pem out.pem | jq -Rs '{certificate: .}' >import.json
    [ "$status" = 200 ] || rest POST cas/token-issuing/certificate @import.json >/dev/null || die "the signed certificate is refused"
    expect "state" "$(rest GET cas/token-issuing | jq -r .state)" active
    issues token-issuing leaf
    "$openssl" verify -x509_strict -CAfile out.pem -untrusted signed.pem leaf.pem >/dev/null || die "the leaf does not verify"
    shown "an intermediate with its key in the token, signed elsewhere, imported with its chain, issues"
}

# A root that was made on the token by other means: its certificate comes first, the key is named later.
made_on_the_token() {
    make_key made
    "$openssl" x509 -new -force_pubkey <(jq -r .key.publicKey made.json) -key out.key -subj /CN=Elsewhere -days 5 \
        -out foreign.pem 2>>openssl.log
    "$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout device.key -out device.pem -days 30 \
        -subj "/CN=Device Root" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
        -addext subjectKeyIdentifier=hash 2>>openssl.log
    rest POST cas/import "$(jq -n --rawfile pem device.pem '{name: "Device Root", certificate: $pem}')" >/dev/null ||
        die "the certificate is not imported"
    expect "without its key" "$(rest GET cas/device-root | jq -r .state)" certificate-only
    expect "another key" "$(rest_status PUT cas/device-root/key "$(jq -n --arg uri "$(uri_of made)" '{uri: $uri}')")" 422
    "$openssl" pkcs8 -topk8 -nocrypt -in device.key -outform DER -out device.der
    pkcs11-tool --module "$TOKEN_MODULE" --token-label one --login --pin "$(cat one/token.pin)" --write-object device.der \
        --type privkey --id d0 --label device --usage-sign >>pkcs11.log 2>&1 || die "$(tail -n 2 pkcs11.log)"
    "$openssl" pkey -in device.key -pubout -outform DER -out device.pub
    pkcs11-tool --module "$TOKEN_MODULE" --token-label one --login --pin "$(cat one/token.pin)" --write-object device.pub \
        --type pubkey --id d0 --label device >>pkcs11.log 2>&1 || die "$(tail -n 2 pkcs11.log)"
    rest PUT cas/device-root/key '{"uri":"pkcs11:token=one;id=%d0"}' >/dev/null || die "the key is not taken"
    expect "with its key" "$(rest GET cas/device-root | jq -r .state)" active
    public /crl/device-root.crl | "$openssl" crl -inform DER -CAfile device.pem -noout 2>&1 | grep -q 'verify OK' ||
        die "the root's CRL"
    shown "a root that came as a certificate alone: another key is refused, its own makes it active"
}

# The same key in a second token: the CA moves there, and the first module's token goes away.
moved() {
    local second=(pkcs11-tool --module "$TOKEN_MODULE" --token-label two --login --pin "$(cat one/token.pin)")
    "${second[@]}" --write-object device.der --type privkey --id d1 --label moved --usage-sign >>pkcs11.log 2>&1
    "${second[@]}" --write-object device.pub --type pubkey --id d1 --label moved >>pkcs11.log 2>&1
    rest PUT cas/device-root/key '{"uri":"pkcs11:token=two;id=%d1"}' >/dev/null || die "the CA does not move"
    expect "event" "$(rest GET 'events?code=ca.key-moved' | jq -r '.items[0].details.to')" 'pkcs11:token=two;id=%d1'
    pkcs11-tool --module "$TOKEN_MODULE" --token-label one --login --pin "$(cat one/token.pin)" --delete-object \
        --type privkey --id d0 >>pkcs11.log 2>&1
    rest POST cas/device-root/crl >/dev/null || die "the CA does not work in its new token"
    expect "a public key that is beside another private key" "$(impostor)" 503
    stop_gateway
    sed -i "s|^hsm=|renamed=|" "$instance/options"
    start_gateway
    rest POST cas/device-root/crl >/dev/null || die "the CA is lost with the module's name"
    rest POST cas/token-root/crl >/dev/null || die "the root is lost with the module's name"
    shown "a CA moves to another token with the same key, checked by a signature; a module's new name touches no CA"
}

# Token two: the CA's public key under an id whose private key is another one.
impostor() {
    local second=(pkcs11-tool --module "$TOKEN_MODULE" --token-label two --login --pin "$(cat one/token.pin)")
    "$openssl" genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -outform DER -out other.der 2>>openssl.log
    "${second[@]}" --write-object other.der --type privkey --id d2 --label impostor --usage-sign >>pkcs11.log 2>&1
    "${second[@]}" --write-object device.pub --type pubkey --id d2 --label impostor >>pkcs11.log 2>&1
    rest_status PUT cas/device-root/key '{"uri":"pkcs11:token=two;id=%d2"}'
}

begin
need pkcs11-tool softhsm2-util
softhsm one one
# shellcheck disable=SC1091 # written the line before
. "$work/one.env"
softhsm2-util --init-token --free --label two --pin "$(cat one/token.pin)" --so-pin "$(cat one/token.pin.so)" >>pkcs11.log
start_instance --module "hsm=$TOKEN_MODULE" --pin "one=$TOKEN_PIN_FILE" --pin "two=$TOKEN_PIN_FILE"
key_commands
root_in_token
signed_elsewhere
made_on_the_token
moved
finish
