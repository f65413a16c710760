#!/bin/bash
# A CA's lists go to OpenLDAP's slapd, over LDAPS and StartTLS, and a validator reads them there: made where no entry is,
# replaced, beside an entry of another class, and what a directory refuses is said.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

suffix=dc=example,dc=test
entry=cn=lists,$suffix

start_directory() {
    tls=$(free_port)
    plain=$(free_port)
    "$openssl" req -x509 -newkey rsa:2048 -nodes -subj /CN=ldap -addext subjectAltName=IP:127.0.0.1,DNS:localhost -days 2 \
        -out ldap.pem -keyout ldap.key 2>/dev/null
    mkdir ldap
    cat >slapd.conf <<CONF
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile $work/slapd.pid
TLSCertificateFile $work/ldap.pem
TLSCertificateKeyFile $work/ldap.key
security simple_bind=128
database mdb
suffix "$suffix"
rootdn "cn=admin,$suffix"
rootpw "list keeper 42"
directory $work/ldap
access to * by * read
CONF
    slapadd -f slapd.conf <<LDIF
dn: $suffix
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=pki,$suffix
objectClass: organizationalUnit
ou: pki
LDIF
    slapd -f slapd.conf -h "ldaps://127.0.0.1:$tls ldap://127.0.0.1:$plain" -d 0 >slapd.log 2>&1 &
    slapd_pid=$!
    other_pids+=("$slapd_pid")
    within 10 curl -sS -o /dev/null "ldap://127.0.0.1:$plain/" || die "slapd does not listen: $(cat slapd.log)"
}

servers() { # CURRENT_VERSION URL PASSWORD
    jq -n --rawfile ca ldap.pem --arg s "$2" --arg u "cn=admin,$suffix" --arg p "$3" --argjson v "$1" \
        '{items: [{server: $s, username: $u, password: $p, caCertificates: $ca}], version: $v}'
}

# The list that is in the directory now, of a CA that GnuTLS' ldap client asks for it.
kept() { # DN ATTRIBUTE
    ldapsearch -x -H "ldap://127.0.0.1:$plain" -b "$1" -s base -LLL -o ldif-wrap=no "$2" 2>/dev/null |
        sed -n "s/^$2:: //p" | base64 -d >kept.crl
    [ -s kept.crl ]
}

holds() { # DN ATTRIBUTE SERIAL
    kept "$1" "$2" || return 1
    "$openssl" crl -inform DER -in kept.crl -noout -text -CAfile ca.pem 2>crl.err >crl.txt || return 1
    grep -q 'verify OK' crl.err && grep -qi "Serial Number: 0*$3" crl.txt
}

publish_to() { # URL...
    printf '%s\n' "$@" | jq -R . | jq -s '{settings: {crl: {deltaHours: 2, publish: .}}}' >settings.json
    rest PATCH cas/lists @settings.json >out.json
}

begin
need slapd slapadd ldapsearch
start_directory
start_instance
rest POST cas '{"name":"Lists","key":{"type":"EC","curve":"P-256"}}' >ca.json
jq -r .certificate.pem ca.json >ca.pem
"$openssl" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key -out leaf.csr -subj /CN=leaf.example \
    -addext subjectAltName=DNS:leaf.example 2>/dev/null
jq -n --rawfile c leaf.csr '{csr: $c, issue: true}' >order.json
for leaf in one two; do
    rest POST templates/lists-web-server/requests @order.json >$leaf.json
    jq -r .certificate.pem $leaf.json >$leaf.pem
done
serial() { jq -r .certificate.serial "$1.json" | sed 's/^0*//'; }
revoke() { rest POST "certificates/$(jq -r .certificate.id "$1.json")/revoke" '{"reason":"keyCompromise"}' >/dev/null; }

for url in "ldap://127.0.0.1:$plain" "ldap://127.0.0.1/" "ldap:///cn=x" "ldap://127.0.0.1/cn=x?a,b" "ldap://h/cn=x????!e=1"; do
    jq -n --arg u "$url" '{settings: {crl: {publish: [$u]}}}' >bad.json
    expect "publish to $url" "$(rest_status PATCH cas/lists @bad.json)" 422
done
servers 0 "http://127.0.0.1" secret >servers.json
expect "a password over plain HTTP" "$(rest_status PUT cas/lists/servers @servers.json)" 422
servers 0 "ldaps://127.0.0.1:$tls" "list keeper 42" >servers.json
rest PUT cas/lists/servers @servers.json >out.json
expect "a version that was" "$(rest_status PUT cas/lists/servers @servers.json)" 409
rest GET cas/lists/servers >out.json
expect "the password is kept" "$(jq '.items[0].hasPassword' out.json)" true
! grep -q 'keeper' out.json || die "the password is shown"
rest GET 'events?limit=50' >events.json
grep -q 'ca.servers-changed' events.json || die "no event"
! grep -q 'keeper' events.json || die "the password is in an event"
shown "addresses without an entry are refused, a password is kept sealed and never shown"

revoke one
publish_to "ldaps://127.0.0.1:$tls/$entry"
within 60 holds "$entry" 'certificateRevocationList;binary' "$(serial one)" || die "no list in the directory: $(grep publish "$instance/serve.log" | tail -n 3)"
shown "over LDAPS, an entry is made that holds the complete list; ldapsearch and openssl crl agree"

revoke two
within 60 holds "$entry" 'deltaRevocationList;binary' "$(serial two)" || die "no delta in the directory"
rest POST cas/lists/crl >/dev/null
within 60 holds "$entry" 'certificateRevocationList;binary' "$(serial two)" || die "the list was not replaced"
shown "a revocation goes there as a delta, the next complete list replaces the one before"

