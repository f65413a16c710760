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

# ---- issuers that were not given ------------------------------------------------------------------

issue_ca() { # NAME ISSUER SUBJECT [URL...]: NAME.pem and NAME.key, a CA; with NAME.csr of somebody else's key
    local name=$1 issuer=$2 subject=$3 url access=''
    shift 3
    for url in "$@"; do
        access+="caIssuers;URI:$url,"
    done
    printf 'basicConstraints=%s\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n%s' \
        "${constraints:-critical,CA:TRUE}" "${access:+authorityInfoAccess=${access%,}}" >ca.ext
    [ -s "$name.csr" ] || "$openssl" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$name.key" \
        -subj "/CN=$subject" -out "$name.csr" 2>>openssl.log
    "$openssl" x509 -req -in "$name.csr" -CA "$issuer.pem" -CAkey "$issuer.key" -days "${days:-20}" -extfile ca.ext -out "$name.pem" \
        2>>openssl.log
}

root_elsewhere() { # NAME SUBJECT
    "$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.pem" -days 30 \
        -subj "/CN=$2" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>>openssl.log
}

start_issuers() {
    mkdir issuers
    issuers_port=$(free_port)
    : >issuers.out
    python3 "$interop_root/tests/interop/issuers.py" "$issuers_port" "$work/issuers" >issuers.out 2>issuers.log &
    other_pids+=($!)
    within 10 grep -q ready issuers.out || die "no server: $(cat issuers.log)"
    at=http://127.0.0.1:$issuers_port
}

incomplete() { jq -r '[.warnings[] | select(.type == "chain-incomplete")][0].text // ""' "$1"; }

# Each names its issuer's place in another way; the issuer itself is known to nobody here.
hostile() {
    local name url wanted before=$SECONDS
    root_elsewhere lost "Lost Root"
    root_elsewhere wrong "Lost Root"
    for name in lost wrong; do
        "$openssl" x509 -in "$name.pem" -outform DER -out "issuers/$name.der"
    done
    "$openssl" req -new -key lost.key -subj "/CN=Lost Root" -out person.csr 2>>openssl.log
    constraints='CA:FALSE' issue_ca person lost ""
    "$openssl" x509 -in person.pem -outform DER -out issuers/person.der
    printf '<html>come back later</html>' >issuers/page.html
    head -c 300 /dev/urandom >issuers/noise
    "$openssl" x509 -in lost.pem -outform DER | head -c 200 >issuers/cut.der
    while read -r name url wanted; do
        # shellcheck disable=SC2086 # several URLs, or none
        issue_ca "row-$name" lost "Row $name" ${url//@/$at}
        jq -n --arg name "Row $name" --rawfile pem "row-$name.pem" '{name: $name, certificate: $pem}' >row.json
        rest POST cas/import @row.json >row.out || die "$name: the certificate is refused"
        incomplete row.out | grep -F 'The issuer "CN=Lost Root" of "CN=Row '"$name"'" is not known' | grep -qF "$wanted" ||
            die "$name: $(incomplete row.out)"
        public "/ca/row-$name.p7c" | "$openssl" pkcs7 -inform DER -print_certs | grep -c '^subject' | grep -qx 1 ||
            die "$name: something was taken for its issuer"
    done <<EOF
none  the certificate names no place
missing @/nothing status is 404
wrong @/wrong.der none of the 1 certificates there has signed it
person @/person.der basicConstraints does not say cA
page @/page.html no X.509 certificate
noise @/noise no X.509 certificate
cut @/cut.der no X.509 certificate
loop @/loop redirect
away @/elsewhere may not be reached
local http://127.0.0.2:$issuers_port/lost.der may not be reached
metadata http://169.254.169.254/lost.der may not be reached
endless @/endless answer is too large
file file:///etc/ssl/certs/ca-certificates.crt the certificate names no place
EOF
    [ $((SECONDS - before)) -lt 120 ] || die "the rows took $((SECONDS - before)) s"
    shown "issuers at places that give nothing, another certificate, noise, 10 MB, circles or addresses not to be asked: the CA \
is taken, the answer says which issuer is missing and why"
}

# Two that certify each other, and no root.
circle() {
    root_elsewhere round-a "Round A"
    root_elsewhere round-b "Round B"
    "$openssl" req -new -key round-a.key -subj "/CN=Round A" -out cross-a.csr 2>>openssl.log
    "$openssl" req -new -key round-b.key -subj "/CN=Round B" -out cross-b.csr 2>>openssl.log
    issue_ca cross-a round-b "" "$at/cross-b.der"
    issue_ca cross-b round-a "" "$at/cross-a.der"
    issue_ca under round-a "Under" "$at/cross-a.der"
    for name in cross-a cross-b; do
        "$openssl" x509 -in "$name.pem" -outform DER -out "issuers/$name.der"
    done
    jq -n --rawfile pem under.pem '{name: "Under", certificate: $pem}' >row.json
    rest POST cas/import @row.json >row.out || die "the certificate is refused"
    incomplete row.out | grep -qF 'goes in a circle' || die "circle: $(incomplete row.out)"
    expect "certificates" "$(public /ca/under.p7c | "$openssl" pkcs7 -inform DER -print_certs | grep -c '^subject')" 3
    shown "CAs that certify each other: the chain ends where it would begin again"
}

# Root, policy CA, issuing CA, each fetched in another format, for a CA whose key is in the token.
fetched() {
    local lines
    root_elsewhere far-root "Far Root"
    issue_ca policy far-root "Far Policy" "$at/far-root.pem"
    issue_ca middle policy "Far Middle" ldap://directory.example/cn=x "$at/nothing" "$at/policy.p7c"
    make_key far-key
    rest POST cas "$(jq -n --arg uri "$(uri_of far-key)" '{name: "Far Issuing", csrOnly: true, key: {uri: $uri}}')" \
        >/dev/null || die "no CA that waits"
    curl -sS --fail --cacert "$GATEHOUSE_TLS_CERT" -H "Authorization: Bearer $GATEHOUSE_TOKEN" \
        "$GATEHOUSE_URL/api/v1/cas/far-issuing/csr" >far.csr
    issue_ca far middle "" "$at/middle.der"
    "$openssl" x509 -in middle.pem -outform DER -out issuers/middle.der
    cp far-root.pem issuers/
    "$bin/gatehouse" ctl import-ca-certificate far-issuing --certificate @far.pem --url "$GATEHOUSE_URL" \
        --ca-file "$GATEHOUSE_TLS_CERT" --output json >far.out || die "the signed certificate is refused"
    incomplete far.out | grep -F 'The issuer "CN=Far Policy" of "CN=Far Middle" is not known' | grep -qF 'policy.p7c: the answer' ||
        die "what is missing: $(cat far.out)"
    expect "event" "$(rest GET 'events?code=ca.certificate-imported' |
        jq -r '.items[0].details.missingIssuer | test("Far Policy")')" true
    rest POST cas '{"name":"Below Far","issuer":"far-issuing","key":{"type":"EC","curve":"P-256"}}' >/dev/null ||
        die "no CA below"
    lines=$(public /ca/far-issuing.p7c | "$openssl" pkcs7 -inform DER -print_certs | grep -c '^subject')
    expect "certificates that were found" "$lines" 2
    "$openssl" crl2pkcs7 -nocrl -certfile policy.pem -certfile wrong.pem -outform DER -out issuers/policy.p7c
    jq -Rs '{certificate: .}' far.pem >import.json
    rest POST cas/far-issuing/certificate @import.json >far.out || die "the chain is not completed"
    expect "what is missing" "$(incomplete far.out)" ''
    expect "once more" "$(rest_status POST cas/far-issuing/certificate @import.json)" 409
    expect "event" "$(rest GET 'events?code=ca.chain-completed' | jq '.items | length')" 1
    rest GET 'cas/far-issuing/certificate?format=chain' >far-chain.pem
    expect "certificates of the chain" "$(grep -c BEGIN far-chain.pem)" 4
    issues far-issuing far-leaf
    "$openssl" verify -x509_strict -CAfile far-root.pem -untrusted far-chain.pem far-leaf.pem >/dev/null || die "the chain"
    rest GET 'cas/below-far/certificate?format=chain' >below-chain.pem
    expect "certificates of the chain below" "$(grep -c BEGIN below-chain.pem)" 5
    shown "a certificate signed elsewhere comes alone: its issuers are fetched as DER, PKCS#7 and PEM; one that is not there is \
named, and found when the certificate is imported again; the chains of CAs below grow, too"
    rm -r issuers
    issue_ca second middle "Far Second" "$at/middle.der"
    rest POST cas/import "$(jq -n --rawfile pem second.pem '{name: "Far Second", certificate: $pem}')" >far.out
    expect "what is missing" "$(incomplete far.out)" ''
    "$openssl" crl2pkcs7 -nocrl -certfile row-none.pem -certfile lost.pem -outform DER -out none.p7b
    curl -sS --fail --cacert "$GATEHOUSE_TLS_CERT" -H "Authorization: Bearer $GATEHOUSE_TOKEN" \
        -H 'Content-Type: application/pkcs7-mime' --data-binary @none.p7b "$GATEHOUSE_URL/api/v1/cas/row-none/certificate" >row.out ||
        die "issuers that are given later"
    expect "what is missing" "$(incomplete row.out)" ''
    shown "issuers that the instance knows need no fetching; those that are nowhere are given later, as a .p7b as well"
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
    shown "a CA moves to another token with the same key, checked by a signature"
}

