"""Maximum flow, for trees that share pools.

Dinic's algorithm: it looks for ways from the source to the sink level by level.
"""

import collections
import collections.abc


class Network:
    """A network of nodes that are numbered as they are added.

    ``tick`` is called once per edge that is looked at, and may raise; ``flow`` is
    possible nevertheless.
    """

    def __init__(self, tick: collections.abc.Callable[[], None]) -> None:
        self._tick = tick
        # The edges of each node; an edge and the one back have numbers 2n and 2n + 1.
        self._edges: list[list[int]] = []
        self._targets: list[int] = []
        self._left: list[int] = []
        self.flow = 0

    def add_node(self) -> int:
        self._edges.append([])
        return len(self._edges) - 1

    def add_edge(self, start: int, end: int, capacity: int) -> None:
        for node, target, left in ((start, end, capacity), (end, start, 0)):
            self._edges[node].append(len(self._targets))
            self._targets.append(target)
            self._left.append(left)

    def maximize(self, source: int, sink: int) -> int:
        """Return the maximum flow from ``source`` to ``sink``."""
        while True:
            levels = self._levels(source)
            if levels[sink] < 0:
                return self.flow
            following = [0] * len(self._edges)
            while self._augment(source, sink, levels, following):
                pass

    def _levels(self, source: int) -> list[int]:
        levels = [-1] * len(self._edges)
        levels[source] = 0
        waiting = collections.deque([source])
        while waiting:
            node = waiting.popleft()
            for edge in self._edges[node]:
                self._tick()
                target = self._targets[edge]
                if self._left[edge] > 0 and levels[target] < 0:
                    levels[target] = levels[node] + 1
                    waiting.append(target)
        return levels

    def _augment(
        self, source: int, sink: int, levels: list[int], following: list[int]
    ) -> bool:
        """Send as much as one more way can take; False: there is no other way."""
        way: list[int] = []
        node = source
        while node != sink:
            self._tick()
            edges = self._edges[node]
            while following[node] < len(edges):
                edge = edges[following[node]]
                target = self._targets[edge]
                if self._left[edge] > 0 and levels[target] == levels[node] + 1:
                    break
                following[node] += 1
            if following[node] < len(edges):
                way.append(edge)
                node = target
            elif not way:
                return False
            else:
                edge = way.pop()
                node = self._targets[edge ^ 1]
                following[node] += 1
        amount = min(self._left[edge] for edge in way)
        for edge in way:
            self._left[edge] -= amount
            self._left[edge ^ 1] += amount
        self.flow += amount
        return True
