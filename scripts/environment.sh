# Sourced by the other scripts: set up a virtual environment and system packages.
#
# The virtual environment is $PLACEMENT_VENV, the active one, or .venv of this checkout.
# System packages are installed with apt-get if the user is root or has sudo without a
# password.

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${PLACEMENT_VENV:-${VIRTUAL_ENV:-$checkout/.venv}}

say() {
    printf '==> %s\n' "$*" >&2
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# may_install: whether system packages can be installed without a password.
may_install() {
    command -v apt-get >/dev/null || return 1
    [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

# install_packages REASON PACKAGE...
install_packages() {
    say "Installing with apt-get: ${*:2} ($1)"
    as_root apt-get update -q >&2
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends \
        -o Dpkg::Options::=--force-confold "${@:2}" >&2
}

# find_python: print the path of a Python that is new enough, preferably python3.
find_python() {
    local python
    for python in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$python" >/dev/null && "$python" -c \
            'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$python"
            return
        fi
    done
    return 1
}

# can_make_venv PYTHON: Debian has ensurepip in a separate package.
can_make_venv() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

ensure_venv() {
    [ ! -x "$venv/bin/pip" ] || return 0
    local python version
    python=$(find_python) || fail "Python 3.11 or newer is needed and was not found"
    if ! can_make_venv "$python"; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        may_install || fail "$python cannot create virtual environments;" \
            "install it with: sudo apt-get install python$version-venv"
        install_packages "for virtual environments" "python$version-venv"
    fi
    say "Creating a virtual environment in $venv"
    "$python" -m venv "$venv"
}

# ensure_installed EXTRA: install this checkout with an extra such as [test], or none, and
# its dependencies, unless pyproject.toml is unchanged since the last time.
ensure_installed() {
    local stamp wanted
    stamp="$venv/.placement-installed"
    wanted="$checkout$1 $(sha256sum "$checkout/pyproject.toml" | cut -d ' ' -f 1)"
    if [ -f "$stamp" ] && grep -qxF "$wanted" "$stamp"; then
        return 0
    fi
    say "Installing Placement$1 and its dependencies into $venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --no-compile --editable "$checkout$1"
    # pip would compile the files one after the other. Packages may have templates that
    # do not compile.
    "$venv/bin/python" -m compileall -qq -j 0 "$venv"/lib/python*/site-packages || :
    printf '%s\n' "$wanted" >>"$stamp"
}

# has_postgresql: whether server programs are on the path or in Debian's directory.
has_postgresql() {
    command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

# ensure_postgresql: install the programs, from which the tests start private servers.
ensure_postgresql() {
    if has_postgresql; then
        return 0
    fi
    if ! may_install; then
        say "PostgreSQL is missing and its tests will be skipped;" \
            "install it with: sudo apt-get install postgresql"
        return 0
    fi
    # Install only the programs, without creating a cluster that runs permanently.
    local settings=/etc/postgresql-common/createcluster.conf
    if [ ! -e "$settings" ]; then
        as_root mkdir -p "${settings%/*}"
        echo 'create_main_cluster = false' | as_root tee "$settings" >/dev/null
    fi
    install_packages "to test on PostgreSQL" postgresql
}

# has_mariadb: whether server programs and those for a Galera cluster are installed.
has_mariadb() {
    local path=$PATH:/usr/sbin:/usr/local/sbin program
    for program in mariadbd mariadb-install-db wsrep_sst_rsync rsync; do
        PATH=$path command -v "$program" >/dev/null || return 1
    done
    compgen -G '/usr/lib*/galera*/libgalera_smm.so' >/dev/null
}

# ensure_mariadb: install the programs, from which the tests start private servers.
ensure_mariadb() {
    local packages=(mariadb-server galera-4 rsync)
    if has_mariadb; then
        return 0
    fi
    if ! may_install; then
        say "MariaDB or Galera is missing and its tests will be skipped;" \
            "install it with: sudo apt-get install ${packages[*]}"
        return 0
    fi
    install_programs "to test on MariaDB" "${packages[@]}"
}

# ensure_sqlite: install the shell with which the tests back up a database.
ensure_sqlite() {
    if command -v sqlite3 >/dev/null; then
        return 0
    fi
    if ! may_install; then
        say "The SQLite shell is missing and tests of backups will be skipped;" \
            "install it with: sudo apt-get install sqlite3"
        return 0
    fi
    install_packages "to test backups" sqlite3
}

# ensure_prometheus: install the programs that check and scrape the metrics.
ensure_prometheus() {
    if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
        return 0
    fi
    if ! may_install; then
        say "Prometheus is missing and its tests will be skipped;" \
            "install it with: sudo apt-get install prometheus"
        return 0
    fi
    install_programs "to test the metrics" prometheus
}

# has_deployments: whether the programs that deployments use are installed.
has_deployments() {
    local path=$PATH:/usr/sbin program
    for program in uwsgi apache2 systemd-analyze; do
        PATH=$path command -v "$program" >/dev/null || return 1
    done
    [ -e /usr/lib/apache2/modules/mod_wsgi.so ] &&
        [ -e /usr/lib/uwsgi/plugins/python3_plugin.so ]
}

# ensure_deployments: install the servers that run the samples in deploy.
ensure_deployments() {
    local packages=(
        apache2-bin libapache2-mod-wsgi-py3 systemd uwsgi-core uwsgi-plugin-python3
    )
    if has_deployments; then
        return 0
    fi
    if ! may_install; then
        say "uWSGI or Apache is missing and its tests will be skipped;" \
            "install it with: sudo apt-get install ${packages[*]}"
        return 0
    fi
    install_programs "to test the deployments" "${packages[@]}"
}

# ensure_pgbouncer: install the pooler that the tests put in front of PostgreSQL.
ensure_pgbouncer() {
    ensure_program pgbouncer "to test behind a pooler"
}

# ensure_haproxy: install the proxy that the tests put in front of several servers.
ensure_haproxy() {
    ensure_program haproxy "to test fail-overs behind a proxy"
}

# ensure_program PACKAGE REASON: install a package with a program of the same name.
ensure_program() {
    if PATH=$PATH:/usr/sbin command -v "$1" >/dev/null; then
        return 0
    fi
    if ! may_install; then
        say "$1 is missing and its tests will be skipped;" \
            "install it with: sudo apt-get install $1"
        return 0
    fi
    install_programs "$2" "$1"
}

# ensure_chromium: install the browser that looks at the console.
ensure_chromium() {
    if command -v chromium >/dev/null || command -v google-chrome >/dev/null; then
        return 0
    fi
    if ! may_install; then
        say "Chromium is missing and its tests will be skipped;" \
            "install it with: sudo apt-get install chromium"
        return 0
    fi
    install_programs "to test the console" chromium
}

# install_programs REASON PACKAGE...: install packages without starting their servers.
install_programs() {
    # This policy prevents Debian from starting a server.
    local policy=/usr/sbin/policy-rc.d is_ours='' failed=0
    if [ ! -e "$policy" ]; then
        is_ours=1
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod +x "$policy"
    fi
    install_packages "$@" || failed=$?
    [ -z "$is_ours" ] || as_root rm "$policy"
    return "$failed"
}
