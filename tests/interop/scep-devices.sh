#!/bin/bash
# Devices that come by way of others: a challenge that a device management product fetches, by its own web service or
# off the NDES page; the connector of ChromeOS; and an Apple profile from the mail with its link to the certificate.
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

# What the products are set to: Entrust's formats word for word; Jamf and MobileIron read the NDES page, each with its
# own user, Workspace ONE with a regular expression of its own and the template's address in another case.
check_products() {
    local dir=$work/rsa page secret product
    scep_settings rsa-phones '.validation.challenge = false | .mdm = {digitalId: "Mobile Devices_1-a", minutes: 1,
        rdnFormat: "cn=<igusername> <iggroup> <devicetype>", parentDn: "ou=Devices,o=My Company,c=US",
        sanFormats: ["UPN:<upn>", "email:<email>"]}'
    expect "field by field" "$(mdm 'jamf:correct horse battery' '{"digitalId":"Mobile Devices_1-a","variables":{"igusername":"müller, a",
        "iggroup":"Sales+West","devicetype":"iPhone","email":"a.mueller@example.test","upn":"müller@example.test","unused":"x"}}')" 200
    expect "the subject" "$(jq -r .subject "$work/body")" 'CN=müller\, a Sales\+West iPhone,OU=Devices,O=My Company,C=US'
    expect "its names" "$(jq -c '.sans | sort' "$work/body")" '["UPN:müller@example.test","email:a.mueller@example.test"]'
    expect "its life" "$(jq -r '(.expiresAt | sub("[.][0-9]+Z"; "Z") | fromdate) - now | . > 50 and . <= 60' "$work/body")" true
    secret=$(jq -r .id "$work/body")
    expect "the challenge in the events" "$(rest GET "events?code=credential.created" | jq --arg id "$secret" '[.items[] | select(.object == $id)] | length')" 1
    ! rest GET "events?limit=500" | grep -q "$(jq -r .challenge "$work/body")" || die "the challenge's value is in the events"
    expect "one variable for another" "$(mdm 'jamf:correct horse battery' '{"digitalId":"Mobile Devices_1-a","variables":{"iggroup":"x"}}')" 422
    shown "formats of variables with commas, plus signs and umlauts; a challenge for a minute; its id, not its value, in the events"
    scep_settings rsa-phones '.mdm = null | .validation.challenge = true | .ndes.enabled = true'
    for product in jamf mobileiron workspaceone; do
        [ $product = jamf ] || new_password $product "$(rest POST users "{\"username\":\"$product\",\"roles\":[{\"role\":\"requester\",
            \"scope\":\"instance\"}]}" | jq -r .oneTimePassword)" "correct horse battery"
        [ $product != mobileiron ] || scep_settings rsa-phones '.ndes.utf16 = true'
        [ $product != workspaceone ] || scep_settings rsa-phones '.ndes.utf16 = false'
        expect "$product: the page" "$(status -u "$product:correct horse battery" "$GATEHOUSE_URL/certsrv/mscep_admin/rsa-phones")" 200
        if [ $product = mobileiron ]; then page=$(iconv -f UTF-16 -t UTF-8 "$work/body"); else page=$(cat "$work/body"); fi
        secret=$(grep -oE '\b[0-9A-F]{16}\b' <<<"$page" | head -1)
        pki --gen --type rsa --size 2048 --outform pem >"$dir/d.key" 2>/dev/null
        strongswan_pki --scep --url "$GATEHOUSE_HTTP_URL/CertSrv/mscep/rsa-phones/mscep.dll/pkiclient.exe" --in "$dir/d.key" \
            --dn "CN=$product-phone" --san "$product.example.test" --password "$secret" --cacert-enc "$dir/ra.crt" \
            --cacert-sig "$dir/ra.crt" --cacert "$dir/ca.crt" --outform pem >"$dir/d.pem" || die "$product: $(cat "$work/pki.err")"
        expect "$product: requester" "$(rest GET "certificates?q=$product-phone" | jq -r '.items[0].requester')" $product
    done
    scep_settings rsa-phones '.ndes.enabled = false'
    shown "Jamf, MobileIron and Workspace ONE by the NDES page: read with Basic, in both encodings, enrolled at mscep.dll; each has its own"
}

