#!/bin/bash
# Every SCEP message against RSA, EC and ML-DSA CAs, over GET and POST, by a client made of OpenSSL's CMS: enrolment,
# polling, renewal, GetCert, GetCRL, roll-over; NDES pages; captures; and what must be refused.
# shellcheck disable=SC2154 # openssl, work and the instance's addresses are lib.sh's
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/scep.sh
. "$here/scep.sh"

device() { "$GATEHOUSE_BIN/scep_device" "$@"; }

# send TEMPLATE MESSAGE REPLY [get]
send() {
    local url=$GATEHOUSE_HTTP_URL/scep/$1/pkiclient.exe
    if [ "${4:-}" = get ]; then # the plus signs as they are, as many devices send them
        curl -sS --fail -o "$3" "$url?operation=PKIOperation&message=$(base64 -w0 "$2" | sed 's/=/%3D/g')"
    else
        curl -sS --fail -o "$3" --data-binary "@$2" -H 'Content-Type: application/x-pki-message' "$url?operation=PKIOperation"
    fi
}

# ask TEMPLATE TYPE TID KEY CERT CONTENT OUT [get]: prints what came back
ask() {
    device make "$2" "$3" "$4" "$5" "$dir/ra.pem" "$6" "$7.msg"
    send "$1" "$7.msg" "$7.reply" "${8:-}" || { printf 'http\n'; return; }
    device read "$4" "$5" "$dir/ra.pem" "$7.reply" "$7"
}

fetch_ca() { # TEMPLATE
    curl -sS --fail -o "$dir/ca.p7" "$GATEHOUSE_HTTP_URL/scep/$1?operation=GetCACert"
    "$openssl" pkcs7 -inform DER -in "$dir/ca.p7" -print_certs |
        awk -v dir="$dir" '/BEGIN/ { n++ } n { print > (dir "/bag" n ".pem") }'
    cp "$dir/bag1.pem" "$dir/ra.pem"
    cp "$dir/bag2.pem" "$dir/ca.pem"
    "$openssl" verify -x509_strict -partial_chain -CAfile "$dir/ca.pem" "$dir/ra.pem" >/dev/null || die "the RA is not the CA's"
}

check_ca() { # CA
    local t=$1-devices secret
    dir=$work/$1
    mkdir -p "$dir"
    fetch_ca "$t"
    curl -sS "$GATEHOUSE_HTTP_URL/scep/$t/nop/whatever?operation=GetCACaps" | grep -qx SCEPStandard || die "no capabilities"
    secret=$(challenge "$t")
    device new RSA one "$dir/one.key" "$dir/one.self"
    device csr "$dir/one.key" one one.example.test "$secret" "$dir/one.csr"
    ask "$t" 19 t1 "$dir/one.key" "$dir/one.self" "$dir/one.csr" "$dir/one" get | grep -q 'status=0 .* certificates=1' ||
        die "$1: not enrolled by GET: $(tail -2 "$instance/serve.log")"
    "$openssl" verify -partial_chain -CAfile "$dir/ca.pem" "$dir/one.pem" >/dev/null || die "$1: not from the CA"
    shown "$1: capabilities, certificates, PKCSReq by GET with its plus signs unescaped"
    cp "$dir/one.pem" "$dir/first.pem"
    send "$t" "$dir/one.msg" "$dir/again.reply"
    device read "$dir/one.key" "$dir/one.self" "$dir/ra.pem" "$dir/again.reply" "$dir/again" >/dev/null
    cmp -s "$dir/first.pem" "$dir/again.pem" || die "$1: a replayed message made another certificate"
    shown "$1: a replayed message is answered with the same certificate, to the same key alone"
    device new RSA one "$dir/new.key" "$dir/new.self"
    device csr "$dir/new.key" one one.example.test '' "$dir/new.csr"
    ask "$t" 17 t2 "$dir/one.key" "$dir/first.pem" "$dir/new.csr" "$dir/new" | grep -q status=0 || die "$1: RenewalReq"
    shown "$1: RenewalReq by POST"
    device serial "$dir/ca.pem" "$dir/new.pem" "$dir/serial"
    ask "$t" 21 t3 "$dir/one.key" "$dir/one.self" "$dir/serial" "$dir/got" | grep -q certificates=1 || die "$1: GetCert"
    cmp -s "$dir/got.pem" "$dir/new.pem" || die "$1: GetCert gave another"
    ask "$t" 22 t4 "$dir/one.key" "$dir/one.self" "$dir/serial" "$dir/list" | grep -q crls=1 || die "$1: GetCRL"
    "$openssl" crl -in "$dir/list.crl" -CAfile "$dir/ca.pem" -noout 2>&1 | grep -q 'verify OK' || die "$1: the CRL"
    device serial "$dir/ca.pem" "$dir/one.self" "$dir/serial"
    ask "$t" 21 t5 "$dir/one.key" "$dir/one.self" "$dir/serial" "$dir/none" | grep -q 'status=2 fail=4' || die "$1: badCertId"
    shown "$1: GetCert, GetCRL; badCertId for a serial number nobody has"
    check_pending "$1"
}

