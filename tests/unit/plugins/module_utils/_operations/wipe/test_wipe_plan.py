# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a wipe would do to each object that can be found on a cluster."""

from __future__ import annotations

import base64
import gzip
import json
from itertools import count
from typing import Any, ClassVar

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import Kind
from ansible_collections.onemesh.istio.plugins.module_utils._operations.wipe import execute, scan
from ansible_collections.onemesh.istio.plugins.module_utils._operations.wipe import plan as plans
from ansible_collections.onemesh.istio.plugins.module_utils._operations.wipe.plan import (
    Inventory,
    Scope,
    WipePlan,
    WipeStage,
    make_plan,
)
from ansible_collections.onemesh.istio.plugins.module_utils._operations.wipe.signs import (
    CLUSTER_TRUST_BUNDLE,
    FoundObject,
    FoundRelease,
)

SYSTEM = "istio-system"
SCOPE = Scope((SYSTEM,))
ISTIO_OPERATOR = kinds.ISTIO_OPERATOR
SOURCES = ("https://github.com/istio/istio",)
CHART = {"app.kubernetes.io/part-of": "istio", "helm.sh/chart": "istiod-1.31.0"}
OURS = {"app.kubernetes.io/managed-by": "onemesh.istio", "onemesh.istio/component": "link"}
REMOTE = {"istio/multiCluster": "true"}
_uids = count(1)


def found(
    kind: Kind,
    name: str,
    namespace: str = "",
    *,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    owners: tuple[FoundObject, ...] = (),
    finalizers: tuple[str, ...] = (),
    deleting: bool = False,
    **body: Any,
) -> FoundObject:
    metadata: dict[str, Any] = {"name": name, "uid": f"uid-{next(_uids)}", "labels": labels, "annotations": annotations}
    if namespace:
        metadata["namespace"] = namespace
    if deleting:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    metadata["finalizers"] = list(finalizers)
    metadata["ownerReferences"] = [
        {"uid": owner.uid, "kind": owner.kind.kind, "name": owner.name, "controller": True} for owner in owners
    ]
    return FoundObject(kind, {"metadata": metadata, **body})


def namespace(name: str, **options: Any) -> FoundObject:
    return found(kinds.NAMESPACE, name, **options)


def definition(plural: str, group: str) -> FoundObject:
    return found(kinds.CUSTOM_RESOURCE_DEFINITION, f"{plural}.{group}")


def webhook(kind: Kind, name: str, service: str, place: str, path: str = "/inject", **options: Any) -> FoundObject:
    client = {"service": {"name": service, "namespace": place, "path": path}}
    return found(kind, name, webhooks=[{"name": "x.example.org", "clientConfig": client}], **options)


def workload(name: str, place: str, *, image: str = "app:1", ready: int = 0, **options: Any) -> FoundObject:
    spec = {"template": {"spec": {"containers": [{"image": image}]}}}
    return found(kinds.DEPLOYMENT, name, place, spec=spec, status={"readyReplicas": ready}, **options)


def plan(*objects: FoundObject, scope: Scope = SCOPE, **inventory: Any) -> WipePlan:
    return make_plan(Inventory(objects, **inventory), scope)


def removed(planned: WipePlan) -> list[str]:
    return [str(step) for step in planned.removals]


def stays(planned: WipePlan) -> dict[str, str]:
    return {kept.object: kept.reason for kept in planned.stays}


INJECTOR = kinds.MUTATING_WEBHOOK_CONFIGURATION
VALIDATOR = kinds.VALIDATING_WEBHOOK_CONFIGURATION
ROLE = kinds.CLUSTER_ROLE
CLASS = kinds.KUBERNETES_GATEWAY_CLASS
LEADER = {"control-plane.alpha.kubernetes.io/leader": "{}"}
TOKEN = "kubernetes.io/service-account-token"
OF_READER = {"kubernetes.io/service-account.name": "istio-reader-service-account"}
CA_KEYS = {"ca-cert.pem": None, "ca-key.pem": None}
CONTROLLER = {"controllerName": "istio.io/gateway-controller"}

