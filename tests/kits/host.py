"""One machine in place of the containers: runs a party as compose.yaml would, on loopback."""

import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import yaml

from kits.dockerfile import DEPLOY, read_image
from tiers.lab.world import store
from tiers.lab.world.cast import PARTIES, WITNESSES
from tiers.lab.world.pki import Authority
from tiers.lab.world.processes import free_ports, stop
from tiers.wire.identity import Role

# container -> image
IMAGE_OF = {"acme": "enterprise", "globex": "enterprise", **dict.fromkeys(WITNESSES, "witness")}
CONTAINERS = {one.name: IMAGE_OF.get(one.name, one.name) for one in PARTIES}


class Host:
    """One machine in place of the containers: their folders and ports, as compose.yaml names them."""

    def __init__(self, root: Path, urls: Mapping[Role, str]) -> None:
        self.compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
        self.root = root
        self.urls = urls
        names = [*CONTAINERS, "mediation"]
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))

    def environ(self, name: str) -> dict[str, str]:
        """Return a container's environment with its folders and addresses brought here."""
        environ = read_image(CONTAINERS[name]).environ | self.compose[name]["environment"]
        return {key: self.here(name, key, value) for key, value in environ.items()}

    def here(self, name: str, key: str, value: str) -> str:
        """Bring one setting here."""
        if key == "TIERS_STORE_URL":
            return self.urls[Role(name)]
        for volume in self.compose[name]["volumes"]:
            mine, theirs, *_ = volume.split(":")
            if value == theirs:
                return str(self.root / mine.removeprefix("./run/"))
        value = re.sub(r"(0\.0\.0\.0|carrier):8444", f"127.0.0.1:{self.ports['mediation']}", value)
        value = value.replace("0.0.0.0:8443", f"127.0.0.1:{self.ports[name]}")
        return re.sub(r"https://(\w+):8443", lambda url: f"https://127.0.0.1:{self.ports[url[1]]}", value)

    def healthcheck(self, name: str) -> list[str]:
        """Return the command that asks a container whether it is healthy, brought here."""
        _, python, *arguments = self.compose[name]["healthcheck"]["test"]
        assert python == "python"
        own = {"localhost:8443": f"localhost:{self.ports[name]}", "/tls": self.environ(name)["TIERS_TLS"]}
        for theirs, mine in own.items():
            arguments = [argument.replace(theirs, mine) for argument in arguments]
        return [sys.executable, *arguments]


@asynccontextmanager
async def running_host(root: Path) -> AsyncIterator[Host]:
    """Issue every party's certificate below `root` and run a store there."""
    authority = Authority.create()
    for party in PARTIES:
        authority.issue(party.identity, root / "tls" / party.identity.role / party.identity.name)
    running = await store.embedded(root / "store", root / "store.log")
    try:
        yield Host(root, running.urls)
    finally:
        for child in running.children:
            await stop(child)