check_pending() {
    local t=$1-manual
    device new RSA two "$dir/two.key" "$dir/two.self"
    device csr "$dir/two.key" two two.example.test "$(challenge "$t")" "$dir/two.csr"
    device subject "$dir/ca.pem" "$dir/two.self" "$dir/two.poll"
    ask "$t" 19 p1 "$dir/two.key" "$dir/two.self" "$dir/two.csr" "$dir/two" | grep -q status=3 || die "$1: not pending"
    ask "$t" 20 p1 "$dir/two.key" "$dir/two.self" "$dir/two.poll" "$dir/two" | grep -q status=3 || die "$1: CertPoll"
    ask "$t" 20 p1 "$dir/one.key" "$dir/one.self" "$dir/two.poll" "$dir/two.x" | grep -q 'status=2 fail=4' || die "$1: a stranger polls"
    approve "$1"
    ask "$t" 20 p1 "$dir/two.key" "$dir/two.self" "$dir/two.poll" "$dir/two" | grep -q status=0 || die "$1: polled in vain"
    shown "$1: pending, CertPoll, approved, CertPoll; another key learns nothing"
}

check_other_keys() {
    dir=$work/rsa
    device new EC ec "$dir/ec.key" "$dir/ec.self"
    device csr "$dir/ec.key" ec ec.example.test "$(challenge rsa-devices)" "$dir/ec.csr"
    ask rsa-devices 19 e1 "$dir/ec.key" "$dir/ec.self" "$dir/ec.csr" "$dir/ec" | grep -q status=0 || die "a device with an EC key"
    shown "a device with an EC key is enrolled: its answer is encrypted by key agreement"
}

check_rollover() {
    dir=$work/rsa
    [ "$(curl -sS -o /dev/null -w '%{http_code}' "$GATEHOUSE_HTTP_URL/scep/rsa-devices?operation=GetNextCACert")" = 404 ] || die "a next CA before there is one"
    scep_settings rsa-devices '.nextCa = "ec"'
    curl -sS "$GATEHOUSE_HTTP_URL/scep/rsa-devices?operation=GetCACaps" | grep -qx GetNextCACert || die "not announced"
    curl -sS --fail -o "$dir/next" "$GATEHOUSE_HTTP_URL/scep/rsa-devices?operation=GetNextCACert"
    "$openssl" cms -verify -inform DER -in "$dir/next" -CAfile "$dir/ca.pem" -purpose any -binary -out "$dir/next.p7" 2>/dev/null || die "not signed by the present RA"
    "$openssl" pkcs7 -inform DER -in "$dir/next.p7" -print_certs | grep -q 'subject=.*CN=ec' || die "the next CA is not in it"
    shown "GetNextCACert: the next CA's certificates, signed by the present one"
}