GOES = [
    (workload("istiod", SYSTEM, labels=CHART), "Istio chart istiod-1.31.0"),
    (workload("istiod", SYSTEM, labels={"operator.istio.io/component": "Pilot"}), "Istio component Pilot"),
    (found(kinds.SERVICE, "x", "app", labels={"install.operator.istio.io/owning-resource": "y"}), "Istio's installer"),
    (found(kinds.CONFIG_MAP, "x", "app", labels=OURS), "made by onemesh.istio (link)"),
    (workload("gw-istio", "app", labels={"gateway.istio.io/managed": "istio.io-gateway-controller"}), "for a Gateway"),
    (found(kinds.CONFIG_MAP, "istio-ca-root-cert", "app", labels={"istio.io/config": "true"}), "every namespace"),
    (found(kinds.CONFIG_MAP, "istio-ca-crl", "app", labels={"istio.io/config": "true"}), "every namespace"),
    (found(kinds.CONFIG_MAP, "istio-leader", SYSTEM, annotations=LEADER), "leader election"),
    (found(kinds.LEASE, "istio-gateway-deployment-default", SYSTEM), "leader election"),
    (found(kinds.SECRET, "any-name", "app", labels=REMOTE), "remote secret"),
    (found(kinds.SECRET, "cacerts", SYSTEM, data=CA_KEYS), "certificate authority"),
    (found(kinds.SECRET, "istio-ca-secret", SYSTEM, type="istio.io/ca-root"), "self-signed"),
    (
        found(
            kinds.SECRET,
            "istio-reader-service-account-istio-remote-secret-token",
            SYSTEM,
            type=TOKEN,
            annotations=OF_READER,
        ),
        "token of ServiceAccount istio-reader-service-account",
    ),
    (webhook(INJECTOR, "istio-sidecar-injector", "istiod", SYSTEM), "calls istiod"),
    (webhook(VALIDATOR, "left-behind", "istiod-canary", SYSTEM, "/validate"), "calls istiod"),
    (found(ROLE, "istio-reader-clusterrole-istio-system", labels={"app": "istio-reader"}), "istio-reader"),
    (found(CLASS, "istio", spec=CONTROLLER), "made by istiod"),
    (found(CLUSTER_TRUST_BUNDLE, "istio.io:istiod-ca:root-cert"), "root certificate"),
    (definition("virtualservices", "networking.istio.io"), "resource type of Istio"),
    (definition("istios", "sailoperator.io"), "which is gone"),
    (workload("istio-operator", "istio-operator", image="docker.io/istio/operator:1.20"), "by its image"),
]


@pytest.mark.parametrize(("candidate", "reason"), GOES, ids=[str(candidate) for candidate, reason in GOES])
def test_what_is_istios_or_ours_goes(candidate: FoundObject, reason: str) -> None:
    (step,) = plan(candidate).steps
    assert step.found is candidate
    assert reason in step.reason


STAYS = [
    found(ROLE, "istio-something"),
    found(ROLE, "istio-reader-clusterrole-istio-system"),
    found(kinds.CONFIG_MAP, "istio-ca-root-cert", "app"),
    found(kinds.CONFIG_MAP, "istio-leader", SYSTEM),
    found(kinds.CONFIG_MAP, "dashboards", "monitoring", labels={"app.kubernetes.io/part-of": "istio"}),
    found(kinds.CONFIG_MAP, "x", "app", labels={"app.kubernetes.io/part-of": "istio", "helm.sh/chart": "mine-1.0.0"}),
    found(kinds.LEASE, "istio-gateway-deployment-default", "app"),
    found(kinds.LEASE, "istio-gateway-deployer", SYSTEM),
    found(kinds.SECRET, "cacerts", "app", data=CA_KEYS),
    found(kinds.SECRET, "cacerts", SYSTEM, data={"mine": None}),
    found(kinds.SECRET, "cacerts", SYSTEM, data=CA_KEYS, annotations={"cert-manager.io/certificate-name": "ca"}),
    found(kinds.SECRET, "ingress-certificate", SYSTEM, type="kubernetes.io/tls"),
    webhook(INJECTOR, "policies", "gatekeeper", "gatekeeper-system"),
    webhook(INJECTOR, "istio-sidecar-injector", "mine", "app"),
    webhook(VALIDATOR, "mine", "istiod", "elsewhere"),
    found(CLASS, "istio", spec={"controllerName": "example.org/other"}),
    found(CLASS, "mine", spec=CONTROLLER),
    found(kinds.KUBERNETES_GATEWAY, "mine", "app", spec={"gatewayClassName": "istio"}),
    definition("gateways", "gateway.networking.k8s.io"),
    definition("things", "networking.istio.io"),
    workload("istiod", "app"),
    workload("istio-operator", "app", image="banzaicloud/istio-operator:2"),
    found(kinds.VIRTUAL_SERVICE, "mine", "app"),
]


