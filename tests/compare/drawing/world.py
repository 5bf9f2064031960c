"""The names that one episode uses, and the state known from answers.

Only answers on which both services agree update the state.
"""

import random
import re
import uuid

from tests.compare.exchange import Answer, Request

CLASSES = ["VCPU", "MEMORY_MB", "DISK_GB", "VGPU"]
SHARING = "MISC_SHARES_VIA_AGGREGATE"
TRAITS = ["HW_CPU_X86_AVX", "HW_CPU_X86_SSE", "STORAGE_DISK_SSD", SHARING]
TYPES = ["INSTANCE", "MIGRATION"]

_PROVIDER_PATH = re.compile(r"/resource_providers/([0-9a-f-]{36})(?:/|$)")
_INVENTORIES_PATH = re.compile(
    r"/resource_providers/([0-9a-f-]{36})/inventories(?:/(\w+))?"
)
_CONSUMER_PATH = re.compile(r"/allocations/([0-9a-f-]{36})$")
_CLAIMS = ("/allocations", "/reshaper")


class World:
    """The names of an episode and their known state; each episode has its own uuids.

    ``generations`` has the known generations of providers, ``consumer_generations``
    those of consumers, None for one that does not exist. ``offers`` has the known
    classes of each provider's inventories.
    """

    def __init__(self, rng: random.Random, label: str) -> None:
        self._rng = rng
        self.label = label
        self.providers = [self.new_uuid() for _ in range(8)]
        self.provider_names = {
            provider: f"p{number}-{label}"
            for number, provider in enumerate(self.providers)
        }
        self.aggregates = [self.new_uuid() for _ in range(3)]
        self.consumers = [self.new_uuid() for _ in range(6)]
        self.past_consumers: list[str] = []
        self.projects = [f"project{number}-{label}" for number in range(2)]
        self.users = [f"user{number}-{label}" for number in range(2)]
        self.custom_classes = [f"CUSTOM_C{number}" for number in range(3)]
        self.custom_traits = [f"CUSTOM_T{number}" for number in range(4)]
        self.created: list[str] = []
        self.known_classes: list[str] = list(CLASSES)
        self.known_traits: list[str] = list(TRAITS)
        self.offers: dict[str, set[str]] = {}
        self.generations: dict[str, int] = {}
        self.consumer_generations: dict[str, int | None] = {}

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def provider(self) -> str:
        """Return a provider, usually one that exists."""
        rng = self._rng
        if self.created and rng.random() < 0.96:
            return rng.choice(self.created)
        return rng.choice([*self.providers, self.new_uuid()])

    def resource_class(self) -> str:
        rng = self._rng
        if rng.random() < 0.98:
            return rng.choice(self.known_classes)
        return rng.choice([*self.custom_classes, "CUSTOM_UNKNOWN", "NOTHING"])

    def offer(self) -> tuple[str, str]:
        """Return a provider and a class, usually one of its inventories."""
        offered = [
            (provider, name)
            for provider in self.created
            for name in sorted(self.offers.get(provider, ()))
        ]
        if offered and self._rng.random() < 0.95:
            return self._rng.choice(offered)
        return self.provider(), self.resource_class()

    def trait(self) -> str:
        rng = self._rng
        if rng.random() < 0.98:
            return rng.choice(self.known_traits)
        return rng.choice([*self.custom_traits, "CUSTOM_UNKNOWN", "NOTHING"])

    def consumer(self) -> str:
        return self._rng.choice(self.consumers)

    def retire(self, consumer: str) -> None:
        """Replace a consumer that may differ between the services with a new one."""
        if consumer in self.consumers:
            self.past_consumers.append(consumer)
            self.consumers[self.consumers.index(consumer)] = self.new_uuid()
            self.consumer_generations.pop(consumer, None)

    def learn(self, request: Request, answer: Answer) -> None:
        """Update the state from an answer on which both services agree."""
        if answer.status < 300:
            self._learn_names(request, answer)
            if request.method != "GET":
                self._forget(request)
            self._learn_generations(request, answer)
            self._learn_offers(request, answer)
        elif request.path.startswith(_CLAIMS) and answer.status == 400:
            # The peer may keep the consumer.
            for consumer in self._consumers_of(request):
                self.retire(consumer)
        if answer.status in (404, 409):
            self._forget(request)

    def _learn_names(self, request: Request, answer: Answer) -> None:
        collection, _, name = request.path.rpartition("/")
        match request.method, collection:
            case "POST", "" if name == "resource_providers":
                self.created.append(answer.headers["location"].rpartition("/")[2])
            case "POST", "" if name == "resource_classes":
                self._know(self.known_classes, request.document()["name"])
            case "PUT", "/resource_classes":
                if answer.status == 200:
                    self.known_classes = [
                        each for each in self.known_classes if each != name
                    ]
                    name = request.document()["name"]
                self._know(self.known_classes, name)
            case "PUT", "/traits":
                self._know(self.known_traits, name)
            case "DELETE", _:
                for known in (self.created, self.known_classes, self.known_traits):
                    if name in known and request.path.count("/") == 2:
                        known.remove(name)

    @staticmethod
    def _know(known: list[str], name: str) -> None:
        if name not in known:
            known.append(name)

    def _forget(self, request: Request) -> None:
        """Forget the generations that a write may have advanced."""
        found = _PROVIDER_PATH.match(request.path)
        if found:
            self.generations.pop(found[1], None)
        if request.path.startswith(_CLAIMS):
            self.generations.clear()
            consumers = self._consumers_of(request)
            for consumer in consumers:
                is_new = self.consumer_generations.pop(consumer, None) is None
                # The peer keeps such a consumer.
                if is_new and self._is_emptied(request, consumer):
                    self.retire(consumer)

    def _consumers_of(self, request: Request) -> list[str]:
        text = request.path + (request.body or b"").decode("utf-8", "replace")
        return [consumer for consumer in self.consumers if consumer in text.lower()]

    @staticmethod
    def _is_emptied(request: Request, consumer: str) -> bool:
        body = request.document()
        if not isinstance(body, dict):
            return False
        if request.path == "/reshaper":
            body = body.get("allocations", {})
        one = body if request.method == "PUT" else body.get(consumer, {})
        return isinstance(one, dict) and one.get("allocations") == {}

    def _learn_offers(self, request: Request, answer: Answer) -> None:
        if request.path == "/reshaper":
            for uuid, given in request.document()["inventories"].items():
                self.offers[uuid] = set(given["inventories"])
        found = _INVENTORIES_PATH.fullmatch(request.path)
        if found is None:
            return
        offered = self.offers.setdefault(found[1], set())
        match request.method, found[2]:
            case (("GET" | "PUT"), None):
                offered.clear()
                offered.update(answer.document()["inventories"])
            case "POST", None:
                offered.add(answer.headers["location"].rpartition("/")[2])
            case "DELETE", None:
                offered.clear()
            case "DELETE", name:
                offered.discard(name)

    def _learn_generations(self, request: Request, answer: Answer) -> None:
        document = answer.document()
        if not isinstance(document, dict):
            return
        provider = _PROVIDER_PATH.match(request.path)
        if provider:
            given = document.get(
                "resource_provider_generation", document.get("generation")
            )
            if isinstance(given, int):
                self.generations[provider[1]] = given
        consumer = _CONSUMER_PATH.match(request.path)
        if consumer and request.method == "GET" and (request.minor or 0) >= 28:
            self.consumer_generations[consumer[1]] = document.get("consumer_generation")