check_refusals() {
    local t=rsa-devices
    dir=$work/rsa
    device csr "$dir/one.key" one '*.x' '' "$dir/bare.csr" 2>/dev/null || device csr "$dir/one.key" one one.example.test '' "$dir/bare.csr"
    ask $t 19 r1 "$dir/one.key" "$dir/one.self" "$dir/bare.csr" "$dir/r" | grep -q 'status=2 fail=2' || die "no challenge was good enough"
    device csr "$dir/two.key" two two.example.test "$(challenge $t)" "$dir/other.csr"
    ask $t 19 r2 "$dir/one.key" "$dir/one.self" "$dir/other.csr" "$dir/r" | grep -q 'status=2 fail=1' || die "a foreign key was certified"
    device csr "$dir/one.key" one one.example.test "$(challenge $t '{"bound":{"subject":{"CN":"else"}}}')" "$dir/b.csr"
    ask $t 19 r3 "$dir/one.key" "$dir/one.self" "$dir/b.csr" "$dir/r" | grep -q 'status=2 fail=2' || die "a bound challenge was good for another"
    cp "$dir/ra.pem" "$dir/ra.kept" && cp "$work/ec/ra.pem" "$dir/wrong.pem"
    device make 19 r4 "$dir/one.key" "$dir/one.self" "$dir/wrong.pem" "$dir/b.csr" "$dir/r.msg"
    send $t "$dir/r.msg" "$dir/r.reply"
    device read "$dir/one.key" "$dir/one.self" "$dir/ra.pem" "$dir/r.reply" "$dir/r" | grep -q 'status=2 fail=1' || die "another RA's message"
    shown "no challenge, another's key, a challenge bound to another name, another recipient: refused, with the failInfo for it"
    head -c 600000 /dev/zero >"$dir/huge"
    [ "$(curl -sS -o /dev/null -w '%{http_code}' --data-binary "@$dir/huge" "$GATEHOUSE_HTTP_URL/scep/$t?operation=PKIOperation")" = 413 ] || die "huge"
    [ "$(curl -sS -o /dev/null -w '%{http_code}' --data-binary "@$dir/one.csr" "$GATEHOUSE_HTTP_URL/scep/$t?operation=PKIOperation")" = 400 ] || die "no message"
    [ "$(curl -sS -o /dev/null -w '%{http_code}' "$GATEHOUSE_HTTP_URL/scep/rsa-web-server?operation=GetCACaps")" = 404 ] || die "a template without the door"
    scep_settings $t '.access.scep = ["192.0.2.0/24"]'
    [ "$(curl -sS -o /dev/null -w '%{http_code}' "$GATEHOUSE_HTTP_URL/scep/$t?operation=GetCACaps")" = 403 ] || die "the access list"
    scep_settings $t '.access.scep = []'
    shown "too large, no message, no such door, an address that is not on the list: HTTP errors"
}

check_guessing() {
    local t=rsa-devices slow=
    dir=$work/rsa
    scep_settings $t '.validation.passphrase = true'
    rest POST templates/$t/credentials '{"secret":"a chosen passphrase","uses":0}' >/dev/null
    for i in {1..8}; do
        device csr "$dir/one.key" one one.example.test "guess number $i" "$dir/g.csr"
        [ "$(ask $t 19 "g$i" "$dir/one.key" "$dir/one.self" "$dir/g.csr" "$dir/g" 2>/dev/null)" != http ] || slow=1
    done
    [ -n "$slow" ] || die "guessing is not slowed"
    device csr "$dir/one.key" one one.example.test "$(challenge $t)" "$dir/g.csr"
    ask $t 19 g-good "$dir/one.key" "$dir/one.self" "$dir/g.csr" "$dir/g" | grep -q status=0 || die "a made challenge must pass meanwhile"
    shown "guessing at a passphrase is slowed; those who were given a challenge go on from the same address"
}