@pytest.mark.parametrize("candidate", STAYS, ids=map(str, STAYS))
def test_what_only_looks_like_istios_stays(candidate: FoundObject) -> None:
    assert removed(plan(candidate)) == []


def test_strangers_with_a_name_of_istio_are_reported() -> None:
    planned = plan(found(ROLE, "istio-something"), found(ROLE, "admin"))
    assert stays(planned) == {"ClusterRole istio-something": "named like Istio's, but nothing says that Istio made it"}


def test_a_clean_cluster_has_an_empty_plan() -> None:
    planned = plan(namespace("default"), namespace("kube-system"), namespace("app"), workload("web", "app"))
    assert (planned.steps, planned.cascades, planned.stays) == ((), (), ())


class TestOrder:
    def test_what_blocks_goes_first_and_what_is_written_goes_after_the_writer(self) -> None:
        planned = plan(*(candidate for candidate, reason in GOES), namespace(SYSTEM))
        stages = [step.stage for step in planned.steps]
        assert stages == sorted(stages)
        kinds_in_order = [step.found.kind.kind for step in planned.steps]

        def place(kind: str) -> int:
            return kinds_in_order.index(kind)

        assert planned.steps[0].reason == "remote secret of istiod"
        assert place("MutatingWebhookConfiguration") < place("Deployment") < place("ClusterRole") < place("Lease")
        assert max(i for i, kind in enumerate(kinds_in_order) if kind == "Deployment") < min(
            i for i, step in enumerate(planned.steps) if step.found.name == "istio-ca-root-cert"
        )
        assert place("CustomResourceDefinition") < place("GatewayClass") < place("Namespace")
        assert kinds_in_order[-1] == "Namespace"

    def test_our_routing_goes_before_the_control_plane(self) -> None:
        planned = plan(
            workload("istiod", SYSTEM, labels=CHART),
            found(kinds.VIRTUAL_SERVICE, "replica", "app", labels=OURS),
            definition("virtualservices", "networking.istio.io"),
        )
        assert [step.stage for step in planned.steps] == [
            WipeStage.OWN_OBJECTS,
            WipeStage.WORKLOADS,
            WipeStage.DEFINITIONS,
        ]


class TestResourceTypes:
    objects = (
        definition("virtualservices", "networking.istio.io"),
        found(kinds.VIRTUAL_SERVICE, "mine", "app"),
        found(kinds.GATEWAY, "ours", SYSTEM, labels=OURS),
    )

    def test_custom_resources_of_users_end_with_their_type_and_the_plan_says_so(self) -> None:
        planned = plan(*self.objects)
        assert [str(step) for step in planned.cascades] == ["VirtualService app/mine"]
        assert planned.cascades[0].reason == ("ends with CustomResourceDefinition virtualservices.networking.istio.io")

    def test_keep_crds_keeps_the_types_and_the_resources_of_users_but_not_ours(self) -> None:
        planned = plan(*self.objects, scope=Scope((SYSTEM,), keep_crds=True))
        assert removed(planned) == ["Gateway istio-system/ours"]
        assert stays(planned) == {
            "CustomResourceDefinition virtualservices.networking.istio.io": "keep_crds is set",
            "VirtualService app/mine": "yours, and keep_crds is set",
        }


