#!/bin/bash
# http-01 with certbot (standalone), lego, dehydrated, uacme: each registers, gets, renews and revokes; acme-tiny and
# acmetool, which cannot revoke, have it done by their certificates' keys. Names are resolved by the policy's resolver.
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/acme.sh
. "$here/acme.sh"

serve_webroot() {
    mkdir -p www/.well-known/acme-challenge
    http_port=$(free_port)
    python3 -m http.server --bind 127.0.0.1 --directory www "$http_port" >www.log 2>&1 &
    other_pids+=("$!")
    within 10 curl -s -o /dev/null "http://127.0.0.1:$http_port/" || die "no web server"
}

run_certbot() {
    local -a base=(certbot --config-dir cb --work-dir cb --logs-dir cb --non-interactive)
    acme_binding "$policy" certbot
    "${base[@]}" certonly --standalone --http-01-port "$alone_port" --server "$directory" --eab-kid "$kid" \
        --eab-hmac-key "$hmac" --agree-tos -m a@example.org -d certbot.example.test >certbot.out 2>&1 ||
        die "certbot: $(cat certbot.out)"
    cp cb/live/certbot.example.test/fullchain.pem certbot.pem
    checked certbot.pem certbot.example.test
    "${base[@]}" renew --force-renewal --no-random-sleep-on-renew >certbot.out 2>&1 || die "certbot renew: $(cat certbot.out)"
    cmp -s certbot.pem cb/live/certbot.example.test/fullchain.pem && die "certbot did not renew"
    "${base[@]}" revoke --server "$directory" --cert-path cb/live/certbot.example.test/cert.pem --no-delete-after-revoke \
        --reason superseded >certbot.out 2>&1 || die "certbot revoke: $(cat certbot.out)"
    expect "certbot's second certificate" "$(state_of cb/live/certbot.example.test/cert.pem)" revoked
    "${base[@]}" update_account --server "$directory" -m b@example.org >certbot.out 2>&1 ||
        die "certbot update_account: $(cat certbot.out)"
    "${base[@]}" unregister --server "$directory" >certbot.out 2>&1 || die "certbot unregister: $(cat certbot.out)"
    shown "certbot standalone: registered with EAB, got, renewed, revoked, changed its contact, deactivated"
}

run_lego() {
    local -a base=(lego --path lego --server "$directory" --email a@example.org --domains lego.example.test
        --http --http.port "127.0.0.1:$alone_port" --accept-tos)
    acme_binding "$policy" lego
    "${base[@]}" --eab --kid "$kid" --hmac "$hmac" run >lego.out 2>&1 || die "lego run: $(cat lego.out)"
    cp lego/certificates/lego.example.test.crt lego.pem
    checked lego.pem lego.example.test
    "${base[@]}" --eab --kid "$kid" --hmac "$hmac" renew --no-random-sleep --days 9999 >lego.out 2>&1 || die "lego renew: $(cat lego.out)"
    cmp -s lego.pem lego/certificates/lego.example.test.crt && die "lego did not renew"
    cp lego/certificates/lego.example.test.crt lego2.pem
    "${base[@]}" --eab --kid "$kid" --hmac "$hmac" revoke >lego.out 2>&1 || die "lego revoke: $(cat lego.out)"
    expect "lego's certificate" "$(state_of lego2.pem)" revoked
    shown "lego: registered with EAB, got, renewed, revoked"
}

run_dehydrated() {
    mkdir -p dehydrated
    acme_binding "$policy" dehydrated
    cat >dehydrated/config <<EOF
CA="$directory"
EAB_KID="$kid"
EAB_HMAC_KEY="$hmac"
BASEDIR="$work/dehydrated"
WELLKNOWN="$work/www/.well-known/acme-challenge"
DOMAINS_TXT="$work/dehydrated/domains.txt"
CONTACT_EMAIL=a@example.org
CURL_OPTS="--cacert $GATEHOUSE_TLS_CERT"
KEY_ALGO=secp384r1
EOF
    echo "dehydrated.example.test other.example.test" >dehydrated/domains.txt
    dehydrated -f dehydrated/config --register --accept-terms >dehydrated.out 2>&1 || die "dehydrated: $(cat dehydrated.out)"
    dehydrated -f dehydrated/config -c >dehydrated.out 2>&1 || die "dehydrated -c: $(cat dehydrated.out)"
    cp dehydrated/certs/dehydrated.example.test/fullchain.pem dehydrated.pem
    checked dehydrated.pem other.example.test
    dehydrated -f dehydrated/config -c -x >dehydrated.out 2>&1 || die "dehydrated -x: $(cat dehydrated.out)"
    cmp -s dehydrated.pem dehydrated/certs/dehydrated.example.test/fullchain.pem && die "dehydrated did not renew"
    cp dehydrated/certs/dehydrated.example.test/cert.pem dehydrated2.pem
    dehydrated -f dehydrated/config -r "$work/dehydrated/certs/dehydrated.example.test/cert.pem" >dehydrated.out 2>&1 ||
        die "dehydrated -r: $(cat dehydrated.out)"
    expect "dehydrated's certificate" "$(state_of dehydrated2.pem)" revoked
    shown "dehydrated: registered with EAB, got two names in one, renewed, revoked"
}