# Taken out, and back under another name at another place.
module_changed() {
    local ca
    public /crl/token-root.crl >/dev/null || die "the CA in the token makes no CRL"
    stop_gateway
    cp "$instance/options" options.before
    sed -i '/^--module$/,+1d' "$instance/options"
    start_gateway
    for ca in device-root token-root; do
        expect "$ca without its module" "$(rest_status POST "cas/$ca/crl")" 503
        expect "$ca" "$(rest GET "cas/$ca" | jq -r .state)" active
    done
    public /crl/token-root.crl | "$openssl" crl -inform DER -CAfile root.pem -noout 2>&1 | grep -q 'verify OK' ||
        die "the last CRL is not there"
    stop_gateway
    cp "$TOKEN_MODULE" elsewhere.so
    sed "s|^hsm=.*|renamed=$work/elsewhere.so|" options.before >"$instance/options"
    start_gateway
    for ca in device-root token-root; do
        rest POST "cas/$ca/crl" >/dev/null || die "$ca does not work with its module's new name and place"
    done
    shown "a module is taken out and comes back under another name at another place: its CAs stay and sign again, untouched"
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
need pkcs11-tool softhsm2-util python3
softhsm one one
# shellcheck disable=SC1091 # written the line before
. "$work/one.env"
softhsm2-util --init-token --free --label two --pin "$(cat one/token.pin)" --so-pin "$(cat one/token.pin.so)" >>pkcs11.log
start_instance --issuers-from 127.0.0.1 --module "hsm=$TOKEN_MODULE" --pin "one=$TOKEN_PIN_FILE" --pin "two=$TOKEN_PIN_FILE"
key_commands
root_in_token
signed_elsewhere
start_issuers
hostile
circle
fetched
made_on_the_token
moved
module_changed
finish
