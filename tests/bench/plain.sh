#!/usr/bin/env bash
# plain.sh INVENTORY BIN TRUST: what a careful person writes by hand with helm, istioctl and kubectl, one step after another,
# for the clusters of a lab's inventory: the peer of playbook onemesh.istio.site without its proof by requests.
# TRUST holds a directory of certificates for each cluster, made beforehand: both sides are given them.
set -euo pipefail

inventory=$1 bin=$2 trust=$3
charts=$(sed -n 's/^ *cluster_charts: //p' "$inventory")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PATH=$bin:$PATH

python3 - "$inventory" "$work" <<'PYTHON'
import json, sys, yaml
inventory, work = sys.argv[1:]
everything = yaml.safe_load(open(inventory))["all"]
with open(f"{work}/clusters", "w") as clusters:
    for name, host in everything["hosts"].items():
        print(name, host["cluster_network"], host["cluster_kubeconfig"], host["cluster_api_server"], file=clusters)
for chart in ("control_plane", "eastwest_gateway"):
    json.dump(everything["vars"][f"{chart}_values"], open(f"{work}/{chart}.json", "w"))
PYTHON

while read -r name network kubeconfig _server; do
    export KUBECONFIG=$kubeconfig
    kubectl create namespace istio-system
    kubectl label namespace istio-system "topology.istio.io/network=$network"
    kubectl create secret generic cacerts --namespace istio-system \
        --from-file="$trust/$name/ca-cert.pem" --from-file="$trust/$name/ca-key.pem" \
        --from-file="$trust/$name/root-cert.pem" --from-file="$trust/$name/cert-chain.pem"
    helm install istio-base "$charts/base" --namespace istio-system
    helm install istiod "$charts/istiod" --namespace istio-system --wait --values "$work/control_plane.json" \
        --set global.meshID=mesh1 --set "global.multiCluster.clusterName=$name" --set "global.network=$network"
    helm install istio-eastwestgateway "$charts/gateway" --namespace istio-system --wait \
        --values "$work/eastwest_gateway.json" --set "networkGateway=$network" --set labels.istio=eastwestgateway
    kubectl apply --namespace istio-system --filename - <<YAML
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: cross-network-gateway}
spec:
  selector: {istio: eastwestgateway}
  servers:
    - port: {number: 15443, name: tls, protocol: TLS}
      tls: {mode: AUTO_PASSTHROUGH}
      hosts: ["*.local"]
YAML
    kubectl wait --namespace istio-system --timeout=300s service/istio-eastwestgateway \
        --for=jsonpath='{.status.loadBalancer.ingress[0].ip}'
done <"$work/clusters"

while read -r source _network source_kubeconfig _server; do
    while read -r target _network target_kubeconfig server; do
        [[ $source != "$target" ]] || continue
        istioctl create-remote-secret --kubeconfig "$target_kubeconfig" --name "$target" --server "$server" |
            kubectl --kubeconfig "$source_kubeconfig" apply --filename -
    done <"$work/clusters"
done <"$work/clusters"

wanted=$(wc -l <"$work/clusters")
while read -r _name _network kubeconfig _server; do
    until [[ $(istioctl --kubeconfig "$kubeconfig" remote-clusters | grep -cw synced) -eq $wanted ]]; do sleep 1; done
done <"$work/clusters"
