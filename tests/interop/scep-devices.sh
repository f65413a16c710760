#!/bin/bash
# Devices that come by way of others: a challenge that a device management product fetches, and an Apple profile
# from its link to the certificate.
# shellcheck disable=SC2154 # openssl, work and the instance's addresses are lib.sh's
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/scep.sh
. "$here/scep.sh"

status() { curl -sS -o "$work/body" -w '%{http_code}' --cacert "$GATEHOUSE_TLS_CERT" "$@"; }
mdm() { status -u "$1" -H 'Content-Type: application/json' -d "$2" "$GATEHOUSE_URL/mdm/services/rsa-phones"; }

check_mdm() {
    local dir=$work/rsa once secret
    once=$(rest POST users '{"username":"jamf","roles":[{"role":"requester","scope":"instance"}]}' | jq -r .oneTimePassword)
    new_password jamf "$once" "correct horse battery"
    expect "before it is switched on" "$(mdm 'jamf:correct horse battery' '{}')" 404
    scep_settings rsa-phones '.validation.challenge = false | .mdm = {digitalId: "Phones", minutes: 10,
        rdnFormat: "CN=<deviceid>", parentDn: "O=Example", sanFormats: ["DNS:<deviceid>.example.test"]}'
    expect "nobody" "$(status "$GATEHOUSE_URL/mdm/services/rsa-phones")" 401
    expect "a wrong password" "$(mdm 'jamf:wrong' '{}')" 401
    expect "the configuration" "$(status -u 'jamf:correct horse battery' "$GATEHOUSE_URL/mdm/services/rsa-phones")" 200
    expect "its variables" "$(jq -c '.variables | unique' "$work/body")" '["deviceid"]'
    expect "a missing variable" "$(mdm 'jamf:correct horse battery' '{"digitalId":"Phones","variables":{}}')" 422
    expect "an asterisk" "$(mdm 'jamf:correct horse battery' '{"digitalId":"Phones","variables":{"deviceid":"*"}}')" 422
    expect "another configuration" "$(mdm 'jamf:correct horse battery' '{"digitalId":"Tablets","variables":{"deviceid":"d"}}')" 404
    expect "a challenge" "$(mdm 'jamf:correct horse battery' '{"digitalId":"Phones","variables":{"deviceid":"d4711"}}')" 200
    secret=$(jq -r .challenge "$work/body")
    expect "the subject" "$(jq -r .subject "$work/body")" CN=d4711,O=Example
    shown "a device management product logs in and fetches a challenge for one device; what is missing or too wide is refused"
    pki_ca rsa-phones "$dir"
    pki --gen --type rsa --size 2048 --outform pem >"$dir/d.key" 2>/dev/null
    ! enrol "O=Example, CN=other" other.example.test "$secret" || die "the challenge was good for another device"
    enrol "O=Example, CN=d4711" d4711.example.test "$secret" || die "not enrolled: $(cat "$work/pki.err")"
    expect "requester" "$(rest GET "certificates?q=d4711" | jq -r '.items[0].requester')" jamf
    expect "the challenge's use in the events" "$(rest GET "events?code=credential.used" | jq '.items | length')" 1
    shown "the device enrols with it, another does not; certificate and events belong to the product's user"
}

