"""Which server a context uses: the one at its URL, else the one that the environment names, else one of its own."""

from __future__ import annotations

from broker.errors import InvalidArgumentError
from broker.server.environment import URL, server_url
from broker.server.private_server import PrivateServer
from broker.transport.address import with_keeper


class ServerChoice:
    """The server at `url`; without one, it is chosen when it is first needed.

    Its URL also says whether a thread or a process renews leases.
    """

    def __init__(self, url: str | None, keeper: str = "thread") -> None:
        self.chosen = None if url is None else with_keeper(url, keeper)
        self._keeper = keeper
        self._private: PrivateServer | None = None

    @property
    def url(self) -> str:
        """The server's URL; a private server is started if no other was named."""
        if self.chosen is None:
            self.chosen = with_keeper(server_url() or self._start_server(), self._keeper)
        return self.chosen

    @property
    def is_private(self) -> bool:
        """Whether it is a private server that has been started."""
        return self._private is not None

    def url_for(self, name: str | None) -> str:
        """Return the server's URL; raise `InvalidArgumentError` for a name on a private server.

        There, other processes could not use the name, so a lock would exclude none of them.
        """
        if name is not None and (self.is_private or (self.chosen is None and server_url() is None)):
            raise InvalidArgumentError(
                f"the name {name!r} needs a server that other processes can reach: set {URL}, or give the context a URL"
            )
        return self.url

    def close(self) -> None:
        """Stop the private server, if there is one."""
        if self._private is not None:
            self._private.close()
            self._private = self.chosen = None

    def _start_server(self) -> str:
        self._private = PrivateServer()
        return self._private.url
