"""A get whose replies are all lost is given up; the item that the server had taken out for it goes back."""

from __future__ import annotations

import time
from typing import Any

import pytest

from broker import Context, ServerUnavailableError
from broker.engine.lease_renewer import LeaseRenewer
from broker.messages.items import GET
from tests.support.actors import TIMEOUT
from tests.support.proxy import Fault, Proxy


@pytest.mark.parametrize("kind", ["SimpleQueue", "Queue", "JoinableQueue"])
def test_item_goes_back_although_the_thread_has_sent_other_requests(
    proxy: Proxy, proxied: Context, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    withdrawn: list[tuple[Any, Any]] = []
    withdraw = LeaseRenewer.withdraw
    items = getattr(proxied, kind)()
    items.put("first")
    proxy.inject_always(GET, Fault.SWALLOW_REPLY)
    with monkeypatch.context() as patch:
        patch.setattr(LeaseRenewer, "withdraw", lambda *arguments: withdrawn.append(arguments))
        with pytest.raises(ServerUnavailableError):
            items._get(0.0)
        proxy.stop_injecting()
        items.put("second")
        assert items._get(0.0) == "second"
    for arguments in withdrawn:
        withdraw(*arguments)
    assert items._get(time.monotonic() + TIMEOUT) == "first"


def test_call_after_one_that_was_given_up_uses_another_connection(proxy: Proxy, proxied: Context) -> None:
    items = proxied.Queue()
    items.put("first")
    session = items._get_session()
    (before,) = session._idle_connections
    proxy.inject_always(GET, Fault.SWALLOW_REPLY)
    with pytest.raises(ServerUnavailableError):
        items.get(timeout=0.2)
    proxy.stop_injecting()
    assert items.get(timeout=TIMEOUT) == "first"
    assert before not in session._idle_connections
