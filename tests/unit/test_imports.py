"""Imports point one way and have no circles, and every module is imported."""

import ast
import functools
import graphlib
import pathlib
import tomllib

import pytest

import placement

ROOT = pathlib.Path(placement.__file__).parent
PYPROJECT = ROOT.parent / "pyproject.toml"

# From top to bottom: a layer may import itself and the layers below. A module belongs
# to the layer with the longest name that it starts with.
LAYERS = (
    ("placement.wsgi", "placement.cmd", "placement.direct", "placement.tests"),
    ("placement.deploy",),
    (
        *("placement.middleware", "placement.sweeper", "placement.web"),
        *("placement.tracing.setup", "placement.tracing.spans"),
    ),
    ("placement.api",),
    ("placement.handlers",),
    # What handlers are written with.
    ("placement.api.operation", "placement.api.reply", "placement.api.request"),
    ("placement.candidates",),
    ("placement.objects",),
    ("placement.db", "placement.context"),
    (
        "placement.api.accept",
        "placement.api.encoding",
        "placement.api.environ",
        "placement.api.errors",
        "placement.api.microversion",
        "placement.api.querystring",
        "placement.caller",
        "placement.conf",
        "placement.distribution",
        "placement.exception",
        "placement.excerpt",
        "placement.extension_exception",
        "placement.logs",
        "placement.metrics",
        "placement.policies",
        "placement.policy",
        "placement.schemas",
        "placement.tracing",
        "placement.uuids",
    ),
)

# Packages that use the API, and the only packages that each may import.
USERS = {
    "placement.client": {"placement.client"},
    "placement.client.direct": {"placement.client", "placement.deploy"},
    "placement.console": {"placement.console", "placement.client"},
    "placement.demo": {"placement.demo", "placement.client"},
    "placement.host": {"placement.host", "placement.client"},
}

# Started or imported by other programs; alembic finds migrations by their path.
ENTRIES = {
    "placement.wsgi.api",
    "placement.direct",
    "placement.client.direct",
    "placement.tests.functional",
    "placement.tests.functional.fixtures.capture",
    "placement.tests.functional.fixtures.placement",
}
FOUND_BY_PLACE = ("placement.db.migrations.base.", "placement.db.migrations.own.")


def modules():
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        found[".".join(parts)] = path
    return found


MODULES = modules()


@functools.cache
def parsed(module):
    """Return the syntax tree of a module; parsing all of them takes a second."""
    return ast.parse(MODULES[module].read_text())


def imported(tree, is_for_types_too):
    """Yield the modules of the service that are imported, as full names."""
    hidden = set()
    for node in ast.walk(tree):
        is_hidden = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(
            node.test
        )
        if is_hidden and not is_for_types_too:
            hidden |= {id(inner) for inner in ast.walk(node)}
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else node.module for name in names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == "placement")


def belongs(module, package):
    return module == package or module.startswith(f"{package}.")


def package_of(module):
    packages = [*USERS, *(package for layer in LAYERS for package in layer)]
    fitting = [package for package in packages if belongs(module, package)]
    return max(fitting, key=len, default=None)


def depth_of(package):
    return next(depth for depth, layer in enumerate(LAYERS) if package in layer)


def is_allowed(importer, target):
    package = package_of(importer)
    if package in USERS:
        return any(belongs(target, allowed) for allowed in USERS[package])
    wanted = package_of(target)
    if wanted in USERS:
        return depth_of(package) == 0
    return depth_of(package) <= depth_of(wanted)


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"placement"}))
def test_a_module_imports_only_from_its_layer_and_below(module):
    assert package_of(module) is not None, "add the new package to LAYERS"
    targets = set(imported(parsed(module), is_for_types_too=True))

    assert {name for name in targets if not is_allowed(module, name)} == set()


