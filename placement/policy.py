"""Authorization by the rules of ``policies`` and the policy files."""

import argparse
import collections.abc
import enum
import logging
import os
import sys
import threading
import time
import typing

from oslo_config import cfg
from oslo_policy import policy

from placement import exception, policies
from placement.caller import Caller
from placement.conf import find

LOG = logging.getLogger(__name__)

Target = collections.abc.Mapping[str, str | None]

# The maximum number of cached decisions; rules on user ids have one per user.
CACHED_DECISIONS_MAX = 10_000

# How often to search for a policy file that did not exist.
SEARCH_SECONDS = 1.0

# Two writes within one tick of the file system's clock have the same modification
# time, so a file is read only after the tick in which it was written.
TICK_SECONDS = 0.02

# The classes that oslo.policy uses for a check of a role and of another fact.
_ROLE_CHECK = type(policy.RuleDefault("role", "role:a").check)
_FACT_CHECK = type(policy.RuleDefault("fact", "user_id:%(user_id)s").check)

# (path, (modification time in ns, size, inode)), None for a path without a file.
Stamp = tuple[str, tuple[int, int, int] | None]


class Decision(enum.Enum):
    """The decision of a rule about a caller."""

    ALLOWED = enum.auto()
    REFUSED = enum.auto()
    WRONG_SCOPE = enum.auto()


class Needs(enum.IntEnum):
    """What a decision depends on, apart from the rule and the scope of the token."""

    ROLES = enum.auto()
    FACTS = enum.auto()
    """The roles, the other facts about the caller, and the target."""
    MORE = enum.auto()
    """Something unknown here, such as the answer of a remote server."""


class Enforcer:
    """The rules in force, with a cache of their decisions.

    Policy changes take effect without a restart. Before each decision, ``stat`` checks
    the loaded policy files, and the place beside placement.conf where one may appear,
    in less than a microsecond each. The other places that oslo.policy looks in are
    searched at most once per second. After a change, all files are read again. An
    invalid file is an error at start; later, it is logged and the rules stay the same.

    Safe for use by several threads.
    """

    def __init__(self, config: cfg.ConfigOpts) -> None:
        """Read the policy files that ``config`` names.

        Raises ConfigurationError when one of them is invalid.
        """
        self._config = config
        self._loading = threading.Lock()
        # oslo.policy 6 always enforces the scope; older releases have an option.
        if "enforce_scope" in config.oslo_policy:
            config.set_override("enforce_scope", True, group="oslo_policy")
        try:
            self._rules = _Rules(config, _settled_stamps(config))
        except Exception as unreadable:
            raise exception.ConfigurationError(
                reason=f"The policy files cannot be read: {unreadable}"
            ) from unreadable

    def authorize(
        self, caller: Caller, rule: str, target: Target | None = None
    ) -> None:
        """Check that ``rule`` allows the caller.

        ``target`` has the facts that the rule may compare with those of the caller. By
        default, they are the caller's own project and user.

        Raises PolicyNotAuthorized, or PolicyScopeNotAuthorized when the rule is not for
        tokens of this scope.
        Source: API reference, "Policy".
        """
        if target is None:
            target = {"project_id": caller.project_id, "user_id": caller.user_id}
        decision = self._current_rules().decide(caller, rule, target)
        if decision is Decision.WRONG_SCOPE:
            raise exception.PolicyScopeNotAuthorized(rule=rule)
        if decision is Decision.REFUSED:
            raise exception.PolicyNotAuthorized(rule=rule)

    def _current_rules(self) -> "_Rules":
        if self._rules.are_current():
            return self._rules
        with self._loading:
            stamps = _stamps(self._config)
            if stamps == self._rules.stamps:
                # Another thread has read the files, or nothing has changed.
                self._rules.searched_at = time.monotonic()
                return self._rules
            stamps = _settled_stamps(self._config)
            try:
                self._rules = _Rules(self._config, stamps)
                LOG.info("The policy files changed and were read again.")
            except Exception:
                LOG.exception(
                    "The policy files changed and cannot be read; the rules stay as "
                    "they were."
                )
                self._rules.stamps = stamps
                self._rules.searched_at = time.monotonic()
            return self._rules


