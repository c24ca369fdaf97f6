# SPDX-License-Identifier: Apache-2.0
"""A Chromium without a window, for pages in files. It reports what it loads and complains about."""
import base64
import json
import tempfile
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

SWITCHES = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", "--window-size=1400,1000")
# Generous: a loaded machine must not fail a test that is right.
PATIENCE = 180


class Browser:
    """Opens files, finds things by CSS selectors, and waits for conditions."""

    keys = Keys

    def __init__(self):
        self._profile = tempfile.TemporaryDirectory(prefix="trapeze-chromium-")
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for switch in (*SWITCHES, f"--user-data-dir={self._profile.name}"):
            options.add_argument(switch)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)

    def close(self):
        """Ends the browser and removes what it kept."""
        self.driver.quit()
        self._profile.cleanup()

    def open(self, path, fragment=""):
        """Loads a page from a file, anew even if only the fragment differs."""
        self.driver.get("about:blank")
        self.logs()
        self.driver.get(Path(path).as_uri() + fragment)
        self.wait(lambda: self.run("return document.body.dataset.ready === 'true'"))

    def logs(self):
        """Since the last call: what the console says, and the addresses that were requested."""
        console = [entry["message"] for entry in self.driver.get_log("browser")]
        events = [json.loads(entry["message"])["message"]
                  for entry in self.driver.get_log("performance")]
        return console, [event["params"]["request"]["url"] for event in events
                         if event["method"] == "Network.requestWillBeSent"]

    def run(self, script, *arguments):
        """The value of a JavaScript function body."""
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        """The first element, which must be there."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def click(self, selector):
        """Clicks in the middle of the first such element, as a user would."""
        target = self.find(selector)
        self.run("arguments[0].scrollIntoView({block: 'center', inline: 'center'})", target)
        target.click()

    def text(self, selector):
        """The text that can be seen of the first such element."""
        return self.find(selector).text

    def each(self, selector, expression):
        """A JavaScript expression of `e` for all such elements."""
        return self.run("return [...document.querySelectorAll(arguments[0])]"
                        f".map((e) => {expression})", selector)

    def shown(self, selector):
        """True if such an element takes room on the page."""
        return any(self.each(selector, "e.getClientRects().length > 0"))

    def type(self, *keys):
        """Presses keys wherever the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def hover(self, selector):
        """Moves the mouse over the first such element."""
        target = self.find(selector)
        self.run("arguments[0].scrollIntoView({block: 'center'})", target)
        # The scroll event comes with a frame; it would take away what the hovering shows.
        self.driver.execute_async_script(
            "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
        webdriver.ActionChains(self.driver).move_to_element(target).perform()

    def wait(self, condition):
        """Waits until `condition()` is true."""
        return WebDriverWait(self.driver, PATIENCE, 0.05).until(lambda _: condition())

    def dark(self, wanted):
        """What prefers-color-scheme says from now on."""
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if wanted else "light"}]})

    def screenshot(self, path, height):
        """The upper part of the page as PNG."""
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {
            "format": "png", "captureBeyondViewport": True,
            "clip": {"x": 0, "y": 0, "width": 1385, "height": height, "scale": 1}})
        Path(path).write_bytes(base64.b64decode(shot["data"]))
