#!/bin/bash
# Web servers that fetch their own certificates: Caddy and Apache's mod_md, both over external account bindings, and
# what they serve is verified; tls-alpn-01 by lego, by Caddy, and a certificate for an IP address by Caddy's way.
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/acme.sh
. "$here/acme.sh"

serves() { # PORT NAME: that name with a certificate of ours
    "$openssl" s_client -connect "127.0.0.1:$1" -servername "$2" </dev/null 2>/dev/null |
        "$openssl" x509 >"served.$2.pem" 2>/dev/null || return 1
    "$openssl" verify -CAfile root.pem -untrusted issuing.pem "served.$2.pem" >verify.out 2>&1 &&
        "$openssl" x509 -in "served.$2.pem" -noout -checkhost "$2" | grep -q 'does match'
}

policy_for() { # NAME CHALLENGE HTTP-PORT TLS-PORT
    acme_policy "$1" "{\"challenges\":[\"$2\"],\"dns\":{\"resolvers\":[\"127.0.0.1@$dns_port\"]},
      \"validation\":{\"httpPort\":$3,\"tlsPort\":$4}}"
}

lego_by_tls() {
    local port
    port=$(free_port)
    policy=$(policy_for "TLS lego" tls-alpn-01 "$(free_port)" "$port")
    acme_binding "$policy" lego
    lego --path lego --server "$directory" --email a@example.org --domains lego.example.test --tls \
        --tls.port "127.0.0.1:$port" --accept-tos --eab --kid "$kid" --hmac "$hmac" run >lego.out 2>&1 ||
        die "lego: $(cat lego.out)"
    checked lego/certificates/lego.example.test.crt lego.example.test
    shown "lego by tls-alpn-01"
}

caddy_serves() {
    local http https crt
    http=$(free_port)
    https=$(free_port)
    policy=$(policy_for Caddy tls-alpn-01 "$http" "$https")
    acme_binding "$policy" caddy
    mkdir -p caddy
    cat >Caddyfile <<EOF
{
  admin off
  storage file_system $work/caddy
  http_port $http
  https_port $https
  acme_ca $directory
  acme_ca_root $GATEHOUSE_TLS_CERT
  email a@example.org
  acme_eab {
    key_id $kid
    mac_key $hmac
  }
}
caddy.example.test {
  respond "by caddy"
}
EOF
    HOME=$work caddy run --config Caddyfile --adapter caddyfile >caddy.out 2>&1 &
    other_pids+=("$!")
    within 60 serves "$https" caddy.example.test || die "Caddy: $(tail -n 20 caddy.out)"
    expect "Caddy's answer" "$(curl -s --cacert root.pem --resolve "caddy.example.test:$https:127.0.0.1" \
        "https://caddy.example.test:$https/")" "by caddy"
    shown "Caddy gets its certificate by tls-alpn-01 and serves the site with it"
    crt=$(find caddy -name caddy.example.test.crt)
    revoke_by_key "$crt" "${crt%.crt}.key"
    shown "Caddy's certificate is revoked by its key"
}

mod_md_serves() {
    local http https apache=apache2 modules=/usr/lib/apache2/modules
    http=$(free_port)
    https=$(free_port)
    policy=$(policy_for mod_md http-01 "$http" "$https")
    acme_binding "$policy" mod_md '{"uses":2}'
    mkdir -p md htdocs
    chmod 755 "$work"
    echo "by apache" >htdocs/index.html
    cat >httpd.conf <<EOF
ServerRoot $work
ServerName md.example.test
PidFile $work/apache.pid
ErrorLog $work/apache.log
LogLevel info md:debug
Listen 127.0.0.1:$http
Listen 127.0.0.1:$https
User www-data
Group www-data
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule socache_shmcb_module $modules/mod_socache_shmcb.so
LoadModule ssl_module $modules/mod_ssl.so
LoadModule md_module $modules/mod_md.so
DocumentRoot $work/htdocs
MDomain md.example.test
MDStoreDir $work/md
MDCertificateAuthority $directory
MDCACertificateFile $GATEHOUSE_TLS_CERT
MDExternalAccountBinding $kid $hmac
MDCertificateAgreement accepted
MDContactEmail a@example.org
MDPortMap 80:$http 443:$https
MDRetryDelay 5s
<VirtualHost 127.0.0.1:$http>
  ServerName md.example.test
</VirtualHost>
<VirtualHost 127.0.0.1:$https>
  ServerName md.example.test
  SSLEngine on
</VirtualHost>
EOF
    "$apache" -f "$work/httpd.conf" -DFOREGROUND >apache.out 2>&1 &
    other_pids+=("$!")
    local pid=$!
    within 90 grep -q 'The Managed Domain md.example.test has been setup' apache.log ||
        die "mod_md: $(cat apache.out; grep -v debug apache.log | tail -n 20)"
    kill -USR1 "$pid" # a graceful restart activates it
    within 30 serves "$https" md.example.test || die "Apache does not serve it: $(tail -n 20 apache.log)"
    shown "Apache with mod_md gets its certificate by http-01 and serves it after a graceful restart"
    renews_by_ari "$pid" "$https"
}

# Far from its end, but revoked: the renewal information (rfc9773) says "now", and mod_md asks for it.
renews_by_ari() { # APACHE-PID HTTPS-PORT
    local old
    old=$(serial_of served.md.example.test.pem)
    if ! grep -aq MDRenewViaARI "$modules/mod_md.so"; then
        note "this mod_md does not know renewal information"
        return
    fi
    rest POST "certificates/$(rest GET "certificates?q=$old" | jq -er '.items[0].id')/revoke" '{"reason":"superseded"}' >/dev/null
    : >apache.log
    kill -USR1 "$1" # it asks after a restart, then as often as Retry-After says
    within 90 grep -q 'The Managed Domain md.example.test has been setup' apache.log ||
        die "mod_md does not renew: $(grep -i 'ari\|renew' apache.log | tail -n 20)"
    kill -USR1 "$1"
    within 30 served_anew "$2" "$old" || die "Apache does not serve the renewed one: $(tail -n 20 apache.log)"
    rest GET acme/orders | jq -e '[.items[] | select(.replaces != null)] | length == 1' >/dev/null ||
        note "mod_md does not say what its order replaces"
    shown "mod_md renews by renewal information (RFC 9773): its certificate was revoked, the suggested time is now"
    revoke_by_key md/domains/md.example.test/pubcert.pem md/domains/md.example.test/privkey.pem
    shown "mod_md's renewed certificate is revoked by its key"
}
served_anew() { serves "$1" md.example.test && [ "$(serial_of served.md.example.test.pem)" != "$2" ]; }

begin
need lego caddy apache2 certbot
acme_instance
start_bind
lego_by_tls
caddy_serves
mod_md_serves
finish
