"""Read a container file, and carry it out in a sandbox instead of an image."""

import json
import pathlib
import re
import typing

from tests.servers.sandbox import Place, Sandbox


class Instruction(typing.NamedTuple):
    """An instruction, such as ``COPY``, and the rest of its line."""

    name: str
    text: str

    def words(self) -> list[str]:
        """Return the words of a list in JSON, or those between spaces."""
        if self.text.startswith("["):
            found: list[str] = json.loads(self.text)
            return found
        return self.text.split()


def read(path: pathlib.Path) -> list[Instruction]:
    """Return the instructions of a file, without comments."""
    lines = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.M)
    joined = re.sub(r"\\\n\s*", " ", lines)
    split = (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())
    return [Instruction(name, text) for name, text in split]


class Image(typing.NamedTuple):
    """How the last stage of a container file runs."""

    place: Place
    entrypoint: list[str]
    command: list[str]
    healthcheck: list[str]


def build(sandbox: Sandbox, path: pathlib.Path, context: pathlib.Path) -> Image:
    """Carry out a container file in a sandbox, in which all stages are the same.

    The libraries are those of the tests, so that nothing is downloaded.
    """
    libraries = {
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_INDEX": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }
    directory, environment, user = "/", dict[str, str](), 0
    lists: dict[str, list[str]] = {}
    sandbox.run("ln", "-sf", sandbox.python, "/usr/local/bin/python")
    for instruction in read(path):
        match instruction.name:
            case "FROM":
                directory, environment = "/", {}
            case "WORKDIR":
                directory = instruction.text
                sandbox.run("mkdir", "-p", directory)
            case "COPY":
                _copy(sandbox, instruction.words(), directory, context)
            case "RUN":
                sandbox.run(
                    *("sh", "-euc", instruction.text),
                    place=Place(0, environment | libraries, directory),
                )
            case "ENV":
                environment |= _variables(instruction.text)
            case "USER":
                user = int(instruction.text.partition(":")[0])
            case "HEALTHCHECK":
                words = instruction.text.partition("CMD ")[2]
                lists["HEALTHCHECK"] = json.loads(words)
            case "ENTRYPOINT" | "CMD":
                lists[instruction.name] = instruction.words()
            case "ARG" | "VOLUME" | "EXPOSE" | "STOPSIGNAL":
                pass
            case unknown:
                raise ValueError(f"an unknown instruction: {unknown}")
    return Image(
        Place(user, environment, directory),
        lists["ENTRYPOINT"],
        lists["CMD"],
        lists["HEALTHCHECK"],
    )


def _copy(
    sandbox: Sandbox, words: list[str], directory: str, context: pathlib.Path
) -> None:
    *sources, target = words
    if sources[0].startswith("--from="):
        # Another stage, which has the same files.
        if sources[1:] != [target]:
            raise ValueError("a stage copies to another path")
        return
    for source in sources:
        whole = target.endswith("/") and (context / source).is_file()
        into = f"{target}{source}" if whole else target.rstrip("/")
        sandbox.copy(context / source, f"{directory}/{into}")


def _variables(text: str) -> dict[str, str]:
    found = dict(word.split("=", 1) for word in text.split())
    path = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
    return {name: value.replace("$PATH", path) for name, value in found.items()}
