"""Unit tests see nothing of the machine they run on."""

import pytest


@pytest.fixture(autouse=True)
def _clean(clean_environment: None) -> None:
    """See `clean_environment`."""
