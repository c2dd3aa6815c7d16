"""Managers of objects of any class, which a process holds: multiprocessing's, over pipes of the broker."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterable
from multiprocessing import ProcessError, managers, process, util
from multiprocessing.connection import Connection, Pipe
from types import TracebackType
from typing import Any, ClassVar, Protocol

from broker.engine.owner import Owner, default_owner
from broker.errors import UnsupportedError
from broker.managers.address import ManagerAddress, manager_address
from broker.managers.disposal import disposal
from broker.managers.listener import SERIALIZER, Listener, ListenerClosedError, shut_down
from broker.messages.pipe import PipeConnection
from broker.subprocesses.parent_pipe import ParentPipe

State: Any = managers.State  # type: ignore[attr-defined]


class ManagerContext(Owner, Protocol):
    """What a manager needs of its context."""

    _local: Any  # multiprocessing's context, for the manager's process
    _pipe_connection: type[PipeConnection]

    def shut_down_on_close(self, manager: BaseManager) -> None:
        """Call the manager's `shutdown` when this context is closed."""


class Server(managers.Server):
    """multiprocessing's, until the process that has started it ends."""

    listener: Listener
    stop_event: threading.Event

    def accepter(self) -> None:
        """Accept connections until the listener is closed."""
        with contextlib.suppress(ListenerClosedError):
            super().accepter()

    def serve_forever(self) -> None:
        """Serve until a manager asks to shut down, or a Ctrl-C; then exit."""
        try:
            super().serve_forever()
        finally:
            self.listener.close()

    def serve_until_closed(self, parent: Connection) -> None:
        """Serve until the other end of `parent` is closed."""
        self.stop_event = threading.Event()
        process.current_process()._manager_server = self  # type: ignore[attr-defined]
        threading.Thread(target=self.accepter, daemon=True).start()
        threading.Thread(target=self._stop_with, args=(parent,), daemon=True).start()
        self.stop_event.wait()
        self.listener.close()

    def _stop_with(self, parent: Connection) -> None:
        with contextlib.suppress(EOFError, OSError):
            parent.recv_bytes()
        self.stop_event.set()


class BaseManager(managers.BaseManager):
    """`multiprocessing.managers.BaseManager` whose clients reach it through Redis, from any host, without a port.

    The objects are in a process of this host, which `start` starts, and in its threads. It ends with `shutdown`, when
    the context is closed, and with the process that has started it. Then calls raise `ManagerLostError`; while they
    wait, within five seconds.

    `address` is a name on the server, or (host, port), of which the port counts. `ctx` is a context of the broker (by
    default, the default one), or one of multiprocessing for the manager's process.
    """

    _registry: ClassVar[dict[str, tuple[Any, ...]]]
    _state: Any
    _authkey: bytes
    _process: Any

    def __init__(
        self,
        address: Any = None,
        authkey: bytes | None = None,
        serializer: str = SERIALIZER,
        ctx: Any = None,
        *,
        shutdown_timeout: float = 1.0,
    ) -> None:
        if serializer not in (SERIALIZER, "pickle"):
            raise UnsupportedError(f"a manager over Redis sends pickles; it has no serializer {serializer!r}")
        owner: Any = ctx if hasattr(ctx, "url_for") else default_owner()
        self._owner: ManagerContext = owner
        full_address = manager_address(address, owner, owner._pipe_connection)
        local = owner._local if ctx is None or ctx is owner else ctx
        super().__init__(full_address, authkey, SERIALIZER, local)  # type: ignore[arg-type]
        self._shutdown_timeout = shutdown_timeout
        self._process = None
        self._stop_process: Callable[[], object] | None = None

    @property
    def address(self) -> Any:
        """The address, for managers in other processes that `connect`."""
        address: Any = self._address  # type: ignore[attr-defined]
        return address if address.given is None else address.given

    def start(self, initializer: Callable[..., object] | None = None, initargs: Iterable[Any] = ()) -> None:
        """Start the process that holds the objects."""
        self._check_not_started()
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        reader, writer = Pipe(duplex=False)
        parent = ParentPipe()
        parent_end = Connection(os.dup(parent.reader), writable=False)
        parent.close_reader()
        arguments = (self._registry, self._address, self._authkey, parent_end, writer, initializer, initargs)  # type: ignore[attr-defined]
        self._process = self._ctx.Process(target=type(self)._serve, args=arguments)  # type: ignore[attr-defined]
        self._process.name = f"{type(self).__name__}-{':'.join(map(str, self._process._identity))}"
        try:
            self._process.start()
        except BaseException:
            parent.close()
            reader.close()
            raise
        finally:
            parent_end.close()
            writer.close()
        finalizer_arguments = (self._process, parent, self._state, self._address, self._shutdown_timeout)  # type: ignore[attr-defined]
        self._stop_process = util.Finalize(self, _stop, finalizer_arguments, exitpriority=0)
        with reader:
            try:
                reader.recv()
            except EOFError:
                self._stop_process()
                raise EOFError("the manager's process has ended before it was ready; see its output") from None
        self._state.value = State.STARTED
        self._owner.shut_down_on_close(self)

    def get_server(self) -> Server:
        """Return a server of the objects, for `serve_forever` in this process."""
        self._check_not_started()
        return Server(self._registry, self._address, self._authkey, SERIALIZER)  # type: ignore[attr-defined]

    def shutdown(self) -> None:  # type: ignore[override]
        """End the process that `start` has started, if there is one."""
        if self._stop_process is not None:
            self._stop_process()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()

    def _check_not_started(self) -> None:
        if self._state.value == State.STARTED:
            raise ProcessError("Already started server")
        if self._state.value == State.SHUTDOWN:
            raise ProcessError("Manager has shut down")

    @classmethod
    def _serve(
        cls,
        registry: dict[str, tuple[Any, ...]],
        address: ManagerAddress,
        authkey: bytes,
        parent: Connection,
        writer: Connection,
        initializer: Callable[..., object] | None,
        initargs: Iterable[Any],
    ) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the process that has started this one
        if initializer is not None:
            initializer(*initargs)
        server = Server(registry, address, authkey, SERIALIZER)  # type: ignore[arg-type]
        writer.send(None)
        writer.close()
        server.serve_until_closed(parent)


def _stop(holder: Any, parent: ParentPipe, state: Any, address: Any, timeout: float) -> None:
    disposal().flush(timeout)  # else what waits for this process then, waits for a lease
    parent.close()
    for end in (lambda: None, holder.terminate, holder.kill):
        end()
        holder.join(timeout)
        if holder.exitcode is not None:
            break
    state.value = State.SHUTDOWN
    managers.BaseProxy._address_to_local.pop(address, None)
    if address.given is None:
        shut_down.append(address)
