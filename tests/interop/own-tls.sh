#!/bin/bash
# The instance's own TLS certificate: TLS 1.2 and 1.3 alone with X25519MLKEM768, a CSR signed by a CA elsewhere, PEM and
# PKCS#12 with their key, a certificate of an authority of the instance, and one ordered by ACME from another instance.
# Each is served at once; a connection that is there goes on.
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/acme.sh
. "$here/acme.sh"

tls() { "$bin/gatehouse" tls "$@"; }
place() { printf '%s' "${GATEHOUSE_URL#https://}"; }
s_client() { "$openssl" s_client -connect "$(place)" "$@" </dev/null 2>&1; }

# trust FILE: from now on clients of this script trust the CAs in it.
trust() { cp "$1" "$GATEHOUSE_TLS_CERT"; }

# verified ROOT NAME: a new handshake sends a chain that leads to the root alone, for that name.
verified() {
    s_client -CAfile "$1" -verify_return_error -verify_hostname "$2" -servername "$2" >handshake.out ||
        die "the handshake for $2: $(cat handshake.out)"
    grep -q 'Verify return code: 0 (ok)' handshake.out || die "$2: $(cat handshake.out)"
}

versions() {
    s_client -tls1_3 | grep -q 'X25519MLKEM768' || die "no X25519MLKEM768 with TLS 1.3"
    s_client -tls1_3 -groups X25519 | grep -q 'TLSv1.3' || die "no TLS 1.3 with X25519 alone"
    s_client -tls1_2 | grep -q 'TLSv1.2' || die "no TLS 1.2"
    ! s_client -tls1_1 -cipher 'ALL:@SECLEVEL=0' >old.out || die "TLS 1.1: $(cat old.out)"
    ! s_client -tls1_2 -cipher 'AES128-SHA:@SECLEVEL=0' >old.out || die "a key exchange without forward secrecy"
    shown "TLS 1.3 with X25519MLKEM768, TLS 1.2 with forward secrecy, nothing older"
}

# foreign_ca: a root and an issuing CA by openssl; both stay outside.
foreign_ca() {
    mkdir outside
    "$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=Outside Root' -days 30 \
        -addext 'keyUsage=critical,keyCertSign,cRLSign' -keyout outside/root.key -out outside/root.pem 2>/dev/null
    printf '%s\n' 'basicConstraints=critical,CA:TRUE,pathlen:0' 'keyUsage=critical,keyCertSign' >outside/ca.ext
    "$openssl" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=Outside Issuing' \
        -keyout outside/issuing.key -out outside/issuing.csr 2>/dev/null
    "$openssl" x509 -req -in outside/issuing.csr -CA outside/root.pem -CAkey outside/root.key -days 20 \
        -extfile outside/ca.ext -out outside/issuing.pem 2>/dev/null
}

# foreign_sign CSR OUT DAYS
foreign_sign() {
    "$openssl" x509 -req -in "$1" -CA outside/issuing.pem -CAkey outside/issuing.key -days "$3" -copy_extensions copy \
        -out "$2" 2>/dev/null
}

# A connection is kept while the certificate is replaced; it still answers afterwards.
keep_connection() {
    exec 5> >("$openssl" s_client -connect "$(place)" -CAfile "$GATEHOUSE_TLS_CERT" -quiet -ign_eof >kept.out 2>kept.err)
    kept_pid=$!
    other_pids+=("$kept_pid")
    printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n' >&5
    within 10 grep -q '^ok' kept.out || die "the connection that is kept: $(cat kept.out kept.err)"
}
kept_answers() { [ "$(grep -c '^HTTP/1.1 200' kept.out)" = 2 ]; }

