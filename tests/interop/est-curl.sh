#!/bin/bash
# EST with curl and openssl: every operation, every way in, every kind of key, manual approval, renewal, IDevIDs,
# channel binding, two gateways on one database.
# shellcheck disable=SC2154 # openssl, work and the instance's addresses are lib.sh's
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/est.sh
. "$here/est.sh"

answers() { # WANTED STATUS WHAT FILE
    [ "$1" = "$2" ] || die "$3: $2 instead of $1: $(head -c 300 "$4")"
}

check_documents() {
    local t=site-devices
    answers 200 "$(est $t cacerts ca.b64)" cacerts ca.b64
    unpack ca.b64 ca.pem
    expect "certificates in cacerts" "$(grep -c '^-----BEGIN' ca.pem)" 2
    public /ca/site.pem >site.pem
    public /ca/top.pem >top.pem
    "$openssl" verify -CAfile top.pem -untrusted ca.pem site.pem >/dev/null || die "cacerts: no chain"
    shown "cacerts: issuing CA and root as certs-only PKCS #7 in base64"
    answers 200 "$(est $t csrattrs attrs.b64)" csrattrs attrs.b64
    base64 -d attrs.b64 | "$openssl" asn1parse -inform DER >attrs.txt || die "csrattrs is no DER"
    grep -q rsaEncryption attrs.txt || die "csrattrs: no key: $(cat attrs.txt)"
    grep -q 'Extension Request' attrs.txt || die "csrattrs: no extensions: $(cat attrs.txt)"
    shown "csrattrs: the key and the extensions that the template wants"
    answers 404 "$(est "" cacerts none)" "cacerts without a default" none
    rest PUT est "{\"defaultTemplate\":\"$t\"}" >/dev/null
    answers 200 "$(est "" cacerts default.b64)" "default cacerts" default.b64
    cmp -s default.b64 ca.b64 || die "the default template's cacerts differ"
    shown "without a label the instance's default template answers, once there is one"
    answers 501 "$(est_post $t fullcmc /dev/null out)" fullcmc out
    grep -q 'does not implement' out || die "fullcmc: $(cat out)"
    answers 501 "$(est_post $t serverkeygen /dev/null out)" serverkeygen out
    grep -q serverKeyGeneration out || die "serverkeygen: $(cat out)"
    answers 404 "$(est $t selfdestruct out)" "an unknown operation" out
    answers 404 "$(est no-such-template cacerts out)" "an unknown label" out
    answers 404 "$(est top-web-server cacerts out)" "a template without EST" out
    shown "fullcmc, and serverkeygen where it is not switched on, are refused with 501, what is unknown with 404"
    answers 404 "$(curl -sS -o out -w '%{http_code}' "$GATEHOUSE_HTTP_URL/.well-known/est/$t/cacerts")" http out
    shown "nothing of EST is served without TLS"
}

check_keys() {
    local type secret
    for type in RSA P-256 Ed25519 ML-DSA-65; do
        secret=$(challenge site-devices)
        est_csr $type "key-$type" "${type,,}.example.test"
        answers 200 "$(est_post site-devices simpleenroll "key-$type.b64" out -u ":$secret")" "$type" out
        unpack out "key-$type.pem"
        expect "$type: certificates in the answer" "$(grep -c '^-----BEGIN' "key-$type.pem")" 1
        "$openssl" verify -CAfile top.pem -untrusted ca.pem "key-$type.pem" >/dev/null || die "$type: not from the CA"
        expect "$type: key" "$("$openssl" x509 -in "key-$type.pem" -noout -pubkey | sha256sum)" \
            "$("$openssl" pkey -in "key-$type.key" -pubout | sha256sum)"
    done
    shown "simpleenroll by HTTP Basic with a challenge password: RSA, P-256, Ed25519 and ML-DSA-65"
    cp key-P-256.pem kept.pem
    # the secret of the last one is spent, its own CSR is not a new request
    answers 200 "$(est_post site-devices simpleenroll key-ML-DSA-65.b64 out -u ":$secret")" "a repetition" out
    unpack out again.pem
    cmp -s again.pem key-ML-DSA-65.pem || die "a repetition got another certificate"
    est_csr P-256 thief thief.example.test
    answers 401 "$(est_post site-devices simpleenroll thief.b64 out -u ":$secret")" "a spent challenge" out
    answers 401 "$(est_post site-devices simpleenroll thief.b64 out)" "nobody" out
    grep -qi '^www-authenticate: basic' out.head || die "401 without a challenge: $(cat out.head)"
    answers 401 "$(est_post site-devices simpleenroll thief.b64 out -u ':0123456789ABCDEF')" "a guess" out
    shown "a repeated CSR gets the same certificate; a spent challenge, a guess and nobody get 401 with Basic"
    expect "refusals in the events" \
        "$(rest GET 'events?code=est.refused&object=site-devices' | jq '[.items[] | select(.details.type == "bad-challenge")] | length')" 2
    shown "refusals are events"
}

