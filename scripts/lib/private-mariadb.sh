# The private MariaDB of scripts/run: own data directory, unix socket only. Sourced; the functions
# use and set: db_home (its directory), db_socket, db_user (who runs it), db_pid (empty: not running),
# and read stopping. File descriptors 8 and 9 are scripts/run's and not the server's.
# shellcheck shell=bash disable=SC2154

db_name=gatehouse
db_pid=
db_login=gatehouse
PATH=$PATH:/usr/sbin:/sbin

# As root, the server runs as `mysql`, when that user can reach the directory (not below /root).
db_choose_user() {
    db_user=$(id -un)
    [ "$(id -u)" -eq 0 ] || return 0
    if getent passwd mysql >/dev/null; then
        chown mysql: "$db_home"
        if setpriv --reuid mysql --regid mysql --init-groups test -x "$db_home/."; then
            db_user=mysql
            return 0
        fi
    fi
    chown root: "$db_home"
    say "note: the user 'mysql' cannot reach $db_home; the private MariaDB runs as root." \
        "A --data directory outside of /root avoids that"
}

# A path of a unix socket has at most 107 bytes: long data directories get a short one elsewhere,
# always the same for the same directory, in a place that nobody else can write to.
db_choose_socket() {
    local key base
    db_socket=$db_home/mariadb.sock
    [ "${#db_socket}" -gt 100 ] || return 0
    key=$(printf '%s' "$db_home" | sha256sum | cut -c1-12)
    if [ "$(id -u)" -eq 0 ]; then
        base=/run/gatehouse-$key
    elif [ -w "${XDG_RUNTIME_DIR:-/nonexistent}" ]; then
        base=$XDG_RUNTIME_DIR/gatehouse-$key
    else
        base=/tmp/gatehouse-$(id -u)-$key
    fi
    [ -d "$base" ] || mkdir -m 700 -- "$base"
    [ -O "$base" ] || [ "$(stat -c %U "$base")" = "$db_user" ] ||
        die "$base belongs to someone else; remove it or take a shorter --data directory"
    [ ! -L "$base" ] || die "$base is a symbolic link; remove it"
    [ "$(id -u)" -ne 0 ] || chown "$db_user:" "$base"
    db_socket=$base/mariadb.sock
}

# Its own: a server that starts clears what others left in a common one.
db_make_tmp() {
    mkdir -p -- "$db_home/tmp"
    [ "$(id -u)" -ne 0 ] || chown "$db_user:" "$db_home/tmp"
}

db_install() {
    [ ! -d "$db_home/data/mysql" ] || return 0
    db_make_tmp
    say "making the private MariaDB in $db_home"
    rm -rf -- "$db_home/data.new"
    mariadb-install-db --no-defaults --user="$db_user" --datadir="$db_home/data.new" --tmpdir="$db_home/tmp" \
        --auth-root-authentication-method=socket --skip-test-db --skip-name-resolve \
        >"$db_home/install.log" 2>&1 || {
        tail -n 20 "$db_home/install.log" >&2
        die "mariadb-install-db failed"
    }
    # Renamed when it is whole, so that an interrupted start is repeated.
    mv -T -- "$db_home/data.new" "$db_home/data"
}

# The database, its login and its password, made sure of at every start before clients are let in.
db_write_init() {
    local file=$db_home/init.sql
    if [ ! -s "$db_home/password" ]; then
        (umask 077 && od -An -N20 -tx1 /dev/urandom | tr -d ' \n' >"$db_home/password")
    fi
    (umask 077 && cat >"$file.new") <<SQL
CREATE DATABASE IF NOT EXISTS $db_name CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS '$db_login'@'localhost';
ALTER USER '$db_login'@'localhost' IDENTIFIED BY '$(cat "$db_home/password")';
GRANT ALL PRIVILEGES ON $db_name.* TO '$db_login'@'localhost';
SQL
    [ "$(id -u)" -ne 0 ] || chown "$db_user:" "$file.new"
    mv -f -- "$file.new" "$file"
}

# What runs on this data directory already: the server of a run that was killed outright.
db_end_leftover() {
    local pid
    pid=$(cat "$db_home/mariadbd.pid" 2>/dev/null) || return 0
    case $pid in '' | *[!0-9]*) return 0 ;; esac
    [ -r "/proc/$pid/cmdline" ] || return 0
    tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null |
        grep -qxF -- "--datadir=$db_home/data" || return 0
    say "ending a MariaDB that an earlier run left behind (pid $pid)"
    kill -TERM "$pid"
    wait_gone "$pid" 60 || die "MariaDB (pid $pid) does not end; end it and start again"
}

db_answers() {
    MYSQL_PWD=$(cat "$db_home/password") timeout 5 mariadb --no-defaults --socket="$db_socket" \
        --user="$db_login" --execute='SELECT 1' "$db_name" >/dev/null 2>&1
}

# Starts the server and waits until it answers; recovery after a crash may take its time. Ends early
# when the server ends or ${stopping} is set.
db_start() {
    db_end_leftover
    db_make_tmp
    db_write_init
    # A session of its own: a Ctrl-C in the terminal is for this script, which keeps the order.
    setsid setpriv --pdeathsig TERM "${db_drop[@]}" -- mariadbd --no-defaults \
        --datadir="$db_home/data" --tmpdir="$db_home/tmp" --socket="$db_socket" --pid-file="$db_home/mariadbd.pid" \
        --log-error="$db_home/mariadbd.log" --init-file="$db_home/init.sql" "${db_as[@]}" \
        --skip-networking --skip-name-resolve --skip-symbolic-links --local-infile=0 \
        --character-set-server=utf8mb4 --max-allowed-packet=16M --max-connections=600 \
        --innodb-flush-log-at-trx-commit=1 --innodb-buffer-pool-size="${GATEHOUSE_DB_MEMORY:-256M}" \
        --performance-schema=OFF </dev/null >/dev/null 2>&1 8>&- 9>&- &
    db_pid=$!
    until db_answers; do
        if ! kill -0 "$db_pid" 2>/dev/null; then
            db_pid=
            return 1
        fi
        [ -z "$stopping" ] || return 0
        sleep 0.2
    done
}

db_prepare() {
    [ -d "$db_home" ] || mkdir -m 700 -- "$db_home"
    db_choose_user
    db_choose_socket
    db_drop=() db_as=()
    if [ "$db_user" != "$(id -un)" ]; then
        db_drop=(--reuid "$db_user" --regid "$db_user" --init-groups)
    elif [ "$(id -u)" -eq 0 ]; then
        db_as=(--user=root)
    fi
    db_install
    [ "$(id -u)" -ne 0 ] || chown -R -- "$db_user:" "$db_home"
}

db_url() {
    local path
    path=$(printf '%s' "$db_socket" | percent_encode)
    printf 'mysql://%s:%s@localhost/%s?socket=%s' \
        "$db_login" "$(cat "$db_home/password")" "$db_name" "$path"
}
