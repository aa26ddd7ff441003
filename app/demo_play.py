"""The day that plays by itself: people who act through the pages, as browsers do, at stations of their own."""

import http.client
import re
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

import structlog

from app import demo
from app.core.errors import Invalid, Missing, Refused
from app.db.faults import DATABASE_AWAY
from app.demo_day import SECOND, Trial
from app.demo_picture import jpeg
from app.web.bench import Bench, look
from compounding.procedure import label_serial
from compounding.recipe import Scan

log = structlog.get_logger()
Fields = dict[str, str]


@dataclass
class PostForm:
    """One form of a page: where it posts to, and the fields with what stands in them (a list: each is posted)."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    """Reads the forms and links of a page as a browser without script sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PostForm] = []
        self.links: list[str] = []
        self._open: PostForm | None = None
        self._by_id: dict[str, PostForm] = {}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        about = {name: value or "" for name, value in attributes}
        if tag == "a":
            self.links.append(about.get("href", ""))
        elif tag == "form":
            self._open = PostForm(about.get("action", ""))
            self.forms.append(self._open)
        elif tag in ("input", "select", "textarea") and self._open is not None and "name" in about:
            self._open.fields.append((about["name"], about.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


@dataclass(frozen=True)
class Page:
    """What a browser got: the last address, the status, the text, its forms and links."""

    address: str
    status: int
    text: str
    forms: tuple[PostForm, ...]
    links: tuple[str, ...]

    def form(self, ending: str) -> PostForm | None:
        """The first form that posts to an address with this ending."""
        return next((form for form in self.forms if form.action.endswith(ending)), None)


class Browser:
    """A browser without a screen: it keeps cookies, follows redirects and posts the forms that it was shown."""

    def __init__(self, host: str, port: int):
        self.host, self.port = host, port
        self.cookies: dict[str, str] = {}

    def get(self, address: str) -> Page:
        """Open an address of this host."""
        return self._ask("GET", address, b"", {})

    def post(self, form: PostForm, **filled: str) -> Page:
        """Send a form as it was shown, with what was filled in."""
        left = [(name, value) for name, value in form.fields if name not in filled]
        body = urlencode([*left, *filled.items()]).encode()
        return self._ask("POST", form.action, body, {"Content-Type": "application/x-www-form-urlencoded"})

    def post_picture(self, form: PostForm, picture: bytes) -> Page:
        """Send a form with a JPEG in its field `photo`."""
        mark = uuid.uuid4().hex
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in form.fields
            if name != "photo"
        ]
        head = 'Content-Disposition: form-data; name="photo"; filename="photo.jpg"\r\nContent-Type: image/jpeg'
        parts += [f"--{mark}\r\n{head}\r\n\r\n".encode(), picture, f"\r\n--{mark}--\r\n".encode()]
        kind = {"Content-Type": f"multipart/form-data; boundary={mark}"}
        return self._ask("POST", form.action, b"".join(parts), kind)

    def _ask(self, method: str, address: str, body: bytes, headers: Fields) -> Page:
        for _ in range(6):
            line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            host = f"{self.host}:{self.port}"
            known = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            sent = {"Host": host, "Origin": f"http://{host}", **({"Cookie": known} if known else {}), **headers}
            try:
                line.request(method, address, body or None, sent)
                answer = line.getresponse()
                text = answer.read().decode("utf-8", "replace")
            finally:
                line.close()
            for cookie in answer.headers.get_all("Set-Cookie") or []:
                name, _, value = cookie.partition(";")[0].partition("=")
                self.cookies[name.strip()] = value.strip()
            if answer.status != 303:
                break
            method, address, body, headers = "GET", answer.headers["Location"], b"", {}
        read = _Forms()
        read.feed(text)
        return Page(address, answer.status, text, tuple(read.forms), tuple(read.links))


class Person:
    """One of the cast at a browser of a station."""

    def __init__(self, name: str, host: str, port: int):
        self.name = name
        self.browser = Browser(host, port)

    def open(self, address: str) -> Page:
        """Open a page, signing in first where that is asked for."""
        page = self.browser.get(address)
        sign_in = page.form("/sign-in")
        if sign_in is None or "badge" not in dict(sign_in.fields):
            return page
        page = self.browser.post(sign_in, badge=demo.BADGES[self.name], pin=demo.PIN)
        return self.browser.get(address) if page.status == 200 else page

    def sign(self, form: PostForm) -> Page:
        """Sign a form with what it asks for: badge and PIN, or the PIN alone."""
        names = dict(form.fields)
        proof = {"pin": demo.PIN} | ({"badge": demo.BADGES[self.name]} if "badge" in names else {})
        return self.browser.post(form, **proof)


class Day:
    """The day: orders arrive, Petra verifies and checks, Tina makes, Nina receives. `pace_s` lies between two acts.

    It ends by itself after `most_orders`, and at once when stopped.
    """

    def __init__(
        self, trial: Trial, port: int, *, pace_s: float = 1.6, order_every_s: float = 60, most_orders: int = 60
    ):
        self.trial, self.most_orders = trial, most_orders
        self.tina = Person("tina", "hood-2.localhost", port)
        self.petra = Person("petra", "desk-2.localhost", port)
        self.nina = Person("nina", "ward-2.localhost", port)
        first = trial.bench
        self.bench = Bench(
            SECOND, trial.balances[SECOND], first.printer, first.barcode, first.ndcs, first.picture, first.order, (),
            first.unit_code,
        )  # fmt: skip
        self.received: set[str] = set()
        self.wrong: set[int] = set()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._again, args=(act, pause), name=f"day {act.__name__}", daemon=True)
            for act, pause in (
                (self.order, order_every_s),
                (self.make, pace_s),
                (self.judge, pace_s * 4),
                (self.receive, pace_s * 8),
            )
        ]

    def start(self) -> None:
        """Let the day begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the day; whatever is under way stays as it is."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(5)

    def _again(self, act: Callable[[], None], pause_s: float) -> None:
        while not self._stop.wait(pause_s):
            try:
                act()
            except (OSError, http.client.HTTPException) as fault:
                log.warning("the day: no answer", act=act.__name__, words=str(fault)[:120])
            except (*DATABASE_AWAY, Refused, Missing, Invalid) as fault:
                log.error("the day: fault", act=act.__name__, kind=type(fault).__name__, exc_info=fault)

    def order(self) -> None:
        """One more order arrives, until there were enough."""
        if self.most_orders <= 0:
            return
        self.most_orders -= 1
        self.bench.order()

    def judge(self) -> None:
        """Petra verifies an order if one waits, else checks a dose."""
        if not self.verify():
            self.check()

    def verify(self) -> bool:
        """Petra verifies the first order that waits; False when none does."""
        page = self.petra.open("/orders")
        for link in dict.fromkeys(link for link in page.links if re.fullmatch(r"/orders/\d+", link)):
            form = self.petra.open(link).form("/verify")
            if form is not None:
                self.petra.sign(form)
                return True
        return False

    def make(self) -> None:
        """Tina does the next thing at the second hood."""
        at, free, tray = look(self.trial.parts, self.bench)
        if at is None:
            form = self.tina.open("/hood").form("/hood/scan")
            if free and tray and form is not None and "dose" in dict(form.fields):
                self.tina.browser.post(form, scan=tray)
            return
        work = f"/hood/{at.item.id}"
        move = self.bench.next(at)
        match move.verb:
            case "put":
                self.bench.put(at, move.what)
            case "lift":
                self.bench.lift()
            case "act" | "right":
                self.bench.do(at, move.verb, move.what)
            case "scan":
                code = move.what
                if isinstance(at.where.current, Scan) and at.item.id % 3 == 0 and at.item.id not in self.wrong:
                    self.wrong.add(at.item.id)
                    code = self.bench.wrong_code(at, at.where.current.slot)
                self._post(work, "/scan", scan=code)
            case "photo":
                form = self.tina.open(work).form("/photo")
                serial = label_serial(at.where)
                if form is not None and serial is not None:
                    words = (at.order.patient.name, f"MRN {at.order.patient.mrn}", at.sheet.title, serial)
                    self.tina.browser.post_picture(form, jpeg(serial, words))
            case "wait":
                # The tablet sends a still weight by itself; what is not still yet is refused and asked for again.
                self._post(work, "/weigh")
            case "look":
                form = self.tina.open(work).form("/sign")
                if form is not None:
                    self.tina.sign(form)

    def _post(self, work: str, ending: str, **filled: str) -> None:
        form = self.tina.open(work).form(ending)
        if form is not None:
            self.tina.browser.post(form, **filled)

    def check(self) -> None:
        """Petra checks the first dose that waits and releases it."""
        page = self.petra.open("/desk")
        link = next((link for link in page.links if re.fullmatch(r"/check/\d+", link)), None)
        form = self.petra.open(link).form("/release") if link else None
        if form is not None:
            self.petra.sign(form)

    def receive(self) -> None:
        """Nina picks her beds and receives the first dose that is released."""
        page = self.nina.open("/ward")
        beds = page.form("/ward/beds")
        if beds is not None:
            once = dict(beds.fields)["once"]
            wanted = [("once", once), *(pair for pair in beds.fields if pair[0] == "beds" and pair[1].endswith("|"))]
            self.nina.browser.post(PostForm(beds.action, wanted))
            return
        scan = page.form("/ward/scan")
        serials = re.findall(r"/scan/(L-[0-9A-Z]+)/not-here", page.text)
        serial = next((serial for serial in serials if serial not in self.received), None)
        if scan is not None and serial is not None:
            self.received.add(serial)
            self.nina.browser.post(scan, scan=serial)


def until(done: Callable[[], bool], patience_s: float) -> bool:
    """Wait until something is so; False when it is not within the patience."""
    end = time.monotonic() + patience_s
    pause = threading.Event()
    while time.monotonic() < end:
        if done():
            return True
        pause.wait(0.05)
    return done()