class TestOperators:
    def test_a_resource_that_installs_istio_goes_whoever_made_it(self) -> None:
        (step,) = plan(found(ISTIO_OPERATOR, "mine", SYSTEM)).steps
        assert (step.stage, step.reason) == (WipeStage.OPERATOR_RESOURCES, "installs Istio through Istio's operator")

    def test_all_of_them_go_also_where_one_owns_another(self) -> None:
        istio = found(kinds.SAIL_ISTIO, "default")
        revision = found(kinds.SAIL_ISTIO_REVISION, "default", owners=(istio,))
        assert removed(plan(istio, revision)) == ["Istio default", "IstioRevision default"]

    def test_the_types_of_an_operator_that_is_there_stay_with_it(self) -> None:
        planned = plan(definition("istios", "sailoperator.io"), workload("sail-operator", "sail-operator"))
        assert removed(planned) == []
        assert stays(planned) == {
            "CustomResourceDefinition istios.sailoperator.io": (
                "belongs to the Sail operator (Deployment sail-operator/sail-operator), which stays"
            ),
            "Deployment sail-operator/sail-operator": (
                "an operator is a product of its own: remove it as it was installed"
            ),
        }


class TestDependents:
    def test_what_kubernetes_ends_with_its_owner_is_not_deleted_beside_it(self) -> None:
        istiod = workload("istiod", SYSTEM, labels=CHART)
        replicas = found(kinds.REPLICA_SET, "istiod-1", SYSTEM, labels=CHART, owners=(istiod,))
        pod = found(kinds.POD, "istiod-1-a", SYSTEM, labels=CHART, owners=(replicas,))
        assert removed(plan(istiod, replicas, pod)) == ["Deployment istio-system/istiod"]

    def test_an_orphan_is_deleted_itself(self) -> None:
        assert removed(plan(found(kinds.POD, "istiod-1-a", SYSTEM, labels=CHART))) == ["Pod istio-system/istiod-1-a"]


class TestNamespaces:
    def leftovers(self) -> tuple[FoundObject, ...]:
        """What a namespace holds when Istio is taken out of it: all of it ends with Istio, or is in every namespace."""
        account = found(kinds.SERVICE_ACCOUNT, "istiod", SYSTEM, labels=CHART)
        service = found(kinds.SERVICE, "istiod", SYSTEM, labels=CHART)
        of_istiod = {"kubernetes.io/service-account.name": "istiod"}
        return (
            account,
            service,
            found(kinds.SECRET, "istiod-token-abc", SYSTEM, annotations=of_istiod),
            found(
                kinds.SECRET,
                "default-token-abc",
                SYSTEM,
                annotations={**of_istiod, **dict.fromkeys(of_istiod, "default")},
            ),
            found(kinds.ENDPOINTS, "istiod", SYSTEM),
            found(kinds.ENDPOINT_SLICE, "istiod-abc", SYSTEM, owners=(service,)),
            found(kinds.CONFIG_MAP, "kube-root-ca.crt", SYSTEM),
            found(kinds.SERVICE_ACCOUNT, "default", SYSTEM),
            found(kinds.EVENT, "istiod.123", SYSTEM),
            found(Kind("metrics.k8s.io/v1beta1", "PodMetrics", "pods", True), "istiod-a", SYSTEM),
        )

    def test_istios_namespace_goes_when_nothing_that_stays_lives_in_it(self) -> None:
        planned = plan(namespace(SYSTEM), contents=self.leftovers())
        assert removed(planned)[-1] == "Namespace istio-system"
        assert planned.stays == ()

    @pytest.mark.parametrize(
        ("occupant", "why"),
        [
            (found(kinds.CONFIG_MAP, "mine", SYSTEM), "neither Istio nor onemesh.istio made it"),
            (workload("prometheus", SYSTEM), "neither Istio nor onemesh.istio made it"),
            (
                found(kinds.SECRET, "cacerts", SYSTEM, annotations={"cert-manager.io/certificate-name": "ca"}),
                "cert-manager writes it, and would again: delete its Certificate",
            ),
        ],
        ids=str,
    )
    def test_a_namespace_with_anything_else_in_it_stays_and_loses_its_marks(
        self, occupant: FoundObject, why: str
    ) -> None:
        planned = plan(
            namespace(SYSTEM, labels={"topology.istio.io/network": "net", "team": "a"}),
            contents=(*self.leftovers(), occupant),
        )
        assert removed(planned)[-1] == "Namespace istio-system: label topology.istio.io/network=net"
        assert stays(planned) == {
            str(occupant): why,
            "Namespace istio-system": f"1 objects in it stay: {occupant}",
        }

    def test_resources_of_users_hold_it_only_where_they_are_kept(self) -> None:
        objects = (
            namespace(SYSTEM),
            definition("peerauthentications", "security.istio.io"),
            found(kinds.PEER_AUTHENTICATION, "default", SYSTEM),
        )
        assert "Namespace istio-system" in removed(plan(*objects))
        assert "Namespace istio-system" in stays(plan(*objects, scope=Scope((SYSTEM,), keep_crds=True)))

    @pytest.mark.parametrize(
        ("candidate", "goes"),
        [
            (namespace("mine"), False),
            (namespace("mine", labels=OURS), True),
            (namespace("istio-ingress"), False),
            (namespace("istio-ingress", labels={"istio-injection": "enabled"}), True),
            (namespace("kube-system", labels=OURS), False),
            (namespace("default", labels=OURS), False),
        ],
        ids=lambda value: f"{value} {value.labels}" if isinstance(value, FoundObject) else str(value),
    )
    def test_only_namespaces_with_a_sign_go(self, candidate: FoundObject, goes: bool) -> None:
        assert (str(candidate) in removed(plan(candidate))) is goes

    def test_a_well_known_namespace_goes_when_it_holds_something_of_istio_and_nothing_else(self) -> None:
        gateway = workload("gateway", "istio-ingress", labels=CHART)
        root = found(kinds.CONFIG_MAP, "istio-ca-root-cert", "istio-egress", labels={"istio.io/config": "true"})
        planned = plan(namespace("istio-ingress"), namespace("istio-egress"), gateway, root)
        assert "Namespace istio-ingress" in removed(planned)
        assert stays(planned) == {"Namespace istio-egress": "nothing says that it was made for Istio"}

    def test_namespaces_that_were_given_go_without_a_sign(self) -> None:
        assert removed(plan(namespace("mesh"), scope=Scope(("mesh",)))) == ["Namespace mesh"]

    def test_one_that_is_being_deleted_is_waited_for_whatever_is_in_it(self) -> None:
        planned = plan(namespace(SYSTEM, deleting=True), contents=(found(kinds.CONFIG_MAP, "mine", SYSTEM),))
        assert [(str(step), step.reason) for step in planned.steps] == [
            ("Namespace istio-system", "was being deleted already")
        ]

    def test_none_is_deleted_while_a_dead_api_would_make_it_hang(self) -> None:
        planned = plan(namespace(SYSTEM), dead_groups=("metrics.k8s.io/v1beta1",))
        assert planned.steps == ()
        (kept,) = planned.stays
        assert kept.problem
        assert "metrics.k8s.io/v1beta1 does not answer" in kept.reason


