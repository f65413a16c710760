#!/bin/bash
# Lists of every kind as OpenSSL reads them: complete, made at once and by schedule, delta with freshestCRL, partitions
# with IDP that certificates name, expiredCertsOnCRL, caching headers, copies in a directory and by PUT; and two
# gateways on one database that answer alike within a second.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

text() { "$openssl" crl -inform DER -in "$1" -noout -text; }
number() { text "$1" | grep -A1 'X509v3 CRL Number' | tail -n1 | tr -d ' '; }
settings() { rest PATCH "cas/$1" "{\"settings\":$2}" >/dev/null; }
revoke() { rest POST "certificates/$(certificate_id "$1")/revoke" "{\"reason\":\"$2\"}" >/dev/null; }
leaf() { make_csr P-256 "$1" "$1.example.test" && submit_and_sign "$2-web-server" "$1"; }
serial() { "$openssl" x509 -in "$1.pem" -noout -serial | sed 's/serial=//'; }

begin
need python3
mkdir out
start_instance --publish-directory "$PWD/out"

# --- complete and delta
ca=$(make_ca "Delta" '{"type":"EC","curve":"P-256"}')
public "/ca/$ca.pem" >delta-ca.pem
leaf one "$ca" && leaf two "$ca" && leaf three "$ca"
revoke one superseded
public "/crl/$ca.crl" >base.crl
text base.crl | grep -q "$(serial one)" || die "a revocation is not in the next list"
settings "$ca" '{"crl":{"deltaHours":24,"expiredCertificates":true}}'
rest POST "cas/$ca/crl" >now.json
public "/crl/$ca.crl" >base.crl
text base.crl | grep -A3 'X509v3 Freshest CRL' | grep -q "/crl/$ca/delta.crl" || die "no freshestCRL: $(text base.crl)"
text base.crl | grep -q '2.5.29.60' || die "no expiredCertsOnCRL"
revoke two keyCompromise
public "/crl/$ca.crl" | cmp - base.crl || die "with deltas the complete list is made by schedule"
public "/crl/$ca/delta.crl" >delta.crl
text delta.crl | grep -A1 'X509v3 Delta CRL Indicator: critical' | grep -q "$(number base.crl)" || die "the delta continues another list: $(text delta.crl)"
text delta.crl | grep -q "$(serial two)" || die "the delta lacks the revocation"
text delta.crl | grep -q "$(serial one)" && die "the delta repeats its base"
[ "$(($(number delta.crl)))" -gt "$(($(number base.crl)))" ] || die "the delta's number is not higher"
for each in base delta; do "$openssl" crl -inform DER -in $each.crl -out $each.pem; done
cat base.pem delta.pem >both.pem
"$openssl" verify -crl_check -use_deltas -extended_crl -CAfile delta-ca.pem -CRLfile both.pem three.pem >verify.out 2>&1 || die "$(cat verify.out)"
"$openssl" verify -crl_check -use_deltas -extended_crl -CAfile delta-ca.pem -CRLfile both.pem two.pem >verify.out 2>&1 && die "revoked in the delta, and verifies"
grep -q 'certificate revoked' verify.out || die "$(cat verify.out)"
rest POST "certificates/$(certificate_id three)/revoke" '{"reason":"certificateHold"}' >/dev/null
public "/crl/$ca/delta.crl" | "$openssl" crl -inform DER -noout -text | grep -q 'Certificate Hold' || die "no hold in the delta"
rest POST "certificates/$(certificate_id three)/unhold" '{}' >/dev/null
public "/crl/$ca/delta.crl" | "$openssl" crl -inform DER -noout -text | grep -q 'Remove From CRL' || die "no removeFromCRL in the delta"
shown "delta: freshestCRL, base number, what changed alone, hold and removeFromCRL; openssl verify -use_deltas obeys it"

# --- numbers, on demand
before=$(number base.crl)
rest POST "cas/$ca/crl" >now.json
public "/crl/$ca.crl" >base2.crl
[ "$(($(number base2.crl)))" -gt "$((before))" ] || die "the number did not grow"
text base2.crl | grep -q "$(serial two)" || die "the new complete list lacks what the delta had"
shown "a list on demand: the number grows, the delta's entries are in it"

# --- partitions
ca=$(make_ca "Parted" '{"type":"EC","curve":"P-256"}')
public "/ca/$ca.pem" >parted-ca.pem
leaf early "$ca"
settings "$ca" '{"crl":{"partitions":4}}'
expect "fewer partitions" "$(rest_status PATCH "cas/$ca" '{"settings":{"crl":{"partitions":2}}}')" 422
for i in 1 2 3 4 5 6; do leaf "p$i" "$ca"; done
revoke p1 keyCompromise
revoke early keyCompromise
for i in 1 2 3 4 5 6; do
    url=$(url_in "p$i.pem" crl)
    case $url in */crl/$ca/4-[0-3].crl) ;; *) die "p$i names no partition: $url" ;; esac
    curl -sS --fail -o part.crl "$url" || die "no list at $url"
    text part.crl | grep -A3 'Issuing Distribution Point: critical' | grep -q "$url" || die "the IDP is not the CDP: $(text part.crl)"
    "$openssl" crl -inform DER -in part.crl -out part.pem
    if [ "$i" = 1 ]; then
        "$openssl" verify -crl_check -extended_crl -CAfile parted-ca.pem -CRLfile part.pem p1.pem >verify.out 2>&1 && die "p1 verifies"
        grep -q 'certificate revoked' verify.out || die "$(cat verify.out)"
    else
        "$openssl" verify -crl_check -extended_crl -CAfile parted-ca.pem -CRLfile part.pem "p$i.pem" >verify.out 2>&1 || die "$(cat verify.out)"
    fi
