#!/bin/bash
# Every client of certificate status agrees with every other: openssl ocsp, GnuTLS ocsptool, NSS vfychain, Java's
# PKIXRevocationChecker (OCSP and CRL), nginx stapling with curl. Good, revoked, held, released, unknown, a responder
# whose certificate has expired: each of them by each client.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/flow.sh
. "$here/flow.sh"

by_openssl() { ocsp h "$1.pem" -no_nonce; }

by_gnutls() { # the system's OpenSSL settings are not GnuTLS's
    ocsptool --ask="$(url_in "$1.pem" ocsp)" --load-cert "$1.pem" --load-issuer "$issuing" \
        --load-trust "$issuing" --outfile gnutls.der >gnutls.out 2>&1 </dev/null || true
    grep -q 'Verifying OCSP Response: Success' gnutls.out || { cat gnutls.out; return; }
    sed -n 's/^[[:space:]]*Certificate Status: //p' gnutls.out | head -n1
}

by_nss() { # LEAF [PROGRAM IN FRONT...]
    local leaf=$1
    shift
    env -u OPENSSL_CONF "$@" vfychain -d sql:nss -pp -u 1 -g leaf -h requireFreshInfo -m ocsp -s failIfNoInfo \
        -a "$leaf.pem" "$issuing" >nss.out 2>&1 || true
    if grep -q 'Chain is good' nss.out; then
        echo good
    elif grep -qi 'SEC_ERROR_REVOKED_CERTIFICATE\|has been revoked' nss.out; then
        echo revoked
    else
        cat nss.out
    fi
}

by_java() { # METHOD LEAF
    env -u OPENSSL_CONF java -cp java RevocationCheck "$1" h/root.pem "$issuing" "$2.pem" 2>&1 | tail -n1
}

issuing=h/issuing.pem
agree() { # LEAF good|revoked [REASON IN JAVA'S WORDS]
    local java=$2
    [ "$2" = good ] || java="revoked $3"
    expect "$1 by openssl" "$(by_openssl "$1")" "$2"
    expect "$1 by GnuTLS" "$(by_gnutls "$1")" "$2"
    expect "$1 by NSS" "$(by_nss "$1")" "$2"
    expect "$1 by Java, OCSP" "$(by_java ocsp "$1")" "$java"
    expect "$1 by Java, CRL" "$(by_java crl "$1")" "$java"
}

revoke() { rest POST "certificates/$(certificate_id "$1")/revoke" "{\"reason\":\"$2\"}" >/dev/null; }

begin
need ocsptool vfychain certutil java javac nginx faketime
start_instance
hierarchy h "Status" '{"type":"EC","curve":"P-384"}' '{"type":"EC","curve":"P-256"}'
for leaf in good stolen parked; do
    make_csr P-256 "$leaf" "$leaf.example.test"
    submit_and_sign "$(cat h/issuing.slug)-web-server" "$leaf"
done
fetch_hierarchy h good.pem
cat h/root.pem h/issuing.pem >h/chain.pem
mkdir nss java
env -u OPENSSL_CONF certutil -N -d sql:nss --empty-password
env -u OPENSSL_CONF certutil -A -d sql:nss -n root -t CT,C,C -a -i h/root.pem
javac -d java "$here/java/RevocationCheck.java" 2>javac.out || die "$(cat javac.out)"

agree good good
agree stolen good
shown "good: openssl, GnuTLS, NSS, Java by OCSP and by CRL"
revoke stolen keyCompromise
agree stolen revoked KEY_COMPROMISE
agree good good
shown "revoked: all of them in their next question; its neighbour stays good"
revoke parked certificateHold
agree parked revoked CERTIFICATE_HOLD
rest POST "certificates/$(certificate_id parked)/unhold" '{}' >/dev/null
agree parked good
shown "held and released: all of them"

