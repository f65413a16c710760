# Sourced: packages of npm that tests use, as the lock file in npm/ has them.
# shellcheck shell=bash

# npm_packages: $modules is the directory that has node_modules; made once per lock file.
npm_packages() {
    local cache=${GATEHOUSE_CACHE:-$HOME/.cache/gatehouse}/interop place
    modules=$cache/packages-$(sha256sum <"$here/npm/package-lock.json" | cut -c1-16)
    [ ! -d "$modules" ] || return 0
    mkdir -p "$cache"
    place=$(mktemp -d "$cache/new.XXXXXX")
    cp -- "$here/npm/package.json" "$here/npm/package-lock.json" "$here/npm/.npmrc" "$place/"
    (cd "$place" && npm ci --loglevel=error >&2) || die "npm ci"
    mv -T -- "$place" "$modules" 2>/dev/null || rm -rf -- "$place"
}
