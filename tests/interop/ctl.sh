#!/bin/bash
# gatehouse ctl: an administrator's day without a browser and without prompts.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

ctl() { "$bin/gatehouse" ctl "$@"; }

a_day() {
    local id
    ctl create-ca --name "Line CA" --key '{"type":"P-256"}' | jq -e '.id == "line-ca"' >/dev/null || die "create-ca"
    make_csr P-256 "$work/leaf" line.example.test
    id=$(ctl create-request line-ca-web-server --csr "@$work/leaf.csr" | jq -er .id) || die "create-request"
    ctl list-requests --state pending | jq -e --arg id "$id" '.items[0].id == $id' >/dev/null || die "list-requests"
    id=$(ctl sign-request "$id" | jq -er .certificate.id) || die "sign-request"
    ctl get-certificate "$id" --format pem >"$work/leaf.pem"
    "$openssl" x509 -in "$work/leaf.pem" -noout -checkhost line.example.test | grep -q 'does match' || die "get-certificate"
    ctl revoke-certificate "$id" --reason keyCompromise >/dev/null || die "revoke-certificate"
    ctl publish-crl line-ca >/dev/null || die "publish-crl"
    public /crl/line-ca.crl | "$openssl" crl -inform DER -noout -text | grep -q 'Key Compromise' || die "the CRL"
    shown "made a CA, issued, revoked and published from the command line"
    ctl list-templates line-ca --output table >"$work/table"
    head -1 "$work/table" | grep -q '^id  *' || die "no table: $(head -2 "$work/table")"
    ctl create-user --username operator --displayName "An Operator" --roles '[{"role":"officer","scope":"instance"}]' >"$work/user" 2>&1 ||
        ctl create-user --username operator --displayName "An Operator" >"$work/user" || die "$(cat "$work/user")"
    ctl list-users | jq -e '.items | map(.username) | index("operator")' >/dev/null || die "list-users"
    ctl export-template line-ca-web-server >"$work/template.json" || die "export-template"
    [ -s "$work/template.json" ] || die "an empty export"
    shown "templates, users, exports; tables for people, JSON for scripts"
}

refusals() {
    ! ctl get-ca none >"$work/out" 2>"$work/error" || die "what is not there was found"
    grep -q '404' "$work/error" || die "$(cat "$work/error")"
    ! ctl make-coffee >"$work/out" 2>"$work/error" || die "an unknown command"
    ! ctl revoke-certificate 2>"$work/error" || die "an argument is missing"
    grep -q 'needs id' "$work/error" || die "$(cat "$work/error")"
    ! ctl revoke-certificate x --colour red 2>"$work/error" || die "an unknown option"
    ! GATEHOUSE_TOKEN=gh_wrong ctl list-users >"$work/out" 2>"$work/error" || die "a wrong token"
    grep -q 401 "$work/error" || die "$(cat "$work/error")"
    printf '%s\n' "$GATEHOUSE_TOKEN" >"$work/token"
    chmod 600 "$work/token"
    GATEHOUSE_TOKEN='' ctl list-users --token-file "$work/token" >/dev/null || die "the token's file"
    shown "refusals end with status 1 and the reason; the token may come from a file"
}

every_operation() {
    local operations commands
    operations=$(public /api/v1/openapi.json 2>/dev/null | jq '[.paths[][] | objects | select(.operationId)] | length') ||
        operations=$(rest GET openapi.json | jq '[.paths[][] | objects | select(.operationId)] | length')
    commands=$(ctl help | wc -l)
    expect "commands" "$commands" "$operations"
    ctl completion | bash -n || die "the completion is no bash"
    ctl manual >"$work/ctl.1"
    man -l "$work/ctl.1" 2>/dev/null | grep -q revoke-certificate || die "no manual"
    shown "all $commands operations of the API are commands, with help, completion and manual"
}

begin
need man
start_instance
a_day
refusals
every_operation
finish
