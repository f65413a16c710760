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

# field PACKAGE NAME
field() { dpkg-deb -f "$(echo "$work"/packages/"$1"_*.deb)" "$2"; }

# What the programs want of libraries, and of which C library, read from the files themselves.
portable() {
    local file wanted symbol
    local -a files
    mapfile -t files < <(for file in packages/gatehouse-signer_*.deb packages/gatehouse-agent_*.deb; do dpkg-deb -c "$file"; done |
        awk '{ print $6 }' | grep -E '/bin/.|\.so' | sed "s|^\.|$work/root|")
    [ "${#files[@]}" -ge 6 ] || die "only these were found: ${files[*]}"
    for file in "${files[@]}"; do
        for wanted in $(readelf -d "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
            case $wanted in
            libc.so.6 | ld-linux* | libm.so.6 | libpthread.so.0 | libdl.so.2 | librt.so.1) ;;
            *) [ -s "$work/root/usr/lib/gatehouse/$wanted" ] || die "${file#"$work/root"} wants $wanted, which is in no package" ;;
            esac
        done
        symbol=$(readelf -V "$file" | grep -oE 'GLIBC_2\.[0-9]+' | sort -uV | tail -n 1)
        [ "$(printf '%s\n' "$symbol" GLIBC_2.35 | sort -V | tail -n 1)" = GLIBC_2.35 ] ||
            die "${file#"$work/root"} wants $symbol: Ubuntu 22.04 has 2.35"
        note "${file#"$work/root"}: $symbol"
    done
    expect "what the signer's package needs" "$(field gatehouse-signer Depends)" \
        "systemd | systemd-standalone-sysusers, libc6 (>= 2.35)"
    ! field gatehouse-agent Depends | grep -qE 'ssl|p11-3' || die "the agent's package: $(field gatehouse-agent Depends)"
    shown "signer and agent need nothing but a C library of 2.35: Debian 12 and 13, Ubuntu 22.04, 24.04, 26.04"
}

# One OpenSSL in each process: that of the package, whatever the other libraries were linked against.
one_openssl() { # PID
    local maps
    maps=$(awk '/lib(crypto|ssl)\.so/ { print $6 }' "/proc/$1/maps" | sort -u)
    ! grep -v "^$work/root/usr/lib/gatehouse/" <<<"$maps" || die "another OpenSSL is in the process: $maps"
    grep -q libcrypto <<<"$maps" || die "no OpenSSL in the process $1"
}

self_contained() {
    ldd "$work/root/usr/bin/gatehouse" | awk '/lib(ssl|crypto)\.so/ { print $3 }' >"$work/libraries"
    if $own_openssl; then
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
    if $own_openssl; then
        one_openssl "$(gateway_pid)"
        one_openssl "$(signer_pid)"
    fi
    shown "an instance runs from the packages' files, a CA signs, with one OpenSSL in each process"
}

# --- the container -----------------------------------------------------------------------------------

recipe=$interop_root/scripts/container/Containerfile
steps() { sed -n "s/^$1 //p" "$recipe"; }

# Each path and program that the recipe names is in a package or made by one of its steps.
container_names() {
    local path
    for path in $(grep -v '^#' "$recipe" | grep -oE '/(usr|var|etc)/[a-z/.-]+' | sort -u); do
        case $path in
        /var/lib/gatehouse | /var/lib/apt/lists | /usr/sbin/nologin) ;;
        *) [ -e "$work/root$path" ] || die "the recipe names $path, which is in no package" ;;
        esac
    done
    for path in $(grep -oE '/usr/[a-z/.-]+' "$work/root/usr/lib/gatehouse/container-start"); do
        [ -e "$work/root$path" ] || die "container-start names $path, which is in no package"
    done
    expect "the user" "$(steps USER)" gatehouse
    grep -q '^FROM [a-z]*:[a-z0-9-]*$' "$recipe" || die "the image is named otherwise: $(steps FROM)"
    shown "what the container's recipe names is in the packages; it does not run as root"
}

# in_container COMMAND: as the recipe says, in a layer over this machine's root.
# shellcheck disable=SC2016 # expanded inside
in_container() {
    unshare --mount --pid --fork --kill-child bash -c 'mount --bind "$1/gateway/db" "$1/box/root/srv" &&
        mount -t proc proc "$1/box/root/proc" && mount --rbind /dev "$1/box/root/dev" && exec chroot "$1/box/root" /bin/sh -c "$2"' inside "$work" "$1"
}
as_user() { in_container "cd / && exec setpriv --reuid=10001 --regid=10001 --clear-groups env $(steps ENV) GATEHOUSE_DB='${GATEHOUSE_DB%%\?*}?socket=/srv/db.sock' \
    GATEHOUSE_HTTP=127.0.0.1:$port GATEHOUSE_HTTPS=127.0.0.1:$tls_port GATEHOUSE_PUBLIC_NAME=localhost $1"; }

# All that runs in it: unshare does not heed SIGTERM. What died with the first of them cannot be killed again.
end_container() {
    local process
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/root" 2>/dev/null)" != "$work/box/root" ] || kill -KILL "${process#/proc/}" 2>/dev/null
    done
    umount -l "$work/box/root" "$work/box/layer"
}

# The recipe's own steps; only what has to be fetched from an archive is taken as there.
container_runs() {
    local step port tls_port
    mkdir -p box/layer box/root
    # This machine has Debian 12's libraries, or the package is of another release and the recipe not for it.
    [ "$(id -u)" = 0 ] && grep -q '^VERSION_ID="12"' /etc/os-release && mount -t tmpfs tmpfs box/layer 2>/dev/null ||
        { note "not run: that needs root on Debian 12"; return 0; }
    mkdir -p box/layer/upper box/layer/work
    mount -t overlay overlay -o "lowerdir=/,upperdir=box/layer/upper,workdir=box/layer/work" box/root 2>/dev/null ||
        { umount box/layer; note "not run: no overlay of the file system"; return 0; }
    at_end+=(end_container)
    mkdir -p box/root/packages
    cp packages/gatehouse-signer_*.deb packages/gatehouse_*.deb box/root/packages/
    port=$(free_port)
    tls_port=$(free_port)
    while read -r step; do
        case $step in
        'apt-get update') continue ;;
        'apt-get install'*) step='dpkg --force-depends -i /packages/*.deb' ;;
        esac
        in_container "$step" >step.log 2>&1 || die "the step '$step': $(tail -n 5 step.log)"
    done < <(steps RUN)
    chmod o+x "$instance/db"
    : >box.out
    as_user "$(steps ENTRYPOINT | jq -r '.[0]')" >box.out 2>box.log &
    other_pids+=("$!")
    within 60 grep -q '^ready:' box.out || die "the container does not serve: $(tail -n 5 box.log)"
    as_user "$(steps HEALTHCHECK | sed "s|.* CMD ||; s|:8080|:$port|")" || die "the health check says no"
    expect "owner of the volume's files" "$(find box/root/var/lib/gatehouse ! -uid 10001 | wc -l)" 0
    [ -s box/root/var/lib/gatehouse/first-login.txt ] || die "no first-login.txt in the volume"
    shown "its steps run; as an unprivileged user it makes a token, serves, and its health check says yes"
}

begin
need cpack dpkg-deb dpkg-shlibdeps readelf systemd-analyze man
build_packages
own_openssl=false
[ ! -s "$work/root/usr/lib/gatehouse/libcrypto.so.3" ] || own_openssl=true
self_contained
! $own_openssl || portable
units
container_names
runs
container_runs
finish