check_forms() {
    local secret
    secret=$(challenge site-devices '{"uses":10}')
    est_csr P-256 form form.example.test
    "$openssl" req -in form.csr -outform DER -out form.der
    base64 -w0 form.der >form.line
    sed 's/$/\r/' form.b64 >form.crlf
    for file in form.b64 form.line form.crlf form.csr; do
        answers 200 "$(est_post site-devices simpleenroll $file out -u ":$secret" -H 'Content-Transfer-Encoding: base64')" $file out
        unpack out "$file.pem"
        cmp -s "$file.pem" form.b64.pem || die "$file: another certificate"
    done
    answers 200 "$(est_post site-devices simpleenroll form.b64 out -u ":$secret" -H 'Transfer-Encoding: chunked')" chunked out
    unpack out chunked.pem
    cmp -s chunked.pem form.b64.pem || die "chunked: another certificate"
    answers 200 "$(est_post site-devices simpleenroll form.der out -u ":$secret")" "bare DER" out
    "$openssl" pkcs7 -inform DER -in out -print_certs -out der.pem || die "the answer to DER is not DER"
    cmp -s der.pem form.b64.pem || die "DER: another certificate"
    shown "base64 with LF, CRLF and without line breaks, PEM, chunked, and bare DER that is answered in kind"
    printf 'MIIBAjCB' >broken
    answers 400 "$(est_post site-devices simpleenroll broken out -u ":$secret")" broken out
    last=$(tail -c 1 form.der | xxd -p)
    { head -c -1 form.der && printf '%02x' $((0x$last ^ 1)) | xxd -r -p; } | base64 >forged.b64
    answers 400 "$(est_post site-devices simpleenroll forged.b64 out -u ":$secret")" "a forged CSR" out
    head -c 500000 /dev/zero >large
    answers 413 "$(est_post site-devices simpleenroll large out -u ":$secret")" "a large body" out
    answers 415 "$(est site-devices simpleenroll out -u ":$secret" --data-binary @form.b64)" "a wrong type" out
    shown "broken, forged, oversized and mistyped bodies are refused with words"
}

check_users() {
    est_csr P-256 alice alice.example.test
    rest POST users '{"username":"alice","roles":[{"role":"requester","scope":"instance"}]}' >alice.json || die "no user alice"
    first=$(jq -er .oneTimePassword alice.json)
    answers 403 "$(est_post site-devices simpleenroll alice.b64 out -u "alice:$first")" "a one-time password" out
    new='a long enough passphrase'
    curl -sS --fail --cacert "$GATEHOUSE_TLS_CERT" -c jar -H 'Content-Type: application/json' -o /dev/null \
        -d "{\"username\":\"alice\",\"password\":\"$first\"}" "$GATEHOUSE_URL/api/v1/session"
    curl -sS --fail --cacert "$GATEHOUSE_TLS_CERT" -b jar -H 'X-Gatehouse-CSRF: 1' -H 'Content-Type: application/json' -o /dev/null \
        -d "{\"old\":\"$first\",\"new\":\"$new\"}" "$GATEHOUSE_URL/api/v1/session/password" ||
        die "the password was not changed"
    answers 202 "$(est_post site-devices simpleenroll alice.b64 out -u "alice:$new")" alice out
    grep -qi '^retry-after: 60' out.head || die "202 without Retry-After"
    answers 401 "$(est_post site-devices simpleenroll alice.b64 out -u "alice:not the password")" "a wrong password" out
    approve site
    sleep 2 # a wrong password slows the next try
    answers 200 "$(est_post site-devices simpleenroll alice.b64 out -u "alice:$new")" "alice, approved" out
    unpack out alice.pem
    shown "a user by name and password: 202 until an officer approves; the password is checked each time"
    est_settings site-devices '.names = "caller"'
    est_csr P-256 other other.example.test
    answers 400 "$(est_post site-devices simpleenroll other.b64 out -u "alice:$new")" "another's name" out
    grep -q "caller's own" out || die "$(cat out)"
    est_settings site-devices '.names = "any"'
    shown "names: caller keeps users to their own name"
}

