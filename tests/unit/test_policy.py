"""Decisions follow the rules in force, even when they are cached."""

import itertools
import os
import types

import pytest
from oslo_config import cfg

from placement import conf, exception, policies, policy
from placement.policies import extension, reshaper, resource_provider, trait, usage


def caller(*roles, user_id="u", project_id="p", system_scope=None, domain_id=None):
    return types.SimpleNamespace(
        user_id=user_id,
        project_id=project_id,
        roles=roles,
        system_scope=system_scope,
        domain_id=domain_id,
    )


@pytest.fixture
def enforcer(tmp_path):
    """Return a function that makes an enforcer with its files in ``tmp_path``."""

    def enforcer(options=""):
        path = tmp_path / "placement.conf"
        path.write_text(f"[oslo_policy]\n{options}\n")
        config = cfg.ConfigOpts()
        conf.register_opts(config)
        config([], project="placement", default_config_files=[str(path)])
        return policy.Enforcer(config)

    return enforcer


def allows(enforcer, context, rule=trait.LIST, target=None):
    try:
        enforcer.authorize(context, rule, target)
    except exception.PolicyNotAuthorized:
        return False
    return True


OPERATIONS = {rule.name for rule in policies.list_rules() if ":" in rule.name}


def allowed(enforcer, context, target=None):
    return {rule for rule in OPERATIONS if allows(enforcer, context, rule, target)}


def test_an_admin_may_do_everything_but_reshape(enforcer):
    assert allowed(enforcer(), caller("admin")) == OPERATIONS - {reshaper.RESHAPE}


def test_with_the_old_defaults_an_admin_may_reshape_too(enforcer):
    asked = enforcer("enforce_new_defaults = false")

    assert allowed(asked, caller("admin")) == OPERATIONS


@pytest.mark.parametrize("options", ["", "enforce_new_defaults = false"])
def test_a_service_may_do_everything_but_manage(enforcer, options):
    expected = OPERATIONS - {extension.MANAGE}

    assert allowed(enforcer(options), caller("service")) == expected


@pytest.mark.parametrize("options", ["", "enforce_new_defaults = false"])
def test_a_reader_may_see_the_usages_of_its_project(enforcer, options):
    asked = enforcer(options)
    reader = caller("reader", project_id="mine")

    assert allowed(asked, reader, {"project_id": "mine"}) == {usage.TOTAL}
    assert not allowed(asked, reader, {"project_id": "other"})
    assert not allowed(asked, reader, {"project_id": None})


@pytest.mark.parametrize("roles", [(), ("member",), ("reader2",)])
def test_other_roles_may_do_nothing(enforcer, roles):
    assert not allowed(enforcer(), caller(*roles, project_id="mine"))


def test_a_refusal_names_the_rule(enforcer):
    with pytest.raises(exception.PolicyNotAuthorized) as refused:
        enforcer().authorize(caller("member"), trait.LIST)

    assert str(refused.value) == (
        "Policy does not allow placement:traits:list to be performed."
    )


@pytest.mark.parametrize("options", ["", "enforce_scope = false"])
@pytest.mark.parametrize("scope", [{"system_scope": "all"}, {"domain_id": "d"}])
def test_a_token_of_another_scope_may_do_nothing(enforcer, scope, options):
    asked = enforcer(options)
    # Decisions that are cached for the roles must not apply to another scope.
    assert allowed(asked, caller("admin", "service")) == OPERATIONS

    for rule in OPERATIONS:
        with pytest.raises(exception.PolicyScopeNotAuthorized) as refused:
            asked.authorize(caller("admin", "service", **scope), rule)

        assert str(refused.value) == rule


def test_an_unknown_rule_is_not_a_refusal(enforcer):
    with pytest.raises(Exception, match="not been registered"):
        enforcer().authorize(caller("admin"), "placement:no:such")


# Cached decisions


