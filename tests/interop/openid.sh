#!/bin/bash
# People come in by OpenID Connect: oidc-provider (npm) over TLS, each algorithm of ID tokens, confidential and public
# clients, groups that become roles, codes that are good once, the outgoing proxy, log-out at the provider too.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/npm.sh
. "$here/npm.sh"

connects() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start_provider() {
    printf 'alba\n' >./who
    cp "$here/npm/openid_provider.mjs" provider.mjs
    ln -s "$modules/node_modules" node_modules
    "$openssl" req -x509 -newkey rsa:2048 -nodes -subj /CN=id -addext subjectAltName=DNS:localhost -days 2 \
        -out id.pem -keyout id.key 2>/dev/null
    port=$(free_port)
    node provider.mjs "$port" id.key id.pem "$GATEHOUSE_URL" >provider.out 2>&1 &
    other_pids+=("$!")
    within 20 connects "$port" || die "oidc-provider: $(cat provider.out)"
}

# known_provider ID SECRET
known_provider() {
    rest POST identity-providers "$(jq -n --rawfile ca id.pem --arg id "$1" --arg secret "$2" --arg url "https://localhost:$port" '{
        id: $id, kind: "oidc", name: "Example ID", secret: $secret, settings: {issuer: $url, clientId: $id, ca: $ca,
        scope: "openid profile email groups", requiredGroup: "staff",
        roles: [{group: "pki-officers", role: "officer", scope: "instance"}]}}')" >/dev/null
}

come_in() { python3 -B "$here/openid_browser.py" enter "$1"; }

each_algorithm() {
    local id
    for id in rs ps es ed; do
        known_provider "$id" "$([ $id = ps ] || echo 'a secret of 32 octets, at the least')"
        rest POST identity-providers/$id/test || die "the test of $id"
        come_in $id >$id.json || die "log-in by $id: $(cat provider.out)"
        expect "the first step of $id" "$(jq -r .status $id.json)" "$([ $id = rs ] && echo 200 || echo 409)"
    done
    expect "the user" "$(jq -r .answer.user.username rs.json)" alba
    expect "the role" "$(jq -r '.answer.roles[0].role' rs.json)" officer
}

begin
need node npm python3 tinyproxy
npm_packages
start_instance
start_provider
each_algorithm
shown "oidc-provider: RS256, and that another provider's person of the same name is another person (PS256, ES256, EdDSA believed)"
expect "the user's name and address" "$(rest GET 'users?limit=500' | jq -r '.items[] | select(.username == "alba") | .displayName + " " + .email + " " + .provider')" \
    "Alba Amber alba@example.test rs"
python3 -B "$here/openid_browser.py" leave rs >left.json || die "the log-out"
expect "where the log-out leads" "$(jq -r .answer.back left.json)" "$GATEHOUSE_URL/console/"
shown "log-out ends the session here and at the provider, and leads back"
REPLAY=1 come_in rs >replay.json || die "the replay"
expect "a code that was used" "$(jq -r '(.status | tostring) + " " + .answer.type' replay.json)" "401 /problems/code-refused"
shown "a code is good once"
printf 'bruno\n' >./who
expect "who is not in the group" "$(come_in rs | jq -r '(.status | tostring) + " " + .answer.type')" "403 /problems/group-needed"
printf 'alba\n' >./who
shown "who is not in the required group stays out"
proxy=$(free_port)
printf 'Port %s\nListen 127.0.0.1\nTimeout 30\nConnectPort %s\nLogFile "%s"\n' "$proxy" "$port" "$work/tinyproxy.log" >tinyproxy.conf
: >tinyproxy.log
tinyproxy -d -c "$work/tinyproxy.conf" >/dev/null 2>tinyproxy.err &
other_pids+=("$!")
within 10 connects "$proxy" || die "tinyproxy: $(cat tinyproxy.err)"
stop_gateway
printf '%s\n' --outgoing-proxy "http://127.0.0.1:$proxy" >>"$instance/options"
start_gateway
expect "a log-in through the proxy" "$(come_in rs | jq -r .status)" 200
grep -q "CONNECT localhost:$port" tinyproxy.log || die "the proxy was not asked: $(cat tinyproxy.log)"
shown "discovery, token, keys and userinfo go through the outgoing proxy"
finish