# The GnuTLS flavour of libcurl reads the system's list alone: uacme gets one of its own, in a mount namespace.
with_our_trust() {
    local -a space=(unshare --mount)
    [ "$(id -u)" = 0 ] || space=(unshare --map-root-user --mount)
    # shellcheck disable=SC2016
    "${space[@]}" sh -c 'mount --bind "$0" /etc/ssl/certs/ca-certificates.crt && exec "$@"' "$GATEHOUSE_TLS_CERT" "$@"
}

run_uacme() {
    local hook=$work/uacme.sh
    cat >"$hook" <<EOF
#!/bin/sh
[ "\$2" = http-01 ] || exit 1
case \$1 in
begin) printf '%s' "\$5" >"$work/www/.well-known/acme-challenge/\$4" ;;
*) rm -f "$work/www/.well-known/acme-challenge/\$4" ;;
esac
EOF
    chmod +x "$hook"
    acme_binding "$policy" uacme
    local -a base=(with_our_trust uacme -c "$work/uacme" -a "$directory" -v -y)
    "${base[@]}" -e "$kid:$hmac" new a@example.org >uacme.out 2>&1 || die "uacme new: $(cat uacme.out)"
    "${base[@]}" -h "$hook" issue uacme.example.test >uacme.out 2>&1 || die "uacme issue: $(cat uacme.out)"
    cp uacme/uacme.example.test/cert.pem uacme.pem
    checked uacme.pem uacme.example.test
    "${base[@]}" -h "$hook" -f issue uacme.example.test >uacme.out 2>&1 || die "uacme -f: $(cat uacme.out)"
    cmp -s uacme.pem uacme/uacme.example.test/cert.pem && die "uacme did not renew"
    cp uacme/uacme.example.test/cert.pem uacme2.pem
    "${base[@]}" newkey >uacme.out 2>&1 || die "uacme newkey: $(cat uacme.out)"
    "${base[@]}" revoke uacme/uacme.example.test/cert.pem >uacme.out 2>&1 || die "uacme revoke: $(cat uacme.out)"
    expect "uacme's certificate" "$(state_of uacme2.pem)" revoked
    shown "uacme: registered with EAB, got, renewed, changed the account's key, revoked with the new one"
}

# acme-tiny knows no EAB: it uses the template's directory, under an open policy, where the instance is open.
run_acme_tiny() {
    local own=$GATEHOUSE_URL/acme/$template/directory
    "$openssl" genrsa -out tiny-account.key 3072 2>/dev/null
    make_csr P-256 tiny tiny.example.test
    acme-tiny --account-key tiny-account.key --csr tiny.csr --acme-dir www/.well-known/acme-challenge --directory-url "$own" \
        --disable-check >tiny.out 2>tiny.err && die "acme-tiny got a certificate without a binding"
    grep -q externalAccountRequired tiny.err || die "acme-tiny: $(cat tiny.err)"
    rest PUT acme/settings '{"open":true}' >/dev/null
    acme_policy Open "{\"open\":true,\"dns\":{\"resolvers\":[\"127.0.0.1@$dns_port\"]},\"validation\":{\"httpPort\":$http_port}}" >/dev/null
    acme-tiny --account-key tiny-account.key --csr tiny.csr --acme-dir www/.well-known/acme-challenge --directory-url "$own" \
        --disable-check >tiny.pem 2>tiny.err || die "acme-tiny: $(cat tiny.err)"
    checked tiny.pem tiny.example.test
    acme-tiny --account-key tiny-account.key --csr tiny.csr --acme-dir www/.well-known/acme-challenge --directory-url "$own" \
        --disable-check >tiny2.pem 2>tiny.err || die "acme-tiny again: $(cat tiny.err)"
    cmp -s tiny.pem tiny2.pem && die "acme-tiny did not renew"
    revoke_by_key tiny2.pem tiny.key
    shown "acme-tiny: refused without EAB; served by the template's directory once the instance is open; renewed; revoked by its key"
}

# NAME COMMAND...: the command's order lives over a restart of the gateway, whose nonces of before are worth nothing
# afterwards: "clients SHOULD retry" (rfc8555#6.5). The client's hook calls ./restart-once.
over_a_restart() {
    local name=$1
    shift
    rm -f restarted
    "$@" >restart.out 2>&1 || die "$name over a restart: $(tail -n 20 restart.out)"
    [ -e restarted ] || die "$name did not call its hook"
    curl -sS --cacert "$GATEHOUSE_TLS_CERT" -H "Authorization: Bearer $GATEHOUSE_TOKEN" "$GATEHOUSE_URL/metrics" |
        grep -q '^gatehouse_acme_problems_total{problem="badNonce"} [1-9]' ||
        die "$name met no badNonce"
    shown "$name: the gateway is started anew in the middle of an order; its nonce is refused, it asks again and has its certificate"
}