# On a node whose clock is 600 days ahead, four fifths of the RA certificate's life are over.
check_key_renewal() {
    local t=rsa-devices port pid
    dir=$work/rsa
    port=$(free_port)
    : >"$work/later.out"
    faketime -f +600d "$bin/gatehouse" serve --data "$instance/data" --db "$GATEHOUSE_DB" --http "127.0.0.1:$port" \
        --https "127.0.0.1:$(free_port)" --public-name localhost --public-url "$GATEHOUSE_HTTP_URL" \
        --public-https-url "$GATEHOUSE_URL" --jobs-interval 3600 >"$work/later.out" 2>"$work/later.log" &
    pid=$!
    other_pids+=("$pid")
    within 60 grep -q '^ready:' "$work/later.out" || die "the later node: $(tail -n 5 "$work/later.log")"
    cp "$dir/ra.pem" "$dir/ra.old"
    device csr "$dir/one.key" one one.example.test "a chosen passphrase" "$dir/k.csr"
    device make 19 k1 "$dir/one.key" "$dir/one.self" "$dir/ra.old" "$dir/k.csr" "$dir/k.msg"
    curl -sS --fail -o "$dir/ca.p7" "http://127.0.0.1:$port/scep/$t?operation=GetCACert"
    "$openssl" pkcs7 -inform DER -in "$dir/ca.p7" -print_certs | awk '/BEGIN/ { n++ } n == 1' >"$dir/ra.pem"
    "$openssl" verify -partial_chain -attime "$(date -d +600days +%s)" -CAfile "$dir/ca.pem" "$dir/ra.pem" >/dev/null ||
        die "the renewed RA is not the CA's"
    ! cmp -s "$dir/ra.pem" "$dir/ra.old" || die "the RA certificate was not renewed"
    GATEHOUSE_HTTP_URL=http://127.0.0.1:$port send $t "$dir/k.msg" "$dir/k.reply"
    device read "$dir/one.key" "$dir/one.self" "$dir/ra.pem" "$dir/k.reply" "$dir/k" | grep -q status=0 ||
        die "what was encrypted to the older key is not read: $(tail -n 3 "$work/later.log")"
    end "$pid"
    within 20 gone "$pid" || die "the later node does not end"
    shown "600 days later the RA has another certificate, made by itself; what is encrypted to the older one is read"
}

check_capture() {
    local t=rsa-devices until
    dir=$work/rsa
    until=$(date -u -d '+10 minutes' +%Y-%m-%dT%H:%M:%SZ)
    scep_settings $t ".captureUntil = \"$until\""
    secret=$(challenge $t)
    device csr "$dir/one.key" one one.example.test "$secret" "$dir/c.csr"
    ask $t 19 c1 "$dir/one.key" "$dir/one.self" "$dir/c.csr" "$dir/c" >/dev/null
    rest GET "templates/$t/scep/captures" >"$dir/captures"
    jq -e '.items[0].details | .message == "PKCSReq" and .csr.challengePassword == "blanked" and .outcome == "success"' \
        "$dir/captures" >/dev/null || die "capture: $(cat "$dir/captures")"
    ! grep -q "$secret" "$dir/captures" || die "a challenge was captured"
    shown "messages are captured and decoded for a while, without their challenges"
}

