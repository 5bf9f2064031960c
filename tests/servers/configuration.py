"""Write a configuration directory of the service."""

import collections.abc
import configparser
import json
import pathlib

Options = collections.abc.Mapping[str, collections.abc.Mapping[str, object]]
Policy = collections.abc.Mapping[str, str]


def write(
    directory: pathlib.Path,
    url: str,
    options: Options | None = None,
    policy: Policy | None = None,
) -> pathlib.Path:
    """Write ``placement.conf`` and ``policy.yaml``; return the path of the former.

    ``options``, by section and name, override the defaults of the tests: noauth2, the
    new policy defaults, and the database at ``url``. ``policy`` has check strings by
    rule name.
    """
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_dict(
        {
            "api": {"auth_strategy": "noauth2"},
            "oslo_policy": {
                "enforce_new_defaults": "true",
                "policy_file": str(directory / "policy.yaml"),
            },
            "placement_database": {"connection": url},
        }
    )
    parser.read_dict(options or {})
    path = directory / "placement.conf"
    with open(path, "w") as file:
        parser.write(file)
    # One rule per line: oslo.policy warns about files that are valid JSON.
    rules = (f"{json.dumps(k)}: {json.dumps(v)}\n" for k, v in (policy or {}).items())
    (directory / "policy.yaml").write_text("".join(rules))
    return path
