#!/bin/bash
# RFC 3161 with openssl ts: every hash, policies, nonce, accuracy, ordering; Ed25519 and ML-DSA tokens with openssl
# cms, since openssl ts knows RSA and ECDSA alone; hostile requests; two gateways on one database; evidence records
# verified by code written from RFC 4998 alone.
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

ts() { "$openssl" ts "$@" 2>ts.err; }
ask() { # URL: q.tsq to r.tsr
    curl -sS --fail -H 'Content-Type: application/timestamp-query' --data-binary @q.tsq -o r.tsr "$1"
}
reply_text() { ts -reply -in r.tsr -text; }
verify_ts() { ts -verify -queryfile q.tsq -in r.tsr -CAfile "$1" | grep -q 'Verification: OK'; }
verify_cms() { # CA FILE: token's signature and chain by openssl cms
    ts -reply -in r.tsr -token_out -out r.tok || die "no token: $(reply_text)"
    "$openssl" cms -verify -inform DER -in r.tok -CAfile "$1" -purpose timestampsign -out info.der 2>cms.err
}

every_hash() { # CA
    local hash
    for hash in sha224 sha256 sha384 sha512 sha3-224 sha3-256 sha3-384 sha3-512; do
        ts -query -data data "-$hash" -cert -out q.tsq || die "query $hash: $(cat ts.err)"
        ask "$GATEHOUSE_HTTP_URL/tsa/$1"
        verify_ts "$1.pem" || die "$1 $hash: $(cat ts.err) $(reply_text)"
        ts -verify -data data -in r.tsr -CAfile "$1.pem" | grep -q OK || die "$1 $hash against the data"
    done
    ts -query -data data -sha1 -out q.tsq
    ask "$GATEHOUSE_HTTP_URL/tsa/$1"
    reply_text | grep -q 'Failure info: unrecognized or unsupported algorithm identifier' || die "SHA-1: $(reply_text)"
}

second_gateway() { # NAME: its port in port; no reference for its clock
    port=$(free_port)
    : >"$1.out"
    "$bin/gatehouse" serve --data "$instance/data" --db "$GATEHOUSE_DB" --http "127.0.0.1:$port" --https "127.0.0.1:$(free_port)" \
        --public-name localhost --public-url "$GATEHOUSE_HTTP_URL" --public-https-url "$GATEHOUSE_URL" --clock-error 2000 \
        >"$1.out" 2>"$1.log" &
    other_pids+=($!)
    within 60 grep -q '^ready:' "$1.out" || die "the second gateway: $(tail -n 5 "$1.log")"
}

begin
need python3
ntp_port=$(free_port)
echo 0 >offset
python3 -B "$interop_root/tests/interop/ntp_server.py" "$ntp_port" offset 2>ntp.err &
other_pids+=($!)
start_instance --clock-error 2000 --ntp-server "127.0.0.1:$ntp_port" --clock-interval 1
trusted() { rest GET clock | jq -e .trusted >/dev/null; }
within 30 trusted || die "the clock: $(rest GET clock)"
head -c 5000 /dev/urandom >data
ec=$(make_ca "Stamps EC" '{"type":"EC","curve":"P-256"}')
rsa=$(make_ca "Stamps RSA" '{"type":"RSA","bits":2048}')
for ca in "$ec" "$rsa"; do
    public "/ca/$ca.pem" >"$ca.pem"
    every_hash "$ca"
done
shown "openssl ts verifies tokens of ECDSA and RSA issuers over SHA-2 and SHA-3 imprints; SHA-1 is refused"

for type in Ed25519 ML-DSA-44 ML-DSA-65 ML-DSA-87; do
    ca=$(make_ca "Stamps $type" "{\"type\":\"$type\"}")
    public "/ca/$ca.pem" >"$ca.pem"
    ts -query -data data -sha512 -cert -out q.tsq
    ask "$GATEHOUSE_HTTP_URL/tsa/$ca"
    verify_cms "$ca.pem" || die "$type: $(cat cms.err)"
    reply_text | grep -q 'Hash Algorithm: sha512' || die "$type: $(reply_text)"
    public "/tsa/$ca" >page.html
    grep -q 'openssl cms -verify' page.html && ! grep -q 'openssl ts -verify -data\|osslsigncode' page.html ||
        die "$type: the page of help names tools that do not know the key: $(cat page.html)"
