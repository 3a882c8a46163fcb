# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON sent to somebody else's HTTP server: webhooks and notifications.

Nothing that came with the address is in a message: not its user name, path or query, and no header. A chat's
webhook has its secret in the path.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import random
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from .._findings import OPTION, Finding
from .._kube import retry
from .._kube.libraries import make_missing_library_error
from .._kube.retry import Trouble
from .._kube.tls import make_client_context
from .._masking import mask

try:
    import urllib3
    from urllib3.exceptions import HTTPError, InsecureRequestWarning

    _IMPORT_ERROR = ""
except ImportError:
    _IMPORT_ERROR = traceback.format_exc()

POST_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    # A chat's webhook is a secret as a whole.
    "url": {"type": "str", "required": True, "no_log": True},
    "timeout": {"type": "float", "default": 10.0},
    "retries": {"type": "int", "default": 0},
    "headers": {"type": "dict", "default": {}, "no_log": True},
    "validate_certs": {"type": "bool", "default": True},
    "ca_cert": {"type": "path"},
}
"""Where to, and how. ``timeout`` is in seconds, for each attempt."""

_MOST_READ = 4096
_MOST_SHOWN = 200
# A shorter word of a path ("services", "hooks") is no secret, and would be hidden in ordinary text.
_SHORTEST_PATH_SECRET = 12


@dataclass(frozen=True)
class PostTarget:
    """One server. ``name`` is what messages call it, ``shown`` its address without anything that is secret."""

    name: str
    url: str = field(repr=False)
    shown: str
    timeout: float
    retries: int
    headers: Mapping[str, str] = field(repr=False)
    tls: ssl.SSLContext | None = field(repr=False, compare=False)
    secrets: tuple[str, ...] = field(repr=False)

    @property
    def patience(self) -> float:
        """Seconds for all attempts together, with the pauses between them."""
        return (self.retries + 1) * self.timeout + self.retries * retry.LONGEST_PAUSE


class Reply(NamedTuple):
    """``status`` is None where no answer came; ``message`` then says why. Of another answer it is its beginning."""

    status: int | None
    message: str

    @property
    def good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def target_of(options: Mapping[str, Any], name: str, problems: list[Finding]) -> PostTarget | None:
    """The target that options with POST_ARGUMENT_SPEC mean. Adds to ``problems`` what is wrong; None then."""
    before = len(problems)
    url = options["url"].strip()
    parts, shown = _address(url)
    headers = {str(key): str(value) for key, value in (options["headers"] or {}).items()}

    def refuse(option: str, message: str, remedy: str) -> None:
        problems.append(Finding("", OPTION.kind(option), message, remedy, object=name))

    if parts is None:
        refuse("url", "its url is no http:// or https:// address", "give it as https://HOST[:PORT]/PATH")
    if options["timeout"] <= 0:
        refuse("timeout", f"timeout is {options['timeout']:g} s", "give more than 0 seconds")
    if options["retries"] < 0:
        refuse("retries", f"retries is {options['retries']}", "give 0 or more")
    if any(set("\r\n") & set(key + value) for key, value in headers.items()):
        refuse("headers", "a header has a line break in it", "take it out, mostly it is at the end of a token")
    if any(not value.isascii() for value in headers.values()):
        refuse("headers", "a header has letters outside ASCII in it", "encode them")
    tls = _tls(options, refuse) if parts is not None and parts.scheme == "https" else None
    if parts is None or len(problems) > before:
        return None
    secrets = tuple(dict.fromkeys(filter(None, (*_secrets_of_url(parts), *_secrets_of_headers(headers.values())))))
    if parts.username is not None and "authorization" not in {key.lower() for key in headers}:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    plain = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()
    return PostTarget(name, plain, shown, options["timeout"], options["retries"], headers, tls, secrets)


def post(target: PostTarget, body: Any) -> Reply:
    """Send ``body`` as JSON and wait for the answer, not longer than the target's patience. Raises nothing.

    No redirect is followed: it would carry headers to an address that nobody named. An attempt is repeated where no
    answer came, or one that says "later"; not where certificates do not match. Raises CredentialsError where urllib3
    is missing.
    """
    if _IMPORT_ERROR:
        raise make_missing_library_error(target.name, "urllib3", "sending a webhook or a notice", _IMPORT_ERROR)
    data = json.dumps(body, separators=(",", ":")).encode()
    ends = time.monotonic() + target.patience
    with _pool(target) as pool:
        for attempt in itertools.count(1):
            reply, trouble, retry_after = _attempt(pool, target, data)
            pause = retry.pause_before_repost(
                attempt=attempt,
                retries=target.retries,
                status=reply.status,
                retry_after=retry_after,
                trouble=trouble,
                remaining=ends - time.monotonic() - target.timeout,
                jitter=random.random(),  # spreads load, guards nothing
            )
            if pause is None:
                break
            time.sleep(pause)
    return reply


