"""One running instance and one browser for the end-to-end tests."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import FLAGS, find_browser
from tests.e2e.instance import Instance, start_instance

expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    env = {"JOB_SWEEP_S": "2", "UPLOAD_MAX_BYTES": "200000000"}
    with start_instance(tmp_path_factory.mktemp("e2e") / "data", env=env) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = os.environ.get("E2E_CHROMIUM") or str(find_browser(install=True))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()


def sign_in(page: Page, instance: Instance, name: str = "admin", password: str = "") -> None:
    page.goto(f"{instance.url}/login/")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password or instance.admin_password)
    page.keyboard.press("Enter")
    expect(page).not_to_have_url(re.compile("/login/"))


@pytest.fixture
def page(browser: Browser, instance: Instance) -> Iterator[Page]:
    """A page of the admin's, at 1440 px. A script error or a breach of the content policy fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    tab = context.new_page()
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("console", lambda message: wrong.append(message.text) if "Content Security Policy" in message.text else None)
    sign_in(tab, instance)
    yield tab
    context.close()
    assert not wrong
