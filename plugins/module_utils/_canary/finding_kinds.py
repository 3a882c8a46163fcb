# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of findings of ``_canary``. docs/findings.md is made of them."""

from __future__ import annotations

from .._findings import FindingFamily, FindingKind

AFFINITY_MISSING = FindingKind(
    "affinity-missing",
    "Sessions are to stay with one side, and no cookie is named.",
    "Give the affinity of the release.",
)
AUTOSCALER_FROM_ZERO = FindingKind(
    "autoscaler-from-zero",
    "The HorizontalPodAutoscaler may start from 0 replicas, so it would scale the canary up by itself.",
    "Set minReplicas to 1 or more.",
)
AUTOSCALER_OWNED = FindingKind(
    "autoscaler-owned",
    "Another controller made the HorizontalPodAutoscaler, and a copy of it would not be kept up to date.",
    "Give the stable side such an object of its own.",
)
COOKIE_AGE_INVALID = FindingKind(
    "cookie-age-invalid",
    "The age of a cookie is below 1 second.",
    "Give a longer age, or no affinity.",
)
COOKIE_NAME_INVALID = FindingKind(
    "cookie-name-invalid",
    "The name of a cookie has characters that it may not have.",
    "Use letters, digits, hyphens, underscores and dots.",
)
COOKIE_NAMES_EQUAL = FindingKind(
    "cookie-names-equal",
    "The cookies of both sides have one name.",
    "Give them different names.",
)
COOKIE_TAKEN = FindingKind(
    "cookie-taken",
    "A destination sets a cookie already, and may set one only.",
    "Set that cookie on the route, or leave out the affinity.",
)
COOKIE_VALUE_INVALID = FindingKind(
    "cookie-value-invalid",
    "The value of a cookie has characters that it may not have.",
    "Start the release anew, which makes a value.",
)
MANIFEST_INVALID = FindingKind(
    "manifest-invalid",
    "A manifest that is to be converted has something of a type that its API does not take, or lacks what it needs.",
    "Correct the place that the message names.",
)
MATCH_CONFLICT = FindingKind(
    "match-conflict",
    "A match of the release contradicts a condition of the route.",
    "Give the release another match, or the route another condition.",
)
MATCH_INVALID = FindingKind(
    "match-invalid",
    "A match of the release is empty or no mapping, so it would match all requests.",
    "Give each match a condition.",
)
MATCH_MISSING = FindingKind(
    "match-missing",
    "Matched requests are to go to the canary, and no match is given.",
    "Give the match.",
)
MATCH_NEVER = FindingKind(
    "match-never",
    "No request can fit both the match of the release and that of the routes, or another route takes them all before.",
    "Correct the match or the routes.",
)
MIRROR_TAKEN = FindingKind(
    "mirror-taken",
    "The route mirrors requests already, in a field that holds one target only.",
    "Write that target into mirrors, which may hold several.",
)
NOT_PROMOTED = FindingKind(
    "not-promoted",
    "The release ends while the workload runs a revision that users do not get.",
    "Put its template back or promote it, or set force to true.",
)
OTHER_RELEASE = FindingKind(
    "other-release",
    "Another release of the same name is under way.",
    "Let it end, roll it back, or use another name.",
)
PART_OF_A_RELEASE = FindingKind(
    "part-of-a-release",
    "A release is under way on more clusters than this run names.",
    "Run it for all of them.",
)
PODS_SHARED = FindingKind(
    "pods-shared",
    "The Services of a release would lead to the pods of another workload too, whose labels are the same.",
    "Make one of both workloads anew with a label of its own in its selector.",
)
PREVIOUS_TEMPLATE_MISSING = FindingKind(
    "previous-template-missing",
    "The template that was promoted before is not known.",
    "Release the earlier version as a new revision.",
)
RELEASE_NAME_INVALID = FindingKind(
    "release-name-invalid",
    "The name of a release has characters that it may not have.",
    "Use lower-case letters, digits and hyphens.",
)
ROLLOUT_PAUSED = FindingKind(
    "rollout-paused",
    "The rollout of the workload is paused, so a new template reaches no pod.",
    "Resume it (kubectl rollout resume).",
)
SELECTOR_LABEL = FindingKind(
    "selector-label",
    "No label of the workload's selector can tell the two sides apart.",
    "Name another label of its selector.",
)
SELECTS_ONE_SIDE = FindingKind(
    "selects-one-side",
    "An object (a policy, a Service, a monitor) selects pods by the label that tells both sides of a release apart, so "
    "that it is for one side only.",
    "Let it select by a label that the pods of both sides have, or make one like it for the other side.",
)
SELECTS_UNKNOWN = FindingKind(
    "selects-unknown",
    "Objects that may select the pods of one side only could not be listed.",
    "Let the account list them, or see yourself whether they select the pods of both sides.",
)
SERVICE_UNUSABLE = FindingKind(
    "service-unusable",
    "The Service that clients use cannot be taken over: it has no selector, or lacks a port.",
    "Correct the Service as the message says, or set manage to false.",
)
SIDES_EQUAL = FindingKind(
    "sides-equal",
    "Both sides of the release are the same destination.",
    "Name two destinations.",
)
STATE_UNREADABLE = FindingKind(
    "state-unreadable",
    "The state of a release cannot be read.",
    "Use the version of the collection that wrote it, or delete it and begin the release anew.",
)
TOO_MANY_RULES = FindingKind(
    "too-many-rules",
    "The object would have more rules than the Gateway API allows.",
    "Name the routes that are meant, or put them into an object of their own.",
)
UPDATE_STRATEGY = FindingKind(
    "update-strategy",
    "The workload does not replace its pods by itself when its template changes.",
    "Set its update strategy to RollingUpdate.",
)
WORKLOAD_GETS_NOBODY = FindingKind(
    "workload-gets-nobody",
    "A release was removed where its workload is gone or not ready, so that its pods did not take the users back.",
    "Make the workload again, or see why its pods do not become ready.",
)
WORKLOAD_MISSING = FindingKind(
    "workload-missing",
    "The workload of the release is not there.",
    "Create it on every cluster, or correct the option workload.",
)
PLAN = FindingFamily(
    "plan",
    "PART",
    "A part of the plan of a release cannot be followed, or contradicts another part.",
    "Correct the part that the slug and the message name.",
)
NEEDS_HTTP = FindingFamily(
    "needs-http",
    "PART",
    "A part of the release (match, affinity or mirror) is about HTTP requests, and a route is not.",
    "Use weights there, leave that route out, or do without that part.",
)
