"""Real Kubernetes clusters with real Istio on one machine, without a container engine."""