ROLES = ["admin", "service", "reader"]
CALLERS = [
    caller(*roles, user_id=user, project_id=project)
    for count in range(len(ROLES) + 1)
    for roles in itertools.combinations(ROLES, count)
    for user in "uv"
    for project in "pq"
]


@pytest.mark.parametrize(
    "check",
    [
        "@",
        "!",
        "role:reader",
        "not role:reader",
        "role:%(project_id)s",
        "user_id:u",
        "project_id:%(project_id)s and not user_id:v",
        "rule:project_reader_api or (role:service and user_id:%(user_id)s)",
        "rule:other",
        "rule:unknown",
    ],
)
def test_cached_decisions_equal_those_of_a_new_enforcer(enforcer, tmp_path, check):
    (tmp_path / "policy.yaml").write_text(
        f'"{trait.LIST}": "{check}"\nother: "user_id:v"\ndefault: "project_id:q"\n'
    )
    kept = enforcer()
    questions = [
        (who, target)
        for who in CALLERS
        for target in (
            None,
            {"project_id": "p", "user_id": "u"},
            {"project_id": "admin"},
        )
    ]
    first = [allows(kept, who, target=target) for who, target in questions]

    assert [allows(kept, who, target=target) for who, target in questions] == first
    assert [
        allows(enforcer(), who, target=target) for who, target in questions
    ] == first


def test_a_decision_on_roles_is_cached(enforcer, monkeypatch):
    asked = enforcer()
    made = []
    ask = policy._Rules._ask
    monkeypatch.setattr(
        policy._Rules, "_ask", lambda *given: made.append(given) or ask(*given)
    )

    for number in range(5):
        asked.authorize(caller("admin", user_id=f"user{number}"), trait.LIST)
        asked.authorize(caller("admin", user_id=f"user{number}"), trait.SHOW)

    assert len(made) == 2


def test_the_number_of_cached_decisions_is_bounded(enforcer, monkeypatch):
    monkeypatch.setattr(policy, "CACHED_DECISIONS_MAX", 3)
    asked = enforcer()

    for number in range(8):
        reader = caller("reader", project_id=f"p{number}")
        assert allows(asked, reader, usage.TOTAL, {"project_id": f"p{number}"})
        assert len(asked._rules._decisions) <= 3


def test_the_answer_of_a_remote_server_is_not_cached(enforcer, tmp_path, monkeypatch):
    (tmp_path / "policy.yaml").write_text(f'"{trait.LIST}": "http://remote/"\n')
    asked = enforcer()
    answers = iter([True, False, True])
    check = type(asked._rules._enforcer.rules[trait.LIST])
    monkeypatch.setattr(check, "__call__", lambda *_: next(answers))

    assert [allows(asked, caller("admin")) for _ in range(3)] == [True, False, True]


# Policy files


def only_for(role):
    return f'"{trait.LIST}": "role:{role}"\n'


def test_a_policy_file_is_read_beside_placement_conf(enforcer, tmp_path):
    (tmp_path / "policy.yaml").write_text(only_for("mine"))

    assert allows(enforcer(), caller("mine"))
    assert not allows(enforcer(), caller("admin"))
    assert allows(enforcer(), caller("admin"), trait.SHOW)


def test_changes_of_the_policy_file_take_effect_immediately(enforcer, tmp_path):
    path = tmp_path / "policy.yaml"
    asked = enforcer()
    assert not allows(asked, caller("mine"))

    path.write_text(only_for("mine"))
    assert allows(asked, caller("mine"))
    assert not allows(asked, caller("admin"))

    path.write_text(only_for("other"))
    assert not allows(asked, caller("mine"))
    assert allows(asked, caller("other"))

    path.unlink()
    assert not allows(asked, caller("other"))
    assert allows(asked, caller("admin"))


