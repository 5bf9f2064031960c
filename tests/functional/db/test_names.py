"""Cached names stay right when another process changes names."""

import pytest
import sqlalchemy as sa

from placement import exception
from placement.db import names, tables
from placement.db.names import STANDARD_CLASSES, Names
from placement.objects import resource_class, trait
from tests.functional import statements


def class_id(read, ours: Names, name: str) -> int:
    return read(lambda conn: ours.resource_class_id(conn, name))


def class_name(read, ours: Names, id_: int) -> str:
    return read(lambda conn: ours.resource_classes(conn, [id_]))[id_]


def test_a_rename_by_another_process_is_seen(read, write) -> None:
    ours = Names()
    write(lambda conn: resource_class.ensure(conn, "CUSTOM_A"))
    id_ = class_id(read, ours, "CUSTOM_A")

    write(lambda conn: resource_class.rename(conn, "CUSTOM_A", "CUSTOM_B"))

    assert class_name(read, ours, id_) == "CUSTOM_B"
    assert class_id(read, ours, "CUSTOM_B") == id_
    with pytest.raises(exception.ResourceClassNotFound):
        class_id(read, ours, "CUSTOM_A")


def test_a_class_id_that_is_reused_has_its_new_name(read, write) -> None:
    ours = Names()
    write(lambda conn: resource_class.ensure(conn, "CUSTOM_A"))
    id_ = class_id(read, ours, "CUSTOM_A")

    write(lambda conn: resource_class.delete(conn, "CUSTOM_A"))
    write(lambda conn: resource_class.ensure(conn, "CUSTOM_B"))

    assert class_id(read, ours, "CUSTOM_B") == id_
    assert class_name(read, ours, id_) == "CUSTOM_B"
    with pytest.raises(exception.ResourceClassNotFound):
        class_id(read, ours, "CUSTOM_A")


def test_a_trait_that_is_deleted_and_created_again_has_its_new_id(read, write) -> None:
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


def test_a_name_created_by_another_process_is_found(read, write) -> None:
    ours = Names()
    with pytest.raises(exception.ResourceClassNotFound):
        class_id(read, ours, "CUSTOM_A")

    write(lambda conn: resource_class.ensure(conn, "CUSTOM_A"))

    assert class_id(read, ours, "CUSTOM_A") >= 10_000


def test_unknown_names_are_reported(read) -> None:
    wanted = ["CUSTOM_Z", "COMPUTE_NODE", "CUSTOM_A"]

    with pytest.raises(exception.TraitNotFound) as unknown:
        read(lambda conn: Names().trait_ids(conn, wanted))

    assert unknown.value.details == {"names": "CUSTOM_A, CUSTOM_Z"}


def test_standard_classes_cost_no_statement(read) -> None:
    with statements.recorded() as sent:
        assert class_id(read, Names(), "DISK_GB") == STANDARD_CLASSES["DISK_GB"]
        assert class_name(read, Names(), 0) == "VCPU"

    assert sent == []


def test_cached_traits_cost_one_statement(read) -> None:
    ours = Names()
    read(lambda conn: ours.trait_ids(conn, ["COMPUTE_NODE"]))
    with statements.recorded() as sent:
        read(lambda conn: ours.trait_ids(conn, ["HW_CPU_X86_AVX2"]))
        read(lambda conn: ours.trait_ids(conn, []))

    assert len(sent) == 1


def test_a_cached_custom_name_costs_one_statement(read, write) -> None:
    ours = Names()
    write(lambda conn: resource_class.ensure(conn, "CUSTOM_A"))
    class_id(read, ours, "CUSTOM_A")
    with statements.recorded() as sent:
        class_id(read, ours, "CUSTOM_A")

    (statement,) = sent
    assert "placement_name_changes" in statement


def test_a_reader_of_an_older_snapshot_does_not_restore_old_names(read, write) -> None:
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


def revision_of(read) -> int:
    return read(lambda conn: conn.scalar(names.REVISION))


def restore(write, revision: int, *statements: str) -> None:
    """Run statements, and set the revision of names to that of a backup."""

    def work(conn: sa.Connection) -> None:
        for statement in statements:
            conn.execute(sa.text(statement))
        conn.execute(sa.update(tables.name_changes).values(revision=revision))

    write(work)


WITHOUT_A = "DELETE FROM resource_classes WHERE name = 'CUSTOM_A'"


def test_a_class_that_a_restored_backup_lacks_is_unknown(read, write) -> None:
    ours = Names()
    before = revision_of(read)
    write(lambda conn: resource_class.ensure(conn, "CUSTOM_A"))
    id_ = class_id(read, ours, "CUSTOM_A")

    restore(write, before, WITHOUT_A)
    write(lambda conn: resource_class.ensure(conn, "CUSTOM_B"))

    with pytest.raises(exception.ResourceClassNotFound):
        class_id(read, ours, "CUSTOM_A")
    assert class_name(read, ours, id_) == "CUSTOM_B"


def test_names_of_a_restored_backup_are_cached(read, write) -> None:
    ours = Names()
    write(lambda conn: resource_class.ensure(conn, "CUSTOM_B"))
    before = revision_of(read)
    write(lambda conn: resource_class.rename(conn, "CUSTOM_B", "CUSTOM_C"))
    class_id(read, ours, "CUSTOM_C")
    renamed = "UPDATE resource_classes SET name = 'CUSTOM_B' WHERE name = 'CUSTOM_C'"

    restore(write, before, renamed)
    id_ = class_id(read, ours, "CUSTOM_B")
    with statements.recorded() as sent:
        assert class_id(read, ours, "CUSTOM_B") == id_

    assert len(sent) == 1


def test_a_standard_trait_with_another_id_after_a_restore_is_found(read, write) -> None:
    ours = Names()
    name = "HW_CPU_X86_AVX2"
    before = revision_of(read)
    write(lambda conn: trait.ensure(conn, "CUSTOM_A"))
    id_ = read(lambda conn: ours.trait_ids(conn, [name]))[name]

    restore(
        write,
        before,
        f"UPDATE traits SET name = 'CUSTOM_B' WHERE name = '{name}'",
        f"UPDATE traits SET name = '{name}' WHERE name = 'CUSTOM_A'",
    )

    assert read(lambda conn: ours.trait_ids(conn, [name]))[name] != id_
    assert read(lambda conn: ours.traits(conn, [id_]))[id_] == "CUSTOM_B"


@pytest.mark.parametrize("kind", [resource_class, trait])
def test_every_change_of_a_name_advances_the_revision(read, write, kind) -> None:
    revisions = [revision_of(read)]
    for change in (
        lambda conn: kind.ensure(conn, "CUSTOM_A"),
        lambda conn: kind.delete(conn, "CUSTOM_A"),
    ):
        write(change)
        revisions.append(revision_of(read))
    write(lambda conn: kind.ensure(conn, "CUSTOM_A"))
    unchanged = revision_of(read)
    write(lambda conn: kind.ensure(conn, "CUSTOM_A"))

    assert revisions == sorted(set(revisions))
    assert revision_of(read) == unchanged