done
shown "openssl cms verifies the tokens of Ed25519 (RFC 8419) and ML-DSA (RFC 9882) issuers"

rules='{"policies":["1.3.6.1.4.1.99999.1","1.3.6.1.4.1.99999.2"],"digests":["SHA-256","SHA-1"],"accuracy":{"seconds":2,
  "millis":3,"micros":4},"ordering":true,"serialLength":20,"tsaName":true,"chain":"all",
  "signatureDigest":"SHA-384","logTokens":true}'
rest POST "cas/$ec/timestamping" "{\"id\":\"strict\",\"document\":$rules}" >/dev/null
ts -query -data data -sha1 -tspolicy 1.3.6.1.4.1.99999.2 -cert -out q.tsq
ask "$GATEHOUSE_HTTP_URL/tsa/$ec/strict"
verify_ts "$ec.pem" || die "strict: $(cat ts.err)"
reply_text >text
for line in 'Policy OID: 1.3.6.1.4.1.99999.2' 'Accuracy: 0x02 seconds, 0x03 millis, 0x04 micros' 'Ordering: yes' \
    "TSA: DirName:/O=Example/CN=$ec TSA" 'Nonce: 0x'; do
    grep -q "$line" text || die "the token lacks '$line': $(cat text)"
done
[ "$(sed -n 's/^Serial number: 0x//p' text | tr -d '\n' | wc -c)" = 40 ] || die "the serial number has not 20 octets"
ts -query -data data -sha256 -no_nonce -out q.tsq
ask "$GATEHOUSE_HTTP_URL/tsa/$ec/strict"
reply_text >text
grep -q 'Policy OID: 1.3.6.1.4.1.99999.1' text && grep -q 'Nonce: unspecified' text || die "defaults: $(cat text)"
ts -query -data data -sha256 -tspolicy 1.2.3.4 -out q.tsq
ask "$GATEHOUSE_HTTP_URL/tsa/$ec/strict"
reply_text | grep -q 'the requested TSA policy is not supported' || die "policy: $(reply_text)"
shown "policies, accuracy, ordering, serial length, TSA name, SHA-1 where it is allowed"

eu=$(rest POST cas '{"name":"Stamps EU","key":{"type":"EC","curve":"P-256"},"subject":{"C":"DE","O":"Example","CN":"Stamps EU"}}' |
    jq -er .id) || die "no CA"
public "/ca/$eu.pem" >"$eu.pem"
policy='"policies":["1.3.6.1.4.1.99999.1"]'
not_qualified() { # CA MEMBERS PROBLEM [ID]
    if rest POST "cas/$1/timestamping" "{\"id\":\"${4:-eu}\",\"document\":{$2}}" 2>refusal >/dev/null; then die "$2 is taken"; fi
    grep -q "422 .*/problems/$3\"" refusal || die "$2: $(cat refusal)"
}
not_qualified "$eu" "\"qualified\":true,$policy,\"accuracy\":null" tsa-accuracy
not_qualified "$eu" "\"qualified\":true,$policy,\"accuracy\":{\"seconds\":2}" tsa-accuracy
not_qualified "$eu" "\"qualified\":true,$policy,\"ordering\":true" tsa-qualified
not_qualified "$eu" '"qualified":true' tsa-qualified           # under any policy
not_qualified "$ec" "\"qualified\":true,$policy" tsa-qualified # a subject without C
not_qualified "$eu" "\"qualified\":true,$policy" tsa-qualified # its key signs for "default", too
grep -q 'default.* signs with the same key' refusal || die "$(cat refusal)"
rest PUT "cas/$eu/timestamping/default" "{\"version\":1,\"document\":{\"qualified\":true,$policy}}" >/dev/null || die "no qualified issuer"
not_qualified "$eu" '"tsaName":true' tsa-qualified plain
rest POST "cas/$eu/timestamping" '{"id":"off","document":{"enabled":false}}' >/dev/null || die "an issuer that is off"
rest POST "cas/$eu/timestamping" "{\"id\":\"eu\",\"document\":{\"qualified\":true,$policy}}" >/dev/null || die "a second one"
expect "taking the default issuer's rules away" "$(rest_status DELETE "cas/$eu/timestamping/default")" 422
ts -query -data data -sha256 -cert -out q.tsq
ask "$GATEHOUSE_HTTP_URL/tsa/$eu"
verify_ts "$eu.pem" || die "qualified: $(cat ts.err)"
reply_text >text
for line in 'Accuracy: 0x01 seconds' 'Ordering: no' 'qcStatements\|1.3.6.1.5.5.7.1.3'; do
    grep -q "$line" text || die "the qualified token lacks '$line': $(cat text)"
