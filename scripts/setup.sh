# Sourced by the other scripts: what they need of a fresh Debian machine.

# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/install/sources.sh"

say() { printf '== %s\n' "$*" >&2; }

die() {
    printf 'error: %s\n' "$*" >&2
    exit "${code:-1}"
}

# find_python VERSION: print the path of that Python, or fail. Looks beyond PATH, where a pyenv
# shim may be there for a version that is not selected.
find_python() {
    local candidate
    for candidate in "python$1" "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/"$1".*/bin/python; do
        if "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# The Python of the desktop side: 3.11 first, whose wheels are tflite-runtime's.
need_python() {
    local version
    for version in 3.11 3.13 3.12; do
        PYTHON=$(find_python "$version") && return
    done
    die "no Python 3.11 to 3.13 – sudo apt install python3 python3-venv"
}

# make_venv FOLDER PYTHON PACKAGE…: a virtual environment with these packages. Made once: as long as
# neither they nor pyproject.toml change, nothing is fetched.
make_venv() {
    local folder=$1 python=$2 made
    shift 2
    made="$* $(cksum <pyproject.toml)"
    [ "$(cat "$folder/made" 2>/dev/null)" != "$made" ] || return 0
    [ -x "$folder/bin/python" ] || "$python" -m venv "$folder" ||
        die "no venv module – sudo apt install python3-venv"
    case " $* " in
    *" --group "*) # pip knows dependency groups from 25.1 on; Debian 12 brings 23.0
        "$folder/bin/pip" install --quiet --disable-pip-version-check "pip>=25.1" ;;
    esac
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$@"
    echo "$made" >"$folder/made"
}

# apt_install PACKAGE…: where it may; else say what to type.
apt_install() {
    if [ "$(id -u)" = 0 ]; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    elif sudo -n true 2>/dev/null; then
        sudo apt-get update -qq && sudo DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    else
        die "missing programs – sudo apt install $*"
    fi
}

SPEECH_PACKAGES="festival festvox-kallpc16k festvox-ru espeak-ng alsa-utils"
RHVOICE_PACKAGES="rhvoice rhvoice-russian rhvoice-english"
# The encoders that rnn-speak names for sound files besides WAV.
ENCODER_PACKAGES="opus-tools lame flac vorbis-tools"

# The service's tests log in over a real sshd, let systemd examine the units, boot a Debian, and
# record what PipeWire plays, which needs no sound card. jq is for an example in the docs.
SERVICE_PACKAGES="openssh-server openssh-client locales systemd systemd-container mmdebstrap
    dbus-daemon jq pipewire pipewire-alsa pipewire-pulse pulseaudio-utils tzdata wireplumber"

# need_packages PACKAGE…: install those that are missing.
need_packages() {
    local package missing=
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing="$missing $package"
    done
    [ -z "$missing" ] && return
    say "installing$missing"
    # shellcheck disable=SC2086 # a list of words
    apt_install $missing
}

# shellcheck disable=SC2086 # lists of words
need_speech() { need_packages $SPEECH_PACKAGES; }

# shellcheck disable=SC2086
need_encoders() { need_packages $ENCODER_PACKAGES; }

# shellcheck disable=SC2086
need_service() { need_packages $SERVICE_PACKAGES; }

# For docs/many.md, whose commands are tested.
need_parallel() { need_packages parallel; }

# For tests/test_counts.py.
need_valgrind() { need_packages valgrind; }

# For the library that lets changes of files go wrong.
need_compiler() { need_packages gcc libc6-dev; }

# For the page of `rnn-generate --trace`; the fonts have Cyrillic letters.
need_chromium() { need_packages chromium fonts-dejavu-core; }

# need_rhvoice: RHVoice, which is in components that many systems leave out. It comes from there
# without a change to this system's own sources and lists. What needs it is skipped without it.
need_rhvoice() {
    local root=() private status=0
    ! command -v RHVoice-test >/dev/null || return 0
    [ "$(id -u)" = 0 ] || root=(sudo -n)
    say "installing $RHVOICE_PACKAGES"
    private=$(mktemp -d)
    chmod 755 "$private" # apt fetches as a user of its own
    mkdir -p "$private/sources" "$private/lists/partial"
    [ "$(apt-cache show festival 2>/dev/null)" ] || "${root[@]}" apt-get update -qq || true
    debian_sources "$private/sources" main contrib non-free
    set -- -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$private/sources" \
        -o Dir::State::lists="$private/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
    # shellcheck disable=SC2086 # a list of words
    "${root[@]}" apt-get update "$@" &&
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y --no-install-recommends "$@" $RHVOICE_PACKAGES >/dev/null || status=1
    "${root[@]}" rm -rf "$private" || true
    [ "$status" = 0 ] || say "RHVoice cannot be had here: its tests are skipped"
}

# fetch_stock FOLDER: textgenrnn's stock weights, out of its source distribution on PyPI (MIT).
fetch_stock() {
    [ -f "$1/textgenrnn_weights.hdf5" ] && return
    say "fetching textgenrnn's stock weights from PyPI"
    mkdir -p "$1"
    "$PYTHON" -m pip download --quiet --no-deps --no-binary :all: \
        --dest "$1" textgenrnn==2.0.0 || die "textgenrnn's source distribution cannot be fetched"
    tar -xzf "$1/textgenrnn-2.0.0.tar.gz" -C "$1" --strip-components=2 --wildcards \
        '*/textgenrnn/textgenrnn_weights.hdf5' '*/textgenrnn/textgenrnn_vocab.json'
}
