#!/bin/bash
# Two gateways on one database behind HAProxy: who calls is known, a rolling restart costs nobody a request, and
# when one dies the other goes on; nothing that was acknowledged is lost.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/flow.sh
. "$here/flow.sh"

declare -A node_pid node_port

# start_node NAME: one more gateway of the instance, behind the proxy alone (TLS ends there), with its own
# signer on a copy of the token.
start_node() {
    local name=$1 deadline
    [ -d "$work/$name" ] || cp -a "$instance/data" "$work/$name"
    : >"$work/$name.out"
    GATEHOUSE_DB=$GATEHOUSE_DB "$bin/gatehouse" serve --data "$work/$name" --http none --https none \
        --listen "127.0.0.1:${node_port[$name]} proxied threads=32" --trusted-proxy 127.0.0.1 --drain 3 --stop-grace 10 \
        --public-url "$GATEHOUSE_HTTP_URL" --public-https-url "$GATEHOUSE_URL" --public-name localhost \
        </dev/null >"$work/$name.out" 2>>"$work/$name.log" &
    node_pid[$name]=$!
    other_pids+=($!)
    deadline=$((SECONDS + 60))
    until grep -q '^ready:' "$work/$name.out"; do
        alive "${node_pid[$name]}" && [ $SECONDS -lt $deadline ] || { tail -5 "$work/$name.log" >&2; die "node $name does not start"; }
        sleep 0.1
    done
}

start_haproxy() {
    proxy_port=$(free_port)
    cat >"$work/haproxy.cfg" <<CFG
global
    maxconn 200
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout check 2s
    option forwardfor
frontend pki
    bind 127.0.0.1:$proxy_port
    default_backend gateways
backend gateways
    option httpchk GET /readyz
    default-server inter 300ms fall 1 rise 1
    # What never reached a node may go to the other; what a node has begun is never sent twice.
    option redispatch 1
    retries 2
    retry-on conn-failure empty-response
    server a 127.0.0.1:${node_port[a]} check
    server b 127.0.0.1:${node_port[b]} check
CFG
    haproxy -c -q -f "$work/haproxy.cfg" || die "haproxy does not like its configuration"
    haproxy -db -f "$work/haproxy.cfg" >"$work/haproxy.log" 2>&1 &
    other_pids+=($!)
    within 20 curl -sf -o /dev/null "http://127.0.0.1:$proxy_port/readyz" || die "HAProxy does not answer"
}

# At layer 4 HAProxy passes TLS on and says in a PROXY header, version 2 or 1, who called.
layer_four() {
    local name=c version port=([1]="$(free_port)" [2]="$(free_port)")
    cp -a "$instance/data" "$work/$name"
    node_port[c]=$(free_port)
    : >"$work/c.out"
    "$bin/gatehouse" serve --db "$GATEHOUSE_DB" --data "$work/$name" --http none --https none --trusted-proxy 127.0.0.1 \
        --listen "127.0.0.1:${node_port[c]} https proxy-protocol" --public-url "$GATEHOUSE_HTTP_URL" \
        --public-https-url "$GATEHOUSE_URL" --public-name localhost </dev/null >"$work/c.out" 2>"$work/c.log" &
    other_pids+=($!)
    within 60 grep -q '^ready:' "$work/c.out" || die "node c does not start: $(tail -5 "$work/c.log")"
    printf '%s\n' 'defaults' ' mode tcp' ' timeout connect 2s' ' timeout client 30s' ' timeout server 30s' \
        'listen v1' " bind 127.0.0.1:${port[1]}" " server c 127.0.0.1:${node_port[c]} send-proxy" \
        'listen v2' " bind 127.0.0.1:${port[2]}" " server c 127.0.0.1:${node_port[c]} check send-proxy-v2 check-send-proxy" \
        >"$work/layer4.cfg"
    haproxy -db -f "$work/layer4.cfg" >"$work/layer4.log" 2>&1 &
    other_pids+=($!)
    for version in 1 2; do
        within 20 curl -sf --cacert "$GATEHOUSE_TLS_CERT" --interface "127.0.0.3$version" -o /dev/null \
            "https://localhost:${port[$version]}/healthz" || die "nothing comes through with version $version: $(tail -3 "$work/c.log")"
        grep -q "/healthz 200 .* us 127.0.0.3$version\$" "$work/c.log" || die "version $version: the client's address is not known"
    done
    ! curl -s --max-time 10 --cacert "$GATEHOUSE_TLS_CERT" -o /dev/null "https://localhost:${node_port[c]}/healthz" ||
        die "a connection without a PROXY header was served"
    ! curl -s --max-time 10 --haproxy-protocol --interface 127.0.0.9 --cacert "$GATEHOUSE_TLS_CERT" -o /dev/null \
        "https://localhost:${node_port[c]}/healthz" || die "a PROXY header of a stranger was believed"
    "$bin/gatehouse" serve --data "$work/c" --db "$GATEHOUSE_DB" --listen '127.0.0.1:1 http proxy-protocol' >/dev/null 2>"$work/wrong" &&
        die "proxy-protocol without TLS is taken"
    grep -q 'proxy-protocol is for https and mtls' "$work/wrong" || die "the error is another: $(cat "$work/wrong")"
    shown "PROXY protocol, versions 1 and 2, of HAProxy at layer 4: the client is known; nobody else comes in, nor a stranger's header"
}