@pytest.mark.parametrize(
    ("importer", "target", "allowed"),
    [
        ("placement.objects.claim", "placement.db.tables", True),
        ("placement.db.tables", "placement.objects.claim", False),
        ("placement.handlers.usage", "placement.api.routes", False),
        ("placement.candidates.search", "placement.handlers.usage", False),
        ("placement.api.errors", "placement.api.microversion", True),
        ("placement.api.errors", "placement.db.engine", False),
        ("placement.deploy", "placement.client", False),
        ("placement.cmd.serve", "placement.client", True),
        ("placement.client.client", "placement.exception", False),
        ("placement.client.client", "placement.deploy", False),
        ("placement.client.direct", "placement.deploy", True),
        ("placement.host.report", "placement.client", True),
        ("placement.host.report", "placement.deploy", False),
        ("placement.deploy", "placement.web.app", True),
        ("placement.web.providers", "placement.objects.provider_page", True),
        ("placement.handlers.usage", "placement.web.app", False),
    ],
)
def test_these_imports_are_allowed_and_these_are_not(importer, target, allowed):
    assert is_allowed(importer, target) is allowed


def test_imports_have_no_circles():
    imports = {
        module: set(imported(parsed(module), True)) & MODULES.keys() - {module}
        for module in MODULES
    }

    # Raises CycleError with the modules of a circle.
    graphlib.TopologicalSorter(imports).prepare()


# The packages and modules of the search, and what each may import of them. The rest
# is what puts them together.
ENGINE = {
    "lru": set(),
    "trait_bits": set(),
    "model": set(),
    "arrays": {"model"},
    "render": {"model"},
    "query": {"model", "query", "sql", "trait_bits"},
    "sql": {"lru", "model", "query", "sql"},
    "source": {"arrays", "lru", "model", "query", "source", "sql", "trait_bits"},
    "solve": {"arrays", "model", "query", "solve"},
    "explain": {
        *("arrays", "explain", "model", "query", "search", "solve", "source", "sql"),
    },
}


@pytest.mark.parametrize("part", ENGINE)
def test_the_parts_of_the_search_import_in_one_direction(part):
    package = "placement.candidates"
    modules = [name for name in MODULES if belongs(name, f"{package}.{part}")]
    assert modules
    for module in modules:
        targets = set(imported(parsed(module), is_for_types_too=True))
        parts = {
            target.removeprefix(f"{package}.").partition(".")[0]
            for target in targets
            if target.startswith(f"{package}.")
        }
        assert parts <= ENGINE[part], module


def test_blueprints_do_not_import_handlers():
    of_web = [name for name in MODULES if belongs(name, "placement.web")]
    targets = {target for name in of_web for target in imported(parsed(name), False)}

    assert of_web
    assert not {name for name in targets if belongs(name, "placement.handlers")}


def test_imports_under_type_checking_are_recognized():
    tree = ast.parse(
        "import typing\n"
        "from placement import exception\n"
        "if typing.TYPE_CHECKING:\n"
        "    from placement.db import tables\n"
    )

    assert set(imported(tree, False)) == {"placement.exception"}
    assert set(imported(tree, True)) == {"placement.exception", "placement.db.tables"}


def named_to_be_loaded(tree):
    """Yield the modules that are loaded by name, ``module:attribute``, when needed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            module, colon, attribute = node.value.partition(":")
            if colon and attribute.isidentifier() and module in MODULES:
                yield module


def entries():
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    groups = [project["scripts"], *project["entry-points"].values()]
    named = {value.partition(":")[0] for group in groups for value in group.values()}
    return named | ENTRIES


def test_every_module_is_imported_by_another():
    wanted = entries()
    for module in MODULES:
        tree = parsed(module)
        wanted |= set(imported(tree, is_for_types_too=True)) - {module}
        wanted |= set(named_to_be_loaded(tree))
    # Importing a module also imports its packages.
    wanted |= {name.rpartition(".")[0] for name in wanted}
    unused = {name for name in MODULES if not name.startswith(FOUND_BY_PLACE)} - wanted

    assert unused - {"placement"} == set()
