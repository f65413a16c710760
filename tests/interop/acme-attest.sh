#!/bin/bash
# device-attest-01: statements of Apple devices, TPMs and YubiKeys, made here under a maker that the template trusts.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/acme.sh
. "$here/acme.sh"

begin
need python3
acme_instance
"$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout maker.key -out maker.pem -days 30 \
    -subj '/CN=Device Maker Root' -addext 'keyUsage=critical,keyCertSign,cRLSign' 2>/dev/null
jq -n --rawfile pem maker.pem '{role: "device", name: "Maker", crlCheck: "none", certificate: $pem}' >anchor.json
rest POST "templates/$template/anchors" @anchor.json >/dev/null || die "no anchor"
# A device's certificate may have no DNS name.
rest GET "templates/$template" | jq '{name, version, document: (.document
    | .sans.min = 0 | .sans.commonNameToSan = false | .sans.types = ["dns", "ip", "other"])}' >template.json
rest PUT "templates/$template" @template.json >/dev/null || die "the template does not take devices"
policy=$(acme_policy devices '{"challenges": ["device-attest-01"],
    "identifiers": ["device:C02*", "device:tpm-*", "device:t", "device:1*"]}')
acme_binding "$policy" devices
PYTHONPATH=$here python3 -B -W ignore "$here/acme_attest.py" "$directory" "$kid" "$hmac" maker.key maker.pem >attest.out 2>&1 ||
    die "attestation: $(cat attest.out)"
while read -r line; do shown "${line#shown: }"; done < <(grep '^shown:' attest.out)

rest GET 'events?code=acme.challenge&limit=100' >events.json
jq -e '[.items[] | select(.code == "acme.challenge.valid")] | length == 4' events.json >/dev/null ||
    die "events: $(cat events.json)"
jq -e '[.items[] | select(.code == "acme.challenge.invalid")] | length > 8' events.json >/dev/null ||
    die "events: $(cat events.json)"
shown "every attestation, taken or refused, is an event"
finish