# Google's connector forwards for all Chromebooks: a static passphrase, and only the connector's address.
check_chromeos() {
    local dir=$work/rsa first second name
    scep_settings rsa-phones '.validation = (.validation + {challenge: false, passphrase: true})
        | .access.scep = ["192.0.2.10", "127.0.0.1"]'
    first=$(rest POST templates/rsa-phones/credentials/rotate '{}' | jq -er .secret)
    for name in one two; do
        pki --gen --type rsa --size 2048 --outform pem >"$dir/d.key" 2>/dev/null
        enrol "CN=chromebook-$name" "$name.chrome.test" "$first" || die "$name: $(cat "$work/pki.err")"
    done
    expect "as the template says" "$("$openssl" x509 -in "$dir/d.pem" -noout -ext extendedKeyUsage | tail -1 | xargs)" \
        "TLS Web Client Authentication"
    ! enrol "CN=chromebook-x" x.chrome.test "not the passphrase" || die "a wrong passphrase was good"
    ! grep -rq "$first" "$instance/serve.log" || die "the passphrase is in the log"
    shown "ChromeOS: a connector enrols device after device with one passphrase, of which the gateway keeps a hash"
    second=$(rest POST templates/rsa-phones/credentials/rotate '{"overlapMinutes":60}' | jq -er .secret)
    for name in "$first" "$second"; do
        pki --gen --type rsa --size 2048 --outform pem >"$dir/d.key" 2>/dev/null
        enrol "CN=chromebook-rotated" rotated.chrome.test "$name" || die "rotated: $(cat "$work/pki.err")"
    done
    name=$(rest POST templates/rsa-phones/credentials/rotate '{"overlapMinutes":0}' | jq -er .secret)
    pki --gen --type rsa --size 2048 --outform pem >"$dir/d.key" 2>/dev/null
    ! enrol "CN=chromebook-late" late.chrome.test "$first" || die "a passphrase without overlap goes on"
    enrol "CN=chromebook-late" late.chrome.test "$name" || die "the newest: $(cat "$work/pki.err")"
    shown "its passphrase is rotated with an overlap while the Admin console is changed, and without one when it leaked"
    scep_settings rsa-phones '.access.scep = ["192.0.2.10"]'
    expect "another address" "$(curl -sS -o /dev/null -w '%{http_code}' "$GATEHOUSE_HTTP_URL/scep/rsa-phones?operation=GetCACert")" 403
    scep_settings rsa-phones '.access.scep = [] | .validation = (.validation + {challenge: true, passphrase: false})'
    shown "from another address than the connector's the passphrase is worth nothing"
}

# The link goes out by a real mail server, and two devices of one person take a profile each.
check_mailed() {
    local dir=$work/rsa mails=$work/mails link n
    mkdir "$mails"
    /usr/bin/python3 "$interop_root/tests/lib/smtp_server.py" "$mails" >"$work/smtp.log" 2>&1 &
    other_pids+=($!)
    within 20 test -s "$mails/port" || die "no mail server: $(cat "$work/smtp.log")"
    rest PUT mail/settings "{\"server\":\"127.0.0.1\",\"port\":$(cat "$mails/port"),\"security\":\"none\",\"from\":\"pki@example.test\"}" >/dev/null
    rest POST templates/rsa-phones/scep/profiles '{"name":"Example","subject":{"CN":"carol-device"},"email":"carol@example.test",
        "uses":2,"validDays":3}' >"$work/profile.json"
    within 30 test -s "$mails/1.eml" || die "no mail: $(tail -3 "$instance/serve.log")"
    link=$(mailed_link "$mails/1.eml")
    expect "the mailed link" "$link" "$(jq -r .url "$work/profile.json")"
    expect "valid for days" "$(jq -r '(.expiresAt | sub("[.][0-9]+Z"; "Z") | fromdate) - now | . > 2.9 * 86400 and . <= 3 * 86400' "$work/profile.json")" true
    for n in 1 2; do
        expect "device $n" "$(status -X POST -d '' "$link")" 200
        "$openssl" cms -verify -inform DER -in "$work/body" -CAfile "$dir/ca.crt" -purpose any -binary -out "$dir/c$n.plist" 2>/dev/null ||
            die "the signature of profile $n"
    done
    expect "a third" "$(status -X POST -d '' "$link")" 404
    for n in 1 2; do
        pki --gen --type rsa --size 2048 --outform pem >"$dir/d.key" 2>/dev/null
        enrol CN=carol-device '' "$(/usr/bin/python3 -c 'import plistlib, sys
print(plistlib.load(open(sys.argv[1], "rb"))["PayloadContent"][1]["PayloadContent"]["Challenge"])' "$dir/c$n.plist")" ||
            die "device $n: $(cat "$work/pki.err")"
    done
    expect "certificates" "$(rest GET "certificates?q=carol-device" | jq '.items | length')" 2
    expect "downloads" "$(rest GET templates/rsa-phones/scep/profiles | jq -c '[.items[] | select(.device.email != null) | [.uses, .used]]')" '[[2,2]]'
    shown "the link is mailed over SMTP; each of two devices downloads once, with a challenge of its own, and a third not"
    link=$(rest POST templates/rsa-phones/scep/profiles '{"subject":{"CN":"dave-device"},"email":"dave@example.test"}' | jq -r .id)
    within 30 test -s "$mails/2.eml" || die "no second mail"
    rest DELETE "templates/rsa-phones/scep/profiles/$link" >/dev/null
    expect "revoked" "$(status -X POST -d '' "$(mailed_link "$mails/2.eml")")" 404
    ! grep -q "/profile/[A-Za-z0-9_-]\{20\}" "$instance/serve.log" || die "a profile's link is in the log"
    shown "a mailed profile can be taken back; the log has no links"
}

mailed_link() {
    /usr/bin/python3 - "$1" <<'PY'
import email, email.policy, re, sys
mail = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=email.policy.default)
assert mail["X-To"] == mail["To"] and mail["To"].endswith("@example.test"), mail["To"]
print(re.search(r"https://\S+/profile/[\w-]+", mail.get_body(("plain",)).get_content()).group())
PY
}

enrol() { # DN SAN CHALLENGE
    strongswan_pki --scep --url "$GATEHOUSE_HTTP_URL/scep/rsa-phones" --in "$dir/d.key" --dn "$1" ${2:+--san "$2"} --password "$3" \
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
need pki python3 iconv
start_instance --jobs-interval 1
make_ca rsa '{"type":"RSA","bits":2048}' >/dev/null
scep_template rsa phones role >/dev/null
check_mdm
check_mdm_file
check_apple
check_payloads
check_mailed
check_chromeos
check_products
finish