done
ts -reply -in r.tsr -token_out -out r.tok
"$openssl" cms -verify -inform DER -in r.tok -noverify -out info.der 2>cms.err || die "qualified: $(cat cms.err)"
"$openssl" asn1parse -inform DER -in info.der >info.txt
# A critical extension has a BOOLEAN between its name and its value.
offset=$(sed -n '/qcStatements/{n;s/^ *\([0-9]*\):.*OCTET STRING.*/\1/p;}' info.txt)
[ -n "$offset" ] || die "no statement that is not critical: $(cat info.txt)"
"$openssl" asn1parse -inform DER -in info.der -strparse "$offset" >statement
grep -q 'OBJECT *:0.4.0.19422.1.1' statement || die "the statement: $(cat statement)"
"$openssl" cms -verify -inform DER -in r.tok -noverify -signer signer.pem -out /dev/null 2>cms.err || die "qualified: $(cat cms.err)"
expect "the signer" "$("$openssl" x509 -in signer.pem -noout -subject -nameopt RFC2253)" "subject=CN=$eu TSA,O=Example,C=DE"
"$openssl" x509 -in signer.pem -noout -text | grep -q 'Private Key Usage Period' || die "no private key usage period"
# A node that compares its clock with nobody gives none.
second_gateway second
ask "http://127.0.0.1:$port/tsa/$eu"
reply_text | grep -q 'time source is not available' || die "no reference, and yet: $(reply_text)"
ask "http://127.0.0.1:$port/tsa/$ec" && reply_text | grep -q 'Status: Granted' || die "not qualified: $(reply_text)"
shown "a qualified issuer keeps ETSI EN 319 421 and 319 422: statement, accuracy, policy, subject, a key and a compared clock of its own"

# --- hostile -----------------------------------------------------------------------------------------

refused() { # WHAT FAILURE: q.tsq gets that failure
    ask "$GATEHOUSE_HTTP_URL/tsa/$ec" || die "$1: no answer"
    reply_text | grep -q "Failure info: $2" || die "$1: $(reply_text)"
}
ts -query -data data -sha256 -cert -out good.tsq
cat good.tsq <(printf x) >q.tsq && refused "trailing byte" 'the data submitted has the wrong format'
head -c 20 good.tsq >q.tsq && refused "cut short" 'the data submitted has the wrong format'
printf '' >q.tsq && refused "empty" 'the data submitted has the wrong format'
python3 - <<'EOF'
def tlv(tag, *parts):
    body = b"".join(parts)
    size = len(body)
    head = bytes([size]) if size < 128 else bytes([0x82, size >> 8, size & 255])
    return bytes([tag]) + head + body
sha256 = tlv(0x30, bytes.fromhex("0609608648016503040201"))
def request(hash_length, *more):
    return tlv(0x30, b"\x02\x01\x01", tlv(0x30, sha256, tlv(0x04, b"h" * hash_length)), *more)
for critical in (b"", b"\x01\x01\xff"):
    extension = tlv(0xa0, tlv(0x30, bytes.fromhex("06032a0304"), critical, tlv(0x04, b"\x05\x00")))
    open("extension%d.tsq" % len(critical), "wb").write(request(32, extension))
for size in (0, 31, 33, 4000):
    open("length%d.tsq" % size, "wb").write(request(size))
EOF
for file in extension*.tsq; do
    cp "$file" q.tsq && refused "$file" 'the requested extension is not supported'
