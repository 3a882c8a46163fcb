"""Finding a pod by what a user calls it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from .api import Api, ApiError
from .errors import LabError


@dataclass(frozen=True)
class Pod:
    namespace: str
    name: str
    uid: str
    ready: bool

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def parse(document: dict[str, Any]) -> Pod:
    """A pod from the API server's JSON; a completed one counts as ready."""
    metadata, status = document["metadata"], document.get("status", {})
    ready = status.get("phase") == "Succeeded" or any(
        each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", ())
    )
    return Pod(metadata["namespace"], metadata["name"], metadata["uid"], ready)


def list_pods(api: Api) -> list[Pod]:
    return [parse(each) for each in api.get("/api/v1/pods")["items"]]


def find(api: Api, cluster: str, text: str) -> Pod:
    """`NAMESPACE/NAME` of a pod, or of a Deployment: then its first pod that is ready, else its first.

    Raises LabError.
    """
    namespace, separator, name = text.partition("/")
    if not (separator and namespace and name):
        raise LabError(f"{text!r}: write NAMESPACE/POD or NAMESPACE/DEPLOYMENT")
    try:
        pod = _get(api, f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(name)}")
        if pod is not None:
            return parse(pod)
        deployment = _get(api, f"/apis/apps/v1/namespaces/{quote(namespace)}/deployments/{quote(name)}")
        labels = deployment["spec"]["selector"].get("matchLabels", {}) if deployment else {}
        selector = quote(",".join(f"{key}={value}" for key, value in labels.items()))
        items = (
            api.get(f"/api/v1/namespaces/{quote(namespace)}/pods?labelSelector={selector}")["items"] if labels else []
        )
    except ApiError as error:
        raise LabError(f"cluster {cluster}: {error}: see `meshlab status`") from error
    living = [parse(each) for each in items if "deletionTimestamp" not in each["metadata"]]
    if not living:
        what = "deployment has no pod" if deployment else "no such pod or deployment"
        raise LabError(f"cluster {cluster}: {text}: {what}: see `kubectl get pods -n {namespace}`")
    return next((each for each in living if each.ready), living[0])


def _get(api: Api, path: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = api.get(path)
        return found
    except ApiError as error:
        if error.status == 404:
            return None
        raise