check_ndes() {
    local user page secret
    dir=$work/rsa
    scep_settings rsa-devices '.ndes.enabled = true'
    user=$(rest POST users '{"username":"mdm","roles":[{"role":"requester","scope":"instance"}]}' | jq -r .oneTimePassword)
    new_password mdm "$user" "correct horse battery"
    page=$(curl -sS --fail --cacert "$GATEHOUSE_TLS_CERT" -u "mdm:correct horse battery" "$GATEHOUSE_URL/CertSrv/mscep_admin/rsa-devices/")
    secret=$(sed -n 's/.*enrollment challenge password is: <B> \([0-9A-F]*\) <.*/\1/p' <<<"$page")
    [ ${#secret} = 16 ] || die "no password in the page: $page"
    device new RSA ndes "$dir/n.key" "$dir/n.self"
    device csr "$dir/n.key" ndes ndes.example.test "$secret" "$dir/n.csr"
    ask rsa-devices 19 n1 "$dir/n.key" "$dir/n.self" "$dir/n.csr" "$dir/n" | grep -q status=0 || die "the page's password is not good"
    expect "who it belongs to" "$(rest GET "certificates?q=ndes.example.test" | jq -r '.items[0].requester')" mdm
    scep_settings rsa-devices '.ndes.utf16 = true'
    curl -sS --fail --cacert "$GATEHOUSE_TLS_CERT" -u "mdm:correct horse battery" "$GATEHOUSE_URL/certsrv/MSCEP_ADMIN/rsa-devices" |
        iconv -f UTF-16 -t UTF-8 | grep -q 'challenge password is: <B> [0-9A-F]\{16\} </B>' || die "UTF-16"
    [ "$(curl -sS -o /dev/null -w '%{http_code}' -u x:y "$GATEHOUSE_HTTP_URL/certsrv/mscep_admin/rsa-devices")" = 403 ] || die "passwords on plain HTTP"
    [ "$(curl -sS -o /dev/null -w '%{http_code}' --cacert "$GATEHOUSE_TLS_CERT" "$GATEHOUSE_URL/certsrv/mscep_admin/rsa-devices")" = 401 ] || die "no log-in"
    shown "the NDES page, scraped as its callers do, in both encodings; its password enrols, the certificate is its reader's"
    check_ndes_ways
}

# By the session of the console, from addresses of a list, on plain HTTP where a template says so bluntly.
check_ndes_ways() {
    local page first second url=certsrv/mscep_admin/rsa-devices
    scep_settings rsa-devices '.ndes.utf16 = false'
    first=$(curl -sS --fail --cacert "$GATEHOUSE_TLS_CERT" -b "$work/jar" "$GATEHOUSE_URL/$url") || die "a session does not open the page"
    second=$(curl -sS --fail --cacert "$GATEHOUSE_TLS_CERT" -b "$work/jar" "$GATEHOUSE_URL/$url")
    grep -q 'can be used only once and will expire within 60 minutes' <<<"$first" || die "the page does not say how long: $first"
    [ "$first" != "$second" ] || die "the page gave one password twice"
    page=$("$openssl" x509 -in "$dir/ca.pem" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g')
    tr -d ' ' <<<"$first" | grep -q "(hashvalue)fortheCAcertificateis:<B>$page" || die "the page's thumbprint is not the CA's"
    scep_settings rsa-devices '.access.ndes = ["192.0.2.0/24", "2001:db8::/32"]'
    expect "an address that is not on the list" "$(curl -sS -o /dev/null -w '%{http_code}' --cacert "$GATEHOUSE_TLS_CERT" -b "$work/jar" \
        "$GATEHOUSE_URL/$url")" 403
    expect "which is the page's alone" "$(curl -sS -o /dev/null -w '%{http_code}' "$GATEHOUSE_HTTP_URL/certsrv/MSCEP/rsa-devices/mscep.dll?operation=GetCACaps")" 200
    scep_settings rsa-devices '.access.ndes = [] | .ndes.insecureHttp = true'
    expect "plain HTTP" "$(curl -sS -o /dev/null -w '%{http_code}' -u "mdm:correct horse battery" "$GATEHOUSE_HTTP_URL/$url")" 200
    scep_settings rsa-devices '.ndes.insecureHttp = false'
    shown "the NDES page by the console's session, for 60 minutes and one use, for listed addresses, on HTTP only when told so"
}

# new_password USER OLD NEW: as the console does it
new_password() {
    curl -sS --fail --cacert "$GATEHOUSE_TLS_CERT" -c "$work/jar" -H 'Content-Type: application/json' -o /dev/null \
        -d "$(jq -n --arg u "$1" --arg p "$2" '{username: $u, password: $p}')" "$GATEHOUSE_URL/api/v1/session"
    curl -sS --fail --cacert "$GATEHOUSE_TLS_CERT" -b "$work/jar" -H 'Content-Type: application/json' -H 'X-Gatehouse-CSRF: 1' \
        -d "$(jq -n --arg o "$2" --arg n "$3" '{old: $o, new: $n}')" "$GATEHOUSE_URL/api/v1/session/password"
}

begin
need iconv faketime
start_instance --jobs-interval 1
make_ca rsa '{"type":"RSA","bits":2048}' >/dev/null
make_ca ec '{"type":"EC","curve":"P-256"}' >/dev/null
make_ca pq '{"type":"ML-DSA-65"}' >/dev/null
for ca in rsa ec pq; do
    scep_template $ca devices role >/dev/null
    scep_template $ca manual always >/dev/null
    check_ca $ca
done
check_other_keys
check_rollover
check_refusals
check_capture
check_ndes
check_guessing
check_key_renewal
finish