# A certificate that the CA never issued, signed with its key outside of the gateway, as whoever steals it would.
"$openssl" genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out known.key 2>/dev/null
jq -n --rawfile key known.key --arg issuer "$(cat h/root.slug)" '{name: "Known", privateKey: $key, issuer: $issuer}' >known.json
known=$(rest POST cas/import @known.json | jq -er .id) || die "no CA with a key that is known"
public "/ca/$known.pem" >known.pem
printf 'subjectAltName=DNS:never.example.test\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n' >never.ext
printf 'authorityInfoAccess=OCSP;URI:%s/ocsp/%s\n' "$GATEHOUSE_HTTP_URL" "$known" >>never.ext
"$openssl" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout never.key -out never.csr -subj /CN=never 2>/dev/null
"$openssl" x509 -req -in never.csr -CA known.pem -CAkey known.key -days 30 -extfile never.ext -out never.pem 2>sign.out || die "$(cat sign.out)"
issuing=known.pem
"$openssl" ocsp -issuer known.pem -cert never.pem -url "$(url_in never.pem ocsp)" -CAfile h/root.pem -CAfile known.pem -no_nonce \
    >unknown.out 2>&1 || true
grep -q 'never.pem: unknown' unknown.out || die "unknown by openssl: $(cat unknown.out)"
expect "unknown by GnuTLS" "$(by_gnutls never)" unknown
[ "$(by_nss never)" != good ] && grep -q 'Chain is bad' nss.out || die "unknown by NSS: $(cat nss.out)" # which has one word for all
by_java ocsp never | grep -q '^undetermined.*unknown' || die "unknown by Java: $(by_java ocsp never)"
issuing=h/issuing.pem
shown "never issued: unknown to openssl, GnuTLS, NSS and Java"

"$openssl" ocsp -issuer h/issuing.pem -serial 0x1234 -url "$(url_in good.pem ocsp)" -CAfile h/chain.pem >unknown.out 2>&1
grep -q '0x1234: unknown' unknown.out || die "$(cat unknown.out)"
rest PATCH "cas/$(cat h/issuing.slug)" '{"settings":{"ocsp":{"neverIssued":"revoked","archiveCutoffDays":30}}}' >/dev/null
"$openssl" ocsp -issuer h/issuing.pem -serial 0x1234 -url "$(url_in good.pem ocsp)" -CAfile h/chain.pem -resp_text >never.out 2>&1
grep -q '0x1234: revoked' never.out || die "$(cat never.out)"
grep -q 'Jan  1 00:00:00 1970' never.out || die "the revocation time is not 1970: $(cat never.out)"
# OpenSSL's name for id-pkix-ocsp 9 is "valid"
grep -q '^        valid:' never.out || die "no extended-revoke: $(cat never.out)"
grep -qi 'archive cutoff' never.out || die "no archive cutoff"
agree good good
shown "never issued: unknown, or (setting) revoked since 1970 with extended-revoke and archive cutoff"

rest PATCH "cas/$(cat h/issuing.slug)" '{"settings":{"ocsp":{"signer":"direct","neverIssued":"unknown","archiveCutoffDays":0}}}' >/dev/null
"$openssl" ocsp -issuer h/issuing.pem -cert good.pem -url "$(url_in good.pem ocsp)" -CAfile h/chain.pem -no_nonce -respout direct.der >/dev/null 2>&1
"$openssl" ocsp -respin direct.der -noverify -resp_text | grep -q 'CN=Status Issuing OCSP' && die "a delegate signed"
agree good good
agree stolen revoked KEY_COMPROMISE
rest PATCH "cas/$(cat h/issuing.slug)" '{"settings":{"ocsp":{"signer":"delegated"}}}' >/dev/null
shown "signed by the CA's own key (setting): all of them"

rest PATCH "cas/$(cat h/issuing.slug)" '{"settings":{"ocsp":{"requireSignedRequests":true}}}' >/dev/null
"$openssl" ocsp -issuer h/issuing.pem -cert good.pem -url "$(url_in good.pem ocsp)" -CAfile h/chain.pem >sig.out 2>&1 || true
grep -q 'sigrequired' sig.out || die "not sigrequired: $(cat sig.out)"
"$openssl" ocsp -issuer h/issuing.pem -cert good.pem -url "$(url_in good.pem ocsp)" -CAfile h/chain.pem \
    -signer good.pem -signkey good.key >sig.out 2>&1 || true
grep -q 'good.pem: good' sig.out || die "a signed request: $(cat sig.out)"
"$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout no.key -out no.pem -subj /CN=nobody -days 2 2>/dev/null
"$openssl" ocsp -issuer h/issuing.pem -cert good.pem -url "$(url_in good.pem ocsp)" -CAfile h/chain.pem \
    -signer no.pem -signkey no.key >sig.out 2>&1 || true