api() { # METHOD PATH [BODY] through the proxy
    local -a body=()
    [ $# -lt 3 ] || body=(-H 'Content-Type: application/json' --data-binary "$3")
    curl -sS --max-time 30 --interface "${from:-127.0.0.1}" -X "$1" -H "Authorization: Bearer $GATEHOUSE_TOKEN" \
        "${body[@]}" "http://127.0.0.1:$proxy_port/api/v1/$2"
}

who_calls() {
    from=127.0.0.9 api POST cas '{"name":"Behind","key":{"type":"P-256"}}' | jq -e .id >/dev/null || die "no CA through HAProxy"
    expect "the client's address in the event" "$(rest GET 'events?limit=1&code=ca.created' | jq -r '.items[0].address')" 127.0.0.9
    curl -sS -o /dev/null --interface 127.0.0.9 -H 'X-Forwarded-For: 6.6.6.6' "http://127.0.0.1:$proxy_port/healthz"
    grep -hq '/healthz 200 .* us 127.0.0.9$' "$work"/[ab].log || die "the proxy's word about the client was not taken"
    ! grep -hq '6\.6\.6\.6' "$work"/[ab].log || die "the client's own word was taken"
    expect "status for a caller that is no trusted proxy" \
        "$(curl -sS -o /dev/null --interface 127.0.0.9 -w '%{http_code}' "http://127.0.0.1:${node_port[a]}/healthz")" 403
    shown "behind HAProxy (X-Forwarded-For) events and log have the client's address, not what the client claims"
}

# worker NUMBER: issues and reads until $work/stop is there. Each line of issued.N is an acknowledged certificate.
worker() {
    local n=$1 i=0 out id
    while [ ! -e "$work/stop" ]; do
        i=$((i + 1))
        if out=$(api POST templates/behind-web-server/requests "@$work/request.json") && id=$(jq -er .id <<<"$out") &&
            out=$(api POST "requests/$id/sign" '{}') && id=$(jq -er .certificate.serial <<<"$out"); then
            echo "$id" >>"$work/issued.$n"
        else
            printf '%s %s\n' "$(date +%s.%N)" "$out" >>"$work/failed.$n"
        fi
        # Not readyz: a draining node rightly says no there until HAProxy has heard it.
        curl -sf --max-time 10 -o /dev/null "http://127.0.0.1:$proxy_port/healthz" || date +'%s.%N healthz' >>"$work/failed.$n"
        sleep 0.1
    done
}

load() { # starts two workers
    local n
    rm -f "$work/stop" "$work"/failed.*
    worker_pids=()
    for n in 1 2; do
        worker $n 2>>"$work/worker.log" &
        worker_pids+=($!)
        other_pids+=($!)
    done
}

end_load() {
    touch "$work/stop"
    wait "${worker_pids[@]}" || true
}

# A browser's session is in the database: whichever node it comes to knows it, and knows when it is over.
sessions() {
    local cookie
    rest POST users '{"username":"nomad","roles":[{"role":"auditor","scope":"instance"}]}' >nomad.json || die "no user"
    at() { # NODE METHOD PATH [BODY]: as the proxy sends it
        curl -sS --max-time 30 -D nomad.head -o nomad.out -w '%{http_code}' -X "$2" -H 'X-Forwarded-For: 198.51.100.7' \
            -H 'Content-Type: application/json' -H "Cookie: ${cookie:-none=}" -H 'X-Gatehouse-CSRF: 1' ${4:+--data-binary "$4"} \
            "http://127.0.0.1:${node_port[$1]}/api/v1/$3"
    }
    expect "log-in at a" "$(at a POST session "$(jq '{username: "nomad", password: .oneTimePassword}' nomad.json)")" 200
    cookie=$(sed -n 's/^[Ss]et-[Cc]ookie: \(gatehouse_session=[^;]*\);.*/\1/p' nomad.head)
    [ -n "$cookie" ] || die "no cookie: $(cat nomad.head)"
    expect "the session at b" "$(at b GET session)" 200
    expect "who it is" "$(jq -r .user.username nomad.out)" nomad
    expect "log-out at b" "$(at b DELETE session)" 204
    expect "the session at a" "$(at a GET session)" 401
    shown "a session begun at one node is known at the other, and over at both when either ends it"
}

rolling_restart() {
    local name
    make_csr P-256 "$work/leaf" leaf.example.test
    jq -Rs '{csr: .}' "$work/leaf.csr" >"$work/request.json"
    load
    sleep 2
    for name in a b; do
        kill -TERM "${node_pid[$name]}"
        within 30 gone "${node_pid[$name]}" || die "node $name does not stop"
        start_node "$name"
        within 30 curl -sf -o /dev/null "http://127.0.0.1:${node_port[$name]}/readyz" || die "node $name does not get ready"
        sleep 1 # HAProxy has to see it, too
    done
    sleep 1
    end_load
    [ ! -e "$work/failed.1" ] && [ ! -e "$work/failed.2" ] || { head -5 "$work"/failed.*; die "requests failed during the rolling restart"; }
    shown "rolling restart of both nodes under load: $(cat "$work"/issued.* | wc -l) certificates, no request failed"
}

one_dies() {
    local killed worst
    load
    sleep 2
    killed=$(date +%s.%N)
    kill -KILL "${node_pid[a]}"
    wait "${node_pid[a]}" 2>/dev/null || true
    sleep 8
    end_load
    worst=$( (cat "$work"/failed.* 2>/dev/null || true) | awk -v t="$killed" '{ d = $1 - t; if (d > m) m = d } END { printf "%.1f", m + 0 }')
    awk -v w="$worst" 'BEGIN { exit !(w < 5) }' || { head "$work"/failed.*; die "requests still failed $worst s after the node died"; }
    shown "a node killed under load: the last failed request $worst s after, $(cat "$work"/failed.* 2>/dev/null | wc -l) in all"
}

nothing_lost() {
    local total serial
    cat "$work"/issued.* >"$work/acknowledged"
    total=$(wc -l <"$work/acknowledged")
    expect "different serials" "$(sort -u "$work/acknowledged" | wc -l)" "$total"
    rest GET "cas/behind/certificates?limit=500" >"$work/all.json"
    local next
    next=$(jq -r '.next // empty' "$work/all.json")
    jq -r '.items[].serial' "$work/all.json" >"$work/stored"
    while [ -n "$next" ]; do
        rest GET "cas/behind/certificates?limit=500&cursor=$next" >"$work/all.json"
        jq -r '.items[].serial' "$work/all.json" >>"$work/stored"
        next=$(jq -r '.next // empty' "$work/all.json")
    done
    serial=$(sort "$work/acknowledged" | comm -23 - <(sort "$work/stored") | head -1)
    [ -z "$serial" ] || die "the acknowledged certificate $serial is not there"
    expect "serials used twice" "$(sort "$work/stored" | uniq -d | wc -l)" 0
    shown "all $total acknowledged certificates are there, no serial twice"
}

begin
need haproxy
start_instance
node_port[a]=$(free_port)
node_port[b]=$(free_port)
start_node a
start_node b
start_haproxy
layer_four
who_calls
sessions
rolling_restart
one_dies
nothing_lost
finish
