#!/bin/bash
# Validation from several vantage points: resolvers and proxies elsewhere that agree, that see something else, and a
# quorum; a name that changes its address between two questions (DNS rebinding).
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/acme.sh
. "$here/acme.sh"

scenario() { # KIND CHALLENGE MORE-OF-VALIDATION
    local policy port line
    port=$(free_port)
    NS_TRUE=$(free_port) NS_FALSE=$(free_port) PROXY_TRUE=$(free_port) PROXY_FALSE=$(free_port)
    export NS_TRUE NS_FALSE PROXY_TRUE PROXY_FALSE
    policy=$(acme_policy "$1" "$(jq -n --arg challenge "$2" --argjson port "$port" --arg ns "127.0.0.1@$NS_TRUE" \
        --arg other "127.0.0.1@$NS_FALSE" --arg true "http://127.0.0.1:$PROXY_TRUE" --arg false "http://127.0.0.1:$PROXY_FALSE" \
        "{challenges: [\$challenge], dns: {resolvers: [\$ns]}, validation: ({httpPort: \$port, tlsPort: \$port, attempts: 1} + $3)}")")
    acme_binding "$policy" "$1"
    PYTHONPATH=$here python3 -B -W ignore "$here/acme_vantages.py" "$directory" "$kid" "$hmac" "$1" "$port" >"$1.out" 2>&1 ||
        die "$1: $(cat "$1.out")"
    while read -r line; do shown "${line#shown: }"; done < <(grep '^shown:' "$1.out")
}

begin
need python3
acme_instance
near='{name: "near", resolvers: [$ns]}'
scenario agree http-01 "{vantages: [$near, {name: \"away\", proxy: \$true}]}"
scenario fooled http-01 "{vantages: [$near, {name: \"away\", proxy: \$false}]}"
scenario quorum http-01 "{vantages: [$near, {name: \"away\", proxy: \$false}], quorum: 1}"
scenario dns dns-01 "{vantages: [$near, {name: \"away\", resolvers: [\$other]}]}"
scenario rebinding http-01 '{reach: "public", allowed: ["127.0.0.1"], redirectPorts: [80, $port]}'
scenario rebinding_tls tls-alpn-01 '{reach: "public", allowed: ["127.0.0.1"]}'
finish
