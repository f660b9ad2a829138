"""Visit the page in Chromium: look, let Segment's library tell, wait for what changes, come back.

Arguments: Chromium, the page's address. Prints one JSON object.
"""

import json
import sys

from playwright.sync_api import Response, sync_playwright

CHROMIUM, ADDRESS = sys.argv[1:]
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
IS_LIVE = "window.found.placement.variant === 'blouses'"

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
    page = browser.new_page()
    evaluations: list[int] = []
    others: list[str] = []

    def note(response: Response) -> None:
        """Keep the statuses of evaluations, and every other call that was refused."""
        if "/ofrep/" in response.url and response.request.method == "POST":
            evaluations.append(response.status)
        elif response.status >= 400:
            others.append(f"{response.status} {response.url}")

    page.on("response", note)
    page.on("pageerror", lambda error: others.append(str(error)))
    page.goto(ADDRESS)
    page.wait_for_function("window.found", timeout=60_000)
    first = page.evaluate("window.found")
    page.evaluate("window.shop()")
    page.wait_for_function(IS_LIVE, timeout=60_000)
    changed = page.evaluate("window.found")
    before = len(evaluations)
    with page.expect_response(lambda response: "/ofrep/" in response.url, timeout=60_000):
        page.reload()
    page.wait_for_function(f"window.found && {IS_LIVE}", timeout=60_000)
    page.wait_for_timeout(200)
    found = {
        "first": first,
        "changed": changed,
        "again": page.evaluate("window.found"),
        "evaluations": evaluations[:before],
        "evaluations again": evaluations[before:],
        "refused": others,
    }
    browser.close()
print(json.dumps(found))