servers 1 "ldap://127.0.0.1:$plain" "list keeper 42" >servers.json
rest PUT cas/lists/servers @servers.json >out.json
publish_to "ldap://127.0.0.1:$plain/ou=pki,$suffix"
within 60 holds "ou=pki,$suffix" 'certificateRevocationList;binary' "$(serial two)" || die "nothing by StartTLS: $(grep publish "$instance/serve.log" | tail -n 3)"
shown "by StartTLS, which slapd demands before a password, into an entry of another class"

printf '%s\n' "ldaps://127.0.0.1:$tls/$entry" | jq -R '{settings: {crl: {deltaHours: 0, partitions: 2, publish: [.]}}}' >settings.json
servers 2 "ldaps://127.0.0.1:$tls" "list keeper 42" >servers.json
rest PUT cas/lists/servers @servers.json >out.json
rest PATCH cas/lists @settings.json >out.json
last=$((16#$(serial two | tail -c 3)))
partition=$((last < 128 ? 0 : 1))
within 60 holds "cn=lists-2-$partition,$entry" 'certificateRevocationList;binary' "$(serial two)" || die "no partition in the directory: $(grep publish "$instance/serve.log" | tail -n 3)"
grep -q 'Issuing Distribution Point: critical' crl.txt && grep -q "/crl/lists/2-$partition.crl" crl.txt || die "the partition says of nothing what it is: $(cat crl.txt)"
kept "cn=lists-2-$((1 - partition)),$entry" 'certificateRevocationList;binary' || die "the other partition is missing"
shown "each partition is in an entry cRLDistributionPoint of its own, with its critical issuing distribution point"

readyz() { curl -sS --cacert "$GATEHOUSE_TLS_CERT" "$GATEHOUSE_URL/readyz"; }
copies() { curl -sS --cacert "$GATEHOUSE_TLS_CERT" -H "Authorization: Bearer $GATEHOUSE_TOKEN" "$GATEHOUSE_URL/metrics" | sed -n "s/^gatehouse_crl_copies_total{place=\"ldap\",outcome=\"$1\"} //p"; }
says_unpublished() { readyz | grep -q 'not in all places.*Invalid credentials'; }
says_nothing() { ! readyz | grep -q 'not in all places'; }
servers 3 "ldaps://127.0.0.1:$tls" "wrong" >servers.json
rest PUT cas/lists/servers @servers.json >out.json
rest POST cas/lists/crl >/dev/null
within 60 grep -q 'not let in: Invalid credentials' "$instance/serve.log" || die "a wrong password is not told"
within 30 says_unpublished || die "readyz: $(readyz)"
rest GET 'events?code=ca.crl-not-published' >events.json
expect "events" "$(jq '.items | length' events.json)" 1
jq -e '.items[0].details.reason | contains("Invalid credentials")' events.json >out.json || die "the event does not say why"
[ "$(copies failed)" -ge 1 ] && [ "$(copies 'done')" -ge 4 ] || die "metric: $(copies failed) failed, $(copies 'done') done"
servers 4 "ldaps://127.0.0.1:$tls" "list keeper 42" >servers.json
rest PUT cas/lists/servers @servers.json >out.json
within 60 says_nothing || die "readyz still: $(readyz)"
rest GET 'events?code=ca.crl-published-again' >events.json
expect "events" "$(jq '.items | length' events.json)" 1
shown "a wrong password is in the log, on readyz, an event and a metric; it is tried again, and the end of it is told, too"

jq -n --rawfile c ca.pem --arg u "ldaps://127.0.0.1:$tls/$suffix??sub?(cn=lists)" \
    '{name: "Watcher", certificate: $c, settings: {sources: [$u], responder: "trusted", intervalSeconds: 5}}' >v.json
rest POST validators @v.json >v.out
rest POST validators/watcher/fetch >v.out
jq -r .problem v.out | grep -q 'TLS\|contact' || die "a directory with a certificate of nobody was believed: $(jq .problem v.out)"
jq -n --rawfile ca ldap.pem --arg s "ldaps://127.0.0.1:$tls" '{items: [{server: $s, caCertificates: $ca}], version: 0}' >servers.json
rest PUT validators/watcher/servers @servers.json >out.json
rest POST validators/watcher/fetch >v.out
expect "problem" "$(jq -r .problem v.out)" null
expect "entries" "$(jq -r .crl.entries v.out)" 2
"$openssl" ocsp -issuer ca.pem -cert two.pem -url "$GATEHOUSE_HTTP_URL/ocsp/watcher" -noverify >ocsp.out 2>&1
grep -q '^two.pem: revoked' ocsp.out || die "the validator: $(cat ocsp.out)"
shown "a validator finds the list by a search over LDAPS; a directory whose certificate is not known is not asked"

kill "$slapd_pid"
within 10 gone "$slapd_pid" || die "slapd does not end"
rest POST validators/watcher/fetch >v.out
jq -r .problem v.out | grep -q "directory-failed\|Can't contact" || die "no problem: $(jq .problem v.out)"
"$openssl" ocsp -issuer ca.pem -cert two.pem -url "$GATEHOUSE_HTTP_URL/ocsp/watcher" -noverify >ocsp.out 2>&1
grep -q '^two.pem: revoked' ocsp.out || die "without the directory: $(cat ocsp.out)"
shown "without the directory answers go on to the list's end, and the validator says what is wrong"
finish
