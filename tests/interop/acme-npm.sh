#!/bin/bash
# acme-client of npm: registers with an external account binding, gets by http-01, renews, changes the account's key,
# revokes with the new one, deactivates the account.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/acme.sh
. "$here/acme.sh"
# shellcheck source=tests/interop/npm.sh
. "$here/npm.sh"

begin
need node npm
npm_packages
acme_instance
start_bind
port=$(free_port)
policy=$(acme_policy Node "{\"challenges\":[\"http-01\"],\"dns\":{\"resolvers\":[\"127.0.0.1@$dns_port\"]},\"validation\":{\"httpPort\":$port}}")
acme_binding "$policy" node
cp "$here/npm/acme_client.mjs" client.mjs
ln -s "$modules/node_modules" node_modules
NODE_EXTRA_CA_CERTS=$GATEHOUSE_TLS_CERT timeout 120 node client.mjs "$directory" "$kid" "$hmac" "$port" node.example.test \
    >node.out 2>&1 || die "acme-client: $(cat node.out)"
checked npm1.pem node.example.test
checked npm2.pem node.example.test
cmp -s npm1.pem npm2.pem && die "acme-client did not renew"
expect "the first certificate" "$(state_of npm1.pem)" valid
expect "the second certificate" "$(state_of npm2.pem)" revoked
expect "the account" "$(rest GET acme/accounts | jq -r '.items[0].state')" deactivated
shown "acme-client (npm): registered with EAB, got, renewed, changed the account's key, revoked with the new one, deactivated"
finish
