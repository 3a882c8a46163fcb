# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options, attributes and notes that every module of this collection shares."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  clusters:
    description:
      - The clusters to work on, all at the same time.
      - The variables C(K8S_AUTH_*) count where no option says which cluster is meant (C(kubeconfig), C(context),
        C(host)). Those of an environment that names a cluster itself are about that cluster, and count for no other.
      - P(onemesh.istio.clusters#filter) makes this list from inventory hosts, P(onemesh.istio.remote_clusters#lookup)
        from the remote secrets of a cluster.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The Istio cluster ID, unique in the mesh.
        type: str
        required: true
      network:
        description: The Istio network of the cluster's pods. Default is the name.
        type: str
      region:
        description: The region of the cluster, where its nodes do not say so themselves.
        type: str
      api_server:
        description:
          - The URL by which the other clusters reach this cluster's API server.
          - Default is the address that this controller uses.
        type: str
      istio_namespace:
        description: The namespace of Istio's control plane.
        type: str
        default: istio-system
      control_plane:
        version_added: 1.1.0
        description:
          - The name of the cluster whose istiod controls this one, which is then a remote cluster of that primary.
          - V(self) for a cluster with an istiod of its own.
        type: str
        default: self
      kubeconfig:
        description:
          - A path to a kubeconfig, several paths separated by V(:), a list of paths, or a kubeconfig's content as text
            or as a dictionary.
          - Default is the environment variable E(K8S_AUTH_KUBECONFIG), then E(KUBECONFIG), then C(~/.kube/config).
        type: raw
      context:
        description: The context to use of the kubeconfig. Also E(K8S_AUTH_CONTEXT).
        type: str
      host:
        description: The URL of the API server. Also E(K8S_AUTH_HOST).
        type: str
      api_key:
        description: A bearer token. Also E(K8S_AUTH_API_KEY).
        type: str
      username:
        description: A user name for basic authentication. Also E(K8S_AUTH_USERNAME).
        type: str
      password:
        description: The password for O(clusters[].username). Also E(K8S_AUTH_PASSWORD).
        type: str
      validate_certs:
        description: Whether the API server's certificate is verified. Also E(K8S_AUTH_VERIFY_SSL).
        type: bool
        aliases: [verify_ssl]
      ca_cert:
        description: A path to the CA certificate of the API server. Also E(K8S_AUTH_SSL_CA_CERT).
        type: path
        aliases: [ssl_ca_cert]
      client_cert:
        description: A path to a client certificate. Also E(K8S_AUTH_CERT_FILE).
        type: path
        aliases: [cert_file]
      client_key:
        description: A path to the client certificate's key. Also E(K8S_AUTH_KEY_FILE).
        type: path
        aliases: [key_file]
      proxy:
        description: The URL of an HTTP proxy. Also E(K8S_AUTH_PROXY).
        type: str
      no_proxy:
        description: Hosts that are reached without the proxy, separated by commas. Also E(K8S_AUTH_NO_PROXY).
        type: str
      tls_server_name:
        description: The name that the API server's certificate is checked against, where it is not the host's.
        type: str
      impersonate_user:
        description: The user to act as. Also E(K8S_AUTH_IMPERSONATE_USER).
        type: str
      impersonate_groups:
        description: The groups to act as. Also E(K8S_AUTH_IMPERSONATE_GROUPS).
        type: list
        elements: str
      remote_secret:
        description:
          - The Secret of another cluster, the hub, that holds a kubeconfig for this cluster. Every task reads it there,
            so that no variable, cache or database ever holds the token.
          - The hub is reached by the options here, else as E(K8S_AUTH_HOST), E(K8S_AUTH_API_KEY) and the other
            variables say. They then say nothing about this cluster.
          - A kubeconfig that istiod would refuse (it runs a program, or names files) is refused with istiod's reason.
          - Options beside it correct the kubeconfig, for example O(clusters[].host) where the controller reaches the
            API server by another address. It is not combined with O(clusters[].kubeconfig), O(clusters[].context),
            O(clusters[].api_key), O(clusters[].username) or O(clusters[].client_cert).
        type: dict
        suboptions:
          name:
            description: The name of the Secret.
            type: str
            required: true
          namespace:
            description: The namespace of the Secret.
            type: str
            default: istio-system
          key:
            description: The key of the kubeconfig in the Secret. Default is the name of the cluster.
            type: str
          hub:
            description: The name of the hub, for messages.
            type: str
          kubeconfig:
            description: A path to a kubeconfig of the hub, or its content. Also E(K8S_AUTH_KUBECONFIG).
            type: raw
          context:
            description: The context to use of the hub's kubeconfig. Also E(K8S_AUTH_CONTEXT).
            type: str
          host:
            description: The URL of the hub's API server. Also E(K8S_AUTH_HOST), with the token in E(K8S_AUTH_API_KEY).
            type: str
          validate_certs:
            description: Whether the certificate of the hub's API server is verified. Also E(K8S_AUTH_VERIFY_SSL).
            type: bool
            aliases: [verify_ssl]
          ca_cert:
            description: A path to the CA certificate of the hub's API server. Also E(K8S_AUTH_SSL_CA_CERT).
            type: path
            aliases: [ssl_ca_cert]
          client_cert:
            description: A path to a client certificate for the hub. Also E(K8S_AUTH_CERT_FILE).
            type: path
            aliases: [cert_file]
          client_key:
            description: A path to the key of that certificate. Also E(K8S_AUTH_KEY_FILE).
            type: path
            aliases: [key_file]
          proxy:
            description: The URL of an HTTP proxy before the hub. Also E(K8S_AUTH_PROXY).
            type: str
          no_proxy:
            description: Hosts that are reached without the proxy, separated by commas. Also E(K8S_AUTH_NO_PROXY).
            type: str
          tls_server_name:
            description: The name that the certificate of the hub's API server is checked against.
            type: str
          impersonate_user:
            description: The user to act as on the hub. Also E(K8S_AUTH_IMPERSONATE_USER).
            type: str
          impersonate_groups:
            description: The groups to act as on the hub. Also E(K8S_AUTH_IMPERSONATE_GROUPS).
            type: list
            elements: str
      away:
        description: Why the cluster is not to be asked, and counts as away. The action says it of a host that failed
          earlier in the play.
        type: str
  request_timeout:
    description: Seconds that one request to an API server may take.
    type: float
    default: 10.0
notes:
  - Before a module changes anything it looks which cluster is behind each API server, and refuses where one is not the
    cluster that it is said to be, or where two are one. It goes by the UID of namespace C(kube-system), by the
    annotations C(onemesh.istio/cluster) and C(onemesh.istio/cluster-uid) that installing and linking leave on the
    namespace of Istio, and by C(CLUSTER_ID) of each istiod there. The account needs C(get) on the namespace
    C(kube-system) for it.
requirements:
  - python >= 3.10
  - urllib3
  - PyYAML
attributes:
  check_mode:
    description: Can run in check mode and says what it would do.
    support: full
  diff_mode:
    description: Returns what is different, in diff mode.
    support: full
  async:
    description: Can be run asynchronously, then as a module on the task's host.
    support: full
  action:
    description:
      - Runs on the controller, without a module process. A host that is a cluster of the task is no machine to run on,
        whatever its connection. Delegated to another host the task runs there, as a module.
    support: full
"""

    MESH: str
    """What work on all clusters takes besides: the fragment onemesh.istio.fleet.mesh."""


# Outside of the class, where sanity tests take every value for a literal.
ModuleDocFragment.MESH = """
options:
  mesh:
    description:
      - Clusters of the mesh that the task does not change, but needs, such as the hub, or the other end of a link.
      - In a play whose hosts are the clusters the action fills it with those that a limit left out. They are the hosts
        of the variable C(mesh_hosts), by default of the play's own pattern, that say how their cluster is reached.
    type: list
    elements: dict
    default: []
    suboptions:
""" + ModuleDocFragment.DOCUMENTATION.partition("    suboptions:\n")[2].partition("  request_timeout:")[0].replace(
    "clusters[]", "mesh[]"
)
