"""The samples in ``etc/placement`` are up to date."""

import io
import pathlib

from oslo_config import cfg, generator
from oslo_policy import generator as policy_generator

SAMPLES = pathlib.Path(__file__).parents[2] / "etc" / "placement"
RENEW = "renew it: tox -e samples"


def options(text):
    """Return our own options in a sample, by group. Those of libraries may change."""
    found, group, is_ours = {}, None, False
    for line in text.splitlines():
        if line.startswith("["):
            group, is_ours = line, False
        elif line.startswith("# From "):
            is_ours = line == "# From placement.conf"
        elif is_ours:
            found.setdefault(group, []).append(line)
    return {name: "\n".join(lines).strip("\n#") for name, lines in found.items()}


def test_the_configuration_sample_is_up_to_date():
    conf = cfg.ConfigOpts()
    generator.register_cli_opts(conf)
    conf(["--namespace", "placement.conf", "--wrap-width", "79"])
    generated = io.StringIO()
    generator.generate(conf, generated)
    stored = (SAMPLES / "placement.conf.sample").read_text()

    assert len(options(stored)) > 5
    assert options(stored) == options(generated.getvalue()), RENEW


def test_the_configuration_sample_has_options_of_libraries():
    stored = (SAMPLES / "placement.conf.sample").read_text()

    for line in ("#memcached_servers = <None>", "#use_json = false", "#policy_file ="):
        assert f"\n{line}" in stored


def test_the_policy_sample_is_up_to_date(tmp_path):
    sample = tmp_path / "policy.yaml"
    policy_generator.generate_sample(
        args=["--namespace", "placement", "--output-file", str(sample)],
        conf=cfg.ConfigOpts(),
    )

    stored = (SAMPLES / "policy.yaml.sample").read_text()

    assert stored == sample.read_text(), RENEW
