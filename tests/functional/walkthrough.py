"""Run a page of ``docs/`` from top to bottom, and compare what it shows.

A ``console`` block has commands after ``$``, each followed by what it prints. Lines
that begin with ``>`` continue a command. All commands of a page run in one shell, in an
empty home directory. A ``python`` block runs in this process, in one namespace, and the
``text`` block that follows has what it prints. Other blocks are not run.

Compared are the texts without uuids, times and ports. A uuid of the page stands for the
uuid that came in its place, also in commands. ``...`` stands for any text. After the
comment ``<!-- varies -->``, numbers are not compared, nor the lengths of bars.

    python -m tests.functional.walkthrough docs/tutorial-operator.md

prints the page with the results of a run.
"""

import contextlib
import io
import os
import pathlib
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import typing
import unittest.mock

from tests.servers import ports

PORT = "8778"

_BLOCK = re.compile(
    r"(?P<varies><!-- varies -->\n+)?"
    r"^```(?P<language>console|python)\n(?P<body>.*?)^```$"
    r"(?:\n\n```text\n(?P<printed>.*?)^```$)?",
    re.M | re.S,
)
_COMMAND = re.compile(
    r"^\$ (?P<text>.*(?:\n> .*)*)\n(?P<printed>(?:(?!\$ ).*\n)*)", re.M
)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|\+00:00)?")
_SECRET = re.compile(r"link=[\w-]+")
_NUMBER = re.compile(r"[\d█░]+| +")


class Shell:
    """A shell whose home is an empty directory, and the processes it has started."""

    def __init__(self, home: pathlib.Path, port: int) -> None:
        self._port = str(port)
        programs = pathlib.Path(sys.executable).parent
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OS_", "PLACEMENT_", "XDG_"))
        }
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=home,
            env={
                **kept,
                "HOME": str(home),
                "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
                "COLUMNS": "80",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Servers of the page are in its process group.
            start_new_session=True,
        )

    def run(self, command: str) -> str:
        """Return what a command prints, with the port of the page."""
        command = command.replace("\n> ", "\n")
        command = command.replace("placement serve", f"placement serve {self._bind}")
        command = command.replace(f":{PORT}", f":{self._port}")
        end = secrets.token_hex()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\nprintf '%s\\n' {end}\n")
        self._process.stdin.flush()
        printed = ""
        while not printed.endswith(f"{end}\n"):
            line = self._process.stdout.readline()
            if not line:
                raise RuntimeError(f"The shell has ended: {printed}")
            printed += line
        printed = printed.removesuffix(f"{end}\n")
        return printed.replace(f":{self._port}", f":{PORT}")

    @property
    def _bind(self) -> str:
        return f"--bind 127.0.0.1:{self._port}"

    def end(self) -> None:
        """End the shell, and whatever it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.communicate()


class Step(typing.NamedTuple):
    """A command or a Python block, what the page shows, and what was printed."""

    line: int
    text: str
    shown: str
    printed: str
    varies: bool


class Walk:
    """A run of a page; ``steps`` are those that have been done."""

    def __init__(self, page: pathlib.Path, home: pathlib.Path) -> None:
        self._text = page.read_text()
        self._shell = Shell(home, ports.free_port())
        self._uuids: dict[str, str] = {}
        self._namespace: dict[str, typing.Any] = {}
        self.steps: list[Step] = []

    def run(self, *, checked: bool = True) -> str:
        """Run the page, and return it with what was printed.

        Raises AssertionError at the first difference, unless not ``checked``.
        """
        try:
            text = _BLOCK.sub(lambda block: self._run(block, checked), self._text)
        finally:
            self._shell.end()
        names = {uuid: name for name, uuid in self._uuids.items()}
        return _UUID.sub(lambda found: names.get(found[0], found[0]), text)

    def _run(self, block: re.Match[str], checked: bool) -> str:
        varies = block["varies"] is not None
        if block["language"] == "python":
            line = self._line(block.start("body"))
            printed = self._run_python(self._translated(block["body"]))
            self._done(
                Step(line, block["body"], block["printed"] or "", printed, varies),
                checked,
            )
            shown = f"\n\n```text\n{printed}```" if printed else ""
            return f"{block['varies'] or ''}```python\n{block['body']}```{shown}"
        commands = list(_COMMAND.finditer(block["body"]))
        assert "".join(each[0] for each in commands) == block["body"], block[0]
        made = ""
        for each in commands:
            printed = self._shell.run(self._translated(each["text"]))
            if printed and not printed.endswith("\n"):
                printed += "\n"
            line = self._line(block.start("body") + each.start())
            self._done(
                Step(line, each["text"], each["printed"], printed, varies), checked
            )
            made += f"$ {each['text']}\n{printed}"
        return f"{block['varies'] or ''}```console\n{made}```"

    def _done(self, step: Step, checked: bool) -> None:
        self.steps.append(step)
        if checked:
            assert_matches(step)
        named, came = (_UUID.findall(each) for each in (step.shown, step.printed))
        if len(named) == len(came):
            for name, uuid in zip(named, came, strict=True):
                # A uuid of the page stands for one uuid throughout.
                assert self._uuids.setdefault(name, uuid) == uuid or not checked, step

    def _translated(self, text: str) -> str:
        return _UUID.sub(lambda found: self._uuids.get(found[0], found[0]), text)

    def _run_python(self, code: str) -> str:
        directory = self._shell.run('printf %s "$PLACEMENT_STATE_DIR"; echo').strip()
        output = io.StringIO()
        with (
            unittest.mock.patch.dict(os.environ, PLACEMENT_STATE_DIR=directory),
            contextlib.redirect_stdout(output),
        ):
            exec(code, self._namespace)
        return output.getvalue().replace(f":{self._shell._port}", f":{PORT}")

    def _line(self, position: int) -> int:
        return self._text.count("\n", 0, position) + 1


def assert_matches(step: Step) -> None:
    """Fail unless a step has printed what the page shows."""
    shown, printed = (comparable(each, step) for each in (step.shown, step.printed))
    pattern = ".*".join(re.escape(each) for each in shown.split("..."))
    where = f"line {step.line}: {step.text}\nshown:\n{shown}\nprinted:\n{printed}"
    assert re.fullmatch(pattern, printed, re.S), where


def comparable(text: str, step: Step) -> str:
    """Return a text without what differs from run to run."""
    text = _SECRET.sub("link=<secret>", _TIME.sub("<time>", _UUID.sub("<uuid>", text)))
    text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    return _NUMBER.sub("<n>", text) if step.varies else text


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        walk = Walk(pathlib.Path(sys.argv[1]), pathlib.Path(home))
        print(walk.run(checked=False), end="")


if __name__ == "__main__":
    main()
