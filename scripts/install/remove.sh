# The way back: services first, then files.

# instances: the names of the services beside the plain one.
instances() {
    local link
    {
        for link in /etc/systemd/system/*.wants/rnn-speak@?*.s*; do basename "$link"; done
        ! systemd_runs || systemctl list-units --all --plain --no-legend 'rnn-speak@*' | cut -d' ' -f1
    } | sed -nE 's/^rnn-speak@([^*]+)\.(service|socket)$/\1/p' | sort -u
}

# stop NAME: stop a service and start it no more; what it has proved is forgotten.
stop() {
    local unit
    unit=$(unit "$1")
    if systemd_runs; then
        quietly systemctl disable --now "$unit.socket" "$unit.service" || true
        quietly systemctl reset-failed "$unit.socket" "$unit.service" || true
    else
        rm -f /etc/systemd/system/*.wants/"$unit".*
    fi
    rm -rf "/var/cache/$unit" "/var/cache/private/$unit"
}

forget() {
    rm -f "$(settings "$1")" "$(model_of "$1")"
}

# uninstall NAME PURGE
uninstall() {
    local name=$1 purge=$2 file command each
    if [ "$name" ]; then
        [ -e "$(settings "$name")" ] || [ -e "$(model_of "$name")" ] || instances | grep -qx -- "$name" ||
            die "no service $name here – there are: $(instances | xargs -r echo | grep . || echo none)"
        step "stopping and removing $(unit "$name")"
        stop "$name"
        [ -z "$purge" ] || forget "$name"
        [ "$purge" ] || say "kept: $(model_of "$name"), $(settings "$name") (--purge removes them)"
        return
    fi
    step "stopping and removing the services"
    for each in $(instances) ''; do
        stop "$each"
        [ -z "$purge" ] || forget "$each"
    done
    ! systemd_runs || quietly systemctl disable --now rnn-speak-hourly.timer || true
    ! systemd_runs || quietly systemctl stop rnn-speak-hourly.service || true
    # Units first: none can restart without its sandbox. A directory with your own drop-ins stays.
    for file in $UNITS $DROP_INS; do rm -f "/etc/systemd/system/$file"; done
    for file in $DROP_INS; do rmdir "/etc/systemd/system/${file%/*}" 2>/dev/null || true; done
    ! systemd_runs || quietly systemctl daemon-reload
    for command in $COMMANDS install-pi; do
        case $(readlink "/usr/local/bin/$command") in "$home"/*) rm "/usr/local/bin/$command" ;; esac
    done
    rm -rf "$home" /run/rnn-speak
    # shellcheck disable=SC2086 # a pattern
    rm -f $OUR_SOURCES
    if [ "$purge" ]; then
        step "removing models and settings"
        rm -rf "$models" /etc/default/rnn-speak /etc/default/rnn-speak-*
        quietly groupdel rnn-speak || true
    else
        say "kept: $models, /etc/default/rnn-speak* (--purge removes them)"
    fi
}
