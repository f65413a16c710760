#!/bin/bash
# The rules of RFC 8555, 8737, 8738 and 9773 that packaged clients do not reach, by a client that can bend
# everything; hostile messages and validation targets; two gateways on one database.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/acme.sh
. "$here/acme.sh"

scenario() { # NAME ARGUMENT...
    local line
    PYTHONDONTWRITEBYTECODE=1 python3 "$here/${script:-acme_scenarios}.py" "$@" >scenario.out 2>&1 ||
        die "$1: $(cat scenario.out)"
    while read -r line; do shown "${line#shown: }"; done < <(grep '^shown: ' scenario.out)
}

begin
need python3
acme_instance
start_bind
port=$(free_port)
any='{"uses":0}'

policy=$(acme_policy Approved '{"preapproved":["**.example.test"]}')
acme_binding "$policy" algorithms "$any"
scenario algorithms "$directory" "$kid" "$hmac"

policy=$(acme_policy Loopback "{\"dns\":{\"resolvers\":[\"127.0.0.1@$dns_port\"]},\"validation\":{\"httpPort\":$port}}")
acme_binding "$policy" protocol "$any"
scenario protocol "$directory" "$kid" "$hmac" "$port"
port=$(free_port)
policy=$(acme_policy Addresses "{\"validation\":{\"httpPort\":$port}}")
acme_binding "$policy" addresses "$any"
scenario addresses "$directory" "$kid" "$hmac" "$port"

port=$(free_port)
policy=$(acme_policy Hostile "{\"dns\":{\"resolvers\":[\"127.0.0.1@$dns_port\"]},\"validation\":{\"httpPort\":$port,
  \"reach\":\"public\",\"allowed\":[\"127.0.0.1\"],\"attempts\":1,\"timeoutSeconds\":3,\"redirects\":3}}")
acme_binding "$policy" hostile "$any"
scenario hostile "$directory" "$kid" "$hmac" "$port" "$(free_port)"

script=acme_rules
port=$(free_port)
policy=$(acme_policy Rules "{\"identifiers\":[\"**.example.test\"],\"preapproved\":[\"**.pre.example.test\"],
  \"dns\":{\"resolvers\":[\"127.0.0.1@$dns_port\"]},\"validation\":{\"httpPort\":$port,\"retrySeconds\":300}}")
acme_binding "$policy" rules "$any"
for name in messages accounts terms; do scenario "$name" "$directory" "$kid" "$hmac"; done
for name in orders retries renewal; do scenario "$name" "$directory" "$kid" "$hmac" "$port"; done
policy=$(acme_policy Limits '{"limits":{"ordersPerHour":2,"pendingAuthorizations":2}}')
acme_binding "$policy" limits "$any"
scenario limits "$directory" "$kid" "$hmac"
script=acme_policies
for name in limits lifetimes names; do scenario "$name" "$directory" "$template"; done
scenario families "$directory" "$template" "$dns_port" "$(free_port)"
script=acme_scenarios

# A second gateway on the same database and token; it is told the first one's public URLs.
second=$(free_port)
mapfile -d '' -t words <"/proc/$(gateway_pid)/cmdline"
for i in "${!words[@]}"; do
    case ${words[i]} in
    --http) words[i + 1]=127.0.0.1:$(free_port) ;;
    --https) words[i + 1]=127.0.0.1:$second ;;
    esac
done
"${words[@]}" >second.out 2>second.log &
other_pids+=("$!")
within 60 grep -q '^ready:' second.out || die "the second gateway: $(tail -n 5 second.log)"
port=$(free_port)
policy=$(acme_policy Two "{\"preapproved\":[\"**.pre.example.test\"],\"dns\":{\"resolvers\":[\"127.0.0.1@$dns_port\"]},\"validation\":{\"httpPort\":$port}}")
acme_binding "$policy" two "$any"
scenario alternate "$directory" "$kid" "$hmac" "$port" "localhost:${GATEHOUSE_URL##*:}" "localhost:$second"
finish