def post_all(posts: Sequence[tuple[PostTarget, Any]]) -> list[Reply]:
    """All at the same time, each as long as its target's patience; the replies in the order given."""
    started = time.monotonic()
    replies: list[Reply | None] = [None] * len(posts)
    defects: list[BaseException] = []

    def send(place: int) -> None:
        try:
            replies[place] = post(*posts[place])
        except BaseException as defect:  # pylint: disable=broad-exception-caught  # raised again below
            defects.append(defect)

    threads = [threading.Thread(target=send, args=(place,), daemon=True) for place in range(len(posts))]
    for thread in threads:
        thread.start()
    for thread, (target, _body) in zip(threads, posts, strict=True):
        thread.join(max(0.0, started + target.patience - time.monotonic()) + 1.0)
    if defects:
        raise defects[0]
    # A name server that does not answer is waited for by the system, whatever limit we set.
    return [
        reply or Reply(None, f"no answer within {target.patience:g} s")
        for reply, (target, _body) in zip(replies, posts, strict=True)
    ]


def _attempt(pool: urllib3.PoolManager, target: PostTarget, data: bytes) -> tuple[Reply, Trouble | None, float | None]:
    """The reply, why none came, and after how many seconds the server wants to be asked again."""
    ends = time.monotonic() + target.timeout
    try:
        answer = pool.request(
            "POST",
            target.url,
            body=data,
            headers={"User-Agent": "onemesh.istio", "Content-Type": "application/json", **target.headers},
            timeout=urllib3.Timeout(total=target.timeout),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            text = _read_beginning(answer, ends)
        finally:
            # What is left of it is not read, so the connection cannot be used again.
            answer.close()
            answer.release_conn()
    except (HTTPError, OSError, ValueError) as error:
        failure = retry.explain(error, server=target.shown, seconds=target.timeout)
        return Reply(None, f"{failure.message} ({failure.remedy})"), failure.trouble, None
    said = " ".join(mask(text, target.secrets).split())[:_MOST_SHOWN]
    return Reply(answer.status, said), None, retry.retry_after_seconds(answer.headers)


def _read_beginning(answer: urllib3.BaseHTTPResponse, ends: float) -> str:
    """The first of the body; one that comes drop by drop is left when the time is over, for its status counts."""
    found = b""
    try:
        for chunk in answer.stream(_MOST_READ):
            found += chunk
            if len(found) >= _MOST_READ or time.monotonic() >= ends:
                break
    except (HTTPError, OSError):
        pass
    return found[:_MOST_READ].decode("utf-8", "replace")


def _pool(target: PostTarget) -> urllib3.PoolManager:
    if target.tls is None:
        return urllib3.PoolManager(num_pools=1)
    if target.tls.verify_mode == ssl.CERT_NONE:
        urllib3.disable_warnings(InsecureRequestWarning)
        return urllib3.PoolManager(num_pools=1, ssl_context=target.tls, assert_hostname=False)
    return urllib3.PoolManager(num_pools=1, ssl_context=target.tls)


def _tls(options: Mapping[str, Any], refuse: Callable[[str, str, str], None]) -> ssl.SSLContext | None:
    verify, path = options["validate_certs"], options["ca_cert"]
    try:
        authorities = Path(path).read_bytes() if verify and path else None
        return make_client_context(verify=verify, authorities=authorities, system=True)
    except (ssl.SSLError, ValueError):  # an SSLError is an OSError too
        refuse("ca_cert", f"ca_cert {path} has no PEM certificate", "give a file that has")
    except OSError as error:
        refuse("ca_cert", f"ca_cert {path} cannot be read: {error.strerror}", "correct the path")
    return None


def _address(url: str) -> tuple[SplitResult | None, str]:
    """The parts of an http(s) address (None: it is none), and what of it may be shown."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None, ""
    if parts.scheme not in ("http", "https") or not host or not url.isprintable() or " " in url:
        return None, ""
    bracketed = f"[{host}]" if ":" in host else host
    return parts, f"{parts.scheme}://{bracketed}{f':{port}' if port else ''}"


def _secrets_of_url(parts: SplitResult) -> Iterator[str]:
    for value in (parts.username, parts.password):
        yield from (value or "", unquote(value or ""))
    yield parts.query
    for _name, value in parse_qsl(parts.query):
        yield value
    for segment in parts.path.split("/"):
        if len(segment) >= _SHORTEST_PATH_SECRET:
            yield from (segment, unquote(segment))


def _secrets_of_headers(values: Iterable[str]) -> Iterator[str]:
    for value in values:
        yield value
        scheme, _space, credentials = value.partition(" ")
        if not credentials:
            continue
        yield credentials
        if scheme.lower() == "basic":
            try:
                pair = base64.b64decode(credentials, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                continue
            yield from (pair, pair.partition(":")[2])
