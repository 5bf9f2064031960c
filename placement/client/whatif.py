"""Whether the consumers of lost hosts fit on the other hosts."""

from collections.abc import Sequence

from placement.client import values
from placement.client.exchange import Exchange, read

_PATH = "/-/v1/whatif"


class WhatIfOperations(Exchange):
    """The operation that analyses the loss of hosts.

    OpenStack Placement does not have it. Placement knows the amounts that a consumer
    holds, and not what it had asked for. ``within`` is the aggregate of the hosts that
    consumers may go to. ``keep_traits`` are patterns such as ``CUSTOM_*``: a consumer
    needs those of the traits of its present providers that match.
    Source: API reference, "What if".
    """

    def what_if_lost(
        self,
        roots: Sequence[values.AnyUUID],
        *,
        within: values.AnyUUID | None = None,
        keep_traits: Sequence[str] = (),
    ) -> values.WhatIf:
        """Return whether the consumers of these hosts fit on the other ones.

        Raises BadRequest, also for a uuid that is not that of a root.
        """
        lost = [str(each) for each in values.several("roots", roots)]
        return self._what_if({"lose": lost}, within, keep_traits)

    def what_if_any_lost(
        self,
        count: int = 1,
        *,
        within: values.AnyUUID | None = None,
        keep_traits: Sequence[str] = (),
    ) -> values.WhatIf:
        """Return whether any ``count`` hosts can be lost at the same time.

        Raises BadRequest.
        """
        return self._what_if({"any": count}, within, keep_traits)

    def _what_if(
        self,
        body: dict[str, object],
        within: values.AnyUUID | None,
        keep_traits: Sequence[str],
    ) -> values.WhatIf:
        body["keep_traits"] = list(values.several("keep_traits", keep_traits))
        if within is not None:
            body["within"] = str(within)
        return read(self.request("POST", _PATH, body), values.WhatIf.from_document)
