# Sourced by the other scripts here: what a fresh machine lacks, and how to get it.
#
# The virtual environment is $PLACEMENT_VENV, else the active one, else .venv of this
# checkout. What only the system can give comes from its packages with apt-get, if
# this user may install them (root, or sudo without a password).

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${PLACEMENT_VENV:-${VIRTUAL_ENV:-$checkout/.venv}}

say() {
    printf '==> %s\n' "$*" >&2
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# may_install: whether system packages can be installed without asking anybody.
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

# find_python: print a Python on the path that is new enough, the usual one if it is.
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

# can_make_venv PYTHON: Debian keeps ensurepip in a package of its own.
can_make_venv() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

ensure_venv() {
    [ ! -x "$venv/bin/pip" ] || return 0
    local python version
    python=$(find_python) || fail "Python 3.11 or newer is needed and was not found"
    if ! can_make_venv "$python"; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        may_install || fail "$python cannot make virtual environments;" \
            "install it with: sudo apt-get install python$version-venv"
        install_packages "for virtual environments" "python$version-venv"
    fi
    say "Making a virtual environment in $venv"
    "$python" -m venv "$venv"
}

# ensure_installed WHAT: put this checkout, with an extra such as [test] or nothing,
# and what it needs into the virtual environment; again only when that has changed.
ensure_installed() {
    local stamp wanted
    stamp="$venv/.placement-installed"
    wanted="$checkout$1 $(sha256sum "$checkout/pyproject.toml" | cut -d ' ' -f 1)"
    if [ -f "$stamp" ] && grep -qxF "$wanted" "$stamp"; then
        return 0
    fi
    say "Installing Placement$1 and the Python packages it needs into $venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --editable "$checkout$1"
    printf '%s\n' "$wanted" >>"$stamp"
}

# has_postgresql: whether there are server programs, on the path or where Debian has them.
has_postgresql() {
    command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

# ensure_postgresql: the tests start private servers, but need the programs.
ensure_postgresql() {
    if has_postgresql; then
        return 0
    fi
    if ! may_install; then
        say "There is no PostgreSQL here and it may not be installed;" \
            "the tests will skip it: sudo apt-get install postgresql"
        return 0
    fi
    # Only the programs are wanted, not a server that runs from now on.
    local settings=/etc/postgresql-common/createcluster.conf
    if [ ! -e "$settings" ]; then
        as_root mkdir -p "${settings%/*}"
        echo 'create_main_cluster = false' | as_root tee "$settings" >/dev/null
    fi
    install_packages "to test on PostgreSQL" postgresql
}

# has_mariadb: whether there are server programs, and what makes a cluster of them.
has_mariadb() {
    local path=$PATH:/usr/sbin:/usr/local/sbin program
    for program in mariadbd mariadb-install-db wsrep_sst_rsync rsync; do
        PATH=$path command -v "$program" >/dev/null || return 1
    done
    compgen -G '/usr/lib*/galera*/libgalera_smm.so' >/dev/null
}

# ensure_mariadb: the tests start private servers, but need the programs.
ensure_mariadb() {
    local packages=(mariadb-server galera-4 rsync)
    if has_mariadb; then
        return 0
    fi
    if ! may_install; then
        say "There is no MariaDB with Galera here and it may not be installed;" \
            "the tests will skip it: sudo apt-get install ${packages[*]}"
        return 0
    fi
    # Only the programs are wanted, not a server that runs from now on. Debian asks
    # this file before it starts one.
    local policy=/usr/sbin/policy-rc.d is_ours='' failed=0
    if [ ! -e "$policy" ]; then
        is_ours=1
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod +x "$policy"
    fi
    install_packages "to test on MariaDB" "${packages[@]}" || failed=$?
    [ -z "$is_ours" ] || as_root rm "$policy"
    return "$failed"
}
