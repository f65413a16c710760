# What the ACME scripts share. Sourced after lib.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154 # instance, work and openssl are lib.sh's

# acme_instance: a root, an issuing CA and a template that takes ACME; $template, $directory.
acme_instance() {
    start_instance "$@"
    root=$(make_ca "ACME Root" '{"type":"EC","curve":"P-384"}')
    issuing=$(make_ca "ACME Issuing" '{"type":"EC","curve":"P-256"}' "$root")
    template=$issuing-web-server
    public "/ca/$root.pem" >root.pem
    public "/ca/$issuing.pem" >issuing.pem
    acme_door "$template"
    directory=$GATEHOUSE_URL/acme/directory
    export REQUESTS_CA_BUNDLE=$GATEHOUSE_TLS_CERT SSL_CERT_FILE=$GATEHOUSE_TLS_CERT
    export LEGO_CA_CERTIFICATES=$GATEHOUSE_TLS_CERT
}

acme_door() { # TEMPLATE: "acme" is added to its doors
    rest GET "templates/$1" | jq '{name, version, document: (.document | .doors += ["acme"])}' >door.json
    rest PUT "templates/$1" @door.json >/dev/null || die "the template does not take the door acme"
}

# acme_policy NAME JSON: prints the id; the JSON is merged over the template and loopback rules of a test.
acme_policy() {
    jq -n --arg name "$1" --arg template "$template" --argjson more "$2" \
        '{name: $name, document: ({templates: [$template], validation: {reach: "anywhere"}} * $more)}' >policy.json
    rest POST acme/policies @policy.json | jq -er .id || die "the policy $1 was not made: $(cat policy.json)"
}

# acme_binding POLICY NAME [JSON]: sets $kid and $hmac
acme_binding() {
    jq -n --arg name "$2" --argjson more "${3:-{\}}" '{name: $name} + $more' >binding.json
    rest POST "acme/policies/$1/bindings" @binding.json >binding.out || die "the binding $2 was not made"
    kid=$(jq -er .kid binding.out)
    hmac=$(jq -er .hmacKey binding.out)
}

# checked FILE.pem NAME: chain and name; the file begins with the certificate
checked() {
    "$openssl" verify -x509_strict -CAfile root.pem -untrusted issuing.pem "$1" >verify.out 2>&1 ||
        die "$1: $(cat verify.out)"
    "$openssl" x509 -in "$1" -noout -checkhost "$2" | grep -q 'does match' || die "$1 is not for $2"
}

# serial FILE.pem: as the API shows it
serial_of() { "$openssl" x509 -in "$1" -noout -serial | sed 's/.*=//' | tr 'A-F' 'a-f'; }
state_of() { # FILE.pem: valid, revoked ...
    rest GET "certificates?q=$(serial_of "$1")" | jq -er '.items[0].state'
}

# revoke_by_key FILE.pem KEY: what clients leave out that cannot revoke; the certificate's key is enough (rfc8555#7.6).
revoke_by_key() {
    certbot --config-dir by-key --work-dir by-key --logs-dir by-key --non-interactive revoke --server "$directory" \
        --cert-path "$1" --key-path "$2" --no-delete-after-revoke --reason keycompromise >by-key.out 2>&1 ||
        die "certbot revoke --key-path: $(cat by-key.out)"
    expect "$1" "$(state_of "$1")" revoked
}

# A name server for tests: BIND with the zone example.test, answered to everybody, updated with a TSIG key.
# Sets $dns_port, $tsig_key. Every name of the zone is this host.
start_bind() {
    need named
    dns_port=$(free_port)
    mkdir -p bind
    chmod 777 bind
    tsig_key=$("$openssl" rand -base64 32)
    cat >bind/named.conf <<EOF
key "update." { algorithm hmac-sha256; secret "$tsig_key"; };
options { directory "$work/bind"; listen-on port $dns_port { 127.0.0.1; }; listen-on-v6 { none; };
  pid-file "$work/bind/pid"; session-keyfile "$work/bind/session.key"; recursion no; dnssec-validation no;
  allow-query { any; }; empty-zones-enable no; };
controls { };
zone "test" { type primary; file "$work/bind/test"; };
zone "example.test" { type primary; file "$work/bind/zone"; allow-update { key "update."; }; };
EOF
    cat >bind/zone <<EOF
\$TTL 1
@ IN SOA ns hostmaster 1 60 60 600 1
@ IN NS ns
ns IN A 127.0.0.1
@ IN A 127.0.0.1
* IN A 127.0.0.1
six IN AAAA ::1
six IN A 127.0.0.1
inside IN A 10.255.255.1
EOF
    # its parent, where the search for CAA records ends
    cat >bind/test <<EOF
\$TTL 1
@ IN SOA ns.example hostmaster.example 1 60 60 600 1
@ IN NS ns.example
example IN NS ns.example
ns.example IN A 127.0.0.1
EOF
    named -g -c "$work/bind/named.conf" >bind/log 2>&1 &
    other_pids+=("$!")
    within 10 grep -qs "all zones loaded" bind/log || die "BIND does not start: $(tail -n 5 bind/log)"
}
