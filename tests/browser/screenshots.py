"""Take the pictures of the console in ``docs/images`` from the demo.

``scripts/screenshots`` installs what this needs and runs it. The cloud is the same each
time, so that a picture changes with the console and the times that it shows.
"""

import collections.abc
import contextlib
import pathlib
import re
import subprocess
import sys
import tempfile

from playwright import sync_api as playwright

from tests.browser import programs

_IMAGES = pathlib.Path(__file__).parents[2] / "docs" / "images"
_SIZE: playwright.ViewportSize = {"width": 1280, "height": 800}
_SECONDS = 180

_LINK = re.compile(r"  Console  (\S+)")
_LAST_LINE = "Ctrl-C stops the server."

# Suggestions of the demo: a request that does not fit, and a host with GPUs.
_WHY = re.compile(r"placement why (.+) --required (\S+) --member-of (\S+)")
_HOST = re.compile(r"placement show (\S+)")


@contextlib.contextmanager
def running_demo() -> collections.abc.Iterator[str]:
    """Run the demo until the block ends; yields what it has printed."""
    with tempfile.TemporaryDirectory(prefix="placement-pictures-") as directory:
        demo = subprocess.Popen(
            [
                *(sys.executable, "-m", "placement.cmd.placement", "demo"),
                *("--keep", f"{directory}/demo"),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert demo.stdout is not None
            lines = []
            for line in demo.stdout:
                lines.append(line)
                if line.startswith(_LAST_LINE):
                    break
            else:
                raise RuntimeError("the demo has ended")
            yield "".join(lines)
        finally:
            demo.terminate()
            demo.wait(_SECONDS)


def take(page: playwright.Page, printed: str) -> None:
    """Take all pictures, with a page that is signed in by the link of the demo."""
    page.goto(_found(_LINK, printed)[0])
    page.locator(".rows tbody tr").first.wait_for()
    _take(page, "overview")
    _take(page, "hosts", page.locator("section", has=page.locator("canvas")))
    page.emulate_media(color_scheme="dark")
    _take(page, "overview-dark")
    page.emulate_media(color_scheme="light")

    resources, traits, aggregate = _found(_WHY, printed)
    page.locator("#ask").fill(f"{resources} required={traits} member_of={aggregate}")
    page.keyboard.press("Enter")
    page.locator(".nearest > li").first.wait_for()
    _take(page, "ask")

    (host,) = _found(_HOST, printed)
    page.locator("#filter").fill(host)
    # The filter has been applied.
    page.locator(".filters [role=status]", has_text=re.compile("^1 host ")).wait_for()
    page.locator(".rows tbody a", has_text=host).click()
    page.locator("h1", has_text=host).wait_for()
    page.locator(".consumers tbody tr").first.wait_for()
    _take(page, "host")

    page.locator("nav a", has_text="Consumers").click()
    page.locator("h1", has_text="Consumers").wait_for()
    page.locator(".consumers tbody tr").first.wait_for()
    _take(page, "consumers")


def _found(pattern: re.Pattern[str], printed: str) -> tuple[str, ...]:
    match = pattern.search(printed)
    if match is None:
        raise RuntimeError(f"the demo has not printed {pattern.pattern}:\n{printed}")
    return match.groups()


def _take(
    page: playwright.Page, name: str, part: playwright.Locator | None = None
) -> None:
    """Take a picture of a part of the page, or of its beginning."""
    page.evaluate("scrollTo(0, 0)")
    # Nothing has the focus or the pointer.
    page.evaluate("document.activeElement?.blur()")
    page.mouse.move(0, 0)
    path = _IMAGES / f"console-{name}.png"
    (part or page).screenshot(path=path, animations="disabled")


def main() -> None:
    _IMAGES.mkdir(exist_ok=True)
    with playwright.sync_playwright() as started, running_demo() as printed:
        browser = started.chromium.launch(
            executable_path=programs.chromium(), args=["--no-sandbox"]
        )
        page = browser.new_context(
            viewport=_SIZE, color_scheme="light", locale="en-GB", timezone_id="UTC"
        ).new_page()
        take(page, printed)
        browser.close()


if __name__ == "__main__":
    main()
