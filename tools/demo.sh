#!/usr/bin/env bash
# demo.sh [clean]: two clusters on two networks become one mesh, by the installed collection and nothing of this checkout.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "$0")/common.sh"

# Outside of the checkout, and kept: a second run finds the same certificate authority and changes nothing.
state=${XDG_STATE_HOME:-$HOME/.local/state}/onemesh-demo
clusters=(east west)

if [[ ${1:-} == clean ]]; then
    meshlab down
    rm -rf "$state"
    exit
fi

step() {
    printf '\n== %s\n' "$*"
}

# playbook NAME [OPTION...]: one of the collection's playbooks, from the installed artifact, on the lab's inventory.
playbook() {
    (
        cd "$state"
        unset ANSIBLE_CONFIG PYTHONPATH
        ANSIBLE_COLLECTIONS_PATH=$state/collections ansible-playbook -i "$state/inventory.yml" "onemesh.istio.$1" "${@:2}"
    )
}

# answers: who answers 20 requests to http://echo.app from each cluster.
answers() {
    local cluster
    for cluster in "${clusters[@]}"; do
        say "from $cluster: $(meshlab exec "$cluster" app/echo -- "$programs/echo-client" --count 20 \
            http://echo.app.svc.cluster.local/ 2>/dev/null | sed -n 's/.* Cluster=//p' | sort | uniq -c | xargs)"
    done
}

# routes [NAMESPACE]: the routing objects of an application on each cluster.
routes() {
    local cluster found
    for cluster in "${clusters[@]}"; do
        found=$("$kubectl" --kubeconfig "$(meshlab kubeconfig "$cluster")" --namespace "${1:-app}" get \
            virtualservices,destinationrules --output=name | xargs)
        say "on $cluster: ${found:-nothing}"
    done
}

# reviews MANIFEST CLUSTER...: one of the lab's manifests, applied to these clusters.
reviews() {
    local cluster manifest=$1
    shift
    for cluster in "$@"; do
        sed "s/CLUSTER_NAME/$cluster/g; s/NAMESPACE/shop/g" "$root/lab/demo/$manifest" |
            "$kubectl" --kubeconfig "$(meshlab kubeconfig "$cluster")" apply -f - >/dev/null
    done
}

# versions: which version of reviews answers 50 requests from each cluster.
versions() {
    local cluster
    for cluster in "${clusters[@]}"; do
        say "from $cluster: $(meshlab exec "$cluster" app/echo -- "$programs/echo-client" --count 50 \
            http://reviews.shop.svc.cluster.local/ 2>/dev/null | sed -n 's/.*ServiceVersion=//p' | sort | uniq -c | xargs)"
    done
}

# only VERSION: nothing but this version answers, on each cluster.
only() {
    local found
    found=$(versions)
    say "$found"
    [[ $(grep -c ": 50 $1\$" <<<"$found") == "${#clusters[@]}" ]] || die "not all requests were answered by version $1"
}

# asking COMMAND...: run the command, and clients in each cluster ask until it has ended. Its exit code is the command's.
asking() {
    local cluster loads=() load outcome=0
    touch "$state/asking"
    for cluster in "${clusters[@]}"; do
        while [[ -e $state/asking ]]; do
            echo "asked 100"
            meshlab exec "$cluster" app/echo -- "$programs/echo-client" --count 100 --qps 20 --timeout 30s \
                http://reviews.shop.svc.cluster.local/ || true
        done >"$state/load-$cluster.txt" 2>&1 &
        loads+=($!)
    done
    "$@" || outcome=$?
    rm -f "$state/asking"
    for load in "${loads[@]}"; do
        wait "$load"
    done
    return "$outcome"
}

# none_failed: all requests that were asked meanwhile were answered with 200.
none_failed() {
    local cluster asked good
    for cluster in "${clusters[@]}"; do
        asked=$((100 * $(grep -c '^asked 100' "$state/load-$cluster.txt")))
        good=$(grep -c 'StatusCode=200' "$state/load-$cluster.txt" || true)
        say "from $cluster: $asked requests meanwhile, $((asked - good)) failed"
        [[ $good == "$asked" ]] || die "see $state/load-$cluster.txt"
    done
}

