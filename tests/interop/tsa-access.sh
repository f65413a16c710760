#!/bin/bash
# Who gets timestamps, and from which key: user name and password, client certificates on the mTLS listener, rates of
# a whole issuer, a certificate from another CA shared by issuers of two CAs, renewal by the private key usage period,
# ordering over threads and gateways, the page of help and the metrics.
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

status() { curl -sS --max-time 30 --cacert "$GATEHOUSE_TLS_CERT" -o out -w '%{http_code}' --data-binary @q.tsq "$@"; }
granted() { "$openssl" ts -reply -in "$1" -text 2>/dev/null | grep -q 'Status: Granted'; }
signer_of() { # RESPONSE: the serial number of the certificate that signed it
    "$openssl" ts -reply -in "$1" -token_out -out "$1.token" 2>/dev/null || die "no token in $1"
    "$openssl" cms -cmsout -print -inform DER -in "$1.token" 2>/dev/null | sed -n '/signerInfos/,$s/.*serialNumber: //p' | head -n1
}

access() {
    local first new='a long enough passphrase'
    rest POST users '{"username":"stamper","roles":[{"role":"requester","scope":"instance"}]}' >user.json || die "no user"
    first=$(jq -er .oneTimePassword user.json)
    curl -sS --fail --cacert "$GATEHOUSE_TLS_CERT" -c jar -H 'Content-Type: application/json' -o /dev/null \
        -d "{\"username\":\"stamper\",\"password\":\"$first\"}" "$GATEHOUSE_URL/api/v1/session"
    curl -sS --fail --cacert "$GATEHOUSE_TLS_CERT" -b jar -H 'X-Gatehouse-CSRF: 1' -H 'Content-Type: application/json' \
        -o /dev/null -d "{\"old\":\"$first\",\"new\":\"$new\"}" "$GATEHOUSE_URL/api/v1/session/password" || die "no password"
    rest POST "cas/$ca/timestamping" '{"id":"users","document":{"access":{"basic":true,"users":["Stamper"]}}}' >/dev/null
    rest POST "cas/$ca/timestamping" '{"id":"others","document":{"access":{"basic":true,"users":["somebody"]}}}' >/dev/null
    expect "the user" "$(status -u "stamper:$new" "$GATEHOUSE_URL/tsa/$ca/users")" 200
    granted out || die "no timestamp by password"
    expect "the user, again" "$(status -u "stamper:$new" "$GATEHOUSE_URL/tsa/$ca/users")" 200
    expect "a user that is not listed" "$(status -u "stamper:$new" "$GATEHOUSE_URL/tsa/$ca/others")" 403
    expect "a wrong password" "$(status -u "stamper:wrong" "$GATEHOUSE_URL/tsa/$ca/users")" 401
    shown "user name and password: listed users alone"

    make_csr P-256 client client.example.test
    submit_and_sign "$ca-web-server" client
    make_csr P-256 foreign client.example.test
    submit_and_sign "$other-web-server" foreign
    rest POST "cas/$ca/timestamping" '{"id":"machines","document":{"access":{"clientCertificate":true}}}' >/dev/null
    jq -n --arg ca "$other" '{id:"named",document:{access:{clientCertificate:true,clientCas:[$ca]}}}' >named.json
    rest POST "cas/$ca/timestamping" @named.json >/dev/null
    expect "no certificate" "$(status "$mtls/tsa/$ca/machines")" 403
    expect "no certificate over HTTP" "$(status "$GATEHOUSE_HTTP_URL/tsa/$ca/machines")" 403
    expect "a certificate" "$(status --cert client.pem --key client.key "$mtls/tsa/$ca/machines")" 200
    granted out || die "no timestamp by client certificate"
    expect "another CA's" "$(status --cert foreign.pem --key foreign.key "$mtls/tsa/$ca/machines")" 403
    expect "the named CA's" "$(status --cert foreign.pem --key foreign.key "$mtls/tsa/$ca/named")" 200
    expect "not the named CA's" "$(status --cert client.pem --key client.key "$mtls/tsa/$ca/named")" 403
    rest POST "certificates/$(certificate_id foreign)/revoke" '{"reason":"superseded"}' >/dev/null
    expect "revoked" "$(status --cert foreign.pem --key foreign.key "$mtls/tsa/$ca/named")" 403
    shown "client certificates of the CA or of named ones; revoked ones and strangers are refused"

    rest POST "cas/$ca/timestamping" '{"id":"few","document":{"access":{"perMinute":2}}}' >/dev/null
    expect "first" "$(status "$GATEHOUSE_HTTP_URL/tsa/$ca/few")" 200
    expect "second" "$(status "$GATEHOUSE_HTTP_URL/tsa/$ca/few")" 200
    expect "third" "$(status "$GATEHOUSE_HTTP_URL/tsa/$ca/few")" 429
    expect "another issuer" "$(status "$GATEHOUSE_HTTP_URL/tsa/$ca")" 200
    shown "a rate of one issuer does not touch another"
}

