# The main job as functions: a hierarchy that issues, revokes and answers. Sourced after lib.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154 # openssl and work are lib.sh's

leaf_types=(RSA P-256 Ed25519 ML-DSA-44)

# hierarchy DIR TITLE ROOT-KEY ISSUING-KEY
hierarchy() {
    mkdir "$1"
    make_ca "$2 Root" "$3" >"$1/root.slug"
    make_ca "$2 Issuing" "$4" "$(cat "$1/root.slug")" >"$1/issuing.slug"
    public "/ca/$(cat "$1/root.slug").pem" >"$1/root.pem"
    public "/ca/$(cat "$1/issuing.slug").pem" >"$1/made.pem"
    shown "$2: root ($(key_of "$1/root.pem")) and issuing CA ($(key_of "$1/made.pem")) made over REST"
}

# "NIST P-384", "RSA 3072 bit", "ML-DSA-65"
key_of() {
    "$openssl" x509 -in "$1" -noout -text | awk '
        /Public Key Algorithm: rsa/ { rsa = 1 }
        /Public-Key: \(/ && rsa { gsub(/[^0-9]/, ""); print "RSA " $0 " bit"; exit }
        /NIST CURVE: / { print "NIST " $3; exit }
        /Public Key Algorithm: (ML-DSA|ED)/ { print $4; exit }'
}

issue_every_type() { # DIR TITLE
    local type
    for type in "${leaf_types[@]}"; do
        make_csr "$type" "$1/$type" "www-${type,,}.example.test"
        submit_and_sign "$(cat "$1/issuing.slug")-web-server" "$1/$type"
    done
    expect "pending requests" "$(rest GET "cas/$(cat "$1/issuing.slug")/requests?state=pending" | jq '.items | length')" 0
    shown "$2: CSRs of ${leaf_types[*]} made by openssl req, submitted and signed over REST"
}

verify_every_type() { # DIR TITLE
    local type
    fetch_hierarchy "$1" "$1/RSA.pem"
    for type in "${leaf_types[@]}"; do
        verify "$1" "$1/$type.pem" || die "$1/$type: $(cat "$1/verify.out")"
        "$openssl" x509 -in "$1/$type.pem" -noout -checkhost "www-${type,,}.example.test" |
            grep -q 'does match' || die "$1/$type: the host name is not in it"
        expect "$1/$type: public key" "$("$openssl" x509 -in "$1/$type.pem" -noout -pubkey | sha256sum)" \
            "$("$openssl" pkey -in "$1/$type.key" -pubout | sha256sum)"
    done
    shown "$2: openssl verify -crl_check_all with the root alone, issuer and CRLs fetched from AIA and CDP"
}

download_every_format() { # DIR TITLE
    local path count
    path=certificates/$(certificate_id "$1/P-256")
    rest GET "$path?format=der" >"$1/down.der"
    rest GET "$path?format=pem" >"$1/down.pem"
    rest GET "$path?format=p7b" >"$1/down.p7b"
    rest GET "$path?format=chain" >"$1/down.chain"
    rest GET "$path?format=text" >"$1/down.text"
    "$openssl" x509 -in "$1/P-256.pem" -outform DER | cmp - "$1/down.der" || die "DER differs"
    "$openssl" x509 -in "$1/down.pem" -outform DER | cmp - "$1/down.der" || die "PEM differs"
    count=$("$openssl" pkcs7 -inform DER -in "$1/down.p7b" -print_certs | grep -c '^-----BEGIN')
    expect "certificates in PKCS #7" "$count" 3
    "$openssl" x509 -in "$1/down.chain" -outform DER | cmp - "$1/down.der" || die "the chain begins with another"
    expect "certificates in the chain" "$(grep -c '^-----BEGIN' "$1/down.chain")" 3
    grep -q 'DNS:www-p-256.example.test' "$1/down.text" || die "the text lacks the name"
    count=$(public "/ca/$(cat "$1/issuing.slug").p7c" | "$openssl" pkcs7 -inform DER -print_certs | grep -c '^-----BEGIN')
    expect "certificates in .p7c" "$count" 2
    shown "$2: PEM, DER, PKCS #7, chain and text are the same certificate"
}

# The same answer by GET, as caches and browsers ask; percent-encoded and not.
ocsp_by_get() { # DIR LEAF STATE
    local encoded url
    "$openssl" ocsp -issuer "$1/issuing.pem" -cert "$2" -no_nonce -reqout "$1/request.der" >/dev/null
    encoded=$(base64 -w0 "$1/request.der")
    url=$(url_in "$2" ocsp)
    curl -sS --fail --path-as-is -D "$1/get.head" -o "$1/get-1.der" "$url/$encoded"
    curl -sS --fail --path-as-is -o "$1/get-2.der" "$url/$(jq -rn --arg t "$encoded" '$t | @uri')"
    cmp "$1/get-1.der" "$1/get-2.der" || die "OCSP GET: two spellings of one request, two answers"
    grep -qi '^cache-control: max-age=[0-9]' "$1/get.head" || die "OCSP GET: no Cache-Control"
    "$openssl" ocsp -issuer "$1/issuing.pem" -cert "$2" -respin "$1/get-1.der" -no_nonce \
        -CAfile "$1/chain.pem" >"$1/get.out" 2>&1
    grep -q "^$2: $3" "$1/get.out" || die "OCSP GET: $(cat "$1/get.out")"
}

revoke_and_ask() { # DIR TITLE
    local type
    for type in "${leaf_types[@]}"; do
        expect "$1/$type: OCSP with nonce" "$(ocsp "$1" "$1/$type.pem")" good
        expect "$1/$type: OCSP SHA-256" "$(ocsp "$1" "$1/$type.pem" -no_nonce -sha256)" good
    done
    ocsp_by_get "$1" "$1/P-256.pem" good
    shown "$2: openssl ocsp says good (POST with nonce, POST and GET without; SHA-1 and SHA-256)"
    rest POST "certificates/$(certificate_id "$1/P-256")/revoke" '{"reason":"keyCompromise"}' >/dev/null
    expect "$1/P-256: OCSP after revocation" "$(ocsp "$1" "$1/P-256.pem")" revoked
    grep -q 'Reason: keyCompromise' "$1/ocsp.out" || die "the OCSP answer lacks the reason"
    ocsp_by_get "$1" "$1/P-256.pem" revoked
    expect "$1/RSA: OCSP of its neighbour" "$(ocsp "$1" "$1/RSA.pem" -no_nonce)" good
    shown "$2: revoked, and the next OCSP answer says so with its reason"
    fetch_crls "$1" "$1/P-256.pem"
    if verify "$1" "$1/P-256.pem"; then die "the revoked certificate still verifies"; fi
    grep -q 'certificate revoked' "$1/verify.out" || die "$(cat "$1/verify.out")"
    verify "$1" "$1/RSA.pem" || die "$(cat "$1/verify.out")"
    shown "$2: the next CRL lists it, openssl verify refuses it and takes its neighbour"
}

hold_and_release() { # DIR TITLE
    local path
    path=certificates/$(certificate_id "$1/Ed25519")
    rest POST "$path/revoke" '{"reason":"certificateHold"}' >/dev/null
    expect "held: OCSP" "$(ocsp "$1" "$1/Ed25519.pem" -no_nonce)" revoked
    expect "held: state" "$(rest GET "$path" | jq -r .state)" held
    rest POST "$path/unhold" '{}' >/dev/null
    expect "released: OCSP" "$(ocsp "$1" "$1/Ed25519.pem" -no_nonce)" good
    expect "released: state" "$(rest GET "$path" | jq -r .state)" valid
    expect "a revoked one cannot be released" \
        "$(rest_status POST "certificates/$(certificate_id "$1/P-256")/unhold" '{}')" 409
    shown "$2: hold and unhold, each in the next OCSP answer"
}

# A certificate this CA never issued: its serial is not known. This one's base64 is full of slashes, which a GET
# carries as they are.
ask_for_a_stranger() { # DIR TITLE
    local url
    url=$(url_in "$1/RSA.pem" ocsp)
    "$openssl" ocsp -issuer "$1/issuing.pem" -serial 0x7fffffffffffffffffffffffffffffff -url "$url" \
        -CAfile "$1/chain.pem" >"$1/stranger.out" 2>&1
    grep -q ': unknown' "$1/stranger.out" || die "$(cat "$1/stranger.out")"
    "$openssl" ocsp -issuer "$1/issuing.pem" -serial 0x7fffffffffffffffffffffffffffffff -no_nonce \
        -reqout "$1/stranger.req" >/dev/null
    base64 -w0 "$1/stranger.req" | grep -q '//' || die "the request's base64 has no //"
    curl -sS --fail --path-as-is -o "$1/stranger.der" "$url/$(base64 -w0 "$1/stranger.req")"
    "$openssl" ocsp -respin "$1/stranger.der" -noverify -resp_text | grep -q 'Cert Status: unknown' ||
        die "OCSP GET of a stranger"
    shown "$2: a serial that was never issued is unknown"
}

# ocsp_raw FILE [CA]: HTTP status and the bytes of the answer in hex.
ocsp_raw() {
    curl -sS -o raw.out -w '%{http_code} ' -H 'Content-Type: application/ocsp-request' --data-binary "@$1" \
        "$GATEHOUSE_HTTP_URL/ocsp/$2"
    head -c 8 raw.out | xxd -p
}

refuse_bad_requests() { # DIR TITLE
    local ca malformed="200 30030a0101" unauthorized="200 30030a0106"
    ca=$(cat "$1/issuing.slug")
    "$openssl" ocsp -issuer "$1/issuing.pem" -cert "$1/RSA.pem" -no_nonce -reqout good.req >/dev/null
    head -c 40 good.req >short.req
    (cat good.req && printf '\0') >long.req
    printf 'not an OCSP request' >text.req
    : >empty.req
    head -c 20000 /dev/zero >huge.req
    for each in short long text empty; do
        expect "$each OCSP request" "$(ocsp_raw "$each.req" "$ca")" "$malformed"
    done
    expect "a request to an unknown CA" "$(ocsp_raw good.req nobody)" "$unauthorized"
    expect "a request to another CA" "$(ocsp_raw good.req "$(cat "$1/root.slug")")" "$unauthorized"
    expect "20 kB" "$(ocsp_raw huge.req "$ca" | cut -c1-3)" 413
    # Without a CA the path is the request itself, and this one is none.
    expect "GET without a request" "$(curl -sS "$GATEHOUSE_HTTP_URL/ocsp/$ca" | xxd -p)" 30030a0101
    expect "base64 that is none" "$(curl -sS "$GATEHOUSE_HTTP_URL/ocsp/$ca/%25%25" | xxd -p)" 30030a0101
    shown "$2: broken OCSP requests get malformedRequest, those for others unauthorized, large ones 413"
}

issue_and_revoke() { # DIR TITLE
    issue_every_type "$@"
    verify_every_type "$@"
    download_every_format "$@"
    revoke_and_ask "$@"
    hold_and_release "$@"
    ask_for_a_stranger "$@"
    refuse_bad_requests "$@"
}

start_nginx() { # DIR LEAF [DIRECTIVE]
    nginx_port=$(free_port)
    mkdir -p "$1/nginx"
    cat >"$1/nginx/nginx.conf" <<CONF
daemon off;
pid $work/$1/nginx/pid;
error_log $work/$1/nginx/error.log info;
$([ "$(id -u)" -ne 0 ] || echo 'user root;')
events {}
http {
    access_log off;
    client_body_temp_path $work/$1/nginx/body;
    proxy_temp_path $work/$1/nginx/proxy;
    fastcgi_temp_path $work/$1/nginx/fastcgi;
    uwsgi_temp_path $work/$1/nginx/uwsgi;
    scgi_temp_path $work/$1/nginx/scgi;
    server {
        listen 127.0.0.1:$nginx_port ssl;
        ssl_certificate $work/$1/$2.chain;
        ssl_certificate_key $work/$1/$2.key;
        ssl_stapling on;
        ${3:-}
        ssl_trusted_certificate $work/$1/chain.pem;
        location / { return 200 "served by nginx\n"; }
    }
}
CONF
    env -u OPENSSL_CONF nginx -p "$work/$1/nginx" -c "$work/$1/nginx/nginx.conf" >"$1/nginx/out" 2>&1 &
    nginx_pid=$!
    other_pids+=("$nginx_pid")
}

curl_nginx() { # DIR NAME OPTIONS...
    local dir=$1 name=$2
    shift 2
    env -u OPENSSL_CONF curl -sS --max-time 10 --cacert "$dir/root.pem" \
        --resolve "$name:$nginx_port:127.0.0.1" "$@" "https://$name:$nginx_port/" 2>"$dir/curl.err"
}

serve_by_nginx() { # DIR TITLE LEAF
    local name=www-${3,,}.example.test
    rest GET "certificates/$(certificate_id "$1/$3")?format=chain" >"$1/$3.chain"
    start_nginx "$1" "$3"
    within 15 curl_nginx "$1" "$name" >"$1/curl.out" || die "curl: $(cat "$1/curl.err" "$1/nginx/error.log")"
    grep -q '^served by nginx' "$1/curl.out" || die "curl got something else: $(cat "$1/curl.out")"
    shown "$2: nginx serves the $3 certificate to a curl that has the root alone"
    # nginx fetches the answer (by GET) after the first handshake.
    within 30 curl_nginx "$1" "$name" --cert-status >/dev/null ||
        die "stapling: $(cat "$1/curl.err" "$1/nginx/error.log")"
    shown "$2: nginx staples our OCSP answer, curl --cert-status accepts it"
    kill "$nginx_pid"
    within 10 gone "$nginx_pid" || die "nginx does not stop"
}

s_client() { # DIR PORT NAME
    printf 'GET / HTTP/1.0\r\n\r\n' | "$openssl" s_client -connect "127.0.0.1:$2" -ign_eof \
        -servername "$3" -verify_hostname "$3" -verify_return_error -CAfile "$1/root.pem" >"$1/s_client.out" 2>&1
}

# For algorithms that the system's nginx and curl do not know yet.
serve_by_openssl() { # DIR TITLE LEAF
    local port name=www-${3,,}.example.test
    port=$(free_port)
    "$openssl" s_server -accept "127.0.0.1:$port" -cert "$1/$3.pem" -key "$1/$3.key" -cert_chain "$1/chain.pem" \
        -www -tls1_3 >"$1/s_server.out" 2>&1 &
    other_pids+=($!)
    within 15 s_client "$1" "$port" "$name" || die "s_client: $(tail -n 5 "$1/s_client.out" "$1/s_server.out")"
    grep -q 'Verify return code: 0 (ok)' "$1/s_client.out" || die "$(tail -n 20 "$1/s_client.out")"
    shown "$2: TLS 1.3 with the $3 certificate, verified with the root alone"
}

public_pages() { # DIR
    public /healthz | grep -q '^ok' || die "healthz"
    expect readyz "$(public /readyz | jq -r .ready)" true
    public / >start.html
    grep -q "/ca/$(cat "$1/root.slug").crt" start.html || die "the start page lacks the root"
    openapi=$(sed -n 's/.*href="\([^"]*openapi.json\)".*/\1/p' start.html)
    curl -sS --fail --cacert "$GATEHOUSE_TLS_CERT" "$openapi" | jq -e '.openapi | startswith("3.1")' >/dev/null ||
        die "the start page lacks the OpenAPI document"
    grep -oE 'href="/[^"]*"' start.html | sed 's/href="//; s/"$//' | sort -u >links
    while read -r link; do
        public "$link" >/dev/null || die "the start page links to $link, which is not there"
    done <links
    curl -sS -D head -o body "$GATEHOUSE_HTTP_URL/crl/$(cat "$1/issuing.slug").crl"
    etag=$(sed -n 's/^etag: *\([^\r]*\).*/\1/Ip' head)
    expect "If-None-Match" "$(curl -sS -o /dev/null -w '%{http_code}' -H "If-None-Match: $etag" \
        "$GATEHOUSE_HTTP_URL/crl/$(cat "$1/issuing.slug").crl")" 304
    shown "healthz, readyz and a start page all of whose $(wc -l <links) links work; documents are revalidated"
}

restart() { # DIR
    local before after
    before=$(rest GET 'certificates?limit=100' | jq -S '[.items[].id] | sort')
    stop_gateway
    start_gateway
    after=$(rest GET 'certificates?limit=100' | jq -S '[.items[].id] | sort')
    expect "certificates after a restart" "$after" "$before"
    expect "OCSP after a restart" "$(ocsp "$1" "$1/P-256.pem")" revoked
    make_csr P-256 "$1/later" later.example.test
    submit_and_sign "$(cat "$1/issuing.slug")-web-server" "$1/later"
    verify "$1" "$1/later.pem" || die "$(cat "$1/verify.out")"
    shown "stopped and started again: the same data, and the CAs go on signing"
}
