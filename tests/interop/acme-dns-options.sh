#!/bin/bash
# Against a real BIND: dns-account-01, dns-persist-01, DNSSEC, root servers of one's own, and CAA records (RFC 8659, RFC 8657).
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/acme.sh
. "$here/acme.sh"

scenario() { # KIND POLICY-JSON
    local policy
    policy=$(acme_policy "$1" "$2")
    acme_binding "$policy" "$1"
    PYTHONPATH=$here python3 -B -W ignore "$here/acme_dns.py" "$directory" "$kid" "$hmac" "$1" >"$1.out" 2>&1 ||
        die "$1: $(cat "$1.out")"
    while read -r line; do shown "${line#shown: }"; done < <(grep '^shown:' "$1.out")
}

begin
need python3 nsupdate dnssec-keygen dnssec-signzone
acme_instance
start_bind
printf 'key "update." { algorithm hmac-sha256; secret "%s"; };\n' "$tsig_key" >update.key
printf 'server 127.0.0.1 %s\n' "$dns_port" >server.nsupdate
cat >update.sh <<SH
#!/bin/sh
cat "$work/server.nsupdate" - | nsupdate -k "$work/update.key"
SH
chmod +x update.sh
export NSUPDATE=$work/update.sh
rest PUT acme/settings "$(rest GET acme/settings | jq '.caaIdentities = ["ca.example.test"]')" >/dev/null ||
    die "the settings are not taken"
dns="\"dns\": {\"resolvers\": [\"127.0.0.1@$dns_port\"]}, \"validation\": {\"attempts\": 1}"
scenario account "{\"challenges\": [\"dns-account-01\"], $dns}"
scenario persist "{\"challenges\": [\"dns-persist-01\"], $dns, \"lifetimes\": {\"authorizationHours\": 1}}"
# zone_server NAME ZONE FILE: sets $server
zone_server() {
    local port
    port=$(free_port)
    mkdir -p "$1"
    cp "$3" "$1/zone"
    chmod -R a+rwX "$1"
    cat >"$1/named.conf" <<EOF
options { directory "$work/$1"; listen-on port $port { 127.0.0.1; }; listen-on-v6 { none; };
  pid-file "$work/$1/pid"; session-keyfile "$work/$1/session.key"; recursion no; dnssec-validation no;
  allow-query { any; }; empty-zones-enable no; };
controls { };
zone "$2" { type primary; file "$work/$1/zone"; };
EOF
    named -g -c "$work/$1/named.conf" >"$1/log" 2>&1 &
    other_pids+=("$!")
    within 10 grep -qs "all zones loaded" "$1/log" || die "BIND does not start: $(tail -n 5 "$1/log")"
    server=127.0.0.1@$port
}

printf '%s\n' '$TTL 60' '@ IN SOA ns hostmaster 1 3600 600 86400 60' '@ IN NS ns' 'ns IN A 127.0.0.1' \
    'good IN A 127.0.0.1' 'moved IN A 127.0.0.2' >signing
dnssec-keygen -q -a ECDSAP256SHA256 -f KSK test >ksk.name
dnssec-keygen -q -a ECDSAP256SHA256 test >zsk.name
cat Ktest*.key >>signing
dnssec-signzone -q -O full -N KEEP -o test -f signed.zone signing >sign.log 2>&1 || die "$(cat sign.log)"
sed '/^moved\.test.*IN A/s/127\.0\.0\.2/127.0.0.1/' signed.zone >forged.zone
cmp -s signed.zone forged.zone && die "the forged zone is not forged"
printf '%s\n' '$TTL 60' '@ IN SOA ns.split. hostmaster.split. 1 3600 600 86400 60' '@ IN NS ns.split.' \
    'ns.split. IN A 127.0.0.1' 'www.split. IN A 127.0.0.1' >root.zone
zone_server signed test signed.zone && signed=$server
zone_server forged test forged.zone && forged=$server
zone_server root . root.zone
PYTHONPATH=$here python3 -B -W ignore "$here/acme_policies.py" resolution "$directory" "$template" "$(free_port)" "$signed" \
    "$forged" "$(dnssec-dsfromkey -2 "$(cat ksk.name).key")" "$server" >resolution.out 2>&1 || die "$(cat resolution.out)"
while read -r line; do shown "${line#shown: }"; done < <(grep '^shown:' resolution.out)
scenario caa "{\"preapproved\": [\"**.caa.example.test\", \"**.caa2.example.test\", \"**.caa3.example.test\"], \"caa\": true, $dns}"
finish
