"""Links between documents have targets, and code blocks are valid."""

import pathlib

import pytest

from tests.unit import code_blocks, documents, shell_commands

# Pages whose code blocks have languages: an indented block has none.
FENCED = [
    page
    for page in documents.pages()
    if documents.name(page).partition("/")[0] not in {"api-ref", "CHANGELOG.md"}
]
# Except the first two commands of the README, for programs that read it.
INDENTED = ["scripts/quickstart\n", "scripts/test\n"]


@pytest.mark.parametrize("page", documents.pages(), ids=documents.name)
def test_links_have_targets(page: pathlib.Path) -> None:
    assert not list(broken_links(page))


def broken_links(page: pathlib.Path) -> list[str]:
    broken = []
    for target in documents.links(page):
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        if target.startswith("https:"):
            continue
        if not found.is_file() or (anchor and anchor not in documents.anchors(found)):
            broken.append(target)
    return broken


@pytest.mark.parametrize("page", FENCED, ids=documents.name)
def test_code_blocks_have_a_language(page: pathlib.Path) -> None:
    indented = [block.text for block in documents.blocks(page) if not block.language]

    assert indented == (INDENTED if documents.name(page) == "README.md" else [])


@pytest.mark.parametrize("page", documents.pages(), ids=documents.name)
def test_code_blocks_are_valid(page: pathlib.Path) -> None:
    blocks = [block for block in documents.blocks(page) if block.language]
    scripts = "\n".join(map(code_blocks.script, blocks))
    functions = shell_commands.functions(scripts)
    wrong = [
        f"{block.place}: {error}"
        for block in blocks
        for error in code_blocks.errors(block, functions)
    ]

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("language", "text", "error"),
    [
        ("json", "{", "Expecting property name"),
        ("yaml", "a: [", "expected the node content"),
        ("python", "def", "invalid syntax"),
        ("ini", "[api]\nauth_strateg = token\n", "[api] has no option auth_strateg"),
        ("ini", "[apis]\n", "there is no section apis"),
        ("ini", "a", "no section headers"),
        ("nginx", "listen 80\n", "not ended: listen 80"),
        ("nginx", "server {\n", "a block has no end"),
        ("apache", "Listen 80", "no check for blocks of 'apache'"),
        ("sql", "SELECT pg_promote(;", "Expecting )"),
        ("sh", "if", "syntax error"),
        ("sh", "placment show", "unknown command placment"),
        ("sh", "placement shew", "placement has no command shew"),
        ("sh", "A=1 placement claim VCPU=1 --from", "requires an argument"),
        ("sh", "x | placement show --hots 3", "No such option"),
        ("sh", 'echo "$(placement holds lost)"', "holds has no command lost"),
        ("sh", "placement cordon", "is missing"),
        ("sh", "placement place VCPU=1 --policy best", "is not one of"),
        ("sh", "placement release a b", "unexpected arguments"),
        ("sh", "placement-manage db sink", "invalid choice: 'sink'"),
        ("sh", "placement-manage db audit --fixed", "unrecognized arguments"),
        ("sh", "placement-status check", "invalid choice: 'check'"),
        ("sh", "scripts/tests", "is not a program of the repository"),
        ("sh", "tox -e dogs", "no environment"),
        ("sh", "pip install '.[mysqll]'", "there is no extra mysqll"),
        ("sh", "python -m tests.stress.nothing", "there is no module"),
        ("console", "$ placement shew\noutput\n", "placement has no command shew"),
        ("console", "$ placement why \\\n>   --own a\n", "No such option"),
        ("console", "$ lost a\n", "unknown command lost"),
    ],
)
def test_an_invalid_block_is_found(language: str, text: str, error: str) -> None:
    block = documents.Block(documents.ROOT / "README.md", 1, language, text)

    assert error in "\n".join(code_blocks.errors(block))


@pytest.mark.parametrize(
    "text",
    [
        "placement serve &\nplacement --wait 30 show  # waits\n",
        "cat > a.conf <<'EOF'\n[some] text\nEOF\nplacement-manage db sync\n",
        "PLACEMENT_STATE_DIR=/srv/a placement serve --bind 127.0.0.1:0 > log 2>&1 &",
        "echo 'a\nb' | grep -v placement\n",
        "for host in a b; do placement cordon $host --reason 'it is old'; done",
        "placement-manage --config-file a.conf db audit --fix || echo failed",
    ],
)
def test_a_valid_script_is_accepted(text: str) -> None:
    assert not list(shell_commands.errors(text))


def test_configuration_of_a_file_in_deploy_is_accepted() -> None:
    line = (code_blocks.DEPLOY / "alerts.yaml").read_text().splitlines()[-1]
    block = documents.Block(documents.ROOT / "README.md", 1, "promql", line.strip())

    assert not list(code_blocks.errors(block))