check_minima() {
    local secret
    secret=$(challenge site-devices '{"uses":9}')
    est_settings site-devices '.leastKeyStrength = 192 | .leastDigestBits = 384'
    est_csr P-256 weak weak.example.test
    answers 400 "$(est_post site-devices simpleenroll weak.b64 out -u ":$secret")" "a weak key" out
    grep -q leastKeyStrength out || die "$(cat out)"
    "$openssl" genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out strong.key
    for digest in sha256 sha384; do
        "$openssl" req -new -key strong.key -subj /CN=strong.example.test -$digest -outform DER | base64 >strong-$digest.b64
    done
    answers 400 "$(est_post site-devices simpleenroll strong-sha256.b64 out -u ":$secret")" "a weak digest" out
    grep -q leastDigestBits out || die "$(cat out)"
    answers 200 "$(est_post site-devices simpleenroll strong-sha384.b64 out -u ":$secret")" "a strong key" out
    answers 400 "$(est_url=$mtls est_post site-devices simpleenroll strong-sha384.b64 out --cert kept.pem --key key-P-256.key)" "a weak client" out
    est_settings site-devices '.leastKeyStrength = 112 | .leastDigestBits = 224'
    shown "minima of a template: the CSR's key and digest, the client certificate's key"
}

check_manual() {
    local secret
    secret=$(challenge site-manual)
    est_settings site-manual '.retryAfterSeconds = 7'
    est_csr RSA manual manual.example.test
    for _ in 1 2; do
        answers 202 "$(est_post site-manual simpleenroll manual.b64 out -u ":$secret")" manual out
        grep -qi '^retry-after: 7' out.head || die "202 without its Retry-After"
    done
    expect "pending" "$(rest GET 'cas/site/requests?state=pending' | jq '.items | length')" 1
    approve site
    answers 200 "$(est_post site-manual simpleenroll manual.b64 out -u ":$secret")" "approved" out
    unpack out manual.pem
    shown "manual approval: 202 with Retry-After, one request however often it is repeated, then the certificate"
    secret=$(challenge site-manual)
    est_csr RSA declined declined.example.test
    answers 202 "$(est_post site-manual simpleenroll declined.b64 out -u ":$secret")" declined out
    rest POST "requests/$(rest GET 'cas/site/requests?state=pending' | jq -er '.items[0].id')/decline" \
        '{"reason":"not this one"}' >/dev/null
    answers 400 "$(est_post site-manual simpleenroll declined.b64 out -u ":$secret")" declined out
    grep -q 'not this one' out || die "$(cat out)"
    shown "a declined request is told with its reason"
}

