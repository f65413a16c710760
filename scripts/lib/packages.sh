# Installs Debian packages: only what is missing, starting no service. Sourced by scripts/deps.
# shellcheck shell=bash disable=SC2154

# wanted_packages KIND...: the names of these kinds from lib/packages.
wanted_packages() {
    awk -v kinds=" $* " '!/^#/ && NF == 2 && index(kinds, " " $1 " ") { print $2 }' \
        "$gh_root/scripts/lib/packages"
}

# missing_packages NAME...: those that are not installed.
missing_packages() {
    local name status
    for name in "$@"; do
        status=$(dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null) || status=
        case $'\n'$status$'\n' in
        *$'\ninstalled\n'*) ;;
        *) printf '%s\n' "$name" ;;
        esac
    done
}

policy_rc=/usr/sbin/policy-rc.d
policy_rc_ours=

# Some packages (nginx) would start a service. Debian's hook against that is policy-rc.d: put one
# there for as long as apt runs, unless the machine has its own.
forbid_service_start() {
    [ ! -e "$policy_rc" ] || return 0
    policy_rc_ours=1
    printf '#!/bin/sh\n# Temporary, by scripts/deps of Gatehouse: start no service.\nexit 101\n' |
        as_root tee "$policy_rc" >/dev/null
    as_root chmod 755 "$policy_rc"
}

allow_service_start() {
    [ -n "$policy_rc_ours" ] || return 0
    as_root rm -f "$policy_rc"
    policy_rc_ours=
}

apt_env=(env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8)
# Another apt at work is waited for, ten minutes at most.
apt_get=("${apt_env[@]}" apt-get -q -y -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0)

install_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    say "installing: ${missing[*]}"
    forbid_service_start
    if ! as_root "${apt_get[@]}" install --no-install-recommends "${missing[@]}" >&2; then
        # The lists may be absent or old: once more with fresh ones.
        as_root "${apt_get[@]}" update >&2
        as_root "${apt_get[@]}" install --no-install-recommends "${missing[@]}" >&2 ||
            die "apt-get could not install: ${missing[*]}"
    fi
    allow_service_start
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -eq 0 ] || die "still not installed: ${missing[*]}"
}

# A private MariaDB does not run as root: the same system user that the server package makes.
ensure_mysql_user() {
    getent passwd mysql >/dev/null && return 0
    say "adding the system user 'mysql' for the private MariaDB"
    as_root useradd --system --user-group --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin --comment 'MariaDB' mysql
}
