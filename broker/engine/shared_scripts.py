"""The scripts that both locks and queues run."""

from __future__ import annotations

from broker.transport.scripts import Script

RELEASE = Script("engine/lua/release.lua")
WITHDRAW = Script("engine/lua/withdraw.lua")
RENEW = Script("engine/lua/renew.lua")
