"""Whether the service can serve requests."""

import dataclasses
import re
import typing

_LINE = re.compile(
    r"\[\+\](?P<passed>\w+) ok"
    r"|\[\+\](?P<excluded>\w+) excluded: ok"
    r"|\[-\](?P<failed>\w+) failed: (?P<reason>.+)"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Health:
    """The checks of the service by their result; ``failed`` has the reasons by name."""

    passed: tuple[str, ...]
    failed: dict[str, str]
    excluded: tuple[str, ...]

    @property
    def is_ready(self) -> bool:
        return not self.failed

    @classmethod
    def from_text(cls, text: str) -> typing.Self:
        """Return what the lines of ``/readyz?verbose`` say.

        Raises ValueError for any other text.
        """
        found = [_LINE.fullmatch(line) for line in text.splitlines()]
        lines = [line for line in found if line is not None]
        if not lines or len(lines) < len(found):
            raise ValueError("not the lines of checks")
        return cls(
            passed=tuple(line["passed"] for line in lines if line["passed"]),
            failed={line["failed"]: line["reason"] for line in lines if line["failed"]},
            excluded=tuple(line["excluded"] for line in lines if line["excluded"]),
        )
