#!/usr/bin/env bash
# docs.sh lint|site: check the plugins' and roles' documentation, or build the documentation site without a warning.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "$0")/common.sh"
use_checkout

lint() {
    antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=all --check-extra-docs-refs "$root"
    say "antsibull-docs: 0 problems"
}

site() {
    local site=$cache/docs
    rm -rf "$site"
    mkdir -p "$cache"
    mkdir -m 700 "$site"
    antsibull-docs sphinx-init --use-current --squash-hierarchy --fail-on-error --sphinx-theme alabaster \
        --dest-dir "$site" onemesh.istio >/dev/null
    # The indexes of other projects' documentation are on the network; ours has to build without them.
    echo 'intersphinx_mapping = {}' >>"$site/conf.py"
    cd "$site"
    chmod og-w rst
    antsibull-docs --config-file antsibull-docs.cfg collection --cleanup everything --fail-on-error --use-current \
        --squash-hierarchy --dest-dir rst onemesh.istio
    elsewhere >rst/elsewhere.rst
    sphinx-build --quiet --fail-on-warning --keep-going -c . -b html -d build/doctrees rst build/html
    say "documentation: 0 warnings, $site/build/html/index.html"
}

# A page for the references to what Ansible's own documentation defines, so that any other dead one is an error.
elsewhere() {
    local label variable
    printf ':orphan:\n\n'
    # shellcheck disable=SC2016  # the backquotes are reStructuredText's
    comm -23 \
        <(grep -rhoE ':ref:`[^`]+`' rst | sed -E 's/^:ref:`//; s/`$//; s/.*<([^>]+)>$/\1/' |
            grep -v '^ansible_collections\.onemesh\.' | sort -u) \
        <(grep -rhoE '^ *\.\. _[^:]+:' rst | sed -E 's/^ *\.\. _([^:]+):/\1/' | sort -u) |
        while IFS= read -r label; do printf '.. _%s:\n\n' "$label"; done
    printf 'Elsewhere\n=========\n\nThis is documented at https://docs.ansible.com/ansible/latest/.\n\n'
    # Environment variables too, which a fragment of Ansible's own brings along.
    # shellcheck disable=SC2016
    comm -23 \
        <(grep -rhoE ':envvar:`[^`]+`' rst | sed -E 's/^:envvar:`//; s/`$//; s/\\//g' | sort -u) \
        <(grep -rhoE '^ *\.\. envvar:: *[A-Z_0-9]+' rst | sed -E 's/.*:: *//' | sort -u) |
        while IFS= read -r variable; do printf '.. envvar:: %s\n\n' "$variable"; done
}

case ${1:-} in
    lint | site) "$1" ;;
    *) die "usage: $0 lint|site" ;;
esac
