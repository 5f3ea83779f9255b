"""The two shapes of the buses, a session each: pytest runs the tests of one, then the other's."""

import pytest


@pytest.fixture(scope="session", params=["one-cluster", "two-clusters"])
def shape(request, tmp_path_factory):
    """Brokers with topics and rules, as `sluice topics apply` makes them."""
    from secure import Shape

    made = Shape(tmp_path_factory.mktemp(request.param), request.param == "one-cluster")
    try:
        made.start()
        made.apply()
        yield made
    finally:
        made.stop()
