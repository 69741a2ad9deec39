# The Python environment in .venv, shared by script/server, script/test and script/lint, which source this file.
# .venv is whole or it does not count: .venv/complete is written last, and a .venv without it is built anew.

# What a caller's shell may carry that would bend our Python or our pip.
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP __PYVENV_LAUNCHER__ VIRTUAL_ENV DJANGO_SETTINGS_MODULE
unset PIP_TARGET PIP_PREFIX PIP_ROOT PIP_USER PIP_REQUIREMENT PIP_CONSTRAINT PIP_REQUIRE_VIRTUALENV
umask 022

say() {
    printf '%s\n' "$*"
}

die() {
    printf '%s: %s\n' "$0" "$*" >&2
    exit 1
}

# The line that installs packages here: to_install APT-PACKAGES BREW-PACKAGES
to_install() {
    if [ "$(uname)" = Darwin ]; then
        printf 'brew install %s' "$2"
    elif [ "$(id -u)" = 0 ]; then
        printf 'apt-get install %s' "$1"
    else
        printf 'sudo apt-get install %s' "$1"
    fi
}

# Sets $python to one that was seen working. A name on PATH proves nothing: a version manager's shim may exist and fail,
# and the python of an active .venv goes away when that .venv is built anew, so its base is taken instead.
find_python() {
    seen='' without_venv=''
    for name in python3.13 python3.12 python3.11 python3; do
        version=$("$name" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
        if ! "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            seen="$seen${seen:+, }$name is $version"
        elif ! python=$("$name" -c 'import ensurepip, sys, venv; print(sys._base_executable)' 2>/dev/null); then
            without_venv=${without_venv:-$version}
        elif "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            return
        fi
    done
    if [ -n "$without_venv" ]; then
        die "Python $without_venv has no venv module. Type: $(to_install "python$without_venv-venv" "python@$without_venv")"
    elif [ -n "$seen" ]; then
        die "Python 3.11 or newer is needed ($seen). Type: $(to_install 'python3.11 python3.11-venv' python@3.13)"
    fi
    die "No Python was found. Type: $(to_install 'python3 python3-venv' python@3.13)"
}

# One start at a time builds, installs and migrates. The lock belongs to descriptor 9 of this shell, not to the python
# that asks for it, so it is free the moment this shell is gone, however it went.
lock() {
    mkdir -p var
    exec 9>>var/lock
    if ! "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null 9>&9; then
        say 'Waiting for another start in this folder to finish ...'
        "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' 9>&9
    fi
}

unlock() {
    exec 9>&-
}

# What .venv/complete says once everything of a requirements file is in. The folder is part of it: a venv cannot be moved.
stamp() {
    printf '%s/%s %s\n' "$PWD" "$1" "$(cat requirements.txt "$1" | cksum)"
}

venv_works() {
    grep -qF "$PWD/" .venv/complete 2>/dev/null &&
        .venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# build_environment FILE: .venv with everything of requirements.txt and FILE. Call it under the lock.
build_environment() {
    if ! venv_works; then
        say "Building .venv with $("$python" --version) ..."
        rm -rf .venv
        "$python" -m venv .venv || die "The venv could not be built in $PWD/.venv (see above)."
    elif grep -qxF "$(stamp "$1")" .venv/complete; then
        return
    fi
    say "Installing $1 (this takes a minute the first time) ..."
    rm -f .venv/complete
    .venv/bin/python -m pip install -qq --no-input --disable-pip-version-check -r requirements.txt -r "$1" ||
        die "pip could not install $1 (see above). When the network is back, type: $0"
    { stamp requirements.txt && stamp "$1"; } >.venv/complete.new
    mv .venv/complete.new .venv/complete
}