grep -q 'unauthorized' sig.out || die "a stranger's signature: $(cat sig.out)"
rest PATCH "cas/$(cat h/issuing.slug)" '{"settings":{"ocsp":{"requireSignedRequests":false}}}' >/dev/null
shown "signed requests only (setting): sigRequired without, good with, unauthorized with a stranger's signature"

# An answer that is kept until its signer has expired.
"$openssl" ocsp -issuer h/issuing.pem -cert good.pem -url "$(url_in good.pem ocsp)" -CAfile h/chain.pem -no_nonce -respout kept.der >/dev/null 2>&1
later=$(($(date +%s) + 40 * 86400))
"$openssl" ocsp -attime "$later" -issuer h/issuing.pem -cert good.pem -respin kept.der -CAfile h/chain.pem >late.out 2>&1 || true
grep -q 'certificate has expired' late.out || die "openssl takes an expired responder: $(cat late.out)"
faketime -f +40d ocsptool --verify-response --load-response kept.der --load-cert good.pem --load-issuer h/issuing.pem \
    --load-trust h/issuing.pem >late.gnutls 2>&1 </dev/null || true
grep -q 'Verifying OCSP Response: Success' late.gnutls && die "GnuTLS takes an expired responder: $(cat late.gnutls)"
late=$(env -u OPENSSL_CONF java -cp java RevocationCheck file h/root.pem h/issuing.pem good.pem kept.der 40 2>&1 | tail -n1)
case $late in good*) die "Java takes an expired responder: $late" ;; esac
env -u OPENSSL_CONF faketime -f +40d vfychain -d sql:nss -pp -u 1 -a good.pem h/issuing.pem 2>&1 | grep -q 'Chain is good' ||
    die "in 40 days NSS does not take the chain itself"
[ "$(by_nss good faketime -f +40d)" != good ] || die "NSS takes an expired responder"
shown "an answer whose responder has expired: refused by openssl, GnuTLS, NSS and Java ($late)"

rest POST "certificates/$(certificate_id parked)/revoke" '{"reason":"certificateHold"}' >/dev/null
# nginx reads the answer and does not staple what is not good; a client that wants a staple goes away.
unstapled() { # LEAF STATUS
    ! curl_nginx h "$1.example.test" --cert-status >/dev/null && grep -q "\"$2\" in the OCSP response" h/nginx/error.log
}
stop_nginx() {
    kill "$nginx_pid"
    within 10 gone "$nginx_pid" || die "nginx does not stop"
    rm -f h/nginx/error.log
}
for row in good:good stolen:revoked parked:revoked never:unknown; do
    leaf=${row%:*}
    if [ "$leaf" = never ]; then
        cat never.pem known.pem >h/never.chain
        cat h/root.pem known.pem >>h/chain.pem
    else
        rest GET "certificates/$(certificate_id "$leaf")?format=chain" >"h/$leaf.chain"
    fi
    cp "$leaf.key" "h/$leaf.key"
    start_nginx h "$leaf"
    within 15 curl_nginx h "$leaf.example.test" >/dev/null || die "curl: $(cat h/curl.err)"
    if [ "$leaf" = good ]; then
        within 30 curl_nginx h good.example.test --cert-status >/dev/null || die "stapling: $(cat h/curl.err)"
    else
        within 30 unstapled "$leaf" "${row#*:}" || die "nginx and $row: $(cat h/curl.err h/nginx/error.log)"
    fi
    stop_nginx
done
shown "nginx staples the good answer and reads the revoked, held and unknown one; curl --cert-status takes the one and refuses the others"

start_nginx h good "ssl_stapling_file $work/kept.der;"
within 15 curl_nginx h good.example.test --cert-status >/dev/null || die "curl and the answer that was kept: $(cat h/curl.err)"
PATH=$work/late:$PATH
mkdir late
printf '#!/bin/sh\nexec faketime -f +40d %s "$@"\n' "$(command -v curl)" >late/curl
chmod +x late/curl
curl_nginx h good.example.test >/dev/null || die "in 40 days curl does not take the certificate: $(cat h/curl.err)"
if curl_nginx h good.example.test --cert-status >/dev/null; then die "curl takes a stapled answer whose responder has expired"; fi
rm late/curl
stop_nginx
shown "a stapled answer whose responder has expired is refused by curl"
finish
