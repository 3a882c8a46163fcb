"""In which order checks start."""

from __future__ import annotations

import pytest
from check_queue import Check, take_next

BUILD = Check("lab-build")
STATIC = Check("static")
LAB = Check("lab", needs_lab=True)
TRAFFIC = Check("traffic", needs_lab=True, measures_traffic=True)


@pytest.mark.parametrize(
    ("waiting", "running", "lab_built", "expected"),
    [
        pytest.param([BUILD, LAB, STATIC], [], False, BUILD, id="in the order given"),
        pytest.param([LAB, STATIC], [BUILD], False, STATIC, id="a check with a lab waits for its programs"),
        pytest.param([LAB], [BUILD], False, None, id="nothing but checks with a lab is left"),
        pytest.param([LAB, STATIC], [STATIC], True, LAB, id="the programs are there"),
        pytest.param([LAB, STATIC], [LAB], True, LAB, id="a second lab beside the first"),
        pytest.param([LAB, STATIC], [LAB, LAB], True, None, id="both lanes are taken"),
        pytest.param([TRAFFIC, LAB], [LAB], True, TRAFFIC, id="what measures traffic runs beside others"),
        pytest.param([TRAFFIC, LAB], [TRAFFIC], True, LAB, id="but not beside what measures it too"),
        pytest.param([TRAFFIC], [TRAFFIC], True, None, id="for which it waits"),
        pytest.param([], [], True, None, id="nothing is left"),
    ],
)
def test_the_first_check_that_may_start_is_taken(
    waiting: list[Check], running: list[Check], lab_built: bool, expected: Check | None
) -> None:
    assert take_next(waiting, running, lab_built=lab_built, lanes=2) == expected
