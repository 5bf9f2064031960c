"""The command ``placement metrics``."""


def test_metrics_of_the_service_are_printed(command):
    result = command("metrics")

    assert result.exit_code == 0
    assert "# TYPE placement_claims_total counter\n" in result.stdout


def test_metrics_of_the_providers_are_printed(command):
    result = command("metrics", "--providers")

    assert result.exit_code == 0
    assert "openstack_placement_up 1\n" in result.stdout
