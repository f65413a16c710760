#!/bin/bash
# The clock: timestamps are refused with timeNotAvailable when NTP servers say that it is off, do not answer or are not
# synchronised, when a majority is missing, and when chronyd is stopped; they come again when it is well. What readyz,
# the events and REST say of it.
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

ask() {
    curl -sS --fail -H 'Content-Type: application/timestamp-query' --data-binary @q.tsq -o r.tsr "$GATEHOUSE_HTTP_URL/tsa/$ca" &&
        "$openssl" ts -reply -in r.tsr -text >r.txt 2>/dev/null
}
granted() { ask && grep -q 'Status: Granted' r.txt; }
refused() { ask && grep -q 'Failure info: the TSA.s time source is not available' r.txt; }
ready_is() { [ "$(curl -s -o ready.json -w '%{http_code}' "$GATEHOUSE_HTTP_URL/readyz")" = "$1" ]; }
offset() { printf '%s\n' "$2" >"offset.$1.new" && mv "offset.$1.new" "offset.$1"; }

ntp_server() { # NUMBER: its port in ntp_port
    ntp_port=$(free_port)
    offset "$1" 0
    python3 -B "$interop_root/tests/interop/ntp_server.py" "$ntp_port" "offset.$1" 2>"ntp.$1.err" &
    other_pids+=($!)
}

begin
need python3 chronyd
servers=()
for number in 1 2 3; do
    ntp_server "$number"
    servers+=(--ntp-server "127.0.0.1:$ntp_port")
done
start_instance "${servers[@]}" --clock-interval 1 --clock-error 500
ca=$(make_ca Clock '{"type":"EC","curve":"P-256"}')
head -c 100 /dev/urandom >data
"$openssl" ts -query -data data -sha256 -cert -out q.tsq 2>/dev/null
within 15 granted || die "no timestamp: $(cat r.txt)"
rest GET clock | jq -e '.source == "ntp" and .trusted and .serversAgreed == 3' >/dev/null || die "$(rest GET clock)"
shown "three NTP servers agree: timestamps are granted"

offset 1 30
sleep 3
granted || die "one false server of three counts: $(cat r.txt)"
rest GET clock | jq -e '.trusted and .serversAnswered == 3 and .serversAgreed == 2' >/dev/null || die "$(rest GET clock)"
offset 2 mute
within 10 refused || die "one of three is believed: $(cat r.txt)"
offset 1 0
within 10 granted || die "no recovery: $(cat r.txt)"
shown "one false server of three is outvoted; without a majority there are no timestamps"

offset 2 0
for number in 1 2 3; do offset "$number" 5; done
within 10 refused || die "5 s off: $(cat r.txt)"
ready_is 503 || die "readyz is well"
jq -e '.checks[] | select(.name == "clock") | (.ok | not) and (.reason | test("off by (5|4[.]9)"))' ready.json >/dev/null || die "$(cat ready.json)"
grep -q ' error gatehouse/tsa: no timestamps: the clock is off by' "$instance/serve.log" || die "the log does not say it as an error"
rest GET clock | jq -e '(.trusted | not) and (.offsetMicroseconds > 4900000) and .tokens.unavailable > 0' >/dev/null || die "$(rest GET clock)"
metric() { # NAME TEST: an awk condition on its value v
    curl -sS --cacert "$GATEHOUSE_TLS_CERT" -H "Authorization: Bearer $GATEHOUSE_TOKEN" "$GATEHOUSE_URL/metrics" >metrics.txt &&
        awk -v name="$1" '$1 == name { v = $2; found = '"$2"' } END { exit !found }' metrics.txt
}
metric gatehouse_clock_trusted 'v == 0' && metric gatehouse_clock_offset_seconds 'v > 4.9 && v < 5.1' &&
    metric gatehouse_clock_error_bound_seconds 'v > 4.9' || die "metrics: $(grep clock metrics.txt)"
for number in 1 2 3; do offset "$number" 0; done
within 10 granted || die "no recovery: $(cat r.txt)"
metric gatehouse_clock_trusted 'v == 1' || die "metrics: $(grep clock metrics.txt)"
within 5 ready_is 200 || die "readyz does not recover"
rest GET 'events?code=clock.' | jq -e '[.items[].code] | index("clock.lost") != null and index("clock.trusted") != null' >/dev/null ||
    die "no events"
for number in 1 2 3; do offset "$number" 5; done
check=(check --data "$instance/data" --db "$GATEHOUSE_DB" --clock-error 500 "${servers[@]}")
"$bin/gatehouse" "${check[@]}" >check.out 2>&1 && die "gatehouse check is content: $(cat check.out)"
grep -q '^PROBLEM  clock reference: .*off by \(5\|4\.9\)' check.out || die "gatehouse check: $(cat check.out)"
for number in 1 2 3; do offset "$number" 0; done
"$bin/gatehouse" "${check[@]}" >check.out 2>&1 || true
grep -q '^ok       clock reference (NTP): off by ' check.out || die "gatehouse check: $(cat check.out)"
within 10 granted || die "no recovery: $(cat r.txt)"
shown "gatehouse check asks the same references: a line that says how far the clock is off"
shown "5 s off: timeNotAvailable, readyz 503 with the reason, events, metrics; back again: granted"

for number in 1 2 3; do offset "$number" unsynchronised; done
within 10 refused || die "unsynchronised servers: $(cat r.txt)"
for number in 1 2 3; do offset "$number" mute; done
sleep 3
refused || die "mute servers: $(cat r.txt)"
for number in 1 2 3; do offset "$number" 0; done
within 10 granted || die "no recovery: $(cat r.txt)"
shown "servers that are not synchronised or do not answer are no reference"

# --- chronyd: as a server of NTP, then by its tracking report ------------------------------------------------------

chrony_port=$(free_port)
command_port=$(free_port)
cat >chrony.conf <<EOF
local stratum 5
allow 127.0.0.1
bindaddress 127.0.0.1
port $chrony_port
cmdport $command_port
bindcmdaddress 127.0.0.1
bindcmdaddress $work/chronyd.sock
pidfile $work/chronyd.pid
EOF
start_chronyd() {
    chronyd -x -d -u "$(id -un)" -f "$work/chrony.conf" >>chronyd.log 2>&1 &
    chronyd=$!
    other_pids+=("$chronyd")
}
start_chronyd
stop_gateway
printf '%s\n' --chrony "127.0.0.1:$command_port" --clock-interval 1 --clock-error 500 >"$instance/options"
start_gateway
within 20 granted || die "with chronyd's tracking: $(cat r.txt) $(rest GET clock) $(tail -n 5 chronyd.log)"
rest GET clock | jq -e '.source == "chrony" and .trusted' >/dev/null || die "$(rest GET clock)"
kill "$chronyd"
within 10 refused || die "chronyd is gone and nobody minds: $(cat r.txt)"
rest GET clock | jq -re .reason | grep -q chronyd || die "$(rest GET clock)"
start_chronyd
within 20 granted || die "no recovery: $(cat r.txt)"
shown "chronyd's tracking: stopped, timestamps are refused; started again, they are granted"

stop_gateway
printf '%s\n' --ntp-server "127.0.0.1:$chrony_port" --clock-interval 1 --clock-error 500 >"$instance/options"
start_gateway
within 20 granted || die "chronyd as NTP server: $(cat r.txt) $(rest GET clock)"
kill "$chronyd"
within 10 refused || die "the NTP server is gone: $(cat r.txt)"
start_chronyd
within 20 granted || die "no recovery: $(cat r.txt)"
shown "chronyd as NTP server, asked by packets of our own: the same"
finish
