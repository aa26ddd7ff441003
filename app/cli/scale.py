"""`laminar scale`: look at a balance on the line, or be one."""

import queue
import sys
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from devices.balance import Balance
from devices.port import Line
from devices.protocols import PROTOCOLS
from devices.reading import WORDS, Reading, Stamped
from devices.simulators import SimulatedBalance
from devices.status import State, Status

scale = typer.Typer(help="Balances: read one live, or simulate one.", no_args_is_help=True)

SIMULATOR_WORDS = "put GRAMS | add GRAMS | lift | unplug | replug [SERIAL] | restart | raw TEXT | quit"


def in_words(reading: Reading) -> str:
    """One reading as one line of text: `12.34 g  stable`, `12.31 g  moving`, or the fault in words."""
    if reading.kind == "weight":
        return f"{reading.value:f} {reading.unit}  {'stable' if reading.stable else 'moving'}"
    return f"no weight: {WORDS[reading.error]}" if reading.error else reading.kind


@scale.command()
def read(
    url: Annotated[str, typer.Argument(help="/dev/serial/by-id/… or socket://host:port")],
    count: Annotated[int, typer.Option(help="Stop after so many readings; 0 goes on until Ctrl-C.")] = 0,
    serial: Annotated[str | None, typer.Option(help="Refuse a balance with another serial number.")] = None,
    protocol: Annotated[str, typer.Option(help=f"One of: {', '.join(PROTOCOLS)}.")] = "mt-sics",
    baud: Annotated[int, typer.Option(help="Baud rate as set on the balance.")] = 9600,
    framing: Annotated[str, typer.Option(help="Data bits, parity, stop bits, as set on the balance.")] = "8N1",
    patience: Annotated[float, typer.Option(help="Give up after so many seconds without a reading.")] = 30.0,
) -> None:
    """Show a balance's weights as they come, with the state of the line in words."""
    news: queue.SimpleQueue[Stamped | Status] = queue.SimpleQueue()
    try:
        balance = Balance(url, protocol, serial, line=Line(baud, framing))
    except ValueError as error:
        _fail(str(error))
    balance.listen(news.put)
    balance.start()
    shown, said = 0, ""
    try:
        while not count or shown < count:
            told = news.get(timeout=patience)
            if isinstance(told, Stamped):
                shown += 1
                typer.echo(in_words(told.reading))
            elif (words := _standing(told)) != said:
                said = words
                typer.echo(words)
    except queue.Empty:
        _fail(f"No reading came for {patience:g} s. {balance.status().words}")
    except KeyboardInterrupt:
        pass
    finally:
        balance.stop()


@scale.command()
def simulate(
    port: Annotated[int, typer.Option(help="TCP port on this machine; 0 takes a free one.")] = 0,
    pty: Annotated[bool, typer.Option("--pty", help="Serve a pseudo-terminal instead of a TCP port.")] = False,
    serial: Annotated[str, typer.Option(help="Serial number on the nameplate.")] = "SIM-0001",
    capacity: Annotated[str, typer.Option(help="Capacity in grams.")] = "6200",
    readability: Annotated[str, typer.Option(help="Readability in grams.")] = "0.01",
    noise: Annotated[str | None, typer.Option(help="Standard deviation of one reading in grams.")] = None,
    rate: Annotated[float, typer.Option(help="Weights a second.")] = 10.0,
    settle: Annotated[float, typer.Option(help="Seconds until a new load is still.")] = 1.2,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal noise.")] = 1,
) -> None:
    """Be a balance: speak MT-SICS on a port of this machine, and take commands on standard input."""
    try:
        simulated = SimulatedBalance(
            serial, capacity=_grams(capacity), readability=str(_grams(readability)),
            noise_g=None if noise is None else _grams(noise),
            seed=seed, rate_hz=rate, settle_s=settle, port=port, pty=pty,
        )  # fmt: skip
    except (ValueError, OSError) as error:
        _fail(str(error))
    with simulated:
        typer.echo(f"SIMULATED balance {serial} at {simulated.url}")
        typer.echo(SIMULATOR_WORDS)
        try:
            for line in sys.stdin:
                if line.split() in (["quit"], ["exit"]):
                    break
                if line.strip():
                    typer.echo(obey(simulated, line))
        except KeyboardInterrupt:
            pass


def obey(simulated: SimulatedBalance, line: str) -> str:
    """Carry out one line of the simulator's standard input; the answer in words."""
    word, *rest = line.split(maxsplit=1)
    argument = rest[0].strip() if rest else ""
    try:
        match word:
            case "put":
                simulated.put(_grams(argument))
            case "add":
                simulated.add(_grams(argument))
            case "lift":
                simulated.lift()
            case "unplug":
                simulated.unplug()
                return "Unplugged: connections are refused."
            case "replug":
                simulated.replug(argument or None)
                return f"Plugged in: {simulated.serial} at {simulated.url}"
            case "restart":
                simulated.restart()
                return "Switched off and on: tare is gone."
            case "raw":
                simulated.send_raw(argument.encode("utf-8") + b"\r\n")
                return "Sent as it is."
            case _:
                return f"Unknown: {word}. {SIMULATOR_WORDS}"
    except ValueError as error:
        return str(error)
    return f"On the pan: {simulated.load:f} g"


def _standing(status: Status) -> str:
    if status.state is State.READY:
        facts = (f"{status.model or 'model unknown'}", f"serial {status.serial or 'unknown'}")
        limits = () if status.capacity is None else (f"{status.capacity:f} g × {status.readability:f} g",)
        return f"[{status.state}] {', '.join((*facts, *limits))}"
    return f"[{status.state}] {status.words}" + (f" ({status.detail})" if status.detail else "")


def _grams(text: str) -> Decimal:
    try:
        grams = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is no weight in grams.") from None
    if not grams.is_finite():
        raise ValueError(f"{text!r} is no weight in grams.")
    return grams


def _fail(words: str) -> None:
    typer.echo(words, err=True)
    raise typer.Exit(1)
