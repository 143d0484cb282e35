"""The pages for people, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from deploy.local.processes import free_port, inference_service
from tests.candidates import NAMES
from tests.components import program
from tests.inference.calls import RunningService, wait_for_health
from tests.world import Server, new_world

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Swagger would ask its validator's site about a page that is not on localhost.
    "--host-resolver-rules=MAP fraud.example 127.0.0.1",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = program("chromium", "apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()


class Visit:
    """A page that is loaded, and every address that left the browser for it."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.asked: list[str] = []
        self.failed: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("requestfailed", lambda one: self.failed.append(f"{one.url} {one.failure}"))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(address, wait_until="networkidle")

    def blocked(self) -> list[str]:
        """Addresses that the page wanted and that its own policy kept it from asking."""
        return [one.removesuffix(" csp") for one in self.failed if one.endswith(" csp")]

    def left(self, service: str) -> list[str]:
        """Requests to other hosts than the service."""
        own = (f"{service}/", f"blob:{service}/")
        return [url for url in self.asked if not url.startswith(own) and url not in self.blocked()]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_page() as page:
        page.set_default_timeout(20_000)
        yield page


@pytest.fixture
def named(service: RunningService) -> str:
    """The service under a name that is not localhost."""
    return service.address.replace("127.0.0.1", "fraud.example")


def test_swagger_shows_the_models_own_fields_and_sends_requests_to_the_service_only(
    page: Page, named: str
) -> None:
    visit = Visit(page, f"{named}/docs")
    operation = page.locator("#operations-predict-predict_predict_post")
    assert operation.locator(".opblock-summary-path").inner_text() == "/predict"
    operation.locator(".opblock-summary").click()
    example = operation.locator(".body-param__example").inner_text()
    assert [name for name in NAMES if f'"{name}": 1' in example] == list(NAMES)
    page.wait_for_load_state("networkidle")
    assert f"{named}/static-offline-docs/swagger-ui-bundle.js" in visit.asked
    assert f"{named}/openapi.json" in visit.asked
    assert visit.left(named) == []
    assert visit.failed == []
    assert visit.errors == []


def test_a_transaction_can_be_tried_out_in_swagger(page: Page, named: str) -> None:
    visit = Visit(page, f"{named}/docs")
    operation = page.locator("#operations-predict-predict_predict_post")
    operation.locator(".opblock-summary").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table tbody")
    assert '"decision": "approve"' in answer.inner_text()
    assert visit.left(named) == []
    assert visit.errors == []


def test_behind_a_prefix_that_a_gateway_removes_the_page_finds_the_service(
    page: Page, server: Server, tmp_path: Path
) -> None:
    world = new_world(server, tmp_path)
    with inference_service(
        server.uri, world.config, free_port(), tmp_path / "log", FRAUD_ROOT_PATH="/fraud"
    ) as (address, _):
        wait_for_health(address, 503)
        page.route(
            f"{address}/fraud/**",
            lambda route: route.continue_(url=route.request.url.replace("/fraud/", "/")),
        )
        visit = Visit(page, f"{address}/fraud/docs")
        operation = page.locator("#operations-operation-livez_livez_get")
        operation.locator(".opblock-summary").click()
        operation.get_by_role("button", name="Try it out").click()
        operation.get_by_role("button", name="Execute").click()
        answer = operation.locator(".live-responses-table tbody")
        assert '"status": "alive"' in answer.inner_text()
        assert f"{address}/fraud/livez" in visit.asked
        assert visit.left(f"{address}/fraud") == []
        assert (visit.failed, visit.errors) == ([], [])


def test_redoc_shows_the_models_own_fields_and_sends_requests_to_the_service_only(
    page: Page, named: str
) -> None:
    visit = Visit(page, f"{named}/")
    operation = page.locator("[id='tag/predict/operation/predict_predict_post']").first
    assert operation.get_by_text("/predict", exact=True).count() > 0
    shown = "\n".join(operation.locator("table").all_inner_texts())
    assert [name for name in NAMES if name in shown] == list(NAMES)
    page.wait_for_load_state("networkidle")
    assert f"{named}/static-offline-docs/redoc.standalone.js" in visit.asked
    assert f"{named}/openapi.json" in visit.asked
    assert visit.left(named) == []
    assert visit.failed == [f"{url} csp" for url in visit.blocked()]
    assert visit.errors == []