mkdir -p "$state"
trap 'rm -f "$state/asking"' EXIT
chmod 700 "$state"

step "the lab's programs (built once, about 15 minutes on 2 cores)"
meshlab build | tee "$cache/programs.txt"
programs=$(sed -n 's/^programs: //p' "$cache/programs.txt")
kubectl=$programs/kubectl

step "two clusters on two networks"
meshlab up --clusters "$(IFS=,; echo "${clusters[*]}")"
meshlab inventory >"$state/inventory.yml"
install -D -m 600 "$root/lab/demo/mesh.yml" "$state/group_vars/all/mesh.yml"

step "the collection's artifact, installed into an empty path"
"$root/tools/artifact.sh" "$state/collections"

step "ansible-playbook onemesh.istio.site"
playbook site

step "an application in each cluster, the same name in both"
for cluster in "${clusters[@]}"; do
    kubeconfig=$(meshlab kubeconfig "$cluster")
    # An earlier demo made a version bad, and what follows gives the proxies time to forget it.
    "$kubectl" --kubeconfig "$kubeconfig" --namespace shop delete envoyfilters --all
    sed "s/CLUSTER_NAME/$cluster/g" "$root/lab/demo/echo.yaml" | "$kubectl" --kubeconfig "$kubeconfig" apply -f -
done
for cluster in "${clusters[@]}"; do
    kubeconfig=$(meshlab kubeconfig "$cluster")
    "$kubectl" --kubeconfig "$kubeconfig" --namespace app rollout status deployment/echo --timeout=120s
done

step "ansible-playbook onemesh.istio.verify"
playbook verify

step "20 requests to http://echo.app from each cluster, and who answered"
answers

step "ansible-playbook onemesh.istio.replicate -e @echo-to-east.yml: all requests go to east"
install -m 600 "$root/lab/demo/echo-to-east.yml" "$state"
playbook replicate -e @echo-to-east.yml
routes
answers

step "ansible-playbook onemesh.istio.replicate -e replicate_set=echo-to-east -e replicate_state=absent: the routes are gone"
playbook replicate -e replicate_set=echo-to-east -e replicate_state=absent -e replicate_proof=acknowledged
routes
answers

step "a service with two versions, all requests at version 1"
reviews reviews.yaml "${clusters[@]}"
for cluster in "${clusters[@]}"; do
    for version in v1 v2; do
        "$kubectl" --kubeconfig "$(meshlab kubeconfig "$cluster")" --namespace shop rollout status \
            "deployment/reviews-$version" --timeout=120s
    done
done
install -m 600 "$root/lab/demo/release.yml" "$state"
rm -f "$state"/canary-*.html "$state"/canary-*.html.jsonl

step "ansible-playbook onemesh.istio.canary -e @release.yml: version 2 takes everything, on both clusters at once"
asking playbook canary -e @release.yml -e "canary_page=$state/canary-promoted.html"
none_failed
only v2
playbook canary -e @release.yml -e canary_state=absent

step "the same release again, and now version 2 is bad in west: it is rolled back on both clusters"
reviews reviews.yaml "${clusters[@]}"
reviews failing-reviews.yaml west
if asking playbook canary -e @release.yml -e "canary_page=$state/canary-rolled-back.html"; then
    die "a bad version was promoted"
fi
only v1
playbook canary -e @release.yml -e canary_state=absent
routes shop

cat <<TEXT

The curves of both releases, for a browser:
  $state/canary-promoted.html
  $state/canary-rolled-back.html
The mesh is up. To look around:
  $kubectl --kubeconfig $(meshlab kubeconfig east) get pods --all-namespaces
  $venv/bin/meshlab status
  cd $state && ANSIBLE_COLLECTIONS_PATH=collections $venv/bin/ansible-playbook -i inventory.yml onemesh.istio.verify
To end it:
  make clean-lab
TEXT
