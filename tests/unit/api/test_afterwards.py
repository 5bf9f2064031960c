"""Work after a response has the log context of its request, and leaves none behind."""

import threading

from oslo_context import context as log_context

from placement.api.afterwards import Afterwards
from placement.middleware import request_id
from tests.unit.middleware.applications import ask, service


def test_work_has_the_context_of_its_request_also_in_another_thread():
    seen = []

    def work():
        seen.append(log_context.get_current())

    def application(environ, start_response):
        start_response("200 OK", [])
        return Afterwards([b"x"], work)

    bodies = []

    def kept(environ, start_response):
        bodies.append(request_id.wrap(application, service())(environ, start_response))
        return []

    answer = ask(kept)

    def close():
        bodies[0].close()
        seen.append(log_context.get_current())

    thread = threading.Thread(target=close)
    thread.start()
    thread.join()

    during, after = seen
    assert during.request_id == answer.headers[request_id.HEADER]
    assert not after
