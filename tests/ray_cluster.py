"""A Ray cluster of this machine for tests: its ports are given, for a busy machine is slow to find them itself."""

from __future__ import annotations

import os
import socket
from typing import Any

PORTS = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port", "runtime_env_agent_port")


def free_ports(n: int) -> list[int]:
    """Return n ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(n)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def node_settings(folder: str, cpus: int) -> dict[str, Any]:
    """Return what a small node is begun with."""
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    return {
        "num_cpus": cpus,
        "object_store_memory": 80 * 2**20,
        "include_dashboard": False,
        "temp_dir": folder,
        **ports,
    }


def make_cluster(folder: str, *, cpus: int = 2) -> Any:
    """Begin a cluster of one node, without telling anybody of it."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    return Cluster(initialize_head=True, head_node_args=node_settings(folder, cpus))