csr_and_certificate() {
    tls csr --names '["localhost","gateway.example.test"]' | jq -er .csr >own.csr || die "no CSR"
    foreign_sign own.csr own.pem 10
    keep_connection
    cat outside/root.pem own.pem outside/issuing.pem >bundle.pem # in no order, with the root
    tls import --certificate @bundle.pem >import.json || die "the import"
    expect "source" "$(jq -r .settings.source import.json)" given
    expect "certificates that go out behind it" "$(jq '.certificate.chain | length' import.json)" 1
    verified outside/root.pem gateway.example.test
    printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&5
    within 10 kept_answers || die "the connection that was there has ended: $(cat kept.out kept.err)"
    exec 5>&-
    trust outside/root.pem
    ! tls import --certificate @outside/issuing.pem 2>refused.err || die "a CA's certificate was taken"
    grep -q 'tls-certificate' refused.err || die "$(cat refused.err)"
    shown "a CSR whose key stays in the signer is signed by openssl; new handshakes get certificate and issuer, an open connection goes on"
}

with_its_key() {
    "$openssl" req -new -newkey rsa:2048 -nodes -subj /CN=given -addext subjectAltName=DNS:localhost,DNS:pem.example.test \
        -keyout given.key -out given.csr 2>/dev/null
    foreign_sign given.csr given.pem 3
    cat given.pem outside/issuing.pem >given-chain.pem
    tls import --certificate @given-chain.pem --privateKey @given.key >/dev/null || die "PEM with its key"
    verified outside/root.pem pem.example.test
    "$openssl" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -subj /CN=given -keyout p12.key -out p12.csr \
        -addext subjectAltName=DNS:localhost,DNS:p12.example.test 2>/dev/null
    foreign_sign p12.csr p12.pem 5
    "$openssl" pkcs12 -export -inkey p12.key -in p12.pem -certfile outside/issuing.pem -passout pass:geheim -out given.p12
    echo geheim >p12.password
    ! tls import --privateKey @given.p12 --password wrong 2>refused.err || die "a wrong password was taken"
    tls import --privateKey @given.p12 --password @p12.password >/dev/null || die "PKCS#12"
    verified outside/root.pem p12.example.test
    ! tls import --certificate @p12.pem --privateKey @given.key 2>refused.err || die "a certificate of another key was taken"
    ! tls renew 2>refused.err || die "a given certificate was renewed"
    grep -q tls-given refused.err || die "$(cat refused.err)"
    shown "PEM and PKCS#12 come with their keys (RSA, P-384), a shorter life than the one before notwithstanding"
}

# A given certificate that ends in five days: nobody renews it, so that it is told early.
warned() {
    local status=0
    "$openssl" x509 -req -in p12.csr -CA outside/issuing.pem -CAkey outside/issuing.key -days 5 -copy_extensions copy \
        -not_before "$(date -u -d '-20 days' +%Y%m%d%H%M%SZ)" -not_after "$(date -u -d '+5 days' +%Y%m%d%H%M%SZ)" -out old.pem 2>/dev/null
    cat old.pem outside/issuing.pem >old-chain.pem
    tls import --certificate @old-chain.pem | jq -e .certificate.warning >/dev/null || die "no warning in the answer"
    public /readyz | jq -er '.checks[] | select(.name == "tls") | .warning' | grep -q 'import the next one' ||
        die "readyz: $(public /readyz)"
    "$bin/gatehouse" check --data "$instance/data" --db "$GATEHOUSE_DB" >check.out || status=$?
    expect "exit status of check" "$status" 1
    grep -q '^PROBLEM  TLS certificate: .*gatehouse tls import' check.out || die "$(cat check.out)"
    shown "check and readyz warn of a given certificate that ends in 5 days, and say what to do"
}

