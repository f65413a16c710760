#!/bin/bash
# Faults at random under bounded load (REST, OCSP, ACME, timestamps): kill -9 of gateway, signer and nodes of the
# database, a node that hangs, full disks, steps of the clock, no DNS. Afterwards: nothing that was acknowledged is
# lost, no answer contradicted one of before, no serial number twice, the nodes hold the same, sealed events verify,
# `gatehouse check` is content.
#
#   faults.sh [SECONDS] [SEED]   75 seconds in CI; 900 by hand or by schedule, see docs/operations.md
#
# A seed gives the same faults in the same order; each comes once before any comes again. Disks are filled only as
# root, who may mount a small one.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/cluster.sh
. "$here/cluster.sh"
# shellcheck source=tests/interop/acme.sh
. "$here/acme.sh"

length=${1:-75}
seed=${2:-$RANDOM}
preload=${GATEHOUSE_CLOCK_STEP:-} # the library of clock_step.c

find_clock_step() {
    preload=${preload:-$(find "$bin/.." -name libclock_step.so | head -n 1)}
    [ -f "$preload" ] || die "libclock_step.so is missing: build it, or set GATEHOUSE_CLOCK_STEP"
}

small_disk() { # DIRECTORY SIZE: false when it cannot be
    mkdir -p "$1"
    [ "$(id -u)" = 0 ] && mount -t tmpfs -o "size=$2,mode=711" tmpfs "$1" 2>/dev/null || return 1
    disks+=("$work/$1")
}

without_disks() {
    local disk
    for disk in "${disks[@]}"; do umount -l "$disk"; done
}

# --- the gateway ------------------------------------------------------------------------------------

arguments() {
    args=(--data "$work/node/data" --db "$(nodes_url 1 2 3)" --http "127.0.0.1:$http_port" --https "127.0.0.1:$https_port"
        --public-name localhost --public-url "$GATEHOUSE_HTTP_URL" --public-https-url "$GATEHOUSE_URL"
        --first-login "$work/first-login.txt" --clock-error 3600000 --log-level warn)
}

# The log goes through a pipe: a log on a full disk would be an experiment about the shell.
serve() {
    : >"$work/serve.out"
    LD_PRELOAD=$preload CLOCK_STEP_FILE=$work/clock setsid "$bin/gatehouse" serve "${args[@]}" </dev/null >"$work/serve.out" 2>>"$work/serve.log" &
    disown
    gateway=$!
    other_pids+=("$gateway")
}

gateway_up() {
    serve
    within 60 grep -q '^ready:' "$work/serve.out" || die "the gateway does not start: $(tail -n 5 "$work/serve.log")"
}

first_start() {
    http_port=$(free_port)
    https_port=$(free_port)
    GATEHOUSE_HTTP_URL=http://localhost:$http_port
    GATEHOUSE_URL=https://localhost:$https_port
    mkdir -p node
    arguments
    step_clock 0
    "$bin/gatehouse" init "${args[@]}" >init.log 2>&1 || die "init: $(tail -n 5 init.log)"
    gateway_up
    GATEHOUSE_TOKEN=$(sed -n 's/^token=//p' first-login.txt)
    GATEHOUSE_TLS_CERT=$work/tls.pem
    "$openssl" s_client -connect "127.0.0.1:$https_port" -servername localhost </dev/null 2>/dev/null |
        "$openssl" x509 >tls.pem 2>/dev/null || die "no TLS certificate"
}