check_renewal() {
    local est_url=$mtls old
    est_csr P-256 fresh p-256.example.test
    answers 401 "$(est_post site-devices simplereenroll fresh.b64 out)" "nobody renews" out
    answers 200 "$(est_post site-devices simplereenroll fresh.b64 out --cert key-P-256.pem --key key-P-256.key)" renewal out
    unpack out fresh.pem
    [ "$(serial_of fresh.pem)" != "$(serial_of key-P-256.pem)" ] || die "not renewed"
    expect "renewed names" "$(subject_of fresh.pem)" "$(subject_of key-P-256.pem)"
    answers 200 "$(est_post site-devices simplereenroll fresh.b64 again --cert key-P-256.pem --key key-P-256.key)" repetition again
    cmp -s out again || die "a repeated renewal got another certificate"
    old=$(rest GET "certificates?q=$(serial_of key-P-256.pem)" | jq -er '.items[0].id')
    shown "simplereenroll with the certificate just got, for a new key; repeated it gives the same certificate"
    answers 400 "$(est_post site-devices simplereenroll thief.b64 out --cert fresh.pem --key fresh.key)" "other names" out
    answers 400 "$(est_post site-devices simpleenroll thief.b64 out --cert fresh.pem --key fresh.key)" "other names" out
    "$openssl" req -new -key fresh.key -subj /CN=p-256.example.test -addext subjectAltName=DNS:evil.example.test \
        -outform DER 2>/dev/null | base64 >evil.b64
    answers 400 "$(est_post site-devices simplereenroll evil.b64 out --cert fresh.pem --key fresh.key)" "one more name" out
    "$openssl" req -new -key fresh.key -subj /CN=p-256.example.test -outform DER 2>/dev/null | base64 >bare.b64
    answers 200 "$(est_post site-devices simplereenroll bare.b64 out --cert fresh.pem --key fresh.key)" "no names" out
    unpack out bare.pem
    "$openssl" x509 -in bare.pem -noout -ext subjectAltName | grep -q 'DNS:p-256.example.test' || die "names are lost"
    shown "a renewal keeps its names: others are refused, and who names none keeps the old ones; the same key is taken"
    answers 401 "$(est_post site-manual simplereenroll fresh.b64 out --cert bare.pem --key fresh.key)" "another template" out
    rest POST "certificates/$old/revoke" '{"reason":"superseded"}' >/dev/null
    est_csr P-256 late p-256.example.test
    answers 401 "$(est_post site-devices simplereenroll late.b64 out --cert key-P-256.pem --key key-P-256.key)" revoked out
    shown "neither a revoked certificate nor that of another template renews"
}

check_devices() {
    local est_url=$mtls
    "$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout maker.key -out maker.pem \
        -subj '/O=Maker/CN=Maker Root' -addext 'basicConstraints=critical,CA:TRUE' 2>/dev/null
    "$openssl" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout factory.key -out factory.csr \
        -subj '/O=Maker/CN=Factory 7' 2>/dev/null
    printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n' >ca.ext
    "$openssl" x509 -req -in factory.csr -CA maker.pem -CAkey maker.key -extfile ca.ext -days 100 -out factory.pem 2>/dev/null
    "$openssl" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout idevid.key -out idevid.csr \
        -subj '/O=Maker/CN=Router/serialNumber=SN-1234' 2>/dev/null
    printf 'keyUsage=digitalSignature\n' >ee.ext
    "$openssl" x509 -req -in idevid.csr -CA factory.pem -CAkey factory.key -extfile ee.ext -days 100 -out idevid.pem 2>/dev/null
    cat idevid.pem factory.pem >idevid.chain
    "$openssl" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ldevid.key -out ldevid.csr \
        -subj '/CN=Router' 2>/dev/null
    "$openssl" req -in ldevid.csr -outform DER | base64 >ldevid.b64
    answers 401 "$(est_post site-devices simpleenroll ldevid.b64 out --cert idevid.chain --key idevid.key)" "no anchor yet" out
    jq -n --rawfile pem maker.pem '{role: "device", certificate: $pem}' >anchor.json
    rest POST templates/site-devices/anchors @anchor.json >/dev/null || die "no anchor"
    answers 200 "$(est_post site-devices simpleenroll ldevid.b64 out --cert idevid.chain --key idevid.key)" IDevID out
    unpack out ldevid.pem
    "$openssl" verify -CAfile top.pem -untrusted ca.pem ldevid.pem >/dev/null || die "LDevID: not from the CA"
    est_csr P-256 ldevid2 unused.example.test
    "$openssl" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout next.key -subj '/CN=Router' \
        -outform DER 2>/dev/null | base64 >next.b64
    answers 403 "$(est_post site-devices simplereenroll next.b64 out --cert idevid.chain --key idevid.key)" "IDevID renews" out
    answers 200 "$(est_post site-devices simplereenroll next.b64 out --cert ldevid.pem --key ldevid.key)" LDevID out
    shown "a device with its maker's certificate (two steps below the anchor) gets an LDevID, and renews with that"
    est_settings site-devices '.names = "caller"'
    est_csr P-256 alien alien.example.test
    answers 400 "$(est_post site-devices simpleenroll alien.b64 out --cert idevid.chain --key idevid.key)" "an alien name" out
    est_settings site-devices '.names = "any"'
    shown "names: caller keeps devices to what stands in their certificate"
}