own_authority() {
    local root slug first
    root=$(make_ca "Inside Root" '{"type":"EC","curve":"P-256"}')
    slug=$(make_ca "Inside Issuing" '{"type":"EC","curve":"P-256"}' "$root")
    public "/ca/$root.pem" >inside.pem
    tls set --source authority --ca "$slug" --days 7 --keyType P-384 >set.json || die "an authority of the instance"
    trust inside.pem
    verified inside.pem localhost
    expect "key type" "$(jq -r .certificate.keyType set.json)" P-384
    first=$(jq -r .certificate.sha256 set.json)
    tls renew >renewed.json || die "renewal"
    [ "$(jq -r .certificate.sha256 renewed.json)" != "$first" ] || die "the same certificate again"
    expect "in the inventory" "$(rest GET "certificates/count?use=tls&ca=$slug" | jq .count)" 2
    # What runs out is renewed by itself: a third of its life is left.
    mariadb --no-defaults --socket="$instance/db/db.sock" -uroot gatehouse -e "UPDATE service_certificates SET
        not_before_us = not_before_us - 5 * 86400000000, not_after_us = not_after_us - 5 * 86400000000 WHERE purpose = 4 AND ca_id IS NULL AND deleted_us = 0"
    within 30 renewed_by_itself "$(jq -r .certificate.sha256 renewed.json)" || die "it was not renewed by itself"
    shown "an authority of the instance signs it, now and whenever a third of its life is left"
}
renewed_by_itself() { [ "$(tls show | jq -r .certificate.sha256)" != "$1" ]; }

# acme_elsewhere DIRECTORY-URL CA-FILE KID KEY HTTP-PORT-FILE
acme_elsewhere() {
    jq -n --arg directory "$1" --rawfile ca "$2" --arg kid "$3" --arg key "$4" \
        '{source: "acme", names: ["gateway.example.test", "www.gateway.example.test"],
          acme: {directory: $directory, contact: "mailto:pki@example.test", ca: $ca, eab: {kid: $kid, key: $key}}}' >acme.json
    jq '.acme.eab.key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"' acme.json >acme-bad.json
    ! tls set --file acme-bad.json 2>refused.err || die "a binding with another key"
    grep -q 'refuses the account' refused.err || die "$(cat refused.err)"
    expect "source after a failure" "$(tls show | jq -r .settings.source)" authority
    tls set --file acme.json >set.json || die "the order by ACME: $(tail -n 5 "$instance/serve.log")"
    ! grep -q "$4" set.json || die "the binding's key is shown"
    verified elsewhere-root.pem www.gateway.example.test
    ! curl -sS -f -o /dev/null "$GATEHOUSE_HTTP_URL/.well-known/acme-challenge/nothing" 2>/dev/null || die "an unknown challenge"
    # Clients that trust the root alone; the name of this script's clients is not in it.
    local first
    first=$(jq -r .certificate.sha256 set.json)
    curl -sS --fail --cacert elsewhere-root.pem --resolve "gateway.example.test:${GATEHOUSE_URL##*:}:127.0.0.1" -X POST \
        -H "Authorization: Bearer $GATEHOUSE_TOKEN" "https://gateway.example.test:${GATEHOUSE_URL##*:}/api/v1/tls/renew" |
        jq -er .certificate.sha256 >second || die "renewal by ACME"
    [ "$(cat second)" != "$first" ] || die "the same certificate again"
    shown "another Gatehouse gives one by ACME: account with EAB, two names by http-01 on this gateway's own listener; renewed with the same account"
}

end_elsewhere() { "$gateway_sh" stop "$work/elsewhere"; }

begin
at_end+=(end_elsewhere)
need mariadb named
main=$instance
# The ACME server, an instance of its own.
instance=$work/elsewhere
acme_instance
cp root.pem elsewhere-root.pem
start_bind
http_main=$(free_port)
policy=$(acme_policy Own "{\"dns\":{\"resolvers\":[\"127.0.0.1@$dns_port\"]},\"validation\":{\"httpPort\":$http_main}}")
acme_binding "$policy" own
elsewhere_directory=$directory elsewhere_tls=$GATEHOUSE_TLS_CERT
instance=$main
start_instance --listen "127.0.0.1:$http_main http paths=/.well-known/acme-challenge" --jobs-interval 2
versions
foreign_ca
csr_and_certificate
with_its_key
warned
own_authority
acme_elsewhere "$elsewhere_directory" "$elsewhere_tls" "$kid" "$hmac"
(. "$work/elsewhere/env" && expect "accounts elsewhere" "$(rest GET 'events?code=acme.account.created' | jq '.items | length')" 1)
finish
