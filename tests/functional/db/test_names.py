"""What one process remembers of names holds when another changes them."""

import pytest
import sqlalchemy as sa

from placement import exception
from placement.db.names import STANDARD_CLASSES, Names
from placement.objects import resource_class, trait
from tests.functional import statements


def class_id(read, names: Names, name: str) -> int:
    return read(lambda conn: names.resource_class_id(conn, name))


def class_name(read, names: Names, id_: int) -> str:
    return read(lambda conn: names.resource_classes(conn, [id_]))[id_]


def test_a_class_that_another_process_renames(read, write) -> None:
    ours = Names()
    write(lambda conn: resource_class.ensure(conn, "CUSTOM_A"))
    id_ = class_id(read, ours, "CUSTOM_A")

    write(lambda conn: resource_class.rename(conn, "CUSTOM_A", "CUSTOM_B"))

    assert class_name(read, ours, id_) == "CUSTOM_B"
    assert class_id(read, ours, "CUSTOM_B") == id_
    with pytest.raises(exception.ResourceClassNotFound):
        class_id(read, ours, "CUSTOM_A")


def test_what_is_forgotten_is_read_again(read, write) -> None:
    """A database that has lost its last changes may number other ones alike."""
    ours = Names()
    write(lambda conn: resource_class.ensure(conn, "CUSTOM_A"))
    id_ = class_id(read, ours, "CUSTOM_A")
    renamed = sa.text("UPDATE resource_classes SET name = 'CUSTOM_B' WHERE id = :id")
    write(lambda conn: conn.execute(renamed, {"id": id_}) and None)
    assert class_name(read, ours, id_) == "CUSTOM_A"

    ours.forget()

    assert class_name(read, ours, id_) == "CUSTOM_B"


def test_a_class_whose_id_is_given_to_another(read, write) -> None:
    ours = Names()
    write(lambda conn: resource_class.ensure(conn, "CUSTOM_A"))
    id_ = class_id(read, ours, "CUSTOM_A")

    write(lambda conn: resource_class.delete(conn, "CUSTOM_A"))
    write(lambda conn: resource_class.ensure(conn, "CUSTOM_B"))

    assert class_id(read, ours, "CUSTOM_B") == id_
    assert class_name(read, ours, id_) == "CUSTOM_B"
    with pytest.raises(exception.ResourceClassNotFound):
        class_id(read, ours, "CUSTOM_A")


def test_a_trait_that_is_deleted_and_made_again(read, write) -> None:
    ours = Names()
    write(lambda conn: trait.ensure(conn, "CUSTOM_A"))
    read(lambda conn: ours.trait_ids(conn, ["CUSTOM_A"]))

    write(lambda conn: trait.delete(conn, "CUSTOM_A"))
    with pytest.raises(exception.TraitNotFound, match="CUSTOM_A"):
        read(lambda conn: ours.trait_ids(conn, ["CUSTOM_A"]))
    write(lambda conn: trait.ensure(conn, "CUSTOM_B"))
    write(lambda conn: trait.ensure(conn, "CUSTOM_A"))
    again = read(lambda conn: ours.trait_ids(conn, ["CUSTOM_A", "CUSTOM_B"]))

    stored = read(lambda conn: {each.name: each.id for each in trait.get_all(conn)})
    stored = {name: stored[name] for name in ("CUSTOM_A", "CUSTOM_B")}
    assert again == stored
    assert read(lambda conn: ours.traits(conn, stored.values())) == {
        id_: name for name, id_ in stored.items()
    }


def test_a_name_that_another_process_adds_is_found(read, write) -> None:
    ours = Names()
    with pytest.raises(exception.ResourceClassNotFound):
        class_id(read, ours, "CUSTOM_A")

    write(lambda conn: resource_class.ensure(conn, "CUSTOM_A"))

    assert class_id(read, ours, "CUSTOM_A") >= 10_000


def test_the_unknown_are_named(read) -> None:
    wanted = ["CUSTOM_Z", "COMPUTE_NODE", "CUSTOM_A"]

    with pytest.raises(exception.TraitNotFound) as unknown:
        read(lambda conn: Names().trait_ids(conn, wanted))

    assert unknown.value.details == {"names": "CUSTOM_A, CUSTOM_Z"}


def test_standard_names_cost_no_statement(read) -> None:
    ours = Names()
    read(lambda conn: ours.trait_ids(conn, ["COMPUTE_NODE"]))
    with statements.recorded() as sent:
        assert class_id(read, ours, "DISK_GB") == STANDARD_CLASSES["DISK_GB"]
        assert class_name(read, ours, 0) == "VCPU"
        read(lambda conn: ours.trait_ids(conn, ["HW_CPU_X86_AVX2"]))

    assert sent == []


def test_a_custom_name_that_is_known_costs_one_statement(read, write) -> None:
    ours = Names()
    write(lambda conn: resource_class.ensure(conn, "CUSTOM_A"))
    class_id(read, ours, "CUSTOM_A")
    with statements.recorded() as sent:
        class_id(read, ours, "CUSTOM_A")

    (statement,) = sent
    assert "placement_name_changes" in statement


def test_a_reader_of_an_earlier_moment_does_not_bring_old_names_back(
    read, write
) -> None:
    ours = Names()
    write(lambda conn: resource_class.ensure(conn, "CUSTOM_A"))

    def early(conn: sa.Connection) -> str:
        id_ = ours.resource_class_id(conn, "CUSTOM_A")
        write(lambda other: resource_class.rename(other, "CUSTOM_A", "CUSTOM_B"))
        assert class_name(read, ours, id_) == "CUSTOM_B"
        return ours.resource_classes(conn, [id_])[id_]

    assert read(early) == "CUSTOM_A"
    assert class_id(read, ours, "CUSTOM_B")
    with pytest.raises(exception.ResourceClassNotFound):
        class_id(read, ours, "CUSTOM_A")
