#!/bin/bash
# Against a real BIND: dns-account-01, dns-persist-01, and CAA records (RFC 8659, RFC 8657).
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
need python3 nsupdate
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
scenario caa "{\"preapproved\": [\"**.caa.example.test\", \"**.caa2.example.test\", \"**.caa3.example.test\"], \"caa\": true, $dns}"
finish
