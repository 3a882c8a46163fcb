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

# routes: the routing objects of the application on each cluster.
routes() {
    local cluster found
    for cluster in "${clusters[@]}"; do
        found=$("$kubectl" --kubeconfig "$(meshlab kubeconfig "$cluster")" --namespace app get \
            virtualservices,destinationrules --output=name | xargs)
        say "on $cluster: ${found:-nothing}"
    done
}

mkdir -p "$state"
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

cat <<TEXT

The mesh is up. To look around:
  $kubectl --kubeconfig $(meshlab kubeconfig east) get pods --all-namespaces
  $venv/bin/meshlab status
  cd $state && ANSIBLE_COLLECTIONS_PATH=collections $venv/bin/ansible-playbook -i inventory.yml onemesh.istio.verify
To end it:
  make clean-lab
TEXT
