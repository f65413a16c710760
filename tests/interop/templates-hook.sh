#!/bin/bash
# A template's policy hook: a real HTTPS server that allows, denies, changes, lies and sleeps; and the instance's doors.
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
begin
need python3
port=$(free_port)
"$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout hook.key -out hook.pem -days 2 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>hook.log
: >secret
python3 "$interop_root/tests/lib/policy_hook.py" "$port" hook.pem hook.key secret asked.log >hook.out 2>&1 &
other_pids+=("$!")
within 20 grep -q ready hook.out || die "the hook does not start: $(cat hook.out)"
start_instance
root=$(make_ca "Hook Root" '{"type":"EC","curve":"P-256"}')
template=$root-web-server

hook() { # NAME [JSON]
    rest GET "templates/$template" | jq --arg url "https://localhost:$port/$1" --arg ca "$work/hook.pem" \
        --argjson more "${2:-{\}}" '{name, version, document: (.document | .hook = ({url: $url, caFile: $ca,
          timeoutSeconds: 2} + $more))}' >hook.json
    rest PUT "templates/$template" @hook.json >/dev/null || die "the template does not take the hook $1"
}

ask() { # [PROPOSAL]
    "$openssl" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ask.key -out ask.csr \
        -subj /CN=www.example.test 2>ask.log
    jq -Rs --argjson more "${1:-{\"issue\":true\}}" '{csr: .} + $more' ask.csr >ask.json
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

hook allow
rest GET "templates/$template/hook-secret" | jq -er .secret >secret
expect_asked issued
expect "what it was asked" "$(tail -n 1 asked.log | jq -c '[.signed, .stage, .door, .subject, .template.id, .csr > 100]')" \
    "[true,\"submit\",\"rest\",\"CN=www.example.test\",\"$template\",true]"
shown "asked by a signed POST over TLS with request, template and who asks; allowed, and issued"
hook deny
expect_asked hook-denied
grep -q 'not in the list of assets' ask.out || die "no reason: $(cat ask.out)"
shown "denied: refused with the hook's reason"
hook change
expect_asked issued
"$openssl" x509 -in ask.pem -noout -subject | grep -q 'O *= *By the hook' || die "$("$openssl" x509 -in ask.pem -noout -subject)"
"$openssl" x509 -in ask.pem -noout -checkend $((8 * 86400)) >/dev/null && die "not 7 days"
hook greedy
expect_asked validity
grep -q 'After the changes of the policy hook' ask.out || die "$(cat ask.out)"
shown "changes are taken, and judged by the template like any request: those that break it are refused"
for liar in unsigned forged replayed status garbage typo slow; do
    hook $liar
    expect_asked hook-failed
done
hook allow '{"generation":2}'
expect_asked hook-failed
rest GET "templates/$template/hook-secret" | jq -er .secret >secret
expect_asked issued
hook allow "{\"caFile\":\"$GATEHOUSE_TLS_CERT\",\"generation\":2}"
expect_asked hook-failed
shown "unsigned, forged, replayed, failing, garbled and late answers refuse (503), so does a server with another certificate"
hook allow '{"generation":2}'
expect_asked pending '{}'
id=$(jq -r .id ask.out)
hook deny '{"generation":2}'
expect "a version does not change under a request" "$(rest_status POST "requests/$id/sign" '{}')" 200
expect "the stage" "$(tail -n 1 asked.log | jq -r .stage)" sign
before=$(wc -l <asked.log)
rest POST "templates/$template/preview" '{"subject":{"CN":"www.example.test"}}' >/dev/null
expect "previews ask nobody" "$(wc -l <asked.log)" "$before"
shown "asked again when somebody signs later; a preview asks nobody"

hook allow '{"generation":2}'
rest PUT settings/doors '{"rest":false}' | jq -e '.rest == false and .acme' >/dev/null
expect_asked door-closed
rest PUT settings/doors '{"rest":true}' >/dev/null
expect_asked issued
shown "a door that the instance closes is closed for every template"
finish
