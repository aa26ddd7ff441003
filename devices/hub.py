"""The hub owns each balance's line behind one small interface, by the key of the station where it stands."""

import threading
from types import TracebackType

from devices.balance import Balance
from devices.port import Line, same_port
from devices.status import Status


class Hub:
    """All balances of this installation, one a station, each line opened once.

    Nobody above knows whether the hub lives in this process. All methods may be called from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._balances: dict[str, Balance] = {}
        self._started = False

    def add(
        self,
        key: str,
        url: str,
        protocol: str = "mt-sics",
        expected_serial: str | None = None,
        *,
        line: Line | None = None,
    ) -> Balance:
        """Put a balance at a station; it starts with the hub, or now if the hub is started.

        Raises ValueError if the station has a balance, if another station has this line (its weights would stand
        on two doses), or for an unknown protocol.
        """
        with self._lock:
            if key in self._balances:
                raise ValueError(f"Station {key} already has a balance. Remove that one first.")
            for other, balance in self._balances.items():
                if same_port(balance.url) == same_port(url):
                    raise ValueError(f"{url} is already the balance of station {other}. One line serves one station.")
            balance = Balance(url, protocol, expected_serial, line=line)
            self._balances[key] = balance
            if self._started:
                balance.start()
            return balance

    def remove(self, key: str) -> None:
        """Take a station's balance away and close its line. Raises LookupError if it has none."""
        with self._lock:
            balance = self._balances.pop(key, None)
        if balance is None:
            raise LookupError(_none_at(key))
        balance.stop()

    def start(self) -> None:
        """Start every balance."""
        with self._lock:
            self._started = True
            for balance in self._balances.values():
                balance.start()

    def stop(self) -> None:
        """Stop every balance, all at once, and wait until their lines are closed."""
        with self._lock:
            self._started = False
            balances = tuple(self._balances.values())
        for balance in balances:
            balance.ask_to_stop()
        for balance in balances:
            balance.stop()

    def balance(self, key: str) -> Balance:
        """The balance of a station. Raises LookupError, with a sentence, if it has none."""
        with self._lock:
            if key not in self._balances:
                raise LookupError(_none_at(key))
            return self._balances[key]

    def statuses(self) -> dict[str, Status]:
        """What is known now of each station's balance."""
        with self._lock:
            balances = dict(self._balances)
        return {key: balance.status() for key, balance in balances.items()}

    def __enter__(self) -> "Hub":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _none_at(key: str) -> str:
    return f"Station {key} has no balance. Enrol one on the device page."