done
public "/crl/$ca.crl" >whole.crl
for each in p1 early; do text whole.crl | grep -q "$(serial $each)" || die "$each is not in the list of all"; done
expect "a partition that never was" "$(curl -sS -o /dev/null -w '%{http_code}' "$GATEHOUSE_HTTP_URL/crl/$ca/8-1.crl")" 404
shown "partitions: each certificate names its own, IDP and CDP agree, openssl verify -extended_crl; older ones use the list of all"

# --- caching
curl -sS -D head -o /dev/null "$GATEHOUSE_HTTP_URL/crl/$ca.crl"
etag=$(sed -n 's/^etag: *\([^\r]*\).*/\1/Ip' head)
grep -qi '^cache-control: public, max-age=[0-9]*, must-revalidate' head || die "Cache-Control: $(cat head)"
expect "If-None-Match" "$(curl -sS -o /dev/null -w '%{http_code}' -H "If-None-Match: $etag" "$GATEHOUSE_HTTP_URL/crl/$ca.crl")" 304
public "/crl/$ca.pem" | "$openssl" crl -outform DER | cmp - whole.crl || die "PEM and DER differ"
shown "ETag, Cache-Control, 304; PEM and DER are one list"

# --- copies elsewhere
port=$(free_port)
cat >put.py <<'PY'
import http.server, sys
class Put(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        open("put/" + self.path.rsplit("/", 1)[-1], "wb").write(body)
        self.send_response(201); self.end_headers()
    def log_message(self, *a): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Put).serve_forever()
PY
mkdir put
python3 -B put.py "$port" >put.log 2>&1 &
other_pids+=($!)
settings "$ca" "{\"crl\":{\"publish\":[\"file://$work/out\",\"http://127.0.0.1:$port/lists/\"]}}"
expect "a scheme that is not known" "$(rest_status PATCH "cas/$ca" '{"settings":{"crl":{"publish":["gopher://x/"]}}}')" 422
within 40 [ -s "put/$ca.crl" ] || die "nothing was PUT"
public "/crl/$ca.crl" >now.crl
cmp now.crl "out/$ca.crl" && cmp now.crl "put/$ca.crl" || die "the copies differ"
[ -s "out/$ca-4-0.crl" ] || die "the partitions were not published"
shown "copies in a directory and by HTTP PUT, partitions too"

# --- two gateways on one database
mkdir second
http2=$(free_port) https2=$(free_port)
cp -a "$instance/data" second/data
"$bin/gatehouse" serve --data "$work/second/data" --db "$GATEHOUSE_DB" --http "127.0.0.1:$http2" --https "127.0.0.1:$https2" \
    --public-name localhost --public-url "$GATEHOUSE_HTTP_URL" --public-https-url "$GATEHOUSE_URL" >second/out 2>second/log &
other_pids+=($!)
within 60 curl -sS -o /dev/null "http://127.0.0.1:$http2/healthz" || die "the second gateway: $(tail -n 5 second/log)"
ask() { # PORT LEAF
    "$openssl" ocsp -no_nonce -issuer parted-ca.pem -cert "$2.pem" -url "http://127.0.0.1:$1/ocsp/$ca" -CAfile parted-ca.pem 2>/dev/null | sed -n "s|^$2.pem: ||p"
}
for i in 2 3 4; do
    expect "second gateway, p$i" "$(ask "$http2" "p$i")" good
    expect "second gateway, p$i again" "$(ask "$http2" "p$i")" good # from its cache now
    revoke "p$i" superseded
    begun=$EPOCHREALTIME
    expect "the gateway that revoked, p$i" "$(ask "${GATEHOUSE_HTTP_URL##*:}" "p$i")" revoked
    until [ "$(ask "$http2" "p$i")" = revoked ]; do
        awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { exit !(b - a < 2.5) }' || die "the second gateway still says good"
    done
    awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f\n", b - a }' >>second/seconds
done
note "the second gateway said revoked after $(tr '\n' ' ' <second/seconds)s (each question takes a part of that)"
curl -sS --fail -o second/crl "http://127.0.0.1:$http2/crl/$ca.crl"
text second/crl | grep -q "$(serial p4)" || die "the second gateway's list lacks p4"
shown "two gateways on one database: the next answer of the one that revoked, within a second the other's"
finish