def test_a_second_write_within_one_clock_tick_takes_effect(
    enforcer, tmp_path, monkeypatch
):
    path = tmp_path / "policy.yaml"
    asked = enforcer()
    path.write_text(only_for("mine"))
    written_ns = path.stat().st_mtime_ns

    def write_again(_seconds):
        path.write_text(only_for("your"))
        os.utime(path, ns=(written_ns, written_ns))

    monkeypatch.setattr(policy.time, "sleep", write_again)

    assert allows(asked, caller("your"))
    assert not allows(asked, caller("mine"))


def test_replacing_the_file_with_an_older_one_takes_effect(enforcer, tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(only_for("mine"))
    asked = enforcer()
    older = tmp_path / "older.yaml"
    older.write_text(only_for("your"))
    os.utime(older, (1, 1))

    older.rename(path)

    assert allows(asked, caller("your"))
    assert not allows(asked, caller("mine"))


def test_the_files_of_policy_dirs_override_the_policy_file(enforcer, tmp_path):
    (tmp_path / "policy.yaml").write_text(only_for("mine"))
    asked = enforcer()
    assert allows(asked, caller("mine"))

    directory = tmp_path / "policy.d"
    directory.mkdir()
    (directory / "10.yaml").write_text(only_for("ten"))
    assert allows(asked, caller("ten"))

    (directory / "20.yaml").write_text(only_for("twenty"))
    assert allows(asked, caller("twenty"))
    assert not allows(asked, caller("ten"))

    (directory / "20.yaml").write_text(only_for("changed"))
    assert allows(asked, caller("changed"))

    (directory / "20.yaml").unlink()
    assert allows(asked, caller("ten"))

    (directory / "10.yaml").unlink()
    assert allows(asked, caller("mine"))


def test_the_name_of_the_policy_file_is_configurable(enforcer, tmp_path):
    (tmp_path / "rules.yaml").write_text(only_for("mine"))

    assert allows(enforcer("policy_file = rules.yaml"), caller("mine"))


def test_a_new_file_in_another_directory_is_found_within_a_second(
    enforcer, tmp_path, monkeypatch
):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    clock = [1000.0]
    monkeypatch.setattr(policy.time, "monotonic", lambda: clock[0])
    asked = enforcer()

    (home / "policy.yaml").write_text(only_for("mine"))
    clock[0] += policy.SEARCH_SECONDS

    assert allows(asked, caller("mine"))


@pytest.mark.parametrize("text", ["a: b: c\n", "- a list\n", '"x": "role:y"\n\t- z\n'])
def test_an_invalid_policy_file_leaves_the_rules_unchanged(
    enforcer, tmp_path, caplog, text
):
    path = tmp_path / "policy.yaml"
    path.write_text(only_for("mine"))
    asked = enforcer()

    path.write_text(text)
    assert allows(asked, caller("mine"))
    assert allows(asked, caller("mine"))
    assert len([r for r in caplog.records if r.name == "placement.policy"]) == 1

    path.write_text(only_for("mended"))
    assert allows(asked, caller("mended"))


def test_an_invalid_policy_file_is_an_error_at_start(enforcer, tmp_path):
    (tmp_path / "policy.yaml").write_text("- a list\n")

    with pytest.raises(exception.ConfigurationError, match="policy files"):
        enforcer()


def test_overriding_a_base_rule_changes_the_rules_that_refer_to_it(enforcer, tmp_path):
    (tmp_path / "policy.yaml").write_text('admin_or_service_api: "role:boss"\n')
    asked = enforcer()

    assert allows(asked, caller("boss"), resource_provider.CREATE)
    assert not allows(asked, caller("admin"), resource_provider.CREATE)


def test_without_a_target_the_facts_are_those_of_the_caller(enforcer, tmp_path):
    (tmp_path / "policy.yaml").write_text(
        f'"{trait.LIST}": "project_id:%(project_id)s and user_id:%(user_id)s"\n'
    )

    assert allows(enforcer(), caller())
    assert not allows(enforcer(), caller(), target={"project_id": "p", "user_id": "x"})
