"""Where scheduler and workers of a host listen."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import psutil
import pytest

from speccluster_lab.errors import InvalidInput
from speccluster_lab.host.start import listening_at

if TYPE_CHECKING:
    from running_hosts import Hosts


def test_only_on_this_machine_unless_a_template_says_otherwise() -> None:
    assert ipaddress.ip_address(listening_at(None)).is_loopback


def test_at_an_address_or_an_interface() -> None:
    assert listening_at("0.0.0.0") == "0.0.0.0"
    assert listening_at("::1") == "::1"
    (loopback,) = (name for name in psutil.net_if_addrs() if name.startswith("lo"))
    assert listening_at(loopback) == "127.0.0.1"


def test_what_there_is_is_said_where_that_is_none_of_it() -> None:
    with pytest.raises(
        InvalidInput, match=r"no network interface 'nonsense0'.* there are: .*lo"
    ) as caught:
        listening_at("nonsense0")
    assert caught.value.field == "bind"


def test_all_of_a_cluster_listens_where_its_template_says(hosts: Hosts) -> None:
    host = hosts.start("local", entries=1, bind="127.0.0.2")
    cluster = host.until_running()
    assert cluster.scheduler.address is not None
    assert cluster.scheduler.address.startswith("tls://127.0.0.2:")
    found = {
        (process.pid, socket.laddr.ip)
        for process in host.processes()
        for socket in process.net_connections("inet")
        if socket.status == psutil.CONN_LISTEN
    }
    assert {ip for _, ip in found} == {"127.0.0.2"}
    # The host, with the scheduler and the nanny, and the worker.
    assert len(found) == 2
