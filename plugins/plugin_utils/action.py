# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An operation on the controller: no module process, so a task costs milliseconds."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import ansible.template
from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.onemesh.istio.plugins.module_utils._cluster import hidden_values
from ansible_collections.onemesh.istio.plugins.module_utils._kube.files import make_plain
from ansible_collections.onemesh.istio.plugins.module_utils._operations.operation import Context, face_of, run_operation
from ansible_collections.onemesh.istio.plugins.module_utils._summary.lines import write_lines
from ansible_collections.onemesh.istio.plugins.module_utils._summary.summary import Summary
from ansible_collections.onemesh.istio.plugins.plugin_utils.mesh import Moment
from ansible_collections.onemesh.istio.plugins.plugin_utils.run_of_task import RunOfTask
from ansible_collections.onemesh.istio.plugins.plugin_utils.vault import decrypting


class OperationAction(ActionBase):
    """Base of all action plugins of this collection; a subclass names its operation."""

    OPERATION: ModuleType
    _supports_check_mode = True
    _supports_async = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        run = RunOfTask(self._task, task_vars or {}, self._templar, self._loader)
        moment: Moment | None = getattr(self.OPERATION, "MOMENT", None)
        not_now = run.not_now(moment, self._task.action.rpartition(".")[2]) if moment is not None else ""
        if not_now:
            self._progress(f"{run.host}: {not_now}")
            return {**result, "changed": False, "skipped": True, "skip_reason": not_now, "msg": not_now}
        self._task.args = run.completed(self.OPERATION.ARGUMENT_SPEC)
        work = functools.partial(self._work_and_tell, task_vars or {}, on_controller=run.is_about_its_host)
        return {**result, **(run.once(work) if moment is not None else work())}

    def _work_and_tell(self, task_vars: dict[str, Any], *, on_controller: bool) -> dict[str, Any]:
        """The operation's result; what it comes to is told once, wherever it was run."""
        result = self._work(task_vars, on_controller=on_controller)
        # A module that runs on in the background has not ended yet.
        if "summary" in result:
            self._progress(*write_lines(Summary.from_dict(result["summary"])))
        return result

    def _work(self, task_vars: dict[str, Any], *, on_controller: bool) -> dict[str, Any]:
        """The operation's result. A host that is a cluster is no machine to run on, whatever its connection."""
        if self._task.async_val or (self._connection.transport != "local" and not on_controller):
            return dict(self._execute_module(task_vars=task_vars, wrap_async=self._task.async_val))
        validation, parameters = self._validated()
        context = Context(
            check_mode=self._task.check_mode,
            diff=self._task.diff,
            environ=self._environment(),
            progress=self._progress,
            render=functools.partial(self._render, task_vars),
            decrypt=decrypting(self._loader),
            locate=self._find_needle,
        )
        outcome = run_operation(self.OPERATION, parameters, context)
        return dict(remove_values(outcome, hidden_values(validation._no_log_values, parameters)))

    def _validated(self) -> tuple[Any, dict[str, Any]]:
        """The options, checked and completed, with what Ansible notes of it.

        Those that may hold anything are put aside meanwhile: nothing is checked of them, and Ansible would copy them
        element by element, which takes a second for some hundred objects.
        """
        given: dict[str, Any] = self._task.args
        aside = {
            name: (option, given[name])
            for option, spec in self.OPERATION.ARGUMENT_SPEC.items()
            if spec.get("type") == "raw" and not spec.get("no_log")
            for name in (option, *spec.get("aliases", ()))
            if given.get(name) is not None
        }
        self._task.args = {**given, **dict.fromkeys(aside, True)}
        try:
            validation, parameters = self.validate_argument_spec(  # type: ignore[no-untyped-call]
                **face_of(self.OPERATION)
            )
        finally:
            self._task.args = given
        for name, (option, value) in aside.items():
            parameters.update({name: value, option: value})
        return validation, parameters

    def _environment(self) -> dict[str, str]:
        """The controller's environment under the task's own, as a module would see it."""
        environment = dict(os.environ)
        for layer in self._task.environment or []:
            values = self._templar.template(layer)
            if values and not isinstance(values, dict):
                raise AnsibleActionFail(f"environment must be a mapping, not {type(values).__name__}")
            environment.update({str(name): str(value) for name, value in (values or {}).items()})
        return environment

    def _render(self, task_vars: dict[str, Any], path: str, variables: Mapping[str, Any]) -> Any:
        """What the template at ``path`` gives with the task's variables and these: text, or the data in it.

        Raises Encrypted where ansible-vault has encrypted it and no secret fits.
        """
        text = _trusted(make_plain(Path(path).read_bytes(), decrypting(self._loader)).decode("utf-8"))
        templar = self._templar.copy_with_new_env(available_variables={**task_vars, **variables})
        return templar.template(text)

    def _progress(self, *lines: str) -> None:
        """What is waited for and since when: shown at once, since a result comes only at the end.

        Several lines stay together: other hosts of the same task say something too.
        """
        Display().display("\n".join(f"  {line}" for line in lines), **channel(_stdout_callback()))


def channel(callback: str) -> dict[str, bool]:
    """Where lines of ours go beside what the stdout callback ``callback`` writes, as options of ``Display.display``.

    Among text for people; in Ansible's log file where programs read JSON, for standard error may be merged into it; and
    to standard error where nobody knows.
    """
    name = callback.rpartition(".")[2]
    if name in _FOR_PEOPLE:
        return {}
    return {"log_only": True} if "json" in name else {"stderr": True}


def _stdout_callback() -> str:
    """ansible-runner, and so AWX, puts a callback of its own before the one that was chosen."""
    return os.environ.get("ORIGINAL_STDOUT_CALLBACK") or str(
        constants.DEFAULT_STDOUT_CALLBACK  # type: ignore[attr-defined]
    )


# Of ansible-core, ansible-runner and community.general.
_FOR_PEOPLE = frozenset(
    {"awx_display", "counter_enabled", "debug", "default", "default_without_diff", "dense", "diy", "minimal", "oneline"}
    | {"print_task", "selective", "tasks_only", "timestamp", "tree", "unixy", "yaml"}
)

# Ansible 2.19 trusts text as a template only where it was read as one; before that it trusts all text.
_trusted: Callable[[Any], Any] = getattr(ansible.template, "trust_as_template", lambda text: text)
