"""A browser, and servers for it to look at."""

import collections.abc
import contextlib
import pathlib
import typing

import pytest
from playwright import sync_api as playwright

from tests.browser import clouds, programs
from tests.servers import databases, plugin, server

# Runs before the scripts of a page: signs in, and records what takes long.
_PREPARE = """
if (sessionStorage.getItem("placement.token") === null)
  sessionStorage.setItem("placement.token", "admin");
globalThis.longTasks = [];
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) globalThis.longTasks.push(each.duration);
}).observe({ type: "longtask", buffered: true });
globalThis.violations = [];
addEventListener("securitypolicyviolation", (event) =>
  globalThis.violations.push(event.violatedDirective));
"""

# The machine may be busy.
playwright.expect.set_options(timeout=20_000)

Open = collections.abc.Callable[..., playwright.Page]


@pytest.fixture(scope="module")
def browser(
    pytestconfig: pytest.Config,
) -> collections.abc.Iterator[playwright.Browser]:
    """Chromium as Debian has it; skips if this machine has none."""
    program = programs.chromium()
    if program is None:
        plugin.skip_missing(pytestconfig, "Chromium", "chromium is not installed")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@contextlib.contextmanager
def serving(
    kinds: collections.abc.Callable[[str], databases.Databases],
    hosts: int,
    names: typing.Sequence[str] = (),
) -> collections.abc.Iterator[str]:
    """Run a server with a number of hosts; yields its URL."""
    with kinds(databases.SQLITE).new() as url:
        if hosts:
            clouds.fill(url, hosts, names)
        with server.processes(url, workers=1, prefix="/placement") as running:
            yield running.url


@pytest.fixture(scope="module")
def large_cloud(
    database_servers: collections.abc.Callable[[str], databases.Databases],
) -> collections.abc.Iterator[str]:
    """The URL of a server with 10,000 hosts."""
    with serving(database_servers, 10_000) as url:
        yield url


@pytest.fixture(scope="module")
def small_cloud(
    database_servers: collections.abc.Callable[[str], databases.Databases],
) -> collections.abc.Iterator[str]:
    """The URL of a server with 40 hosts."""
    with serving(database_servers, 40) as url:
        yield url


@pytest.fixture
def open_page(
    browser: playwright.Browser, tmp_path: pathlib.Path
) -> collections.abc.Iterator[Open]:
    """A function that opens a page, signed in as an administrator.

    Afterwards no page has asked another server, failed, or violated its policy.
    """
    pages: list[playwright.Page] = []
    problems: list[str] = []

    def open_(
        url: str, *, width: int = 1600, theme: str = "light", **options: typing.Any
    ) -> playwright.Page:
        context = browser.new_context(
            viewport={"width": width, "height": 1000}, color_scheme=theme, **options
        )
        context.add_init_script(_PREPARE)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request",
            lambda asked: (
                asked.url.startswith((f"{url}/", "data:"))
                or problems.append(f"request of {asked.url}")
            ),
        )
        pages.append(page)
        return page

    yield open_
    for page in pages:
        problems += page.evaluate("globalThis.violations ?? []")
        page.context.close()
    assert not problems