# The anchor's CRLs are fetched by the job; a device's certificate on one opens nothing.
check_fetched_crls() {
    local est_url=$mtls port anchor
    port=$(free_port)
    mkdir -p www
    for ca in maker factory; do
        printf '[ca]\ndefault_ca=x\n[x]\ndatabase=%s.index\ncrlnumber=%s.number\ndefault_md=sha256\ndefault_crl_days=30\n' $ca $ca >$ca.cnf
        : >$ca.index
        echo 01 >$ca.number
    done
    list() { "$openssl" ca -config "$1.cnf" -gencrl -keyfile "$1.key" -cert "$1.pem" -out "www/$1.pem" 2>/dev/null; }
    list maker
    list factory
    (cd www && exec python3 -m http.server --bind 127.0.0.1 "$port" >../www.log 2>&1) &
    other_pids+=($!)
    for anchor in $(rest GET templates/site-devices/anchors | jq -r '.items[].id'); do
        rest DELETE "templates/site-devices/anchors/$anchor" >/dev/null
    done
    jq -n --rawfile pem maker.pem --arg url "http://127.0.0.1:$port" '{role: "device", certificate: $pem, crlCheck: "required",
        crlUrls: ["\($url)/maker.pem", "\($url)/factory.pem"]}' >anchor.json
    anchor=$(rest POST templates/site-devices/anchors @anchor.json | jq -er .id)
    est_csr P-256 listed listed.example.test
    answers 401 "$(est_post site-devices simpleenroll listed.b64 out --cert idevid.chain --key idevid.key)" "before the CRLs" out
    within 180 fetched "$anchor" || die "the CRLs are not fetched: $(cat www.log; tail -5 "$instance/serve.log")"
    answers 200 "$(est_post site-devices simpleenroll listed.b64 out --cert idevid.chain --key idevid.key)" "with the CRLs" out
    "$openssl" ca -config factory.cnf -keyfile factory.key -cert factory.pem -revoke idevid.pem 2>/dev/null
    list factory
    rest PUT "templates/site-devices/anchors/$anchor/crl" "$(jq -n --rawfile crl www/factory.pem '{crl: $crl}')" >/dev/null
    est_csr P-256 gone gone.example.test
    answers 401 "$(est_post site-devices simpleenroll gone.b64 out --cert idevid.chain --key idevid.key)" "a revoked IDevID" out
    grep -q 'revoked' out || die "$(cat out)"
    shown "an anchor's CRLs are fetched by the job; without them, and once revoked there, a device gets nothing"
}
fetched() { [ "$(rest GET "templates/site-devices/anchors/$1" | jq '.crls | length')" -ge 2 ]; }

