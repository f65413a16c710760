#!/bin/bash
# The Debian packages: built by cpack from this build, whole in themselves, hardened, and an instance runs from them.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/flow.sh
. "$here/flow.sh"

build_packages() {
    local build=${bin%/bin} package
    mkdir "$work/packages"
    (cd "$work" && cpack -G DEB --config "$build/CPackConfig.cmake" -B "$work/packages" >"$work/cpack.log" 2>&1) ||
        { tail -20 "$work/cpack.log" >&2; die "cpack failed"; }
    for package in "$work"/packages/*.deb; do
        dpkg-deb -x "$package" "$work/root"
        dpkg-deb -f "$package" Depends >>"$work/depends"
    done
    expect "packages" "$(find "$work/packages" -maxdepth 1 -name '*.deb' | wc -l)" 3
    grep -q libmariadb3 "$work/depends" || die "the packages do not say what they need: $(cat "$work/depends")"
    shown "three packages: $(cd "$work/packages" && du -h ./*.deb | tr '\t\n' '  ')"
}

self_contained() {
    ldd "$work/root/usr/bin/gatehouse" | awk '/lib(ssl|crypto)\.so/ { print $3 }' >"$work/libraries"
    if [ -s "$work/root/usr/lib/gatehouse/libcrypto.so.3" ]; then
        ! grep -v "^$work/root/" "$work/libraries" || die "OpenSSL is not the package's own"
    fi
    ! readelf -d "$work/root/usr/bin/gatehouse" "$work/root/usr/bin/gatehouse-signer" \
        "$work/root/usr/bin/gatehouse-agent" | grep -i 'runpath' | grep -v 'ORIGIN/../lib/gatehouse\]' ||
        die "a path of the build is in the programs"
    MANROFFOPT=-ww man --warnings -l "$work/root/usr/share/man/man1/gatehouse-ctl.1" >"$work/man" 2>"$work/man.log"
    grep -q 'revoke-certificate' "$work/man" || die "no manual page"
    bash -n "$work/root/usr/share/bash-completion/completions/gatehouse" || die "the completion is no bash"
    shown "OpenSSL inside, no path of the build; manual page and completion are there"
}

units() {
    local unit score
    for unit in gatehouse gatehouse-signer gatehouse-agent; do
        score=$(systemd-analyze security --offline=true --no-pager "$work/root/usr/lib/systemd/system/$unit.service" |
            sed -n 's/.*Overall exposure level[^0-9]*\([0-9.]*\).*/\1/p')
        awk -v s="$score" 'BEGIN { exit !(s != "" && s < 2.5) }' || die "$unit.service: exposure ${score:-unknown}"
        note "$unit.service: exposure $score of 10"
    done
    shown "all units are hardened"
}

runs() {
    GATEHOUSE_BIN=$work/root/usr/bin bin=$work/root/usr/bin
    export GATEHOUSE_BIN
    start_instance
    make_ca Packaged '{"type":"P-256"}' >"$work/slug"
    expect "the CA" "$(cat "$work/slug")" packaged
    curl -sSf -o /dev/null "$GATEHOUSE_HTTP_URL/crl/packaged.crl" || die "no CRL"
    shown "an instance runs from the packages' files, a CA signs"
}

begin
need cpack dpkg-deb dpkg-shlibdeps readelf systemd-analyze man
build_packages
self_contained
units
runs
finish