class TestLabels:
    def test_a_namespace_that_stays_keeps_all_its_other_labels(self) -> None:
        labels = {
            "istio-injection": "enabled",
            "istio.io/rev": "canary",
            "istio.io/dataplane-mode": "ambient",
            "istio.io/use-waypoint": "waypoint",
            "istio.io/use-waypoint-namespace": "infra",
            "topology.istio.io/network": "net",
            "team": "payments",
            "kubernetes.io/metadata.name": "app",
        }
        annotations = {"topology.istio.io/controlPlaneClusters": "*", "note": "ours"}
        (step,) = plan(namespace("app", labels=labels, annotations=annotations)).steps
        assert set(labels) - set(step.labels) == {"team", "kubernetes.io/metadata.name"}
        assert step.annotations == ("topology.istio.io/controlPlaneClusters",)

    def test_a_service_that_stays_loses_what_would_take_effect_with_the_next_installation(self) -> None:
        service = found(kinds.SERVICE, "web", "app", labels={"istio.io/global": "true", "app": "web"})
        assert removed(plan(service)) == ["Service app/web: label istio.io/global=true"]


class TestHelm:
    key = (SYSTEM, "istiod")
    records = (
        found(kinds.SECRET, "sh.helm.release.v1.istiod.v1", SYSTEM, labels={"owner": "helm", "name": "istiod"}),
        found(kinds.SECRET, "sh.helm.release.v1.istiod.v2", SYSTEM, labels={"owner": "helm", "name": "istiod"}),
    )
    marked: ClassVar[dict[str, str]] = {"meta.helm.sh/release-name": "istiod", "meta.helm.sh/release-namespace": SYSTEM}

    def test_objects_and_records_of_a_release_of_istio_go_the_records_last(self) -> None:
        service = found(kinds.SERVICE, "old", SYSTEM, annotations=self.marked)
        planned = plan(*self.records, service, releases={self.key: FoundRelease("istiod", SYSTEM, "istiod", SOURCES)})
        assert [step.stage for step in planned.steps] == [
            WipeStage.SERVICES,
            WipeStage.RELEASE_RECORDS,
            WipeStage.RELEASE_RECORDS,
        ]

    @pytest.mark.parametrize("sources", [(), ("https://example.org/base",)])
    def test_a_chart_of_the_same_name_from_elsewhere_is_not_istios(self, sources: tuple[str, ...]) -> None:
        planned = plan(*self.records, releases={self.key: FoundRelease("istiod", SYSTEM, "base", sources)})
        assert removed(planned) == []

    def test_a_release_that_holds_more_than_istio_is_left_to_helm(self) -> None:
        mine = found(kinds.SERVICE, "mine", SYSTEM, annotations=self.marked)
        istiod = workload("istiod", SYSTEM, labels=CHART, annotations=self.marked)
        planned = plan(*self.records, mine, istiod, releases={self.key: FoundRelease("istiod", SYSTEM, "platform")})
        assert removed(planned) == ["Deployment istio-system/istiod"]
        assert "uninstall it with helm" in stays(planned)["Secret istio-system/sh.helm.release.v1.istiod.v1"]

    def test_an_unreadable_record_goes_before_the_objects_that_say_what_it_is(self) -> None:
        istiod = workload("istiod", SYSTEM, labels=CHART, annotations=self.marked)
        planned = plan(*self.records, istiod, releases={self.key: FoundRelease("istiod", SYSTEM, "")})
        assert [step.found.kind.kind for step in planned.steps] == ["Secret", "Secret", "Deployment"]

    def test_an_unreadable_record_of_objects_that_are_not_istios_stays(self) -> None:
        mine = found(kinds.SERVICE, "mine", SYSTEM, annotations=self.marked)
        assert removed(plan(*self.records, mine, releases={self.key: FoundRelease("istiod", SYSTEM, "")})) == []

    def test_the_chart_is_read_from_a_record(self) -> None:
        chart = {"metadata": {"name": "istiod", "sources": list(SOURCES)}, "values": {"secret": "x"}}
        packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps({"chart": chart}).encode()))).decode()
        record = {"data": {"release": packed}}
        assert scan.release_of_record(record, SYSTEM, "istiod") == FoundRelease("istiod", SYSTEM, "istiod", SOURCES)

    @pytest.mark.parametrize("data", [None, {}, {"release": "e30="}, {"release": "not base64"}, {"release": ""}])
    def test_a_damaged_record_is_no_error(self, data: dict[str, str] | None) -> None:
        assert scan.release_of_record({"data": data}, SYSTEM, "istiod").chart == ""


