"""Plain text tables."""

from placement.cmd import table


def test_columns_are_as_wide_as_their_widest_cell():
    assert table.columns(("Name", "N"), [("a", 1), ("longer", 200)]) == "\n".join(
        [
            "+--------+-----+",
            "|  Name  |  N  |",
            "+--------+-----+",
            "|   a    |  1  |",
            "| longer | 200 |",
            "+--------+-----+",
        ]
    )


def test_blocks_are_as_wide_as_the_longest_line():
    assert table.blocks("Title", [("one", "two more"), ("three",)]) == "\n".join(
        [
            "+----------+",
            "| Title    |",
            "+----------+",
            "| one      |",
            "| two more |",
            "+----------+",
            "| three    |",
            "+----------+",
        ]
    )


def test_long_lines_are_wrapped():
    words = ["word"] * 30

    lines = table.blocks("Title", [[" ".join(words)]]).splitlines()

    assert max(map(len, lines)) <= table.BLOCK_WIDTH + 4
    first, *rest = lines[3:-1]
    assert first.startswith("| word")
    assert rest
    assert all(line.startswith("|   word") for line in rest)
    assert " ".join(lines).count("word") == 30
