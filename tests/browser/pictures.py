"""The pictures of docs/images: the editors' main pages, wide and on a phone, of a running stack.

    make demo                      # in one shell, with the logins that it prints
    python -m tests.browser.pictures --user admin --site demo

What has pages of its own, such as the release Autumn hero, the demo makes: apps/demo/editors.py.
The password is asked for, or read from ATTUNE_PASSWORD. Whoever logs in must see all pages.
"""

import argparse
import getpass
import os
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chromium import executable

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "images"
SCREENS: Final = {"desk": (1280, 900), "phone": (390, 844)}
# Pages are of few colours: a palette takes a third of the bytes, and nobody sees it.
COLOURS: Final = 128
LARGEST_BYTES: Final = 120_000


@dataclass(frozen=True, slots=True)
class Picture:
    """A page that an entry of the menu leads to, or one beneath it: `ready` goes there.

    Its file is `editors-<name>-<screen>.png`.
    """

    name: str
    entry: str
    ready: Callable[[Page], None] | None = None


def named(*names: str, is_exact: bool = False) -> Callable[[Page], None]:
    """Open what has the first in its name, and on that page what has the next."""

    def opens(page: Page) -> None:
        for name in names:
            page.get_by_role("main").get_by_role("link", name=name, exact=is_exact).first.click()
            page.wait_for_load_state("networkidle")

    return opens


def at(query: str) -> Callable[[Page], None]:
    """Open the same page with these settings."""

    def opens(page: Page) -> None:
        page.goto(f"{page.url.partition('?')[0]}{query}")

    return opens


def pressed(name: str) -> Callable[[Page], None]:
    """Press a button that is there unless it was pressed before."""

    def presses(page: Page) -> None:
        button = page.get_by_role("main").get_by_role("button", name=name, exact=True)
        if button.count():
            with page.expect_navigation():
                button.click()

    return presses


BESIDE: Final = (
    "?pictures=2&placements=home.hero&a.who=nobody&a.device=phone"
    "&b.who=segments&b.segments=browsing-blouses-now&b.device=phone"
)
PICTURES: Final = (
    Picture("tour", "Home", pressed("Start tour")),
    Picture("home", "Home", pressed("Put the tour away")),
    Picture("blocks", "Blocks"),
    Picture("block", "Blocks", named("Hero", is_exact=True)),
    Picture("segments", "Segments"),
    Picture("segment", "Segments", named("Browsing blouses now")),
    Picture("preview", "Preview", at(BESIDE)),
    Picture("publish", "Publish"),
    Picture("release", "Releases", named("Autumn hero")),
    Picture("publications", "Publications"),
    Picture("coverage", "Coverage"),
    Picture("rules", "Rules", named("Order", "Home: hero")),
    Picture("personas", "Personas"),
    Picture("theme", "Themes", named("Summer wardrobe")),
    Picture("trigger", "Triggers", named("Cart left behind")),
)


def take(browser: Browser, asked: argparse.Namespace, password: str) -> None:
    """Take every picture at every screen and say how large each is."""
    for screen, (width, height) in SCREENS.items():
        context = browser.new_context(viewport={"width": width, "height": height})
        page = context.new_page()
        page.goto(f"{asked.origin}/admin/login/?next=/admin/%3Fsite={quote(asked.site)}")
        page.get_by_label("Username").fill(asked.user)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_load_state("networkidle")
        for picture in PICTURES:
            if asked.only and picture.name not in asked.only:
                continue
            # On a phone the menu is folded away, and its links are there all the same.
            menu = page.get_by_role("navigation", name="Menu", include_hidden=True)
            link = menu.get_by_role("link", name=picture.entry, exact=True, include_hidden=True)
            address = link.first.get_attribute("href")
            page.goto(f"{asked.origin}{address}", wait_until="networkidle")
            if picture.ready is not None:
                picture.ready(page)
                page.wait_for_load_state("networkidle")
            # What comes in by script, such as counts, has a moment.
            page.wait_for_timeout(1_200)
            file = asked.folder / f"editors-{picture.name}-{screen}.png"
            size = save(page.screenshot(animations="disabled"), file)
            print(f"{file.name}: {size:,} bytes, {page.title()}")
        context.close()


def save(png: bytes, file: Path) -> int:
    """Write a picture with a palette; return its bytes.

    Raises:
        SystemExit: it is larger than a page of documentation should load.
    """
    few = Image.open(BytesIO(png)).convert("RGB")
    few.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    size = file.stat().st_size
    if size > LARGEST_BYTES:
        raise SystemExit(f"{file} has {size:,} bytes, more than {LARGEST_BYTES:,}.")
    return size


def main() -> None:
    """Take the pictures that the arguments ask for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--origin", default="http://127.0.0.1:8000")
    parser.add_argument("--user", required=True)
    parser.add_argument("--site", default="demo", help="key of the site that is shown")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--only", nargs="*", metavar="NAME", help="the names of some pictures")
    asked = parser.parse_args()
    password = os.environ.get("ATTUNE_PASSWORD") or getpass.getpass()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable(), args=["--no-sandbox", "--disable-gpu"]
        )
        take(browser, asked, password)
        browser.close()


if __name__ == "__main__":
    main()