done
for file in length*.tsq; do
    cp "$file" q.tsq && refused "$file" 'the data submitted has the wrong format'
done
head -c 1048576 /dev/urandom >big
expect "1 MB" "$(curl -sS -o /dev/null -w '%{http_code}' -H 'Expect: 100-continue' --data-binary @big "$GATEHOUSE_HTTP_URL/tsa/$ec")" 413
cp good.tsq q.tsq && ask "$GATEHOUSE_HTTP_URL/tsa/$ec" && verify_ts "$ec.pem" || die "not well afterwards"
shown "trailing bytes, unknown extensions, wrong lengths and 1 MB are refused as RFC 3161 says"

# --- access ------------------------------------------------------------------------------------------

status() { curl -sS -o out -w '%{http_code}' --data-binary @good.tsq "$@"; }
rest POST "cas/$ec/timestamping" '{"id":"far","document":{"access":{"addresses":["192.0.2.0/24"]}}}' >/dev/null
expect "an address that is not listed" "$(status "$GATEHOUSE_HTTP_URL/tsa/$ec/far")" 403
rest POST "cas/$ec/timestamping" '{"id":"slow","document":{"access":{"addresses":["127.0.0.0/8","::1"],"perMinuteAndAddress":3}}}' >/dev/null
for _ in 1 2 3; do expect "within the rate" "$(status "$GATEHOUSE_HTTP_URL/tsa/$ec/slow")" 200; done
expect "past the rate" "$(status "$GATEHOUSE_HTTP_URL/tsa/$ec/slow")" 429
rest POST "cas/$ec/timestamping" '{"id":"password","document":{"access":{"basic":true}}}' >/dev/null
expect "no password" "$(status --cacert "$GATEHOUSE_TLS_CERT" "$GATEHOUSE_URL/tsa/$ec/password")" 401
expect "a wrong password" "$(status --cacert "$GATEHOUSE_TLS_CERT" -u admin:wrong "$GATEHOUSE_URL/tsa/$ec/password")" 401
expect "a password on plain HTTP" "$(status -u admin:wrong "$GATEHOUSE_HTTP_URL/tsa/$ec/password")" 403
shown "access lists, rates and Basic: 403, 429, 401; a password is refused on plain HTTP"

# --- two gateways --------------------------------------------------------------------------------------

rest POST "cas/$ec/timestamping" '{"id":"ordered","document":{"ordering":true,"serialLength":8,"logTokens":true}}' >/dev/null
stamps() { # URL NAME COUNT
    local i
    for ((i = 0; i < $3; i++)); do
        curl -sS --fail --data-binary @good.tsq -o "$2.$i.tsr" "$1/tsa/$ec/ordered" || exit 1
    done
}
stamps "$GATEHOUSE_HTTP_URL" one 40 &
one=$!
stamps "http://127.0.0.1:$port" two 40 &
two=$!
wait "$one" && wait "$two" || die "a stamp failed"
rest GET "cas/$ec/timestamps?limit=500" | jq '[.items[] | select(.issuer == "ordered")]' >kept.json
expect "tokens kept" "$(jq length kept.json)" 80
expect "different serial numbers" "$(jq '[.[].serial] | unique | length' kept.json)" 80
expect "different times" "$(jq '[.[].at] | unique | length' kept.json)" 80
shown "two gateways, one ordered issuer: 80 tokens, 80 serial numbers, 80 different times"

# --- evidence ------------------------------------------------------------------------------------------

python3 - <<'EOF'
import hashlib
with open("hashes", "wb") as out, open("hex", "w") as names:
    for i in range(100000):
        h = hashlib.sha256(b"document %d" % i).digest()
        out.write(h)
        if i % 9999 == 0:
            names.write(h.hex() + "\n")
EOF
id=$(curl -sS --fail-with-body --cacert "$GATEHOUSE_TLS_CERT" -H "Authorization: Bearer $GATEHOUSE_TOKEN" -H 'Content-Type: application/octet-stream' \
    --data-binary @hashes "$GATEHOUSE_URL/api/v1/cas/$ec/evidence?digest=SHA-256" | tee evidence.json | jq -er .id) || die "$(cat evidence.json)"