# The service makes keys, too: in the signer, out as PKCS#12, kept as long as the template says.
check_mdm_file() {
    local ask='{"digitalId":"Phones","variables":{"deviceid":"d0815"}}' id user='jamf:correct horse battery'
    file() { status -u "$1" -H 'Content-Type: application/json' -d "$2" "$GATEHOUSE_URL/mdm/services/rsa-phones/pkcs12${3:+/$3}"; }
    expect "not switched on" "$(file "$user" "$ask")" 403
    scep_settings rsa-phones '.mdm.pkcs12 = true'
    expect "nobody" "$(file 'jamf:wrong' "$ask")" 401
    expect "a short password" "$(file "$user" "$(jq -c '.password = "short"' <<<"$ask")")" 422
    expect "a file" "$(file "$user" "$ask")" 200
    jq -r .pkcs12 "$work/body" | base64 -d >"$work/d.p12"
    "$openssl" pkcs12 -in "$work/d.p12" -passin "pass:$(jq -r .password "$work/body")" -nodes -out "$work/d.pem" 2>"$work/p12.err" ||
        die "the PKCS#12: $(cat "$work/p12.err")"
    expect "key and certificate" "$("$openssl" pkey -in "$work/d.pem" -pubout)" "$("$openssl" x509 -in "$work/d.pem" -noout -pubkey)"
    expect "the subject" "$("$openssl" x509 -in "$work/d.pem" -noout -subject -nameopt RFC2253)" "subject=CN=d0815,O=Example"
    "$openssl" x509 -in "$work/d.pem" -noout -ext subjectAltName | grep -q 'DNS:d0815.example.test' || die "no alternative name"
    expect "not kept" "$(jq -r .keptUntil "$work/body") $(file "$user" '{}' "$(jq -r .id "$work/body")")" "null 404"
    shown "the service makes a key in the signer and gives it out as PKCS#12 with its certificate; it is kept nowhere"
    scep_settings rsa-phones '.mdm.keepKeyDays = 30 | .mdm.keyType = "P-256"'
    rest PUT templates/rsa-phones "$(rest GET templates/rsa-phones | jq '{name, document: (.document + {keys: ["RSA", "P-256"]}), version}')" >/dev/null
    expect "a kept one" "$(file "$user" "$(jq -c '.password = "chosen by us"' <<<"$ask")")" 200
    expect "no password of ours" "$(jq -r .password "$work/body")" null
    id=$(jq -r .id "$work/body")
    jq -r .pkcs12 "$work/body" | base64 -d | "$openssl" pkcs12 -passin 'pass:chosen by us' -nodes -out "$work/d1.pem" 2>/dev/null || die "no file"
    expect "again" "$(file "$user" '{"password":"another one"}' "$id")" 200
    jq -r .pkcs12 "$work/body" | base64 -d | "$openssl" pkcs12 -passin 'pass:another one' -nodes -out "$work/d2.pem" 2>/dev/null || die "no file"
    expect "the same key" "$("$openssl" pkey -in "$work/d2.pem" | sha256sum)" "$("$openssl" pkey -in "$work/d1.pem" | sha256sum)"
    new_password other "$(rest POST users '{"username":"other","roles":[{"role":"requester","scope":"instance"}]}' |
        jq -r .oneTimePassword)" "battery staple correct"
    expect "somebody else" "$(file "other:battery staple correct" '{}' "$id")" 404
    expect "files in the events" "$(rest GET 'events?code=scep.mdm-pkcs12' | jq -c '[.items[].details | [.again, .kept]] | sort')" \
        '[[false,false],[false,true],[true,true]]'
    shown "where the template keeps keys, the same user has the same one again under another password, and nobody else"
}

enrol() { # DN SAN CHALLENGE
    strongswan_pki --scep --url "$GATEHOUSE_HTTP_URL/scep/rsa-phones" --in "$dir/d.key" --dn "$1" --san "$2" --password "$3" \
        --cacert-enc "$dir/ra.crt" --cacert-sig "$dir/ra.crt" --cacert "$dir/ca.crt" --outform pem >"$dir/d.pem"
}

check_apple() {
    local dir=$work/rsa link url challenge
    scep_settings rsa-phones '.validation.challenge = true | .mdm = null'
    link=$(rest POST templates/rsa-phones/scep/profiles '{"name":"Example & Co","subject":{"CN":"alice-phone","O":"Example"},
        "sans":["DNS:alice.example.test"],"platform":"ios"}' | jq -er .url)
    expect "looking at the link" "$(status "$link")" 200
    expect "looking again, as mail scanners do" "$(status "$link")" 200
    grep -q '<form method="post">' "$work/body" || die "no button"
    expect "downloading" "$(status -X POST -d '' "$link")" 200
    cp "$work/body" "$dir/device.mobileconfig"
    expect "downloading twice" "$(status -X POST -d '' "$link")" 404
    shown "opening the link uses nothing up; the profile is downloaded once"
    "$openssl" cms -verify -inform DER -in "$dir/device.mobileconfig" -CAfile "$dir/ca.crt" -purpose any -binary \
        -out "$dir/profile.plist" 2>"$work/cms.err" || die "the profile's signature: $(cat "$work/cms.err")"
    python3 - "$dir/profile.plist" "$dir" <<'PY'
import plistlib, sys
profile = plistlib.load(open(sys.argv[1], "rb"))
assert profile["PayloadType"] == "Configuration" and profile["PayloadDisplayName"] == "Example & Co"
kinds = [p["PayloadType"] for p in profile["PayloadContent"]]
assert kinds == ["com.apple.security.root", "com.apple.security.scep"], kinds
scep = profile["PayloadContent"][1]["PayloadContent"]
assert scep["Subject"] == [[["CN", "alice-phone"]], [["O", "Example"]]], scep
assert scep["SubjectAltName"] == {"dNSName": ["alice.example.test"]} and scep["Keysize"] == 2048
assert len({p["PayloadUUID"] for p in profile["PayloadContent"]} | {profile["PayloadUUID"]}) == 3
open(sys.argv[2] + "/url", "w").write(scep["URL"])
open(sys.argv[2] + "/challenge", "w").write(scep["Challenge"])
PY
    shown "the profile is signed by the CA's SCEP identity (OpenSSL), and a property list with CA and SCEP payload"
    url=$(cat "$dir/url") challenge=$(cat "$dir/challenge")
    expect "the payload's address" "$url" "$GATEHOUSE_HTTP_URL/scep/rsa-phones"
    pki --gen --type rsa --size 2048 --outform pem >"$dir/d.key" 2>/dev/null
    ! enrol "CN=alice-phone, O=Evil" alice.example.test "$challenge" || die "the profile's challenge was good for another"
    enrol "CN=alice-phone, O=Example" alice.example.test "$challenge" || die "not enrolled: $(cat "$work/pki.err")"
    shown "the payload, driven by a SCEP client, gives the certificate that was approved, and no other"
}

