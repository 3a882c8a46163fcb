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

# playbook NAME: one of the collection's playbooks, from the installed artifact, on the lab's inventory.
playbook() {
    (
        cd "$state"
        unset ANSIBLE_CONFIG PYTHONPATH
        ANSIBLE_COLLECTIONS_PATH=$state/collections ansible-playbook -i "$state/inventory.yml" "onemesh.istio.$1"
    )
}

mkdir -p "$state"
chmod 700 "$state"

step "the lab's programs (built once, about 15 minutes on 2 cores)"
meshlab build | tee "$cache/programs.txt"
kubectl=$(sed -n 's/^programs: //p' "$cache/programs.txt")/kubectl

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

cat <<TEXT

The mesh is up. To look around:
  export KUBECONFIG=\$($venv/bin/meshlab kubeconfig east)
  $kubectl get pods -A
  $venv/bin/meshlab status
  cd $state && ANSIBLE_COLLECTIONS_PATH=collections $venv/bin/ansible-playbook -i inventory.yml onemesh.istio.verify
To end it:
  make clean-lab
TEXT