# bound NAME SECRET [stale]: the status, over TLS 1.3, with a CSR whose challengePassword is the tls-exporter of
# the connection (RFC 9266): what s_client exports, then the request typed into it.
bound() {
    local host=${est_url#https://} secret=$2 csr key pid deadline=$((SECONDS + 20))
    rm -f s_client.in s_client.out
    mkfifo s_client.in
    "$openssl" s_client -connect "$host" -servername localhost -CAfile "$GATEHOUSE_TLS_CERT" -tls1_3 -nocommands \
        -ign_eof -keymatexport EXPORTER-Channel-Binding -keymatexportlen 32 <s_client.in >s_client.out 2>&1 &
    pid=$!
    other_pids+=("$pid")
    exec 4>s_client.in
    until grep -q 'Keying material: ' s_client.out; do
        [ $SECONDS -lt $deadline ] || die "s_client exports nothing: $(tail -3 s_client.out)"
        sleep 0.1
    done
    key=$(sed -n 's/.*Keying material: //p' s_client.out)
    [ $# -lt 3 ] || key=$(tr 0-9A-F 1-9A-F0 <<<"$key")
    key=$(xxd -r -p <<<"$key" | base64 -w0)
    printf '[req]\nprompt=no\ndistinguished_name=dn\nattributes=at\n[dn]\nCN=%s\n[at]\nchallengePassword=%s\n' "$1" "$key" >bound.cnf
    csr=$("$openssl" req -new -key key-P-256.key -config bound.cnf -outform DER | base64 -w0)
    printf 'POST /.well-known/est/site-devices/simpleenroll HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Basic %s\r\nContent-Type: application/pkcs10\r\nContent-Length: %d\r\n\r\n%s' \
        "$(printf ':%s' "$secret" | base64 -w0)" "${#csr}" "$csr" >&4
    within 20 gone "$pid" || die "s_client does not end"
    exec 4>&-
    sed -n 's|^HTTP/1.1 \([0-9]*\).*|\1|p' s_client.out | tr -d '\n'
}

check_binding() {
    local secret url=$GATEHOUSE_URL/.well-known/est/site-devices/simpleenroll
    secret=$(challenge site-devices '{"uses":20}')
    unique() { python3 -B "$interop_root/tests/interop/est_binding.py" "$url" "$GATEHOUSE_TLS_CERT" ":$secret" "$openssl" key-P-256.key "$@"; }
    est_settings site-devices '.channelBinding = "required"'
    est site-devices csrattrs attrs.b64 >/dev/null
    base64 -d attrs.b64 | "$openssl" asn1parse -inform DER | grep -q challengePassword || die "csrattrs: no challengePassword"
    est_csr P-256 unbound unbound.example.test
    answers 400 "$(est_post site-devices simpleenroll unbound.b64 out -u ":$secret")" "a CSR that is not bound" out
    grep -q tls-exporter out || die "$(cat out)"
    answers 200 "$(bound exported "$secret")" "tls-exporter" s_client.out
    answers 400 "$(bound exported2 "$secret" stale)" "another connection's tls-exporter" s_client.out
    shown "channel binding required: tls-exporter of this TLS 1.3 connection, and no other (RFC 9266)"
    answers 200 "$(unique unique out)" "tls-unique" out
    answers 400 "$(unique unique2 out stale)" "another connection's tls-unique" out
    est_settings site-devices '.channelBinding = "ifPresent"'
    answers 400 "$(unique unique3 out stale)" "a wrong binding, not required" out
    answers 200 "$(est_post site-devices simpleenroll unbound.b64 out -u ":$secret")" "no binding, none required" out
    est_settings site-devices '.channelBinding = "ignore"'
    answers 200 "$(unique unique4 out stale)" "a wrong binding, ignored" out
    shown "and tls-unique of a TLS 1.2 connection by Python's ssl; ifPresent refuses a wrong one, ignore does not look"
    est_settings site-devices '.channelBinding = "ifPresent"'
    "$openssl" req -new -key key-P-256.key -config <(printf '[req]\nprompt=no\ndistinguished_name=dn\nattributes=at\n[dn]\nCN=inside\n[at]\nchallengePassword=%s\n' "$secret") \
        -outform DER | base64 >inside.b64
    answers 200 "$(est_post site-devices simpleenroll inside.b64 out)" "a challenge in the CSR" out
    shown "the challenge password inside the CSR, without HTTP Basic"
}

check_two_gateways() {
    local port https secret pid first=$est_url
    port=$(free_port) https=$(free_port)
    mapfile -t -d '' words <"/proc/$(gateway_pid)/cmdline"
    second=("${words[@]}")
    for i in "${!second[@]}"; do
        case ${second[i]} in
        --http) second[i + 1]=127.0.0.1:$port ;;
        --https) second[i + 1]=127.0.0.1:$https ;;
        --mtls) second[i + 1]=127.0.0.1:$(free_port) ;;
        esac
    done
    setsid "${second[@]}" </dev/null >second.out 2>second.log &
    pid=$!
    other_pids+=("$pid")
    within 30 grep -q '^ready:' second.out || die "the second gateway: $(tail -5 second.log)"
    secret=$(challenge site-manual)
    est_csr P-256 both both.example.test
    for est_url in "$first" "https://localhost:$https" "$first"; do
        answers 202 "$(est_post site-manual simpleenroll both.b64 out -u ":$secret")" "two gateways" out
    done
    approve site
    est_url=https://localhost:$https
    answers 200 "$(est_post site-manual simpleenroll both.b64 out -u ":$secret")" "the second gateway" out
    est_url=$first
    answers 200 "$(est_post site-manual simpleenroll both.b64 again -u ":$secret")" "the first gateway" again
    cmp -s out again || die "two gateways, two certificates"
    expect "requests" "$(rest GET 'cas/site/requests?state=pending' | jq '.items | length')" 0
    shown "two gateways of one database answer the messages of one request in turn"
    kill "$pid"
    within 20 gone "$pid" || die "the second gateway does not end"
}

