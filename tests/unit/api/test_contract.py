"""The tables of operations agree with each other."""

from placement.api import routes
from placement.api.contract import CONTRACTS
from placement.api.routes import Check
from tests.unit import versions


def test_every_operation_has_a_contract_and_no_other_has() -> None:
    assert list(CONTRACTS) == [
        f"{operation.method} {operation.path}" for operation in routes.OPERATIONS
    ]


def test_every_operation_that_reads_json_has_a_schema_at_each_version() -> None:
    for name, operation, version in versions.served():
        contract = CONTRACTS[name]
        reads = Check.CONTENT_TYPE in operation.ordered_checks
        assert reads == (contract.body is not None), name
        if contract.body is not None:
            assert contract.body.pick(version)
        if contract.query is not None:
            assert contract.query.pick(version)


def test_every_operation_answers_something_at_each_version() -> None:
    for name, _, version in versions.served():
        answers = CONTRACTS[name].answers_at(version)
        assert answers, (name, version)
        for answer in answers:
            if answer.body is not None:
                assert answer.body.pick(version)
