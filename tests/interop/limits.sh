#!/bin/bash
# Limits of the whole instance: requests a second of an API token and of all programs of an organisation together,
# certificates a day of a token and of an organisation, whatever the protocol. People are not slowed.
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

# status TOKEN METHOD PATH [BODY]: the status; the answer is in last.json, its head in last.head.
status() {
    local -a body=()
    [ $# -lt 4 ] || body=(-H 'Content-Type: application/json' --data-binary "$4")
    curl -sS --max-time 60 --cacert "$GATEHOUSE_TLS_CERT" -X "$2" -H "Authorization: Bearer $1" "${body[@]}" -D last.head \
        -o last.json -w '%{http_code}' "$GATEHOUSE_URL/api/v1/$3"
}

new_token() { rest POST session/tokens "{\"label\":\"$1\"}" | jq -er .token; }

# burst TOKEN OUT: a hundred requests over one connection, as fast as it goes; statuses and bodies.
burst() {
    local -a urls=()
    for _ in {1..100}; do urls+=("$GATEHOUSE_URL/api/v1/roles"); done
    curl -sS --cacert "$GATEHOUSE_TLS_CERT" -H "Authorization: Bearer $1" -w '\nstatus %{http_code}\n' "${urls[@]}" >"$2"
}
answered() { cat "$@" | grep -cx 'status 200'; }

told_daily() { # WHO
    expect "type" "$(jq -r .type last.json)" /problems/daily-limit
    jq -r .detail last.json | grep -q "^$1 may be given" || die "$(cat last.json)"
    grep -qiE '^retry-after: [0-9]+' last.head || die "no Retry-After: $(cat last.head)"
}

certificates() {
    local first second slug
    slug=$(make_ca Limited '{"type":"EC","curve":"P-256"}')
    first=$(new_token first)
    second=$(new_token second)
    make_csr P-256 leaf limited.example.test
    jq -Rs '{csr: ., issue: true}' leaf.csr >body.json
    for _ in 1 2; do expect "within the token's limit" "$(status "$first" POST "templates/$slug-web-server/requests" @body.json)" 201; done
    expect "the token's third" "$(status "$first" POST "templates/$slug-web-server/requests" @body.json)" 429
    told_daily "This API token"
    expect "another token's first" "$(status "$second" POST "templates/$slug-web-server/requests" @body.json)" 201
    expect "the organisation's fifth" "$(status "$second" POST "templates/$slug-web-server/requests" @body.json)" 429
    told_daily "This organisation"
    expect "certificates" "$(rest GET "certificates/count?ca=$slug&use=end-entity" | jq .count)" 3
    # What is counted is in the database: a restart forgets nothing.
    stop_gateway
    start_gateway
    expect "after a restart" "$(status "$second" POST "templates/$slug-web-server/requests" @body.json)" 429
    expect "OCSP goes on" "$(curl -sS -o /dev/null -w '%{http_code}' "$GATEHOUSE_HTTP_URL/crl/$slug.crl")" 200
    shown "certificates a day: 2 of a token, 4 of its organisation (one is its CA's own), then 429 with Retry-After; the CA's own services go on"
}

requests() {
    local one two jar=jar
    one=$(new_token one)
    two=$(new_token two)
    sleep 1.2
    burst "$one" one.out
    grep -q 'This API token may send 20 requests a second' one.out || die "nobody slowed a token: $(answered one.out)"
    [ "$(answered one.out)" -ge 20 ] || die "a token got less than its limit: $(answered one.out)"
    sleep 1.2
    expect "a second later" "$(status "$one" GET roles)" 200
    sleep 1.2
    burst "$one" one.out & # each stays in its own limit; together they go beyond that of the organisation
    burst "$two" two.out
    wait $!
    grep -q 'programs of this organisation may send 30 requests a second together' one.out two.out ||
        die "the organisation was not slowed: $(answered one.out two.out)"
    sleep 1.2
    # A person, by a session.
    curl -sS --cacert "$GATEHOUSE_TLS_CERT" -c "$jar" -o /dev/null -H 'Content-Type: application/json' "$GATEHOUSE_URL/api/v1/session" \
        -d "$(jq -n --arg u "$GATEHOUSE_USER" --arg p "$GATEHOUSE_PASSWORD" '{username: $u, password: $p}')"
    local -a urls=()
    for _ in {1..100}; do urls+=(-o /dev/null "$GATEHOUSE_URL/api/v1/session"); done
    curl -sS --cacert "$GATEHOUSE_TLS_CERT" -b "$jar" -w '%{http_code}\n' "${urls[@]}" >person.out
    expect "a person's requests that were answered" "$(grep -cx 200 person.out)" 100
    shown "requests a second: of a token, of an organisation's programs together; a person goes on"
}

begin
start_instance --token-requests 20 --organisation-requests 30 --token-certificates 2 --organisation-certificates 4
certificates
requests
finish