# The same order with what uses the certificate: an ACME payload instead of SCEP, a Wi-Fi network, a VPN.
check_payloads() {
    local dir=$work/rsa link
    expect "mail without a mail server" "$(rest_status POST templates/rsa-phones/scep/profiles \
        '{"subject":{"CN":"bob"},"email":"bob@example.test"}')" 409
    expect "a directory that is none" "$(rest_status POST templates/rsa-phones/scep/profiles \
        '{"subject":{"CN":"bob"},"acme":{"directory":"ftp://x","clientIdentifier":"1"}}')" 422
    link=$(rest POST templates/rsa-phones/scep/profiles '{"name":"Example","subject":{"CN":"bob-mac"},"platform":"macos",
        "acme":{"directory":"https://pki.example.test/acme/devices/directory","clientIdentifier":"C02XYZ"},
        "wifi":{"ssid":"Corp & Co","serverNames":["radius.example.test"],"encryption":"WPA3"},
        "vpn":{"server":"vpn.example.test"}}' | jq -er .url)
    expect "downloading" "$(status -X POST -d '' "$link")" 200
    cp "$work/body" "$dir/mac.mobileconfig"
    "$openssl" cms -verify -inform DER -in "$dir/mac.mobileconfig" -CAfile "$dir/ca.crt" -purpose any -binary \
        -out "$dir/mac.plist" 2>"$work/cms.err" || die "the profile's signature: $(cat "$work/cms.err")"
    python3 - "$dir/mac.plist" <<'PY'
import plistlib, sys
profile = plistlib.load(open(sys.argv[1], "rb"))
root, acme, wifi, vpn = profile["PayloadContent"]
assert profile["PayloadScope"] == "System" and root["PayloadType"] == "com.apple.security.root"
assert acme["PayloadType"] == "com.apple.security.acme" and acme["ClientIdentifier"] == "C02XYZ", acme
assert acme["DirectoryURL"] == "https://pki.example.test/acme/devices/directory" and acme["Attest"] is True
assert (acme["KeyType"], acme["KeySize"], acme["HardwareBound"]) == ("ECSECPrimeRandom", 384, True), acme
assert acme["Subject"] == [[["CN", "bob-mac"]]], acme
assert wifi["PayloadType"] == "com.apple.wifi.managed" and wifi["SSID_STR"] == "Corp & Co", wifi
assert wifi["PayloadCertificateUUID"] == acme["PayloadUUID"] == vpn["IKEv2"]["PayloadCertificateUUID"], wifi
eap = wifi["EAPClientConfiguration"]
assert eap["AcceptEAPTypes"] == [13] and eap["PayloadCertificateAnchorUUID"] == [root["PayloadUUID"]], eap
assert eap["TLSTrustedServerNames"] == ["radius.example.test"] and wifi["EncryptionType"] == "WPA3", eap
assert vpn["VPNType"] == "IKEv2" and vpn["IKEv2"]["RemoteAddress"] == "vpn.example.test", vpn
PY
    shown "an ACME payload with a hardware-bound key in place of SCEP, and Wi-Fi and VPN that refer to its certificate"
}

new_password() {
    curl -sS --fail --cacert "$GATEHOUSE_TLS_CERT" -c "$work/jar" -H 'Content-Type: application/json' -o /dev/null \
        -d "$(jq -n --arg u "$1" --arg p "$2" '{username: $u, password: $p}')" "$GATEHOUSE_URL/api/v1/session"
    curl -sS --fail --cacert "$GATEHOUSE_TLS_CERT" -b "$work/jar" -H 'Content-Type: application/json' -H 'X-Gatehouse-CSRF: 1' \
        -d "$(jq -n --arg o "$2" --arg n "$3" '{old: $o, new: $n}')" "$GATEHOUSE_URL/api/v1/session/password"
}

begin
need pki python3
start_instance --jobs-interval 1
make_ca rsa '{"type":"RSA","bits":2048}' >/dev/null
scep_template rsa phones role >/dev/null
check_mdm
check_mdm_file
check_apple
check_payloads
finish