# HTTP Digest, with a secret that is kept sealed: curl sends its CSR once it has seen the challenge.
check_digest() {
    local secret nonce
    digest() { # WANTED CSR ALGORITHM USER:SECRET [CURL OPTIONS...]: curl's own Digest; with the challenge it took
        local wanted=$1 csr=$2 algorithm=$3 user=$4
        shift 4
        answers "$wanted" "$(est_post site-devices simpleenroll "$csr" out --digest -u "$user" "$@")" "Digest" out
        [ -z "$algorithm" ] || grep -qi "^www-authenticate: digest .*algorithm=$algorithm" out.head || die "no $algorithm: $(cat out.head)"
    }
    secret=$(challenge site-devices '{"kind":"mac","name":"digest-1","uses":2}')
    est_csr P-256 digested digested.example.test
    digest 400 digested.b64 "" "digest-1:$secret" # curl has no CSR for who offers no Digest
    est_settings site-devices '.digest = "sha-256"'
    digest 401 digested.b64 "" 'digest-1:not the secret at all'
    digest 401 digested.b64 "" "nobody-1:$secret"
    digest 200 digested.b64 SHA-256 "digest-1:$secret"
    unpack out digested.pem
    if grep -qi 'algorithm=md5' out.head; then die "MD5 is offered: $(cat out.head)"; fi
    expect "the event" "$(rest GET 'events?code=est.enrolment&object=site-devices' | jq '[.items[] | select(.details.by == "digest")] | length')" 1
    shown "HTTP Digest (SHA-256) by curl; a wrong secret, and an unknown name get 401; it is off unless switched on"
    nonce=$(grep -i '^www-authenticate: digest' out.head | sed 's/.*nonce="\([^"]*\)".*/\1/' | tail -n1)
    # What the client says is checked: another URI, a nonce of nobody's, a missing field.
    header() { # URI NONCE: what a client that knows the secret makes of them
        local a1 a2
        a1=$(printf 'digest-1:Gatehouse EST:%s' "$secret" | sha256sum | cut -d' ' -f1)
        a2=$(printf 'POST:%s' "$1" | sha256sum | cut -d' ' -f1)
        printf 'Authorization: Digest username="digest-1", realm="Gatehouse EST", nonce="%s", uri="%s", qop=auth, nc=00000001, cnonce="c", algorithm=SHA-256, response="%s"' \
            "$2" "$1" "$(printf '%s:%s:00000001:c:auth:%s' "$a1" "$2" "$a2" | sha256sum | cut -d' ' -f1)"
    }
    local path=/.well-known/est/site-devices/simpleenroll
    est_csr P-256 digested2 digested2.example.test
    answers 401 "$(est_post site-devices simpleenroll digested2.b64 out -H "$(header /elsewhere "$nonce")")" "another URI" out
    answers 401 "$(est_post site-devices simpleenroll digested2.b64 out -H "$(header $path "${nonce}x")")" "a nonce of nobody's" out
    grep -qi 'stale=true' out.head || die "a nonce that is over is not called stale: $(cat out.head)"
    answers 401 "$(est_post site-devices simpleenroll digested2.b64 out -H 'Authorization: Digest username="digest-1')" "half a header" out
    answers 200 "$(est_post site-devices simpleenroll digested2.b64 out -H "$(header $path "$nonce")")" "made by hand" out
    shown "Digest: the URI must be the request's, a nonce must be ours and fresh (else stale=true)"
    est_settings site-devices '.digest = "md5"'
    secret=$(challenge site-devices '{"kind":"mac","name":"digest-2","uses":1}')
    est_csr P-256 digested3 digested3.example.test
    digest 200 digested3.b64 MD5 "digest-2:$secret"
    est_settings site-devices '.digest = "none"'
    shown "MD5 beside SHA-256 where a template says so, for clients that know nothing else"
}

