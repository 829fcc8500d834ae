# What the service is made of: Debian packages, and the Python package in a virtual environment.

# install_packages ENGINE WHEELHOUSE
install_packages() {
    local engine=$1 wheelhouse=$2 speech package missing=
    if [ -z "$engine" ]; then
        engine=festival
        if ! command -v festival >/dev/null; then
            ! command -v espeak-ng >/dev/null || engine=espeak-ng
            ! command -v RHVoice-test >/dev/null || engine=none # its voices are the owner's choice
        fi
    fi
    case $engine in
    festival) speech="festival festvox-kallpc16k festvox-ru" ;;
    espeak-ng) speech="espeak-ng" ;;
    rhvoice) speech="rhvoice rhvoice-russian rhvoice-english" ;;
    none) speech="" ;;
    *) code=2 die "--engine is $engine – take festival, espeak-ng, rhvoice or none" ;;
    esac
    # 32-bit: PyPI has no NumPy wheels that fit, Debian has NumPy.
    [ "$(getconf LONG_BIT)" = 64 ] || speech="$speech python3-numpy"
    for package in python3 python3-venv alsa-utils $speech; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    [ "$missing" ] || return 0
    [ -z "$wheelhouse" ] || die "offline, and missing:$missing – sudo apt install$missing"
    step "installing Debian packages:$missing"
    quietly apt-get update -q -o APT::Update::Error-Mode=any -o DPkg::Lock::Timeout=300
    case $missing in *rhvoice*) find_rhvoice ;; esac
    # shellcheck disable=SC2086 # a list of words
    DEBIAN_FRONTEND=noninteractive quietly apt-get install -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=300 $missing
}

# find_rhvoice: let apt find it, in sources of our own that look into two components more.
find_rhvoice() {
    [ -z "$(apt-cache show rhvoice 2>/dev/null)" ] || return 0
    say "RHVoice is in Debian's components contrib and non-free, which are not enabled here: enabling them in $OUR_SOURCES"
    at_exit+=("command -v RHVoice-test >/dev/null || rm -f $OUR_SOURCES")
    debian_sources /etc/apt/sources.list.d contrib non-free
    quietly apt-get update -q -o APT::Update::Error-Mode=any -o DPkg::Lock::Timeout=300
    [ "$(apt-cache show rhvoice 2>/dev/null)" ] ||
        die "RHVoice is not among this system's packages – take another --engine"
}

# The package's own files, which a wheel is built from.
SOURCES="pyproject.toml README.md LICENSE convert pi_runtime train scripts systemd"

# source_sum: a checksum of them.
source_sum() {
    # shellcheck disable=SC2086 # a list of words
    tar -C "$source" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
        --mode=a+rX,go-w --exclude=__pycache__ -cf - $SOURCES | sha256sum | cut -c1-64
}

# copy_sources FOLDER: into a new folder, as root's.
copy_sources() {
    mkdir "$1"
    # shellcheck disable=SC2086 # a list of words
    tar -C "$source" --exclude=__pycache__ -cf - $SOURCES | tar -C "$1" --no-same-owner -xf -
}

pip() { quietly "$home/bin/python" -m pip --no-input --disable-pip-version-check "$@"; }

# install_program WHEELHOUSE WHEEL: sets program_changed if the package is not the one that was there.
install_program() {
    local wheelhouse=$1 wheel=$2 work sum package fetch=() site=()
    sum=$(source_sum)
    program_changed=1
    if [ -z "$wheelhouse" ] && [ "$(cat "$home/sum" 2>/dev/null)" = "$sum" ] && "$home/bin/rnn-speakd" --version >/dev/null 2>&1; then
        program_changed=
        return
    fi
    step "installing the package into $home"
    say "this takes minutes on a small Pi"
    tick
    work=$(mktemp -d)
    at_exit+=("rm -rf '$work'")
    if ! "$home/bin/python" -c 'import pip' 2>/dev/null; then
        [ -e "$home" ] || at_exit+=("[ -e '$home/sum' ] || rm -rf '$home'")
        [ "$(getconf LONG_BIT)" = 64 ] || site=(--system-site-packages)
        # --clear: one whose Python is gone, as after an upgrade of Debian, is made again.
        quietly python3 -m venv --clear ${site[@]+"${site[@]}"} "$home"
    fi
    if [ "$wheelhouse" ]; then
        fetch=(--no-index --find-links "$wheelhouse")
        package=textgenrnn-pi # pip takes the newest one
    elif [ "$wheel" ]; then
        package=$wheel
    else
        # Built elsewhere: a build leaves files in its folder, which is somebody's checkout.
        copy_sources "$work/source"
        pip wheel --no-deps --wheel-dir "$work/wheel" "$work/source"
        package=$(echo "$work"/wheel/*.whl)
    fi
    # Until it is complete, the next run begins again.
    rm -f "$home/sum"
    pip install ${fetch[@]+"${fetch[@]}"} --upgrade --upgrade-strategy only-if-needed "$package"
    pip install ${fetch[@]+"${fetch[@]}"} --force-reinstall --no-deps "$package"
    # pip's own script imports re, unless pip is of 2026: that takes as long as a warm call does.
    quietly put_file - "$home/bin/rnn-generate" 755 <<END
#!$home/bin/python
import sys

from pi_runtime.cli.generate import main

sys.exit(main())
END
    quietly put_file "$source/scripts/ssh-command" "$home/bin/ssh-command" 755
    quietly put_file "$source/README.md" "$home/README.md" 644
    # For `sudo install-pi` without the checkout.
    if [ "$source" != "$home/source" ]; then
        rm -rf "$home/source.new" "$home/source.old"
        copy_sources "$home/source.new"
        [ ! -e "$home/source" ] || mv -T "$home/source" "$home/source.old"
        mv -T "$home/source.new" "$home/source"
        rm -rf "$home/source.old"
    fi
    for command in $COMMANDS; do ln -sfn "$home/bin/$command" "/usr/local/bin/$command"; done
    ln -sfn "$home/source/scripts/install-pi" /usr/local/bin/install-pi
    quietly sync -f "$home"
    quietly put_file - "$home/sum" 644 <<<"$sum"
}

COMMANDS="rnn-generate rnn-speak rnn-speakd rnn-doctor"
