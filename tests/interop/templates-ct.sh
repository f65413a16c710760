#!/bin/bash
# Certificate transparency (RFC 6962): a template whose certificates carry timestamps of logs, against logs with real
# signatures and Merkle trees, and against slow, failing and lying ones. A monitor looks at every timestamp.
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
begin
need python3
ct_log=$interop_root/tests/lib/ct_log.py
python3 "$ct_log" self-test
python3 "$ct_log" serve "$(free_port)" "$work" >ct.log 2>&1 &
other_pids+=("$!")
within 20 test -s logs.json || die "the logs do not start: $(cat ct.log)"

start_instance
root=$(make_ca "CT Root" '{"type":"EC","curve":"P-256"}')
issuing=$(make_ca "CT Issuing" '{"type":"EC","curve":"P-384"}' "$root")
template=$issuing-web-server
public "/ca/$root.pem" >root.pem
public "/ca/$issuing.pem" >issuing.pem

# ct JSON NAME...: the template's member, with these logs
ct() {
    local more=$1
    shift
    jq --args '[.[] | select(.name as $n | $ARGS.positional | index($n))]' "$@" <logs.json >chosen.json
    rest GET "templates/$template" | jq --slurpfile logs chosen.json --argjson more "$more" \
        '{name, version, document: (.document | .ct = ({logs: $logs[0], timeoutSeconds: 2,
          minimum: [{days: 180, scts: 2}, {days: 36525, scts: 3}]} + $more))}' >ct.json
    rest PUT "templates/$template" @ct.json >/dev/null || die "the template does not take $more"
}

# ask [PROPOSAL]: "issued", "pending" or the problem's type; ask.pem, ask.out
ask() {
    "$openssl" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ask.key -out ask.csr \
        -subj / -addext "subjectAltName=DNS:www.example.test" 2>ask.log
    jq -Rs --argjson more "${1:-{\}}" '{csr: ., issue: true} + $more' ask.csr >ask.json
    curl -sS --max-time 60 --cacert "$GATEHOUSE_TLS_CERT" -H "Authorization: Bearer $GATEHOUSE_TOKEN" \
        -H 'Content-Type: application/json' --data-binary @ask.json -o ask.out \
        "$GATEHOUSE_URL/api/v1/templates/$template/requests"
    jq -r '.certificate.pem // empty' ask.out >ask.pem
    jq -r 'if .state then .state else (.type | sub(".*[:/#]"; "")) end' ask.out
}

expect_asked() { # RESULT [PROPOSAL]
    local got
    got=$(ask "${2:-}")
    [ "$got" = "$1" ] || die "$got, not $1: $(head -c 600 ask.out)"
}

monitor() { python3 "$ct_log" verify ask.pem issuing.pem logs.json || die "the monitor is not content"; }
certificates() { rest GET "cas/$issuing/certificates" | jq '.items | length'; }

ct '{"spare":0}' good-1 good-2 good-3 rsa
expect_asked issued '{"validityDays":90}'
[ "$(monitor | wc -w)" -ge 2 ] || die "90 days: $(monitor)"
"$openssl" verify -x509_strict -CAfile root.pem -untrusted issuing.pem ask.pem >/dev/null || die "openssl verify"
"$openssl" x509 -in ask.pem -noout -text | grep -q 'CT Precertificate SCTs' || die "openssl does not see them"
expect_asked issued '{"validityDays":300}'
[ "$(monitor | wc -w)" -ge 3 ] || die "300 days: $(monitor)"
shown "timestamps by lifetime: 2 for 90 days, 3 for 300; signature, inclusion and consistency checked by a monitor"
ct '{"spare":1,"operators":2}' good-1 good-3 good-2 rsa
expect_asked issued '{"validityDays":90}'
monitor >names
[ "$(wc -w <names)" -ge 3 ] || die "no spare: $(cat names)"
grep -qE 'good-2|rsa' names || die "one operator: $(cat names)"
shown "one spare, two operators"
ct '{"spare":0}' good-1 slow deaf good-2 fails
SECONDS_BEFORE=$SECONDS
expect_asked issued '{"validityDays":90}'
monitor >/dev/null
[ $((SECONDS - SECONDS_BEFORE)) -lt 10 ] || die "it waited for the slow one"
ct '{"spare":3}' good-1 slow deaf good-2 fails
expect_asked issued '{"validityDays":90}'
monitor >/dev/null
shown "slow, deaf and failing logs: what came in time is enough; spares are not waited for past the time-out"
before=$(certificates)
for liar in slow deaf fails wrong-key wrong-id wrong-entry future past garbage; do
    ct '{"timeoutSeconds":1,"minimum":[{"days":36525,"scts":2}]}' good-1 "$liar"
    expect_asked ct-unavailable '{"validityDays":90}'
    grep -q "$liar" ask.out || die "$liar is not named: $(cat ask.out)"
