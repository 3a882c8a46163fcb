"""In which order checks start."""

from __future__ import annotations

import pytest
from check_queue import Check, take_next

BUILD = Check("lab-build")
STATIC = Check("static")
LAB = Check("lab", needs_lab=True)
TRAFFIC = Check("traffic", needs_lab=True, alone=True)


@pytest.mark.parametrize(
    ("waiting", "running", "lab_built", "expected"),
    [
        pytest.param([BUILD, LAB, STATIC], [], False, BUILD, id="in the order given"),
        pytest.param([LAB, STATIC], [BUILD], False, STATIC, id="a check with a lab waits for its programs"),
        pytest.param([LAB, TRAFFIC], [BUILD], False, None, id="nothing but checks with a lab is left"),
        pytest.param([LAB, STATIC], [STATIC], True, LAB, id="the programs are there"),
        pytest.param([LAB], [STATIC, STATIC], True, None, id="both lanes are taken"),
        pytest.param([TRAFFIC], [STATIC], True, None, id="what runs alone waits until the others have ended"),
        pytest.param([TRAFFIC, STATIC], [], True, STATIC, id="what runs alone comes last"),
        pytest.param([TRAFFIC], [], True, TRAFFIC, id="now it runs alone"),
        pytest.param([TRAFFIC], [TRAFFIC], True, None, id="two that run alone do not run together"),
        pytest.param([], [], True, None, id="nothing is left"),
    ],
)
def test_the_first_check_that_may_start_is_taken(
    waiting: list[Check], running: list[Check], lab_built: bool, expected: Check | None
) -> None:
    assert take_next(waiting, running, lab_built=lab_built, lanes=2) == expected
