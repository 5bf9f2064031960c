"""The options of a search are converted to a query string."""

import urllib.parse

import click
import click.testing
import pytest

from placement.client import RequestGroup
from placement.cmd import search_options


@click.command()
@search_options.options(limit=20)
def search_command(search):
    click.echo(search.query(lambda name: f"uuid-of-{name}"))


def query_of(*arguments):
    result = click.testing.CliRunner().invoke(search_command, arguments)
    assert result.exit_code == 0, result.output
    return urllib.parse.parse_qsl(result.stdout.strip())


def usage_error(*arguments):
    result = click.testing.CliRunner().invoke(search_command, arguments)
    assert result.exit_code == 2
    return result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["VCPU=1", "DISK_GB=5"],
        ["VCPU:1", "DISK_GB:5"],
        ["VCPU=1,DISK_GB:5"],
        ["--resources", "VCPU=1", "--resources", "DISK_GB=5"],
        ["VCPU=1", "--resources", "DISK_GB=5"],
    ],
)
def test_resources_can_be_written_in_several_forms(arguments):
    assert query_of(*arguments) == [("resources", "VCPU:1,DISK_GB:5"), ("limit", "20")]


def test_all_options_are_in_the_query():
    found = query_of(
        *("VCPU=1", "--required", "A,!B", "--required", "in:C,D"),
        *("--member-of", "U", "--in-tree", "P", "--group", "_N:resources=VF=1"),
        *("--group-policy", "none", "--root-required", "E,!F"),
        *("--same-subtree", "_N,_M", "--limit", "3"),
    )

    assert found == [
        ("resources", "VCPU:1"),
        ("required", "A,!B"),
        ("required", "in:C,D"),
        ("member_of", "U"),
        ("in_tree", "uuid-of-P"),
        ("resources_N", "VF:1"),
        ("group_policy", "none"),
        ("root_required", "E,!F"),
        ("same_subtree", "_N,_M"),
        ("limit", "3"),
    ]


def test_in_tree_of_a_group_can_be_a_name():
    found = query_of("--group", "_N:resources=VF=1;in_tree=P")

    assert ("in_tree_N", "uuid-of-P") in found


@click.command()
@search_options.options(limit=20, is_required=False)
def optional_search_command(search):
    click.echo(search is None)


@pytest.mark.parametrize("arguments", [(), ("--limit", "3")])
def test_no_resources_are_a_usage_error_unless_a_search_is_optional(arguments):
    optional = click.testing.CliRunner().invoke(optional_search_command, arguments)

    assert "Specify resources" in usage_error(*arguments)
    assert optional.stdout == "True\n"


def test_a_raw_query_is_sent_unchanged():
    assert query_of("--query", "?resources=VCPU:1") == [("resources", "VCPU:1")]


def test_a_raw_query_excludes_other_options():
    assert "--query" in usage_error("--query", "resources=VCPU:1", "VCPU=1")


@pytest.mark.parametrize(
    "text", ["VCPU", "VCPU=", "=1", "VCPU=x", "VCPU=-1", "VCPU=1.5", "VCPU=1,", ""]
)
def test_malformed_resources_are_usage_errors(text):
    assert "CLASS=AMOUNT" in usage_error(text)


def test_a_class_must_not_be_repeated():
    assert "repeated" in usage_error("VCPU=1", "VCPU=2")


def test_a_group_can_have_all_keys():
    group = search_options.parse_group(
        "_A:resources=VCPU=1,DISK_GB:2; required=A,!B;required=in:C,D;"
        "member_of=U;in_tree=P;"
    )

    assert group == RequestGroup(
        {"VCPU": 1, "DISK_GB": 2}, ("A,!B", "in:C,D"), ("U",), "P", "_A"
    )


def test_a_group_needs_no_resources():
    assert search_options.parse_group("_N:required=A") == RequestGroup(
        required=("A",), suffix="_N"
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("_A", "'_A'"),
        (":resources=VCPU=1", "SUFFIX:"),
        ("_A:VCPU=1", "'VCPU=1'"),
        ("_A:resources", "'resources'"),
        ("_A:required=", "'required='"),
        ("_A:resources=VCPU", "'VCPU'"),
        ("_A:in_tree=P;in_tree=Q", "has in_tree more than once"),
    ],
)
def test_malformed_groups_are_usage_errors(text, named):
    assert named in usage_error("--group", text)
