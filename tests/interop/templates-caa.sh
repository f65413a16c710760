#!/bin/bash
# A template with "caa": the records of a signed zone of BIND, read through libunbound with DNSSEC, decide what
# is issued: who may, wildcards, accounts, a quorum of several resolvers, a broken signature, nobody who answers.
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
begin
need named dnssec-keygen dnssec-signzone

# bind NAME ZONE-FILE: a name server with the zone "test"; sets $port
bind() {
    local dir=bind-$1
    port=$(free_port)
    mkdir -p "$dir"
    cp "$2" "$dir/zone"
    chmod -R a+rwX "$dir" .
    cat >"$dir/named.conf" <<CONF
options { directory "$work/$dir"; listen-on port $port { 127.0.0.1; }; listen-on-v6 { none; };
  pid-file "$work/$dir/pid"; session-keyfile "$work/$dir/session.key"; recursion no; dnssec-validation no;
  allow-query { any; }; empty-zones-enable no; };
controls { };
zone "test" { type primary; file "$work/$dir/zone"; };
CONF
    named -g -c "$work/$dir/named.conf" >"$dir/log" 2>&1 &
    other_pids+=("$!")
    within 10 grep -qs "all zones loaded" "$dir/log" || die "BIND does not start: $(tail -n 5 "$dir/log")"
}

cat >zone <<'ZONE'
$ORIGIN test.
$TTL 60
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
ns IN A 127.0.0.1
ours IN CAA 0 issue "ca.example"
theirs IN CAA 0 issue "other.example"
wild IN CAA 0 issue "ca.example"
wild IN CAA 0 issuewild ";"
account IN CAA 0 issue "ca.example; accounturi=https://ca.example/acct/7"
future IN CAA 128 tbs "unknown"
alias IN CNAME theirs
free IN A 127.0.0.1
ZONE
dnssec-keygen -q -a ECDSAP256SHA256 -f KSK test >ksk.name
dnssec-keygen -q -a ECDSAP256SHA256 test >zsk.name
cat K*.key >>zone
dnssec-signzone -q -O full -N KEEP -o test -f zone.signed zone >sign.log 2>&1 || die "$(cat sign.log)"
anchor=$(dnssec-dsfromkey -2 "$(cat ksk.name).key")
# The same zone with a record that its signature does not cover.
sed '/^ours\.test.*CAA.*issue/s/ca\.example/evil.example/' zone.signed >zone.forged
cmp -s zone.signed zone.forged && die "the forged zone is not forged"
# And one that permits what the first forbids, as a name server with old data has it.
sed -e '/IN CAA/d' zone | sed '/DNSKEY/d' >zone.bare
bind true zone.signed && good=127.0.0.1@$port
bind forged zone.forged && forged=127.0.0.1@$port
bind bare zone.bare && bare=127.0.0.1@$port
dead=127.0.0.1@$(free_port)
note "three BINDs: a signed zone, a forged one, one without records"

start_instance
root=$(make_ca "CAA Root" '{"type":"EC","curve":"P-256"}')
template=$root-web-server

# caa JSON: the template's member
caa() {
    rest GET "templates/$template" | jq --argjson caa "$1" --arg anchor "$anchor" \
        '{name, version, document: (.document | .caa = ({check: true, identities: ["ca.example"],
          trustAnchor: $anchor, timeoutSeconds: 2} + $caa))}' >caa.json
    rest PUT "templates/$template" @caa.json >/dev/null || die "the template does not take $1"
}

# ask NAME: "issued" or the problem's type
ask() {
    "$openssl" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ask.key -out ask.csr \
        -subj / -addext "subjectAltName=$1" 2>ask.log
    jq -Rs '{csr: ., issue: true}' ask.csr >ask.json
    curl -sS --max-time 60 --cacert "$GATEHOUSE_TLS_CERT" -H "Authorization: Bearer $GATEHOUSE_TOKEN" \
        -H 'Content-Type: application/json' --data-binary @ask.json -o ask.out \
        "$GATEHOUSE_URL/api/v1/templates/$template/requests"
    jq -r 'if .state == "issued" then "issued" else (.type | sub(".*[:/#]"; "")) end' ask.out
}

expect_asked() { # NAME RESULT
    local got
    got=$(ask "$1")
    [ "$got" = "$2" ] || die "$1: $got, not $2: $(head -c 400 ask.out)"
}

caa "{\"resolvers\":[\"$good\"]}"
expect_asked DNS:www.ours.test issued
expect_asked DNS:free.test issued
expect_asked DNS:theirs.test caa
expect_asked DNS:a.b.theirs.test caa
expect_asked DNS:alias.test caa
expect_asked DNS:ours.test,DNS:theirs.test caa
expect_asked IP:192.0.2.1 issued
shown "records of the name, of its parents and behind an alias decide, for every DNS name of the request"
expect_asked DNS:wild.test issued
expect_asked 'DNS:*.wild.test' caa
expect_asked DNS:account.test caa
expect_asked DNS:future.test caa
shown "issuewild, accounturi (RFC 8657) and a critical record of an unknown kind are kept"
caa "{\"resolvers\":[\"$forged\"]}"
expect_asked DNS:ours.test caa
grep -q DNSSEC ask.out || die "$(cat ask.out)"
expect_asked DNS:free.test issued
shown "DNSSEC: a record that its signature does not cover refuses, its neighbours go on"
caa "{\"resolvers\":[\"$bare\"]}"
expect_asked DNS:free.test caa
shown "DNSSEC: a zone that lost its signatures refuses"
caa "{\"resolvers\":[\"$dead\"]}"
expect_asked DNS:free.test caa-unavailable
shown "nobody answers: nothing is issued (503)"
caa "{\"dnssec\":false,\"resolvers\":[\"$good\",\"$bare\",\"$dead\"],\"quorum\":2}"
expect_asked DNS:free.test issued
expect_asked DNS:theirs.test caa
grep -q '1 of 3 resolvers' ask.out || die "$(cat ask.out)"
caa "{\"dnssec\":false,\"resolvers\":[\"$good\",\"$bare\",\"$bare\"],\"quorum\":0}"
expect_asked DNS:theirs.test caa
caa "{\"dnssec\":false,\"resolvers\":[\"$good\",\"$bare\",\"$bare\"],\"quorum\":2}"
expect_asked DNS:theirs.test issued
shown "several resolvers: the quorum decides, all of them when there is none"
expect "events of refusals" \
    "$(rest GET 'events?code=submission.refused' | jq '[.items[] | select(.details.type == "caa")] | length > 5')" true
shown "each refusal is an event with its reason"
finish
