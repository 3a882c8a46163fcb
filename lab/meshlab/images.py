"""Which program stands in for which container image. Pure.

A pod with at least one container whose image is in the table is run by the agent; every other pod is kwok's.
stages/*.yaml say the same to kwok; a test holds the two together.
"""

from __future__ import annotations

# Last path component of the image, before tag and digest -> program among the lab's binaries.
PROGRAMS: dict[str, str] = {
    "pilot": "pilot-discovery",  # docker.io/istio/pilot
    "proxyv2": "pilot-agent",  # docker.io/istio/proxyv2
    "app": "echo-server",  # docker.io/istio/app, gcr.io/istio-testing/app: Istio's echo server
}


def image_name(image: str) -> str:
    """Last path component without tag and digest: `docker.io/istio/proxyv2:1.31.0@sha256:..` -> `proxyv2`."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def program(image: str) -> str | None:
    """The program that stands in for the image, or None when the pod's container is kwok's."""
    return PROGRAMS.get(image_name(image))
