# Sourced: RHVoice is in components of Debian's archive that a plain system does not look into.

OUR_SOURCES="/etc/apt/sources.list.d/textgenrnn-pi.*"

# debian_sources FOLDER COMPONENT…: write the sources that Debian itself comes from into FOLDER, with
# these components instead of theirs. Keys, mirrors, suites and proxies stay what they are.
debian_sources() {
    local folder=$1 entry file
    shift
    # apt names each source that it has read as FILE:N, the Nth line or the Nth stanza of a file.
    apt-get indextargets --format '$(SOURCESENTRY)' \
        'Identifier: Packages' 'Origin: Debian' 'Component: main' | sort -u |
        while read -r entry; do
            file=${entry%:*}
            case $file in
            *.sources)
                grep -v '^#' "$file" | awk -v n="${entry##*:}" -v components="$*" '
                    BEGIN { RS = ""; ORS = "\n\n" }
                    NR == n { sub(/Components:[^\n]*/, "Components: " components); print }' \
                    >>"$folder/textgenrnn-pi.sources"
                ;;
            *)
                sed -nE "${entry##*:}s/^\s*(deb\s+(\[[^]]*\]\s+)?\S+\s+\S+).*/\1 $*/p" "$file" \
                    >>"$folder/textgenrnn-pi.list"
                ;;
            esac
        done
}
