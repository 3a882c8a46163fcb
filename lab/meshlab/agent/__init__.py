"""The agent: what a kubelet and kube-proxy would do for the pods that really run in a lab.

One process per cluster, in the cluster's network namespace. Pods whose image is in meshlab.images run as processes in
network namespaces of their own; all other pods are kwok's.
"""
