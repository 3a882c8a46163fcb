# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the plugins that look for clusters: how the hub is reached, and which of its secrets count."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - A path to a kubeconfig of the hub, several paths separated by V(:), a list of paths, or its content.
      - Default is the environment variable E(K8S_AUTH_KUBECONFIG), then C(~/.kube/config).
    type: raw
    vars:
      - name: remote_clusters_kubeconfig
  context:
    description: The context to use of the kubeconfig. Also E(K8S_AUTH_CONTEXT).
    type: str
    vars:
      - name: remote_clusters_context
  host:
    description: The URL of the hub's API server. Also E(K8S_AUTH_HOST), with the token in E(K8S_AUTH_API_KEY).
    type: str
    vars:
      - name: remote_clusters_host
  validate_certs:
    description: Whether the certificate of the hub's API server is verified. Also E(K8S_AUTH_VERIFY_SSL).
    type: bool
    aliases: [verify_ssl]
    vars:
      - name: remote_clusters_validate_certs
  ca_cert:
    description: A path to the CA certificate of the hub's API server. Also E(K8S_AUTH_SSL_CA_CERT).
    type: str
    aliases: [ssl_ca_cert]
    vars:
      - name: remote_clusters_ca_cert
  client_cert:
    description: A path to a client certificate. Also E(K8S_AUTH_CERT_FILE).
    type: str
    aliases: [cert_file]
    vars:
      - name: remote_clusters_client_cert
  client_key:
    description: A path to the client certificate's key. Also E(K8S_AUTH_KEY_FILE).
    type: str
    aliases: [key_file]
    vars:
      - name: remote_clusters_client_key
  proxy:
    description: The URL of an HTTP proxy. Also E(K8S_AUTH_PROXY).
    type: str
    vars:
      - name: remote_clusters_proxy
  no_proxy:
    description: Hosts that are reached without the proxy, separated by commas. Also E(K8S_AUTH_NO_PROXY).
    type: str
    vars:
      - name: remote_clusters_no_proxy
  tls_server_name:
    description: The name that the API server's certificate is checked against, where it is not the host's.
    type: str
    vars:
      - name: remote_clusters_tls_server_name
  impersonate_user:
    description: The user to act as. Also E(K8S_AUTH_IMPERSONATE_USER).
    type: str
    vars:
      - name: remote_clusters_impersonate_user
  impersonate_groups:
    description: The groups to act as. Also E(K8S_AUTH_IMPERSONATE_GROUPS).
    type: list
    elements: str
    vars:
      - name: remote_clusters_impersonate_groups
  secret_namespace:
    description:
      - The namespace of the secrets on the hub. For Istio's own secrets it is that of its control plane.
    type: str
    default: istio-system
    vars:
      - name: remote_clusters_secret_namespace
  secret_label:
    description:
      - The label of the secrets. The default is that of the secrets that istiod reads.
      - Under another label kubeconfigs for other purposes can be found by the same rules. For them it is no
        contradiction that a secret is named otherwise, or holds the hub itself.
    type: str
    default: istio/multiCluster=true
    vars:
      - name: remote_clusters_secret_label
  local_cluster:
    description:
      - The hub's own cluster ID.
      - Default is the environment variable C(CLUSTER_ID) of the istiod in O(secret_namespace), for which its
        Deployments are read.
    type: str
    vars:
      - name: remote_clusters_local_cluster
  include_hub:
    description: Whether the hub itself is one of the clusters. It is reached by the options here.
    type: bool
    default: true
    vars:
      - name: remote_clusters_include_hub
  read_networks:
    description:
      - Whether each usable cluster is asked for its network, which is a label of the namespace of Istio there.
      - No remote secret says a network. Without this nothing is asked of any cluster but the hub, and a cluster whose
        network nobody says is taken to have one of its own, named after it.
    type: bool
    default: false
    vars:
      - name: remote_clusters_read_networks
  request_timeout:
    description: Seconds that one request to an API server may take.
    type: float
    default: 10.0
    vars:
      - name: remote_clusters_request_timeout
requirements:
  - python >= 3.10
  - urllib3
  - PyYAML
"""