class _Rules:
    """The rules of one version of the policy files.

    ``stamps`` identify the version. They are taken before the files are read, so that a
    later change is always noticed.
    """

    def __init__(self, config: cfg.ConfigOpts, stamps: list[Stamp]) -> None:
        self.stamps = stamps
        self.searched_at = time.monotonic()
        self._enforcer = _enforcer(config)
        self._enforcer.load_rules(force_reload=True)
        # Stop the library from checking the files itself.
        self._enforcer.use_conf = False
        self._needs: dict[str, Needs] = {}
        self._decisions: dict[tuple[typing.Hashable, ...], Decision] = {}

    def are_current(self) -> bool:
        return time.monotonic() - self.searched_at < SEARCH_SECONDS and all(
            _stamp(path) == before for path, before in self.stamps
        )

    def decide(self, caller: Caller, rule: str, target: Target) -> Decision:
        needs = self._needs.get(rule)
        if needs is None:
            needs = self._needs[rule] = _needs(rule, self._enforcer.rules)
        if needs is Needs.MORE:
            return self._ask(caller, rule, target)
        key: tuple[typing.Hashable, ...] = (
            rule,
            caller.roles,
            caller.system_scope,
            caller.domain_id,
        )
        if needs is Needs.FACTS:
            key += (caller.user_id, caller.project_id, *sorted(target.items()))
        decision = self._decisions.get(key)
        if decision is None:
            if len(self._decisions) >= CACHED_DECISIONS_MAX:
                self._decisions.clear()
            decision = self._decisions[key] = self._ask(caller, rule, target)
        return decision

    def _ask(self, caller: Caller, rule: str, target: Target) -> Decision:
        credentials: dict[str, typing.Any] = {
            "user_id": caller.user_id,
            "project_id": caller.project_id,
            "domain_id": caller.domain_id,
            "system_scope": caller.system_scope,
            "roles": list(caller.roles),
        }
        try:
            allowed = self._enforcer.authorize(
                rule, dict(target), credentials, do_raise=True
            )
        except policy.InvalidScope:
            return Decision.WRONG_SCOPE
        except policy.PolicyNotAuthorized:
            return Decision.REFUSED
        return Decision.ALLOWED if allowed else Decision.REFUSED


def get_enforcer() -> policy.Enforcer:
    """Return oslo.policy's own enforcer, for the oslopolicy commands.

    It reads the files of the command's ``--config-file`` and ``--config-dir``, or those
    in the default places.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for option in ("--config-file", "--config-dir"):
        parser.add_argument(option, action="append", default=[])
    given, _ = parser.parse_known_args(sys.argv[1:])
    argv = [f"--config-file={path}" for path in given.config_file]
    argv += [f"--config-dir={path}" for path in given.config_dir]
    return _enforcer(find.command_config(argv))


def _enforcer(config: cfg.ConfigOpts) -> policy.Enforcer:
    enforcer = policy.Enforcer(config)
    # These warnings would be logged at every start.
    enforcer.suppress_default_change_warnings = True
    enforcer.register_defaults(policies.list_rules())
    return enforcer


def _needs(name: str, rules: policy.Rules) -> Needs:
    """Return what the rule ``name`` and the rules that it refers to depend on."""
    found = Needs.ROLES
    seen = {name}
    left = [rules.get(name)]
    while left:
        check = left.pop()
        if isinstance(check, policy.RuleCheck):
            # oslo.policy uses the default rule, if there is one, for an unknown rule.
            referred = check.match if check.match in rules else rules.default_rule
            if isinstance(referred, str) and referred not in seen:
                seen.add(referred)
                left.append(rules.get(referred))
        elif isinstance(check, policy.AndCheck | policy.OrCheck):
            left += check.rules
        elif isinstance(check, policy.NotCheck):
            left.append(check.rule)
        elif isinstance(check, policy.Check):
            found = max(found, _needs_of_one(check))
    return found


def _needs_of_one(check: policy.Check) -> Needs:
    if type(check) not in (_ROLE_CHECK, _FACT_CHECK):
        return Needs.MORE
    is_constant = type(check) is _ROLE_CHECK and "%(" not in check.match
    return Needs.ROLES if is_constant else Needs.FACTS


def _stamps(config: cfg.ConfigOpts) -> list[Stamp]:
    """Return the current stamps of all paths that the rules are read from."""
    options = config.oslo_policy
    paths = [_path(config, options.policy_file)]
    for name in options.policy_dirs:
        directory = _path(config, name)
        paths.append(directory)
        # A directory changes when files are added or removed, not when one is written.
        if directory is not None and os.path.isdir(directory):
            paths += sorted(entry.path for entry in os.scandir(directory))
    return [(path, _stamp(path)) for path in paths if path is not None]


def _settled_stamps(config: cfg.ConfigOpts) -> list[Stamp]:
    """Return the stamps at a time when a later write changes them.

    Waits for the end of a clock tick if a file has just been written.
    """
    stamps = _stamps(config)
    newest_ns = max((stamp[0] for _, stamp in stamps if stamp), default=0)
    if abs(time.time_ns() - newest_ns) > TICK_SECONDS * 1e9:
        return stamps
    time.sleep(TICK_SECONDS)
    return _stamps(config)


def _path(config: cfg.ConfigOpts, name: str) -> str | None:
    """Return the path of a file or directory, or where it would be created."""
    found = config.find_file(name)
    if found is not None or not config.config_file:
        return found
    beside = os.path.dirname(os.path.abspath(config.config_file[-1]))
    return os.path.join(beside, name)


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
