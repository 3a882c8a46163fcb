# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One instant query of Prometheus, by its HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from ..._kube import retry
from ..._kube.credentials import Credentials, without_user_information
from ..._kube.errors import CredentialsError
from ..._kube.transport import Session, read_all
from ..._masking import mask
from .spec import PrometheusSpec

try:
    from urllib3.exceptions import HTTPError
except ImportError:
    # Session tells it.
    HTTPError = OSError  # type: ignore[misc,assignment]

_LONGEST = 300
"""Characters of an answer that are repeated in an error."""


@dataclass(frozen=True)
class Reading:
    """What a query gave: a value, or ``error``, or neither where there is no data."""

    value: float | None = None
    error: str = ""


class Prometheus:
    """The Prometheus of one cluster. Safe to use from several threads. Raises CredentialsError when it is made."""

    def __init__(self, cluster: str, spec: PrometheusSpec, *, connections: int) -> None:
        self._url = spec.url_of(cluster)
        self._spec = spec
        self._session = Session(cluster, _credentials(cluster, self._url, spec), connections=connections)

    def query(self, query: str, *, timeout: float) -> Reading:
        """The one value of a query, at the moment of Prometheus's own clock. Never raises for what the other side does.

        ``timeout`` in seconds is for the whole of it. Nothing is tried again: the next analysis asks again.
        """
        url = f"{self._url}/api/v1/query?{urlencode({'query': query, 'timeout': f'{timeout:.3f}'})}"
        ends = time.monotonic() + timeout
        headers = (("Accept", "application/json"), *self._spec.headers.items())
        try:
            answer = self._session.send("GET", url, None, headers, timeout)
            reading = read_answer(answer.status, read_all(answer, ends))
        except (HTTPError, OSError) as error:
            proxy = without_user_information(self._session.proxy) if self._session.proxy else ""
            failure = retry.explain(error, server=self._url, proxy=proxy, seconds=timeout)
            reading = Reading(error=failure.message)
        if not reading.error:
            return reading
        return Reading(error=mask(f"Prometheus {self._url}: {reading.error}", self._spec.secrets))

    def close(self) -> None:
        self._session.close()


def read_answer(status: int, body: bytes) -> Reading:
    """An answer of ``/api/v1/query``. Pure.

    Of several series none is chosen (Flagger takes the last one, which may be any): the query has to make one of them.
    """
    try:
        answer = json.loads(body)
        if answer["status"] != "success":
            return Reading(error=f"{answer['errorType']}: {_shorten(answer['error'])}")
        if status != 200:
            return Reading(error=f"HTTP {status}")
        return _value_of(answer["data"]["resultType"], answer["data"]["result"])
    except (ValueError, KeyError, TypeError, IndexError):
        text = _shorten(body[: 4 * _LONGEST].decode("utf-8", "replace"))
        expected = "" if status >= 300 else ", which is no answer of Prometheus's API"
        return Reading(error=f"HTTP {status}{expected}: {text}")


def _value_of(kind: str, result: list[object]) -> Reading:
    if kind == "scalar":
        return _number(result)
    if kind != "vector":
        return Reading(
            error=f"the query gives a {kind}, a single value is wanted: put a function as rate() or avg_over_time() "
            "around a range"
        )
    if len(result) > 1:
        return Reading(error=f"the query gives {len(result)} series, one is wanted: put sum() or avg() around it")
    return _number(result[0]["value"]) if result else Reading()  # type: ignore[index]  # KeyError, TypeError are told


def _number(sample: object) -> Reading:
    value = float(sample[1])  # type: ignore[index]  # [seconds, text]
    return Reading() if math.isnan(value) else Reading(value)


def _credentials(cluster: str, url: str, spec: PrometheusSpec) -> Credentials:
    authority = b""
    if spec.ca_cert and url.startswith("https://"):
        path = os.path.expanduser(spec.ca_cert)
        try:
            with open(path, "rb") as stream:
                authority = stream.read()
        except OSError as error:
            raise CredentialsError(
                cluster,
                f"cannot read {path} (analysis.prometheus.ca_cert): {error.strerror}",
                remedy="correct the path or the file's mode",
            ) from None
    return Credentials(
        server=url,
        origin="analysis.prometheus",
        ca=authority,
        verify=spec.validate_certs,
        token=spec.token,
        username=spec.username,
        password=spec.password,
        proxy=spec.proxy,
    )


def _shorten(text: str) -> str:
    words = " ".join(str(text).split())
    return words if len(words) <= _LONGEST else words[:_LONGEST] + "..."