page_and_metrics() {
    curl -sS --fail -D head -o page.html "$GATEHOUSE_HTTP_URL/tsa/$ca/few" || die "no page of help"
    grep -qi '^content-type: text/html' head || die "$(cat head)"
    grep -q "curl -H 'Content-Type: application/timestamp-query'" page.html && grep -q "/tsa/$ca/few" page.html ||
        die "$(cat page.html)"
    expect "an issuer that is not there" "$(curl -sS -o /dev/null -w '%{http_code}' "$GATEHOUSE_HTTP_URL/tsa/$ca/none")" 404
    curl -sS --fail --cacert "$GATEHOUSE_TLS_CERT" -H "Authorization: Bearer $GATEHOUSE_TOKEN" "$GATEHOUSE_URL/metrics" >metrics
    for name in 'gatehouse_timestamps_total{outcome="granted"}' 'gatehouse_timestamps_total{outcome="denied"}' gatehouse_clock_trusted; do
        awk -v name="$name" 'index($0, name " ") == 1 && $NF > 0 { found = 1 } END { exit !found }' metrics ||
            die "metrics lack $name: $(grep '^gatehouse_timestamps\|^gatehouse_clock' metrics)"
    done
    shown "a page of help by GET; metrics count what was granted and denied, and say that the clock is trusted"
}

# The key and the request here, the certificate from a CA elsewhere, used by issuers of two CAs.
shared() {
    local id one
    rest POST timestamping-certificates "{\"name\":\"Shared\",\"ca\":\"$ca\",\"key\":{\"type\":\"EC\",\"curve\":\"P-256\"},
        \"subject\":{\"CN\":\"Shared TSA\"}}" >shared.json || die "no key"
    id=$(jq -er .id shared.json)
    jq -er .csr shared.json >shared.csr
    certify_elsewhere shared.csr shared.pem
    jq -Rs '{certificate: .}' shared.pem >upload.json
    rest POST "timestamping-certificates/$id/certificate" @upload.json >/dev/null || die "the certificate was refused"
    for one in "$ca" "$other"; do
        rest POST "cas/$one/timestamping" "{\"id\":\"shared\",\"document\":{\"certificate\":\"$id\"}}" >/dev/null
        expect "$one" "$(status "$GATEHOUSE_HTTP_URL/tsa/$one/shared")" 200
        "$openssl" ts -verify -queryfile q.tsq -in out -CAfile elsewhere.pem >verify.out 2>&1 ||
            die "$one: not verified: $(cat verify.out)"
    done
    shown "a certificate from another CA, key and request from here, serves issuers of two CAs"
}

second_gateway() { # NAME [WRAPPER...]: its port in second_port
    local name=$1
    shift
    second_port=$(free_port)
    : >"$name.out"
    "$@" "$bin/gatehouse" serve --data "$instance/data" --db "$GATEHOUSE_DB" --http "127.0.0.1:$second_port" \
        --https "127.0.0.1:$(free_port)" --public-name localhost --public-url "$GATEHOUSE_HTTP_URL" \
        --public-https-url "$GATEHOUSE_URL" >"$name.out" 2>"$name.log" &
    second_pid=$!
    other_pids+=("$second_pid")
    within 60 grep -q '^ready:' "$name.out" || die "$name: $(tail -n 5 "$name.log")"
}