while read -r hash; do
    rest GET "cas/$ec/evidence/$id/records/$hash" >"$hash.ers"
    python3 -B "$interop_root/tests/interop/ers_verify.py" "$hash.ers" "$hash" token.der >imprint.txt || die "$hash: $(cat imprint.txt)"
    ts -verify -digest "$(cat imprint.txt)" -in token.der -token_in -CAfile "$ec.pem" | grep -q OK || die "the archive timestamp"
    if python3 -B "$interop_root/tests/interop/ers_verify.py" "$hash.ers" "$(printf 'x' | sha256sum | cut -c1-64)" token.der >/dev/null; then
        die "a hash that is not in the tree passes"
    fi
done <hex
shown "evidence records of 100000 hashes under one timestamp, verified by code written from RFC 4998 and by openssl ts"

verified_chain() { # RECORD HASHES COUNT: every timestamp by openssl ts, about what the RFC says it must be
    local imprint n=0
    rm -f token.der*
    python3 -B "$interop_root/tests/interop/ers_verify.py" "$1" "$2" token.der >imprints.txt || die "$1: $(cat imprints.txt)"
    while read -r imprint; do
        ts -verify -digest "$imprint" -in "token.der$([ "$n" -eq 0 ] || echo ".$n")" -token_in -CAfile "$ec.pem" |
            grep -q OK || die "timestamp $n of $1"
        n=$((n + 1))
    done <imprints.txt
    expect "timestamps of $1" "$n" "$3"
}

document="document 0"
hash=$(printf '%s' "$document" | sha256sum | cut -d' ' -f1)
rest POST "cas/$ec/evidence/$id/renewals" '{}' | jq -e '.renewals == 1' >/dev/null || die "no renewal"
rest POST "cas/$ec/evidence/$id/renewals" '{}' | jq -e '.renewals == 2 and .renewedAt != null' >/dev/null || die "no renewal"
rest GET "cas/$ec/evidence/$id/records/$hash" >renewed.ers
verified_chain renewed.ers "$hash" 3
jq -n --arg r "$(base64 -w0 renewed.ers)" --arg i "$hash" '{record: $r, imprint: $i}' >verify.json
rest POST evidence/verify @verify.json | jq -e '.timestamps == 3 and .trusted' >/dev/null || die "REST does not verify it"
shown "evidence renewed twice by a timestamp over the one before (RFC 4998, 5.2): one signature for all 100000 records"

strong=$(printf '%s' "$document" | sha512sum | cut -d' ' -f1)
jq -n --arg r "$(base64 -w0 renewed.ers)" --arg old "$hash" --arg new "$strong" --arg other "$(base64 -w0 "$(sed -n 2p hex).ers")" \
    --arg otherhash "$(sed -n 2p hex)" '{digest: "SHA-512", documents: [{record: $r, imprints: {"SHA-256": $old, "SHA-512": $new}},
        {record: $other, imprints: {"SHA-256": $otherhash, "SHA-512": ("ab" * 64)}}]}' >rehash.json
rest POST "cas/$ec/evidence-renewals" @rehash.json >rehashed.json || die "no hash-tree renewal"
jq -r '.records[0]' rehashed.json | base64 -d >rehashed.ers
verified_chain rehashed.ers "$hash,$strong" 4
jq -n --arg r "$(base64 -w0 rehashed.ers)" --arg i "$hash" --arg new "$strong" \
    '{record: $r, imprint: $i, imprints: {"SHA-512": $new}}' >verify.json
rest POST evidence/verify @verify.json | jq -e '.timestamps == 4 and .trusted' >/dev/null || die "REST does not verify it"
expect "without the new hash" "$(rest_status POST evidence/verify "$(jq 'del(.imprints)' verify.json)")" 422
expect "with a wrong new hash" "$(rest_status POST evidence/verify "$(jq '.imprints["SHA-512"] = ("00" * 64)' verify.json)")" 422
shown "evidence under a new hash algorithm (RFC 4998, 5.3): verified from the RFC, by openssl ts, and over REST"
finish