run_restarts() {
    local -a names=()
    local i
    cat >restart-once <<EOF
#!/bin/sh
[ ! -e "$work/restarted" ] || exit 0
touch "$work/restarted"
"$gateway_sh" stop-gateway "$instance" && "$gateway_sh" start-gateway "$instance"
EOF
    cat >restart-certbot <<EOF
#!/bin/sh
printf '%s' "\$CERTBOT_VALIDATION" >"$work/www/.well-known/acme-challenge/\$CERTBOT_TOKEN"
[ "\$CERTBOT_REMAINING_CHALLENGES" != 0 ] || "$work/restart-once" >>"$work/restart.log" 2>&1
EOF
    sed "2i [ \"\$1 \$3\" != \"begin u9.example.test\" ] || \"$work/restart-once\" >>\"$work/restart.log\" 2>\&1" uacme.sh >restart-uacme
    chmod +x restart-once restart-certbot restart-uacme
    for i in 1 2 3 4 5 6 7 8 9 10; do names+=(-d "r$i.example.test"); done
    acme_binding "$policy" restarted
    over_a_restart certbot certbot --config-dir cb --work-dir cb --logs-dir cb --non-interactive certonly --manual \
        --preferred-challenges http --manual-auth-hook "$work/restart-certbot" --server "$directory" --eab-kid "$kid" \
        --eab-hmac-key "$hmac" --agree-tos -m r@example.org "${names[@]}"
    over_a_restart uacme with_our_trust uacme -c "$work/uacme" -a "$directory" -v -y -h "$work/restart-uacme" issue \
        u1.example.test u2.example.test u3.example.test u4.example.test u5.example.test u6.example.test u7.example.test \
        u8.example.test u9.example.test
}

# acmetool knows no EAB, either. It renews in the last third of a certificate's life: this CA gives none that is younger.
run_acmetool() {
    local aged own template
    aged=$(rest POST cas '{"name":"Aged","key":{"type":"P-256"},"subject":{"CN":"Aged"},"backdateSeconds":172800}' |
        jq -er .id) || die "the CA was not made"
    template=$aged-web-server
    acme_door "$template"
    rest GET "templates/$template" |
        jq '{name, version, document: (.document | .validity += {days: 1, maxDays: 1, backdateSeconds: 72000})}' >aged.json
    rest PUT "templates/$template" @aged.json >/dev/null || die "the template was not changed"
    acme_policy Aged "{\"open\":true,\"dns\":{\"resolvers\":[\"127.0.0.1@$dns_port\"]},\"validation\":{\"httpPort\":$http_port}}" >/dev/null
    own=$GATEHOUSE_URL/acme/$template/directory
    local -a base=(acmetool --state "$work/acmetool" --hooks "$work/hooks" --batch --stdio)
    mkdir -p acmetool/conf hooks
    cat >acmetool/conf/target <<EOF
request:
  provider: $own
  key:
    type: ecdsa
  challenge:
    webroot-paths: ["$work/www/.well-known/acme-challenge"]
    http-self-test: false
EOF
    printf '"acme-enter-email": "a@example.org"\n"acme-agreement:": true\n' >acmetool/conf/responses
    "${base[@]}" want --no-reconcile acmetool.example.test >acmetool.out 2>&1 || die "acmetool want: $(cat acmetool.out)"
    "${base[@]}" reconcile >acmetool.out 2>&1 || die "acmetool reconcile: $(cat acmetool.out)"
    cat acmetool/live/acmetool.example.test/fullchain >acmetool.pem
    "$openssl" x509 -in acmetool.pem -noout -checkhost acmetool.example.test | grep -q 'does match' || die "acmetool: the name"
    sleep 1.1 # of two certificates it uses the one that is valid later, by the second
    "${base[@]}" reconcile >acmetool.out 2>&1 || die "acmetool reconcile: $(cat acmetool.out)"
    cmp -s acmetool.pem acmetool/live/acmetool.example.test/fullchain && die "acmetool did not renew"
    "${base[@]}" revoke "$(basename "$(readlink -f acmetool/live/acmetool.example.test)")" >acmetool.out 2>&1 ||
        die "acmetool revoke: $(cat acmetool.out)"
    [ "$(state_of acmetool/live/acmetool.example.test/cert)" = valid ] &&
        note "this acmetool marks a certificate as revoked and tells nobody"
    revoke_by_key acmetool/live/acmetool.example.test/cert acmetool/live/acmetool.example.test/privkey
    shown "acmetool: registered in the template's directory, got, renewed; its certificate is revoked by its key"
}

begin
need acmetool certbot lego dehydrated uacme acme-tiny python3
acme_instance
start_bind
serve_webroot
alone_port=$(free_port)
validation() { printf '{"dns":{"resolvers":["127.0.0.1@%s"]},"validation":{"httpPort":%s}}' "$dns_port" "$1"; }
policy=$(acme_policy Alone "$(validation "$alone_port")")
run_certbot
run_lego
policy=$(acme_policy "Web root" "$(validation "$http_port")")
run_dehydrated
run_uacme
run_restarts
run_acme_tiny
run_acmetool
rest PUT acme/settings '{"open":false}' >/dev/null
expect "failed challenges" "$(rest GET 'events?code=acme.challenge.invalid' | jq '.items | length')" 0
finish
