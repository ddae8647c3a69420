#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs/configuration.md has a row for every option, with the default that `reef config` shows, and no row
# for an option that does not exist.
#
#   test_docs.sh BUILD/tools/reef docs/configuration.md
set -uo pipefail
unset "${!REEF_@}"

failures=0
options=$("$1" config) || exit 1
while read -r name default _; do
    row=$(grep -F "| \`$name\` |" "$2")
    if [ -z "$row" ]; then
        echo "$2 has no row for $name"
        failures=1
    elif [ "$default" != '(not' ] && ! cut -d'|' -f4 <<<"$row" | grep -qwF "$default"; then
        echo "$2: the default of $name is $default"
        failures=1
    fi
done <<<"$options"
# shellcheck disable=SC2016 # the backquotes are the document's
for name in $(grep -oE '^\| `REEF_[A-Z_]+`' "$2" | tr -d '|` ' | grep -v '^REEF_EMU_'); do
    if ! grep -q "^$name " <<<"$options"; then
        echo "$2: $name is not an option"
        failures=1
    fi
done
exit $failures
