"""Limits of projects."""

from collections.abc import Iterator, Mapping

from placement.client import values
from placement.client.exchange import Exchange, path_of, read, with_query

# The project whose limits hold for all projects without limits of their own.
DEFAULT_PROJECT = "default"

_PATH = "/-/v1/limits"


class LimitOperations(Exchange):
    """The operations on limits; OpenStack Placement does not have them.

    Limits are units by resource class, and the number of consumers by ``consumers``.
    Source: API reference, "Limits".
    """

    def get_all_limits(self) -> Iterator[values.OwnLimits]:
        """Yield the limits and usage of each project with limits of its own, in order.

        ``DEFAULT_PROJECT`` is one of them. Costs one request per 1,000 projects, sent
        while iterating.
        """
        token: str | None = None
        while True:
            parameters = [] if token is None else [("page_token", token)]
            page, token = self._get(with_query(_PATH, parameters), _page)
            yield from page
            if token is None:
                return

    def get_limits(self, project_id: str) -> values.ProjectLimits:
        """Return the limits of a project, and what it holds of limited classes.

        Raises NotFound if no limit applies to the project.
        """
        path = _PATH + path_of(project_id)
        return self._get(path, values.ProjectLimits.from_document)

    def replace_limits(
        self, project_id: str, limits: Mapping[str, int]
    ) -> values.ProjectLimits:
        """Replace all limits of a project; return what ``get_limits`` does.

        Raises BadRequest, also for an unknown class.
        """
        path = _PATH + path_of(project_id)
        answer = self.request("PUT", path, dict(limits))
        return read(answer, values.ProjectLimits.from_document)

    def delete_limits(self, project_id: str) -> None:
        """Delete the limits of a project's own.

        Raises NotFound if there are none.
        """
        self.request("DELETE", _PATH + path_of(project_id))


def _page(document: values.Document) -> tuple[list[values.OwnLimits], str | None]:
    page = [values.OwnLimits.from_document(each) for each in document["limits"]]
    return page, document["next_page_token"]
