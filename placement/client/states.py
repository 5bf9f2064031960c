"""Providers that are taken out of service, and returned to it."""

import datetime

from placement.client import values
from placement.client.exchange import Exchange, path_of, read

IN_SERVICE = "in_service"
CORDONED = "cordoned"
QUARANTINED = "quarantined"


class StateOperations(Exchange):
    """The operations on the state of a provider.

    OpenStack Placement does not have them. All raise NotFound for an unknown provider,
    and for such a service.
    Source: API reference, "States".
    """

    def get_provider_state(self, uuid: values.AnyUUID) -> values.ProviderState:
        """Return the state of a provider, with its reason, its time and its author."""
        return self._get(_path(uuid), values.ProviderState.from_document)

    def set_provider_state(
        self,
        uuid: values.AnyUUID,
        state: str,
        *,
        reason: str = "",
        until: datetime.datetime | None = None,
        has_subtree: bool = True,
    ) -> values.ProviderState:
        """Set the state of a provider, and of all below it unless ``has_subtree``.

        ``state`` is ``in_service``, ``cordoned`` or ``quarantined``. At ``until``, a
        time with a zone, the providers return to service.
        Raises BadRequest; ValueError for a time without a zone.
        """
        if until is not None and until.utcoffset() is None:
            raise ValueError("The time 'until' needs a zone.")
        body = {
            "state": state,
            "reason": reason,
            "until": None if until is None else until.isoformat(),
            "subtree": has_subtree,
        }
        answer = self.request("PUT", _path(uuid), body)
        return read(answer, values.ProviderState.from_document)

    def cordon(
        self,
        uuid: values.AnyUUID,
        reason: str = "",
        until: datetime.datetime | None = None,
    ) -> values.ProviderState:
        """Let a provider and all below it take no new or larger allocations."""
        return self.set_provider_state(uuid, CORDONED, reason=reason, until=until)

    def uncordon(self, uuid: values.AnyUUID) -> values.ProviderState:
        """Return a provider and all below it to service."""
        return self.set_provider_state(uuid, IN_SERVICE)


def _path(uuid: values.AnyUUID) -> str:
    return "/-/v1" + path_of("providers", uuid, "state")
