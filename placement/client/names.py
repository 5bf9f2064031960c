"""Operations on the names of resource classes and traits."""

from collections.abc import Iterable

from placement.client import errors, values
from placement.client.exchange import Exchange, path_of, with_query


class NameOperations(Exchange):
    """The operations on resource classes and traits."""

    def get_resource_classes(self) -> list[str]:
        """Return the names of all classes, standard ones first."""
        return self._get(
            "/resource_classes",
            lambda document: [each["name"] for each in document["resource_classes"]],
        )

    def create_resource_class(self, name: str) -> None:
        """Create a custom class. Raises Conflict when it already exists."""
        self.request("POST", "/resource_classes", {"name": name})

    def has_resource_class(self, name: str) -> bool:
        """Return whether a class exists."""
        return self._exists(path_of("resource_classes", name))

    def ensure_resource_class(self, name: str) -> bool:
        """Create a custom class if it does not exist; return whether it was created."""
        return self.request("PUT", path_of("resource_classes", name)).status == 201

    def delete_resource_class(self, name: str) -> None:
        """Delete a custom class. Raises Conflict when it has inventories."""
        self.request("DELETE", path_of("resource_classes", name))

    def get_traits(
        self,
        names: Iterable[str] | None = None,
        prefix: str | None = None,
        is_associated: bool | None = None,
    ) -> list[str]:
        """Return the existing traits among ``names``, with ``prefix``, or all.

        ``is_associated`` selects traits that any provider has (True) or none (False).
        Raises ValueError when both names and prefix are given.
        """
        if names is not None and prefix is not None:
            raise ValueError("Give names or a prefix, not both")
        parameters = []
        if names is not None:
            parameters.append(
                ("name", "in:" + ",".join(values.several("names", names)))
            )
        if prefix is not None:
            parameters.append(("name", "startswith:" + prefix))
        if is_associated is not None:
            parameters.append(("associated", str(is_associated).lower()))
        return self._get(
            with_query("/traits", parameters),
            lambda document: list(document["traits"]),
        )

    def has_trait(self, name: str) -> bool:
        """Return whether a trait exists."""
        return self._exists(path_of("traits", name))

    def ensure_trait(self, name: str) -> bool:
        """Create a custom trait if it does not exist; return whether it was created."""
        return self.request("PUT", path_of("traits", name)).status == 201

    def delete_trait(self, name: str) -> None:
        """Delete a custom trait. Raises Conflict when a provider has it."""
        self.request("DELETE", path_of("traits", name))

    def _exists(self, path: str) -> bool:
        try:
            self.request("GET", path)
        except errors.NotFound:
            return False
        return True