def test_control_planes_outside_of_the_given_namespaces_are_found() -> None:
    planned = plan(
        workload("istiod-canary", "mesh-canary", labels={**CHART, "app": "istiod"}),
        found(kinds.LEASE, "istio-leader", "mesh-canary"),
        namespace("mesh-canary"),
    )
    assert removed(planned) == ["Deployment mesh-canary/istiod-canary", "Lease mesh-canary/istio-leader"]
    assert stays(planned) == {"Namespace mesh-canary": "not among the namespaces to remove"}


def test_workloads_with_sidecars_are_named_where_their_namespace_stays() -> None:
    injected = {"sidecar.istio.io/status": "{}"}
    replicas = found(kinds.REPLICA_SET, "web-6d5f", "app")
    web = {"pod-template-hash": "6d5f"}
    planned = plan(
        namespace(SYSTEM),
        found(kinds.POD, "web-6d5f-a", "app", annotations=injected, labels=web, owners=(replicas,)),
        found(kinds.POD, "web-6d5f-b", "app", annotations=injected, labels=web, owners=(replicas,)),
        found(kinds.POD, "alone", "app", annotations=injected),
        found(kinds.POD, "db-0", "app", annotations=injected, owners=(found(kinds.STATEFUL_SET, "db", "app"),)),
        found(kinds.POD, "plain", "app"),
        found(kinds.POD, "ending", "app", annotations=injected, deleting=True),
    )
    assert planned.sidecars == {"app": ("deployment/web", "pod/alone", "statefulset/db")}


