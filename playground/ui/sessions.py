"""What the server keeps for each open tab: light, kept while the tab is open, and for a while after it has closed.

By itself Gradio copies the configuration of every component for each session, 0.8 MB, keeps the last ones that were
used, whoever made them, and forgets the others, also those of open tabs.
"""

import time
from collections import ChainMap, Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
from gradio.blocks import BlocksConfig
from gradio.state_holder import SessionState, StateHolder

KEPT_S = 3600.0
"""How long what a tab has brought is kept for whoever comes back: a laptop sleeps, a phone loses its network."""
MAX_CLOSED_OF_ONE, MAX_CLOSED = 100, 400
"""Sessions of one address, and of all, whose tab is not open; of open ones there are as many as connections."""


class Session(SessionState):  # type: ignore[misc]  # Gradio's has no types
    """Knows what differs from the page as everybody gets it; the configuration of the rest serves deep links alone."""

    def __init__(self, page: gr.Blocks) -> None:
        shared = page.default_config
        self.blocks_config = BlocksConfig(page)
        self.blocks_config.blocks = ChainMap({}, shared.blocks)
        self.blocks_config.fns, self.blocks_config.fn_id = shared.fns, shared.fn_id
        self.config_values: dict[int, Any] = {}
        self.state_data: dict[int, Any] = {}
        self.is_closed = False

    def __setitem__(self, key: int, value: Any) -> None:
        held = isinstance(self.blocks_config.blocks.get(key), gr.State)
        (self.state_data if held else self.blocks_config.blocks)[key] = value

    def _update_config(self, key: int) -> None:
        """Nobody reads it."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """Nobody reads it."""


class Sessions(StateHolder):  # type: ignore[misc]
    """In the place of Gradio's own, which it tells of nothing: not who has opened one, nor whether its tab is open."""

    def __init__(self, page: gr.Blocks) -> None:
        super().__init__()
        self.set_blocks(page)
        self._addresses: dict[str, str] = {}
        self._tabs: Counter[str] = Counter()
        self._used: dict[str, float] = {}

    def __getitem__(self, session: str) -> Session:
        if session not in self.session_data:
            self.session_data[session] = Session(self.blocks)
        self._used[session] = time.monotonic()
        return self.session_data[session]  # type: ignore[no-any-return]

    def enter(self, session: str, address: str) -> None:
        """Have a session for an event from this address; the one that was used longest ago makes room for it."""
        if session not in self.session_data:
            closed = sorted(filter(self._is_closed, self.session_data), key=self._used.__getitem__)
            of_one = [one for one in closed if self._addresses.get(one) == address]
            for found, most in ((of_one, MAX_CLOSED_OF_ONE), (closed, MAX_CLOSED)):
                if len(found) >= most:
                    self.forget(found[0])
        self._addresses[session] = address
        self[session]

    @contextmanager
    def open_tab(self, session: str) -> Iterator[None]:
        """While its heartbeat goes on, a session is kept."""
        self._tabs[session] += 1
        try:
            yield
        finally:
            self._tabs[session] -= 1
            if not self._tabs[session]:
                del self._tabs[session]

    def is_open(self, session: str) -> bool:
        return session in self._tabs

    def forget(self, session: str) -> None:
        for kept in (self.session_data, self._addresses, self._used):
            kept.pop(session, None)

    def delete_all_expired_state(self) -> None:
        """Gradio asks for it once a second."""
        before = time.monotonic() - KEPT_S
        for session in [one for one, at in self._used.items() if at < before and self._is_closed(one)]:
            self.forget(session)

    def _is_closed(self, session: str) -> bool:
        return session not in self._tabs