# Eight clients at a time on two gateways. What was answered before another was asked has the earlier time.
ordered() {
    second_gateway second
    rest POST "cas/$ca/timestamping" '{"id":"ordered","document":{"ordering":true,"logTokens":true}}' >/dev/null
    python3 - "$GATEHOUSE_HTTP_URL/tsa/$ca/ordered" "http://127.0.0.1:$second_port/tsa/$ca/ordered" <<'EOF' || die "order"
import re, sys, threading, time, urllib.request
query, urls, found, lock = open("q.tsq", "rb").read(), sys.argv[1:3], [], threading.Lock()
def stamps(number):
    for i in range(25):
        asked = time.monotonic()
        request = urllib.request.Request(urls[(number + i) % 2], data=query, headers={"Content-Type": "application/timestamp-query"})
        body = urllib.request.urlopen(request, timeout=30).read()
        at = re.search(rb"\x18.(2\d{13}(?:\.\d+)?)Z", body).group(1).decode()
        with lock:
            found.append((asked, time.monotonic(), at.split(".")[0] + (at.split(".") + ["0"])[1].ljust(6, "0")))
threads = [threading.Thread(target=stamps, args=(n,)) for n in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
assert len(found) == 200, len(found)
assert len({one[2] for one in found}) == 200, "two tokens of one time"
for asked, _, at in found:
    for _, answered, earlier in found:
        assert answered > asked or earlier < at, (earlier, at)
EOF
    rest GET "cas/$ca/timestamps?limit=500" | jq '[.items[] | select(.issuer == "ordered") | .serial] | unique | length' >count
    expect "serial numbers" "$(cat count)" 200
    kill "$second_pid"
    within 20 gone "$second_pid" || die "the second gateway does not end"
    shown "ordering: eight clients, threads of two gateways, 200 tokens: none before one that was answered earlier"
}

# A node whose clock is 250 days ahead: the key's year is two thirds over.
renewed() {
    local old
    curl -sS --fail --data-binary @q.tsq -o old.tsr "$GATEHOUSE_HTTP_URL/tsa/$ca"
    old=$(signer_of old.tsr)
    "$openssl" cms -cmsout -inform DER -in old.tsr.token -print 2>/dev/null >old.txt
    second_gateway later faketime -f +250d
    curl -sS --fail --data-binary @q.tsq -o new.tsr "http://127.0.0.1:$second_port/tsa/$ca" || die "no timestamp"
    granted new.tsr || die "$("$openssl" ts -reply -in new.tsr -text 2>/dev/null)"
    [ -n "$old" ] && [ "$(signer_of new.tsr)" != "$old" ] || die "the certificate was not renewed"
    "$openssl" ts -verify -queryfile q.tsq -in new.tsr -CAfile ca.pem -attime "$(date -d +250days +%s)" 2>&1 | grep -q OK ||
        die "the renewed certificate does not verify"
    "$openssl" ts -verify -queryfile q.tsq -in old.tsr -CAfile ca.pem -attime "$(date -d +3000days +%s)" 2>&1 | grep -q OK ||
        die "an old token does not verify in eight years"
    end "$second_pid"
    within 20 gone "$second_pid" || die "the second gateway does not end"
    shown "250 days later another certificate signs, made by itself; the old token verifies in eight years"
}

begin
need faketime python3
mtls_port=$(free_port)
start_instance --mtls "127.0.0.1:$mtls_port"
mtls=https://localhost:$mtls_port
ca=$(make_ca "Stamps" '{"type":"EC","curve":"P-256"}')
other=$(make_ca "Others" '{"type":"EC","curve":"P-256"}')
public "/ca/$ca.pem" >ca.pem
head -c 100 /dev/urandom >data
"$openssl" ts -query -data data -sha256 -cert -out q.tsq 2>/dev/null
access
shared
ordered
page_and_metrics
renewed
finish