@pytest.mark.parametrize(
    ("keys", "named", "whole"),
    [
        (("dev1",), ("dev1",), True),
        (("dev1", "east"), ("dev1",), False),
        (("east",), (), False),
        (("dev1", "dev2"), ("dev1", "dev2"), True),
        ((), (), True),
    ],
)
def test_remote_secrets_are_judged_by_their_keys(keys: tuple[str, ...], named: tuple[str, ...], whole: bool) -> None:
    secret = found(kinds.SECRET, "istio-remote-secret-dev1", SYSTEM, labels=REMOTE, data=dict.fromkeys(keys))
    assert plans.remote_secret_keys(secret, ["dev1", "dev2"]) == (named, whole)


class TestCauses:
    def test_a_namespace_that_does_not_end_says_why(self) -> None:
        live = {
            "metadata": {"name": SYSTEM},
            "status": {
                "conditions": [
                    {"type": "NamespaceDeletionDiscoveryFailure", "status": "False", "message": "all fine"},
                    {"type": "NamespaceDeletionContentFailure", "status": "True", "message": "unable to get metrics"},
                    {"type": "NamespaceFinalizersRemaining", "status": "True", "message": "example.org/f in 1 objects"},
                ]
            },
        }
        holder = found(kinds.CONFIG_MAP, "held", SYSTEM, finalizers=("example.org/f",))
        elsewhere = found(kinds.CONFIG_MAP, "held", "app", finalizers=("example.org/f",))
        assert execute.why_namespace_stays(live, [holder, holder, elsewhere]) == (
            "is Terminating; NamespaceDeletionContentFailure: unable to get metrics; "
            "NamespaceFinalizersRemaining: example.org/f in 1 objects; "
            "ConfigMap istio-system/held has finalizer example.org/f"
        )

    def test_a_resource_type_that_does_not_end_names_the_resources_that_hold_it(self) -> None:
        holder = found(kinds.VIRTUAL_SERVICE, "web", "app", finalizers=("flagger.app/f",), deleting=True)
        other = found(kinds.GATEWAY, "web", "app")
        assert execute.why_definition_stays("virtualservices", "networking.istio.io", [holder, other]) == (
            "waits for its resources: VirtualService app/web waits for finalizer flagger.app/f: "
            "what set it has to finish, or to be repaired"
        )


def test_what_an_earlier_istio_is_reported_to_leave_behind_goes() -> None:
    """https://github.com/istio/istio/issues/38880, 36905, 58447, 25947, 23706, 7124 and 23189."""
    tags = {"istio.io/rev": "default", "istio.io/tag": "default"}
    client = {"service": {"name": "istiod", "namespace": "mesh-of-old", "path": "/validate"}}
    validation = [{"name": "validation.istio.io", "clientConfig": client}]
    injection = [{"name": "rev.namespace.sidecar-injector.istio.io", "clientConfig": client}]
    planned = plan(
        namespace(SYSTEM),
        namespace("old-app"),
        found(VALIDATOR, "istiod-default-validator", labels={"app": "istiod", **tags}, webhooks=validation),
        found(INJECTOR, "istio-revision-tag-default", labels=tags, webhooks=injection),
        found(kinds.CONFIG_MAP, "istio-ca-root-cert", "old-app", labels={"istio.io/config": "true"}),
        found(kinds.CONFIG_MAP, "istio-namespace-controller-election", SYSTEM, annotations=LEADER),
        definition("istiooperators", "install.istio.io"),
        definition("rbacconfigs", "rbac.istio.io"),
        found(
            ISTIO_OPERATOR, "installed-state", SYSTEM, finalizers=("istio-finalizer.install.istio.io",), deleting=True
        ),
    )
    assert set(removed(planned)) == {
        "ValidatingWebhookConfiguration istiod-default-validator",
        "MutatingWebhookConfiguration istio-revision-tag-default",
        "ConfigMap old-app/istio-ca-root-cert",
        "ConfigMap istio-system/istio-namespace-controller-election",
        "CustomResourceDefinition istiooperators.install.istio.io",
        "CustomResourceDefinition rbacconfigs.rbac.istio.io",
        "IstioOperator istio-system/installed-state",
        "Namespace istio-system",
    }
