"""What a user is told when the lab cannot do something."""

from __future__ import annotations


class LabError(Exception):
    """str() says what is wrong and what to do about it."""