signer_of() { cat "/proc/$gateway/task"/*/children 2>/dev/null | tr ' ' '\n' | sed '/^$/d' | head -n 1; }

# --- faults -----------------------------------------------------------------------------------------
# Each does its harm and undoes it; whether all goes on by itself is looked at after each.

fault_gateway() {
    kill -KILL "$gateway"
    within 10 gone "$gateway" || die "the gateway survives SIGKILL"
    sleep 0.3
    gateway_up
}

fault_signer() { kill -KILL "$(signer_of)"; }

# The one in use, most of the time.
pick_node() { node=$((RANDOM % 5 < 3 ? 1 : 2 + RANDOM % 2)); }

node_back() { # NODE
    local position
    position=$(position_of "$1")
    node_start "$1" ${position:+--wsrep-start-position="$position"}
    node_ready "$1" 90
}

fault_node() {
    pick_node
    kill -KILL "${node_pid[$node]}"
    within 10 gone "${node_pid[$node]}" || die "the node survives SIGKILL"
    sleep $((RANDOM % 4))
    node_back "$node"
}

fault_hang() {
    pick_node
    kill -STOP "${node_pid[$node]}"
    sleep $((3 + RANDOM % 4))
    kill -CONT "${node_pid[$node]}"
    # A node that finds itself left out joins again, or ends for systemd to start it.
    sleep 1
    within 60 joined_or_dead "$node" || die "node $node neither joins nor ends: $(tail -n 5 "db$node/db.log")"
    alive "${node_pid[$node]}" || node_back "$node"
}
joined_or_dead() { is_synced "$1" || gone "${node_pid[$1]}"; }

# MariaDB may leave the cluster when its disk is full, and wait for an operator, who starts it again.
end_left() {
    grep -q 'Server status change connected -> disconnected' "db$1/db.log" ||
        die "node $1 neither goes on nor ends: $(tail -n 5 "db$1/db.log")"
    note "node $1 left the cluster for its full disk, and is ended"
    kill -KILL "${node_pid[$1]}"
    within 10 gone "${node_pid[$1]}" || die "node $1 does not end"
}

fill() { # DIRECTORY: to the last byte
    dd if=/dev/zero of="$1/ballast" bs=64k 2>/dev/null || true
    [ "$(df --output=avail -k "$1" | tail -n 1)" -lt 64 ] || die "$1 does not fill"
}

fault_disk_database() {
    fill "$work/db1"
    sleep $((4 + RANDOM % 4))
    rm "$work/db1/ballast"
    within 30 joined_or_dead 1 || end_left 1
    alive "${node_pid[1]}" || node_back 1
}

fault_disk_gateway() {
    fill "$work/node"
    sleep 1
    if [ $((RANDOM % 2)) = 0 ]; then kill -KILL "$(signer_of)"; else fault_gateway; fi
    sleep 3
    rm "$work/node/ballast"
}

# In place, for the gateway has the file mapped.
step_clock() { python3 -c 'import sys; sys.stdout.buffer.write(int(sys.argv[1]).to_bytes(8, "little", signed=True))' "$1" 1<>clock; }

fault_clock() {
    local steps=(3700 -3700 90 -90)
    step_clock "${steps[RANDOM % 4]}"
    sleep $((3 + RANDOM % 3))
    step_clock 0
    sleep 1
}

fault_dns() {
    local named
    named=$(cat bind/pid)
    kill -STOP "$named"
    sleep $((3 + RANDOM % 4))
    kill -CONT "$named"
}

# --- the run ----------------------------------------------------------------------------------------

acked() { if [ -e load/issued ]; then wc -l <load/issued; else echo 0; fi; }
more_than() { [ "$(acked)" -gt "$1" ]; }

prepare() {
    mkdir -p load
    ca=$(make_ca Faults '{"type":"P-256"}')
    template=$ca-web-server
    acme_door "$template"
    public "/ca/$ca.pem" >load/ca.pem
    make_csr P-256 leaf leaf.example.test
    start_bind
    web_port=$(free_port)
    policy=$(acme_policy Faults "{\"dns\":{\"resolvers\":[\"127.0.0.1@$dns_port\"]},\"validation\":{\"httpPort\":$web_port},
        \"limits\":{\"ordersPerHour\":0}}")
    acme_binding "$policy" load '{"uses":0}'
    echo data >data
    "$openssl" ts -query -data data -sha256 -cert -out load/query.tsq 2>/dev/null
    jq -n --arg url "$GATEHOUSE_URL" --arg http "$GATEHOUSE_HTTP_URL" --arg tls "$GATEHOUSE_TLS_CERT" --arg ca "$ca" \
        --arg token "$GATEHOUSE_TOKEN" --arg template "$template" --rawfile csr leaf.csr --arg kid "$kid" --arg hmac "$hmac" \
        --argjson port "$web_port" '{url: $url, http: $http, tls: $tls, ca: $ca, token: $token, template: $template,
         csr: $csr, kid: $kid, hmac: $hmac, webPort: $port, pause: 0.15}' >load/load.json
    PYTHONDONTWRITEBYTECODE=1 GATEHOUSE_TLS_CERT=$GATEHOUSE_TLS_CERT python3 "$here/faults_load.py" load >load.log 2>&1 &
    load=$!
    other_pids+=("$load")
}

# Goes on by itself: new certificates within half a minute; how long it took.
recovers() { # WHAT
    local from began took
    from=$(acked)
    began=$(date +%s%N)
    within 30 more_than "$((from + 2))" || die "nothing is issued 30 s after $1 (seed $seed): $(tail -n 5 load/wrong 2>/dev/null)"
    alive "$load" || die "the load ended: $(tail -n 5 load.log)"
    took=$((($(date +%s%N) - began) / 1000000))
    [ "$took" -le "${slowest[$1]:-0}" ] || slowest[$1]=$took
}

run() {
    local -a deck=()
    local i what
    declare -gA done_count=() slowest=()
    RANDOM=$seed
    within 60 more_than 5 || die "the load does not start: $(cat load.log load/wrong 2>/dev/null | tail -n 5)"
    local end=$((SECONDS + length))
    while [ $SECONDS -lt $end ]; do
        [ ${#deck[@]} -gt 0 ] || deck=("${faults[@]}")
        i=$((RANDOM % ${#deck[@]}))
        what=${deck[i]}
        deck=("${deck[@]:0:i}" "${deck[@]:i+1}")
        sleep "$((RANDOM % 3)).$((RANDOM % 10))"
        printf '%s %s\n' "$(date +%T)" "$what" >>faults.done
        "fault_$what"
        done_count[$what]=$((${done_count[$what]:-0} + 1))
        recovers "$what"
    done
    touch load/stop
    within 90 gone "$load" || die "the load does not end"
    [ -s load/counts.json ] || die "the load failed: $(tail -n 5 load.log)"
    for i in 1 2 3; do node_ready $i 60; done
    within 30 curl -sf -o /dev/null "$GATEHOUSE_HTTP_URL/readyz" || die "readyz: $(curl -s "$GATEHOUSE_HTTP_URL/readyz")"
    note "seed $seed: how often, and in how many ms at the latest three more certificates were issued:$(
        for what in "${!done_count[@]}"; do printf ' %s %s (%s),' "$what" "${done_count[$what]}" "${slowest[$what]:-0}"; done)"
    note "$(acked) certificates and $(wc -l <load/revoked) revocations acknowledged; $(jq -c . load/counts.json)"
    shown "$(wc -l <faults.done) faults in $length s, and after each all went on by itself"
}

# --- afterwards -------------------------------------------------------------------------------------

ask() { sql "$1" <<<"$2"; } # NODE STATEMENT

no_answer_was_wrong() {
    [ ! -s load/wrong ] || die "$(wc -l <load/wrong) answers (seed $seed): $(sort load/wrong | head -n 8) $(cat faults.done)"
    shown "no answer contradicted one of before, and none was an error of ours"
}

nothing_is_lost() {
    local i
    sort -u load/issued | awk '{ print $2 }' | sort >acked.serials
    sort -u load/revoked | awk '{ print $2 }' | sort >acked.revoked
    expect "serials that were acknowledged twice" "$(uniq -d acked.serials | wc -l)" 0
    for i in 1 2 3; do
        ask $i "SELECT LOWER(HEX(serial)) FROM gatehouse.certificates" | sort >stored
        expect "acknowledged certificates that node $i lacks" "$(comm -23 acked.serials stored | wc -l)" 0
        expect "serials that node $i has twice" "$(uniq -d stored | wc -l)" 0
        ask $i "SELECT LOWER(HEX(c.serial)) FROM gatehouse.certificates c JOIN gatehouse.revocations r ON r.certificate_id = c.id" |
            sort >stored.revoked
        expect "acknowledged revocations that node $i lacks" "$(comm -23 acked.revoked stored.revoked | wc -l)" 0
        ask $i "CHECKSUM TABLE gatehouse.certificates, gatehouse.revocations, gatehouse.events, gatehouse.requests" >"sums.$i"
    done
    expect "different contents of the nodes" "$(sort -u sums.? | wc -l)" 4 # one line a table
    expect "certificates without their event" "$(ask 1 "SELECT COUNT(*) FROM gatehouse.certificates c WHERE c.request_id IS NOT NULL AND
        NOT EXISTS (SELECT 1 FROM gatehouse.events e WHERE e.code = 'certificate.issued' AND e.object = $uuid_of_id)")" 0
    shown "$(wc -l <acked.serials) acknowledged certificates and $(wc -l <acked.revoked) revocations are on all three nodes, none twice, each with its event"
}
uuid_of_id="LOWER(CONCAT_WS('-', SUBSTR(HEX(c.id), 1, 8), SUBSTR(HEX(c.id), 9, 4), SUBSTR(HEX(c.id), 13, 4), SUBSTR(HEX(c.id), 17, 4), SUBSTR(HEX(c.id), 21)))"

lists_and_tokens() {
    public "/crl/$ca.crl" | "$openssl" crl -inform DER -noout -text | sed -n 's/^ *Serial Number: *//p' | tr 'A-F' 'a-f' | sort >crl.serials
    expect "acknowledged revocations that the CRL lacks" "$(comm -23 acked.revoked crl.serials | wc -l)" 0
    [ -s load/tokens ] || die "no timestamp was given"
    "$openssl" ts -verify -queryfile load/query.tsq -in load/last.tsr -CAfile load/ca.pem 2>ts.err | grep -q OK || die "$(cat ts.err)"
    expect "timestamps with a serial number of another" "$(sort load/tokens | uniq -d | wc -l)" 0
    shown "the CRL has every revocation; $(wc -l <load/tokens) timestamps, each with a serial number of its own"
}

sealed_and_content() {
    "$bin/gatehouse" audit verify "${args[@]}" >verify.out 2>&1 || die "audit verify: $(tail -n 5 verify.out)"
    grep -q 'findings=0' verify.out || die "audit verify: $(tail -n 5 verify.out)"
    "$bin/gatehouse" check "${args[@]}" >check.out 2>&1 || die "check: $(grep -v '^ok' check.out)"
    shown "the sealed events verify ($(tail -n 1 verify.out)), gatehouse check is content"
}

begin
need mariadbd mariadb-install-db rsync python3 named
[ -e "$provider" ] || die "$provider is missing (galera-4)"
find_clock_step
instance=$work/none
disks=()
faults=(gateway signer node hang clock dns)
at_end+=(without_disks)
if small_disk db1 512m && small_disk node 16m; then
    faults+=(disk_database disk_gateway)
else
    note "disks are not filled: no small disk can be mounted here"
fi
note "seed $seed"
start_cluster
first_start
prepare
run
no_answer_was_wrong
nothing_is_lost
lists_and_tokens
sealed_and_content
finish
