"""A server that sends scripted responses."""

import contextlib
import socket
import threading

# Instead of a response: close the connection after reading the request.
HANG_UP = object()
# Instead of a response: send nothing until the test ends.
SILENCE = object()

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


class ScriptedServer:
    """Sends the n-th list of responses on the n-th connection, then closes it.

    ``requests`` lists the requests in order: (number of the connection, first line,
    headers by lower-case name, body). ``tls`` is the context of an https server.
    """

    def __init__(self, *scripts, tls=None):
        self.requests = []
        self.closed = [threading.Event() for _ in scripts]
        self._scripts = scripts
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._tls = tls
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self):
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *failure):
        self._over.set()
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            for number, script in enumerate(self._scripts):
                connection, _ = self._listener.accept()
                threading.Thread(
                    target=self._serve, args=(connection, number, script), daemon=True
                ).start()

    def _serve(self, connection, number, script):
        if self._tls:
            try:
                connection = self._tls.wrap_socket(connection, server_side=True)
            except OSError:
                # The client has refused the certificate.
                connection.close()
                return
        with connection, connection.makefile("rb") as stream:
            for answer in script:
                request = _read_request(stream)
                if request is None:
                    break
                self.requests.append((number, *request))
                if answer is HANG_UP:
                    break
                if answer is SILENCE:
                    self._over.wait(10)
                    break
                connection.sendall(answer)
        self.closed[number].set()


def _read_request(stream):
    first_line = stream.readline().decode().strip()
    if not first_line:
        return None
    headers = {}
    while line := stream.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    return first_line, headers, body
