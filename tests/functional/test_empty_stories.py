"""Every search of the stories that finds nothing has a cause."""

import json
import typing

import pytest
import webob
from gabbi import utils

from placement import metrics
from tests.functional import fixtures, test_gabbits
from tests.servers import server

PATH = "/allocation_candidates"
STORIES = [path for path in test_gabbits.STORIES if PATH in path.read_text()]


class Explaining:
    """An application that explains each search whose answer is empty."""

    def __init__(self, application: server.Application) -> None:
        self._application = application
        # By query and version.
        self.explained: dict[tuple[str, str], dict[str, typing.Any]] = {}

    def __call__(self, environ: dict[str, typing.Any], start: typing.Any) -> typing.Any:
        response = webob.Request(environ).get_response(self._application)
        if (
            environ["PATH_INFO"] == PATH
            and response.status_int == 200
            and not response.json["allocation_requests"]
        ):
            version = response.headers["openstack-api-version"].split()[1]
            self._explain(environ["QUERY_STRING"], version)
        return response(environ, start)

    def _explain(self, query: str, version: str) -> None:
        request = webob.Request.blank("/-/v1/explain", method="POST")
        request.headers = {
            "x-auth-token": "admin",
            "x-roles": "admin",
            "content-type": "application/json",
        }
        request.body = json.dumps({"query": query, "version": version}).encode()
        response = request.get_response(self._application)
        assert response.status_int == 200, response.text
        self.explained[query, version] = response.json


@pytest.mark.parametrize("path", STORIES, ids=[path.stem for path in STORIES])
def test_an_empty_search_has_a_cause(path: typing.Any, database_url: str) -> None:
    story = utils.load_yaml(yaml_file=str(path))
    wanted = fixtures.merged(story.get("fixtures", []))
    with server.in_process(database_url, wanted.options, wanted.policy) as application:
        test_gabbits.prepare(application, wanted)
        explaining = Explaining(application)
        failed = test_gabbits.steps_that_fail(explaining, path.stem, story)

    assert not failed, "\n\n".join(failed)
    for asked, found in explaining.explained.items():
        assert found["cause"] in metrics.CAUSES, asked
        assert found["complete"], asked
        assert found["fits"] == 0, asked
        assert found["summary"], asked