# A program that uses the API gets its client certificate with a one-time code, and renews it with that.
check_agents() {
    local code other whoami
    whoami() { curl -sS -o who.json -w '%{http_code}' --cacert "$GATEHOUSE_TLS_CERT" --cert "$1" --key "$2" "$mtls/api/v1/session"; }
    rest POST users '{"username":"robot","roles":[{"role":"auditor","scope":"instance"}]}' >/dev/null || die "no user robot"
    rest GET access >access.json
    jq '.certificateLogin = {cas: ["site"], match: "commonName"} | if .version == 0 then del(.version) else . end' access.json >login.json
    rest PUT access @login.json >/dev/null || die "log-in by certificate: $(cat login.json)"
    code=$(challenge site-devices '{"uses":1,"bound":{"subject":{"CN":"robot"}}}')
    est_csr P-256 root-robot root-robot.example.test
    answers 400 "$(est_post site-devices simpleenroll root-robot.b64 out -u ":$code")" "the code for another's name" out
    "$openssl" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout robot.key -subj /CN=robot -outform DER 2>/dev/null |
        base64 >robot.b64
    answers 200 "$(est_post site-devices simpleenroll robot.b64 out -u ":$code")" "a one-time code" out
    unpack out robot.pem
    expect "the API with it" "$(whoami robot.pem robot.key) $(jq -r '.user.username + " " + .by' who.json)" "200 robot certificate"
    est_csr P-256 again-robot again-robot.example.test
    answers 401 "$(est_post site-devices simpleenroll again-robot.b64 out -u ":$code")" "the code again" out
    shown "an API client gets its client certificate by EST with a one-time code, and calls the API with it"
    "$openssl" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout robot2.key -subj /CN=robot -outform DER 2>/dev/null |
        base64 >robot2.b64
    other=$est_url
    est_url=$mtls
    answers 200 "$(est_post site-devices simplereenroll robot2.b64 out --cert robot.pem --key robot.key)" "renewal" out
    est_url=$other
    unpack out robot2.pem
    expect "the API with the new one" "$(whoami robot2.pem robot2.key) $(jq -r .user.username who.json)" "200 robot"
    rest POST "certificates/$(rest GET "certificates?q=$(serial_of robot2.pem)" | jq -r '.items[0].id')/revoke" '{"reason":"keyCompromise"}' >/dev/null
    expect "revoked" "$(whoami robot2.pem robot2.key)" 401
    shown "it renews it by simplereenroll; revoked, it opens nothing"
    rest PUT access "$(rest GET access | jq '.certificateLogin = {}')" >/dev/null
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
check_documents
check_keys
check_forms
check_users
check_digest
check_agents
check_minima
check_manual
check_renewal
check_devices
check_fetched_crls
check_binding
check_two_gateways
finish
