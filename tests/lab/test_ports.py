"""The ports of a world are its own for as long as it lives, however many worlds run beside it."""

import asyncio
import sys

import pytest

from tiers.lab.world import processes
from tiers.lab.world.processes import free_ports, held_ports
from tiers.wire.errors import Ours

HOLDS = pytest.mark.skipif(sys.platform != "linux", reason="bound ports are shared on Linux only")


@HOLDS
async def test_a_held_port_is_a_childs_to_listen_on_and_no_other_worlds(monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    monkeypatch.setattr(processes, "PORTS", range(port, port + 1))
    with held_ports(1) as ports:
        assert [port] == ports
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):  # a party that is started again finds it as before
            server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port)
            with pytest.raises(Ours, match=r"lab\.ports"), held_ports(1):
                pass
            server.close()
            await server.wait_closed()
        with pytest.raises(Ours, match=r"lab\.ports"), held_ports(1):
            pass
    assert [port] == free_ports(1)