done
expect "certificates" "$(certificates)" "$before"
shown "lying logs (key, id, entry, clock, garbage) count for nothing; too few: 503, nothing is issued"
jq '[.[] | select(.name | startswith("good")) | .to = "2020-01-01T00:00:00Z"]' logs.json >chosen.json
rest GET "templates/$template" | jq --slurpfile logs chosen.json '{name, version, document: (.document |
    .ct.logs = $logs[0])}' >ct.json
rest PUT "templates/$template" @ct.json >/dev/null
expect_asked ct-logs '{"validityDays":90}'
shown "logs of another time are not asked"
for event in precertificate.signed certificate.logged; do
    rest GET "events?code=$event" | jq -e '.items[0].details | fromjson? // . | .serial | length > 10' >/dev/null ||
        die "no event $event: $(rest GET "events?code=$event" | head -c 500)"
done
shown "each precertificate is an event before anybody has it; what each log said is one, too"

ct '{"failure":"retry","minimum":[{"days":36525,"scts":2}],"timeoutSeconds":1}' good-1 flaky
expect_asked pending '{"validityDays":90}'
id=$(jq -r '.id // .request.id' ask.out)
expect "state" "$(rest GET "requests/$id" | jq -r .state)" pending
touch flaky.good
issued() { [ "$(rest GET "requests/$id" | jq -r .state)" = issued ]; }
within 75 issued || die "not tried again: $(rest GET "requests/$id")"
rest GET "requests/$id" >again.json
rest GET "certificates/$(jq -r '.certificate.id // .certificate' again.json)?format=pem" >ask.pem
monitor >/dev/null
shown "failure retry: the request waits and is signed when the logs answer again"

ct '{"deliver":"ocsp","minimum":[{"days":36525,"scts":2}],"timeoutSeconds":5}' good-1 good-2
expect_asked issued '{"validityDays":90}'
python3 "$ct_log" bare ask.pem
"$openssl" ocsp -issuer issuing.pem -cert ask.pem -url "$(url_in ask.pem ocsp)" -no_nonce -respout ocsp.der \
    -CAfile root.pem -verify_other issuing.pem >ocsp.out 2>&1 || die "$(cat ocsp.out)"
python3 "$ct_log" verify-ocsp ocsp.der ask.pem logs.json >names || die "OCSP: no timestamps"
[ "$(wc -w <names)" -ge 2 ] || die "OCSP: $(cat names)"
ct '{"deliver":"both","minimum":[{"days":36525,"scts":2}],"timeoutSeconds":5}' good-1 good-2
expect_asked issued '{"validityDays":90}'
monitor >/dev/null
"$openssl" ocsp -issuer issuing.pem -cert ask.pem -url "$(url_in ask.pem ocsp)" -no_nonce -respout ocsp.der \
    -CAfile root.pem -verify_other issuing.pem >ocsp.out 2>&1 || die "$(cat ocsp.out)"
python3 "$ct_log" verify-ocsp ocsp.der ask.pem logs.json >/dev/null || die "OCSP: no timestamps"
shown "deliver ocsp: the certificate is bare, the OCSP answer has the timestamps; both: both"
finish
