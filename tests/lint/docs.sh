#!/usr/bin/env bash
# docs.sh [--check]: writes docs/configuration.md and docs/metrics.md from the tables in the
# programs (--dump-doc, --dump-metrics-doc) and the table of entities into docs/classification.md
# (sluice classify --entities); with --check compares only, and has each program read its sample
# configuration under deploy/. B is the build folder.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../deploy/lib.sh"
cd "$ROOT"

BIN=${B:-build}/bin
DAEMONS=(sluice-gateway sluice-private-worker sluice-public-worker)

# document TITLE OPTION
document() {
    printf '# %s\n\nWritten by "make docs"; do not edit.\n' "$1"
    for daemon in "${DAEMONS[@]}"; do
        printf '\n'
        "$BIN/$daemon" "$2"
    done
}

for daemon in "${DAEMONS[@]}"; do
    if [ ! -x "$BIN/$daemon" ]; then
        [ "${1:-}" = --check ] || die "$BIN/$daemon is missing" "run: make"
        say "lint: generated documents not checked: $BIN/$daemon is not built"
        exit 0
    fi
done

TEMP=$(mktemp -d)
trap 'rm -rf "$TEMP"' EXIT
document Configuration --dump-doc > "$TEMP/configuration.md" ||
    die "a program does not answer --dump-doc" "see above"
NAMES=(configuration)
if "$BIN/sluice-gateway" --dump-metrics-doc > "$TEMP/metrics.md" 2> "$TEMP/refused"; then
    document Metrics --dump-metrics-doc > "$TEMP/metrics.md" ||
        die "a program does not answer --dump-metrics-doc" "see above"
    NAMES+=(metrics)
else
    say "docs: docs/metrics.md left out: $(tail -n 1 "$TEMP/refused")"
fi
if [ -x "$BIN/sluice" ]; then
    "$BIN/sluice" classify --entities > "$TEMP/entities"
    # what stands between the two marks is replaced
    awk -v table="$TEMP/entities" '
        /^<!-- entities:/ { print; print ""; inside = 1
            while ((getline row < table) > 0) print row }
        /^<!-- end -->/ { if (inside) print ""; inside = 0 }
        !inside { print }' docs/classification.md > "$TEMP/classification.md"
    NAMES+=(classification)
fi
if [ "${1:-}" = --check ]; then
    for daemon in "${DAEMONS[@]}"; do
        sample=deploy/${daemon#sluice-}.yaml
        "$BIN/$daemon" --config "$sample" --dump-config > "$TEMP/dump" 2>&1 < /dev/null ||
            die "$daemon refuses $sample: $(tail -n 1 "$TEMP/dump")" "mend the sample"
    done
fi
for name in "${NAMES[@]}"; do
    if [ "${1:-}" = --check ]; then
        cmp -s "$TEMP/$name.md" "docs/$name.md" ||
            die "docs/$name.md is not what the programs say" "run: make docs, and commit it"
    else
        mkdir -p docs
        cp "$TEMP/$name.md" "docs/$name.md"
    fi
done
