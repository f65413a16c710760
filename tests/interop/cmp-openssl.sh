#!/bin/bash
# CMP with the openssl cmp client: every command, both protections, confirmation, polling, keys made here, trust
# anchors, and two gateways that answer alternate messages of one transaction. Each row of the table is one run.
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

server=
label=
# cmp NAME ARGUMENTS...: one run of the client; its output in NAME.out. The server and the root are given.
cmp_client() {
    local name=$1
    shift
    timeout 60 "$openssl" cmp -config '' -server "$server" -path ".well-known/cmp/p/$label" -trusted root.pem \
        -verbosity 6 "$@" >"$name.out" 2>&1
}
works() { cmp_client "$@" || die "cmp $1: $(tail -n 12 "$1.out")"; }
# fails NAME WORDS ARGUMENTS...: the client must report these words.
fails() {
    local name=$1 words=$2
    shift 2
    if cmp_client "$name" "$@"; then die "cmp $name works, and must not"; fi
    grep -q -- "$words" "$name.out" || die "cmp $name: no \"$words\" in: $(tail -n 12 "$name.out")"
}
subject_is() { expect "$1" "$("$openssl" x509 -in "$1" -noout -subject -nameopt RFC2253)" "subject=$2"; }
chains() { "$openssl" verify -CAfile root.pem -untrusted chain.pem "$1" >verify.out 2>&1 || die "$1: $(cat verify.out)"; }
record_of() {
    rest GET "certificates?q=$("$openssl" x509 -in "$1" -noout -serial | sed 's/serial=//' | tr A-Z a-z)" | jq '.items[0]'
}
state_of() { record_of "$1" | jq -r .state; }
settings() { # JSON merged into the template's CMP settings
    local now
    now=$(rest GET "templates/$label/cmp")
    rest PUT "templates/$label/cmp" "$(jq -c --argjson more "$1" '{settings: (.settings + $more)} + if .version > 0 then {version} else {} end' <<<"$now")" \
        >/dev/null
}
template_with() { # APPROVAL
    rest GET "templates/$label" | jq -c --arg approval "$1" '{name, version, document: (.document + {approval: $approval,
        doors: ["rest","console","cmp"], subject: {from: "csr", attributes: ["CN","O","serialNumber"], required: [], fixed: {}},
        sans: {types: ["dns","ip"], min: 0, max: 100, commonNameToSan: false}})}' >template.json
    rest PUT "templates/$label" "$(cat template.json)" >/dev/null
}
secret_for() { # REFERENCE USES
    rest POST "templates/$label/credentials" "{\"kind\":\"mac\",\"name\":\"$1\",\"uses\":$2}" | jq -r .secret
}
key() { [ -s "$1" ] || "$openssl" genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

mac=(-mac hmacWithSHA256 -digest sha256)

set_up() {
    make_ca "Device Root" '"P-256"' >root.slug
    make_ca "Device Issuing" '"P-256"' "$(cat root.slug)" >issuing.slug
    public "/ca/$(cat root.slug).pem" >root.pem
    public "/ca/$(cat issuing.slug).pem" >chain.pem
    label=$(cat issuing.slug)-web-server
    server=${GATEHOUSE_HTTP_URL#http://}
    template_with role
    secret=$(secret_for ref-1 0)
    [ -n "$secret" ] || die "no shared secret"
    for name in a b c d e; do key "$name.key"; done
    shown "template $label answers CMP, shared secret ref-1 made"
}

by_secret() {
    local shared=(-ref ref-1 -secret "pass:$secret" "${mac[@]}")
    works ir -cmd ir "${shared[@]}" -newkey a.key -subject /CN=device-a -certout a.pem -cacertsout capubs.pem \
        -extracertsout extra.pem
    subject_is a.pem CN=device-a
    chains a.pem
    "$openssl" x509 -in capubs.pem -outform DER | cmp -s - <("$openssl" x509 -in root.pem -outform DER) ||
        die "caPubs is not the root"
    shown "ir by shared secret (PBM), explicit confirmation; the root in caPubs"
    works cr -cmd cr "${shared[@]}" -newkey b.key -subject /CN=device-b -implicit_confirm -certout b.pem
    grep -q 'PKICONF\|certConf' cr.out && die "an implicit confirmation was confirmed explicitly"
    subject_is b.pem CN=device-b
    shown "cr by shared secret, implicit confirmation"
    "$openssl" req -new -key c.key -subj /CN=device-c -out c.csr
    works p10cr -cmd p10cr "${shared[@]}" -csr c.csr -certout c.pem
    subject_is c.pem CN=device-c
    shown "p10cr by shared secret"
    fails wrong-secret 'bad' -cmd ir -ref ref-1 -secret pass:wrong-wrong-wrong "${mac[@]}" -newkey a.key -subject /CN=x \
        -certout x.pem -unprotected_errors
    fails unknown-reference 'credential' -cmd ir -ref nobody -secret "pass:$secret" "${mac[@]}" -newkey a.key \
        -subject /CN=x -certout x.pem -unprotected_errors
    fails sha1 'HMAC with SHA-2' -cmd ir -ref ref-1 -secret "pass:$secret" -mac hmac-sha1 -newkey a.key -subject /CN=x \
        -certout x.pem -unprotected_errors
    shown "another secret, an unknown reference and HMAC-SHA1 are refused, with words"
    local once
    once=$(secret_for ref-once 1)
    works once -cmd ir -ref ref-once -secret "pass:$once" "${mac[@]}" -newkey d.key -subject /CN=once -certout once.pem
    fails once-again 'used up' -cmd ir -ref ref-once -secret "pass:$once" "${mac[@]}" -newkey e.key -subject /CN=twice \
        -certout x.pem -unprotected_errors
    shown "a secret for one use: the transaction is finished with it, the next is refused"
}

by_certificate() {
    works kur -cmd kur -cert a.pem -key a.key -newkey d.key -certout d.pem
    subject_is d.pem CN=device-a
    shown "kur by signature: the same names, a new key"
    works cr-signed -cmd cr -cert b.pem -key b.key -newkey e.key -subject /CN=device-b -certout e.pem
    fails other-names 'must be those' -cmd cr -cert b.pem -key b.key -newkey e.key -subject /CN=somebody-else -certout x.pem
    shown "cr by signature for its own names alone"
    works rr -cmd rr -cert d.pem -key d.key -oldcert d.pem -revreason 4 -trusted root.pem
    expect "revoked by rr" "$(state_of d.pem)" revoked
    expect "the reason" "$(record_of d.pem | jq -r .revocation.reason)" superseded
    fails revoked-client 'revoked' -cmd kur -cert d.pem -key d.key -newkey e.key -certout x.pem
    shown "rr with a reason; a revoked certificate gets no further"
    works rr-mac -cmd rr -ref ref-1 -secret "pass:$secret" "${mac[@]}" -oldcert c.pem -revreason 1
    expect "revoked by rr with the secret" "$(state_of c.pem)" revoked
    fails rr-other 'rr must be protected' -cmd rr -cert b.pem -key b.key -oldcert e.pem
    shown "rr by the shared secret it was got with; not by another holder"
}

proofs() {
    local shared=(-ref ref-1 -secret "pass:$secret" "${mac[@]}")
    "$openssl" genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key 2>/dev/null
    works encrypted -cmd cr "${shared[@]}" -newkey rsa.key -popo 2 -subject /CN=encrypted -certout encrypted.pem
    subject_is encrypted.pem CN=encrypted
    shown "proof by an encrypted certificate (RSA), shown by certConf"
    fails ra-verified 'raVerified' -cmd cr "${shared[@]}" -newkey e.key -popo 0 -subject /CN=x -certout x.pem
    shown "raVerified from somebody who is no RA is refused"
    for type in ED25519 ML-DSA-44; do
        "$openssl" genpkey -algorithm $type -out "$type.key"
        works "$type" -cmd cr "${shared[@]}" -newkey "$type.key" -subject "/CN=$type" -certout "$type.pem"
        chains "$type.pem"
    done
    shown "Ed25519 and ML-DSA-44 keys"
    fails central-off 'keys are not made here' -cmd cr "${shared[@]}" -centralkeygen -newkeyout new.key -subject /CN=k -certout k.pem
    settings '{"centralKeyGeneration":true,"keyPackage":"bare"}'
    works central -cmd cr "${shared[@]}" -centralkeygen -newkeyout new.key -subject /CN=central -certout central.pem
    expect "the key made here" "$("$openssl" pkey -in new.key -pubout)" "$("$openssl" x509 -in central.pem -noout -pubkey)"
    works central-signed -cmd cr -cert encrypted.pem -key rsa.key -centralkeygen -newkeyout new2.key -subject /CN=encrypted \
        -certout central2.pem
    expect "the key made here" "$("$openssl" pkey -in new2.key -pubout)" "$("$openssl" x509 -in central2.pem -noout -pubkey)"
    shown "central key generation, delivered under the secret and to an RSA certificate"
}

information() {
    local signed=(-cert b.pem -key b.key)
    works cacerts -cmd genm "${signed[@]}" -infotype caCerts -cacertsout cacerts.pem
    expect "caCerts" "$(grep -c '^-----BEGIN' cacerts.pem)" 2
    works rootupdate -cmd genm "${signed[@]}" -infotype rootCaCert -oldwithold root.pem -newwithnew new-root.pem
    works crl -cmd genm "${signed[@]}" -infotype crlStatusList -crlcert b.pem -crlout cmp.crl
    "$openssl" crl -inform DER -in cmp.crl -noout -issuer | grep -q 'Device Issuing' || die "no CRL of the issuing CA"
    works template -cmd genm "${signed[@]}" -infotype certReqTemplate -template template.der -keyspec keyspec.der
    "$openssl" asn1parse -inform DER -in template.der >/dev/null || die "the template is no DER"
    works algorithms -cmd genm "${signed[@]}" -infotype signKeyPairTypes
    works crl-current -cmd genm "${signed[@]}" -infotype crlStatusList -oldcrl cmp.crl -crlout none.crl
    [ ! -s none.crl ] || die "a CRL that the client has was sent again"
    for kind in encKeyPairTypes preferredSymmAlg currentCRL; do
        works "$kind" -cmd genm "${signed[@]}" -infotype $kind
        grep -q "ITAV #1 from genp infoType=id-it-$kind" "$kind.out" || die "$kind: $(tail -5 "$kind.out")"
    done
    works unknown-kind -cmd genm "${signed[@]}" -infotype keyPairParamReq
    grep -q 'infoType=id-it-unsupportedOIDs' unknown-kind.out || die "an unknown kind: $(tail -3 unknown-kind.out)"
    shown "genm: CA certificates, root update, CRL (none when the client has it), request template, key types, ciphers; what is unknown is named"
}

# The last: the root has another key then.
root_update() {
    local name
    rest POST "cas/$(cat root.slug)/rekey" '{}' >/dev/null
    works rootupdate -cmd genm -cert b.pem -key b.key -infotype rootCaCert -oldwithold root.pem -newwithnew new-root.pem \
        -newwithold new-with-old.pem -oldwithnew old-with-new.pem
    public "/ca/$(cat root.slug).2.pem" >root2.pem
    expect "newWithNew" "$("$openssl" x509 -in new-root.pem -outform DER | sha256sum)" "$("$openssl" x509 -in root2.pem -outform DER | sha256sum)"
    "$openssl" verify -CAfile root.pem new-with-old.pem >verify.out 2>&1 || die "newWithOld: $(cat verify.out)"
    "$openssl" verify -CAfile root2.pem old-with-new.pem >verify.out 2>&1 || die "oldWithNew: $(cat verify.out)"
    "$openssl" verify -CAfile root2.pem -untrusted <(cat chain.pem old-with-new.pem) b.pem >verify.out 2>&1 ||
        die "who trusts the new root alone: $(cat verify.out)"
    shown "root update after a re-key: newWithNew, newWithOld, oldWithNew; old leaves verify under the new root alone"
}

# What a template asks at least.
minima() {
    settings '{"leastKeyStrength":192,"leastDigestBits":384}'
    fails weak-mac 'leastDigestBits' -cmd ir -ref ref-1 -secret "pass:$secret" "${mac[@]}" -newkey a.key -subject /CN=x \
        -certout x.pem -unprotected_errors
    fails weak-key 'leastKeyStrength' -cmd ir -ref ref-1 -secret "pass:$secret" -mac hmacWithSHA384 -digest sha384 -newkey a.key \
        -subject /CN=x -certout x.pem
    "$openssl" genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out p384.key
    works strong -cmd ir -ref ref-1 -secret "pass:$secret" -mac hmacWithSHA384 -digest sha384 -newkey p384.key -subject /CN=strong \
        -certout strong.pem
    fails weak-signer 'leastKeyStrength' -cmd cr -cert b.pem -key b.key -digest sha384 -newkey p384.key -subject /CN=device-b -certout x.pem
    settings '{"leastKeyStrength":112,"leastDigestBits":224}'
    shown "minima of a template: digests of MACs, strength of requested and of protecting keys"
}

by_approval() {
    template_with always
    settings '{"pollSeconds":1}'
    cmp_client poll -cmd ir -ref ref-1 -secret "pass:$secret" "${mac[@]}" -newkey a.key -subject /CN=approved -certout approved.pem \
        -total_timeout 60 &
    local client=$! id
    within 20 pending || die "no request waits"
    id=$(rest GET "cas/$(cat issuing.slug)/requests?state=pending" | jq -r '.items[0].id')
    sleep 2
    rest POST "requests/$id/sign" '{}' >/dev/null
    wait $client || die "polling: $(tail -n 12 poll.out)"
    subject_is approved.pem CN=approved
    shown "approval by a person: the client polls and gets its certificate"
    cmp_client declined -cmd ir -ref ref-1 -secret "pass:$secret" "${mac[@]}" -newkey a.key -subject /CN=declined -certout x.pem \
        -total_timeout 60 &
    client=$!
    within 20 pending || die "no request waits"
    id=$(rest GET "cas/$(cat issuing.slug)/requests?state=pending" | jq -r '.items[0].id')
    rest POST "requests/$id/decline" '{"reason":"not this one"}' >/dev/null
    if wait $client; then die "a declined request gives a certificate"; fi
    grep -q 'not this one' declined.out || die "the reason is not told: $(tail -n 5 declined.out)"
    shown "a declined request: the client is told why"
    template_with role
}
pending() { [ "$(rest GET "cas/$(cat issuing.slug)/requests?state=pending" | jq '.items | length')" -gt 0 ]; }

unconfirmed() {
    settings '{"confirmSeconds":5}'
    works silent -cmd ir -ref ref-1 -secret "pass:$secret" "${mac[@]}" -newkey a.key -subject /CN=silent -disable_confirm -certout silent.pem
    expect "before" "$(state_of silent.pem)" valid
    within 60 silent_revoked || die "a certificate that nobody confirmed is not revoked"
    settings '{"confirmSeconds":600}'
    shown "a certificate that was not confirmed in time is revoked"
}
silent_revoked() { [ "$(state_of silent.pem)" = revoked ]; }

make_maker() { # a manufacturer's CA, a device's IDevID, an RA
    printf 'keyUsage=critical,digitalSignature\n' >ee.ext
    "$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=Maker CA' -keyout maker.key \
        -out maker.pem -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
    for who in idevid ra; do
        key $who.key
        "$openssl" req -new -key $who.key -subj "/CN=$who/serialNumber=42" |
            "$openssl" x509 -req -CA maker.pem -CAkey maker.key -days 30 -extfile ee.ext -out $who.pem 2>/dev/null
    done
}

by_maker() {
    make_maker
    fails stranger 'not trusted' -cmd ir -cert idevid.pem -key idevid.key -newkey a.key -subject /CN=ldevid -certout x.pem
    rest POST "templates/$label/anchors" "$(jq -n --rawfile pem maker.pem '{certificate: $pem, name: "Maker"}')" >/dev/null
    works maker -cmd ir -cert idevid.pem -key idevid.key -newkey a.key -subject /CN=ldevid -certout ldevid.pem
    subject_is ldevid.pem CN=ldevid
    works renew -cmd kur -cert ldevid.pem -key a.key -newkey b.key -certout ldevid2.pem
    shown "a device with a manufacturer's certificate gets one of ours, and renews it with that"
    rest POST "templates/$label/anchors" "$(jq -n --rawfile pem ra.pem '{certificate: $pem, role: "ra", name: "RA"}')" >/dev/null
    works ra -cmd cr -cert ra.pem -key ra.key -popo 0 -newkey e.key -subject /CN=by-ra -certout by-ra.pem
    works ra-revokes -cmd rr -cert ra.pem -key ra.key -oldcert by-ra.pem -revreason 5
    expect "revoked by the RA" "$(state_of by-ra.pem)" revoked
    shown "an RA vouches for the key (raVerified), and revokes"
}

# TS 33.310 9.4, 9.5: a base station has a key and a certificate from its vendor's factory CA, two steps below the vendor's
# root, and knows nothing of the operator but an address. RSA on the vendor's side, EC on the operator's.
by_base_station() {
    local station=(-cert station.pem -key station.key -untrusted factory.pem -implicit_confirm)
    "$openssl" req -x509 -newkey rsa:2048 -nodes -days 30 -subj '/O=Vendor/CN=Vendor Root' -keyout vendor.key -out vendor.pem \
        -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
    printf 'basicConstraints=critical,CA:true,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n' >factory.ext
    "$openssl" req -new -newkey rsa:2048 -nodes -keyout factory.key -subj '/O=Vendor/CN=Factory' 2>/dev/null |
        "$openssl" x509 -req -CA vendor.pem -CAkey vendor.key -days 30 -extfile factory.ext -out factory.pem 2>/dev/null
    for who in station other; do
        "$openssl" req -new -newkey rsa:2048 -nodes -keyout $who.key -subj "/O=Vendor/CN=$who/serialNumber=SN-4711" 2>/dev/null |
            "$openssl" x509 -req -CA factory.pem -CAkey factory.key -days 30 -extfile ee.ext -out $who.pem 2>/dev/null
    done
    for name in enb1 enb2 enb3; do key $name.key; done
    fails station-stranger 'not trusted' -cmd ir "${station[@]}" -newkey enb1.key -subject /CN=enb1 -certout x.pem
    rest POST "templates/$label/anchors" "$(jq -n --rawfile pem vendor.pem '{certificate: $pem, name: "Vendor"}')" >/dev/null
    fails station-no-chain 'not trusted' -cmd ir -cert station.pem -key station.key -newkey enb1.key -subject /CN=enb1 -certout x.pem
    works station -cmd ir "${station[@]}" -newkey enb1.key -subject '/O=Operator/CN=enb1' -sans enb1.ran.example.test \
        -certout enb1.pem -extracertsout extra.pem -rspout station.rsp
    grep -q 'PKICONF\|certConf' station.out && die "an implicit confirmation was confirmed explicitly"
    subject_is enb1.pem CN=enb1,O=Operator
    chains enb1.pem
    "$openssl" x509 -in enb1.pem -noout -ext subjectAltName | grep -q 'DNS:enb1.ran.example.test' || die "no name of the station"
    expect "extraCerts" "$("$openssl" crl2pkcs7 -nocrl -certfile extra.pem | "$openssl" pkcs7 -print_certs -noout | grep -c '^subject=')" 3
    awk '/BEGIN/ { n++ } { print > ("extra" n ".pem") }' extra.pem
    cmp -s <("$openssl" x509 -in extra3.pem -outform DER) <("$openssl" x509 -in root.pem -outform DER) ||
        die "the operator's root is not in extraCerts"
    "$openssl" verify -CAfile extra3.pem -untrusted extra2.pem extra1.pem >verify.out 2>&1 || die "$(cat verify.out)"
    shown "a base station (TS 33.310): ir under its vendor's signature, implicit confirmation; extraCerts end in the operator's root"
    works station-confirmed -cmd ir -cert other.pem -key other.key -untrusted factory.pem -newkey enb3.key -subject /CN=enb3 -certout enb3.pem
    grep -q 'PKICONF\|pkiconf' station-confirmed.out || die "no certConf: $(cat station-confirmed.out)"
    fails station-popo 'raVerified' -cmd ir "${station[@]}" -newkey enb2.key -popo 0 -subject /CN=enb2 -certout x.pem
    works station-kur -cmd kur -cert enb1.pem -key enb1.key -newkey enb2.key -certout enb1b.pem -extracertsout extra.pem
    subject_is enb1b.pem CN=enb1,O=Operator
    chains enb1b.pem
    fails station-old-key 'not the certificate that the request is protected with' -cmd kur -cert station.pem -key station.key -untrusted factory.pem \
        -oldcert enb3.pem -newkey enb2.key -certout x.pem
    shown "the same with certConf; kur under the operator's certificate; no raVerified, and no renewal of another's for a station"
}

# What the client cannot make: PBMAC1, nested messages, and what is no message at all.
by_hand() {
    local url=$GATEHOUSE_HTTP_URL/.well-known/cmp/p/$label tool="$interop_root/tests/interop/cmp_messages.py"
    "$openssl" req -new -key c.key -subj /CN=pbmac1 -outform DER -out pbmac1.csr
    expect "PBMAC1" "$(python3 "$tool" pbmac1 "$url" ref-1 "$secret" pbmac1.csr)" "cp 0"
    shown "a request under PBMAC1, and the answer's MAC, by another implementation"
    "$openssl" x509 -in ra.pem -outform DER -out ra.der
    "$openssl" x509 -in idevid.pem -outform DER -out idevid.der
    for name in one two; do
        "$openssl" cmp -config '' -cmd cr -ref ref-1 -secret "pass:$secret" "${mac[@]}" -newkey a.key -subject "/CN=$name" \
            -server "$server" -reqout_only "$name.der" >/dev/null 2>&1 || die "no message $name"
    done
    expect "nested" "$(python3 "$tool" nested "$url/nested" "$openssl" ra.der ra.key one.der)" "cp 0"
    expect "a batch" "$(python3 "$tool" nested "$url" "$openssl" ra.der ra.key one.der two.der)" "nested: cp 0, cp 0"
    python3 "$tool" nested "$url" "$openssl" idevid.der idevid.key one.der | grep -q 'Only a registration authority' ||
        die "a device may nest messages"
    shown "an RA adds its protection to one message and to a batch; a device may not"
    python3 "$tool" hostile "$url" >hostile.out || die "$(cat hostile.out)"
    shown "$(cat hostile.out)"
}

# The messages of one transaction go to two gateways in turn: a relay that alternates.
two_gateways() {
    local second relay
    second=$(second_gateway)
    relay=$(free_port)
    python3 "$interop_root/tests/interop/alternate.py" "$relay" "${GATEHOUSE_HTTP_URL#http://}" "$second" >relay.log 2>&1 &
    other_pids+=($!)
    within 10 curl -s -o /dev/null "http://127.0.0.1:$relay/" || die "no relay"
    server=localhost:$relay
    works alternate -cmd ir -ref ref-1 -secret "pass:$secret" "${mac[@]}" -newkey a.key -subject /CN=alternate -certout alternate.pem
    subject_is alternate.pem CN=alternate
    expect "gateways asked" "$(cut -d' ' -f1 relay.log | sort -u | wc -l)" 2
    shown "two gateways answer alternate messages of one transaction"
    server=${GATEHOUSE_HTTP_URL#http://}
}

debugging() {
    rest GET "templates/$label/cmp/transactions?limit=500" >transactions.json
    local id
    id=$(jq -r '[.items[] | select(.body == "ir" and .state == "done")][0].id' transactions.json)
    rest GET "templates/$label/cmp/transactions/$id" >transaction.json
    jq -e '.messages | map(.body) == ["ir","ip","certConf","pkiconf"]' transaction.json >/dev/null ||
        die "the messages of a transaction: $(jq -c '.messages | map(.body)' transaction.json)"
    jq -r '.messages[0].text' transaction.json | grep -q 'publicKey: id-ecPublicKey' || die "the message is not decoded"
    if grep -q "$secret" transaction.json transactions.json; then die "the secret is shown"; fi
    shown "transactions with their messages decoded"
}

# Another process on the same database, with a signer of its own on the same token: what a second node is.
second_gateway() {
    local port
    port=$(free_port)
    "$bin/gatehouse" serve --data "$instance/data" --db "$GATEHOUSE_DB" --http "127.0.0.1:$port" \
        --https "127.0.0.1:$(free_port)" --public-name localhost >second.log 2>&1 &
    echo $! >second.pid
    within 30 curl -s -o /dev/null "http://127.0.0.1:$port/healthz" || die "the second gateway: $(tail -n 5 second.log)"
    printf '127.0.0.1:%s' "$port"
}

begin
need python3
start_instance
set_up
by_secret
by_certificate
proofs
information
by_approval
by_maker
by_base_station
by_hand
two_gateways
other_pids+=("$(cat second.pid)")
debugging
minima
unconfirmed
root_update
finish
