"""Three ways to do a job on a page: with the mouse, with the keyboard alone, and with the mouse but no JavaScript."""

from __future__ import annotations

from abc import ABC, abstractmethod

import pytest
from playwright.sync_api import ElementHandle, Locator, Page

MOST_TABS = 150  # more steps than this to anything is no way to get there
LOOK = """one => {
    const look = getComputedStyle(one);
    return [look.outlineStyle, look.outlineWidth, look.outlineColor, look.boxShadow, look.backgroundColor,
            look.borderColor, look.textDecorationLine].join(' | ');
}"""
IS_IN_SIGHT = """one => {
    const box = one.getBoundingClientRect();
    return box.width > 0 && box.bottom > 0 && box.top < window.innerHeight;
}"""


class Hands(ABC):
    """Somebody at a page."""

    def __init__(self, page: Page, *, scripted: bool = True) -> None:
        self.page, self.scripted = page, scripted

    @abstractmethod
    def press(self, target: Locator) -> None:
        """A button or a link."""

    @abstractmethod
    def write(self, target: Locator, text: str) -> None:
        """Into a field, instead of what it holds."""

    @abstractmethod
    def tick(self, target: Locator) -> None:
        """A box that is not ticked."""

    @abstractmethod
    def pick(self, target: Locator) -> None:
        """A radio button."""

    @abstractmethod
    def choose(self, target: Locator, option: str) -> None:
        """An option of a select, by what it says."""


class Mouse(Hands):
    """Points and clicks."""

    def press(self, target: Locator) -> None:
        target.click()

    def write(self, target: Locator, text: str) -> None:
        target.click()
        target.fill(text)

    def tick(self, target: Locator) -> None:
        target.check()

    def pick(self, target: Locator) -> None:
        target.check()

    def choose(self, target: Locator, option: str) -> None:
        target.select_option(label=option)


class Keys(Hands):
    """Touches nothing but the keyboard, and must see where the focus is."""

    def press(self, target: Locator) -> None:
        self._reach(target)
        self.page.keyboard.press("Enter")

    def write(self, target: Locator, text: str) -> None:
        self._reach(target)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def tick(self, target: Locator) -> None:
        self._reach(target)
        self.page.keyboard.press("Space")
        assert target.is_checked()

    def pick(self, target: Locator) -> None:
        """Tab leads to the one that is chosen, the arrows to the others of its group."""
        group = self.page.locator(f"input[name={target.get_attribute('name')}]")
        self._reach(group.and_(self.page.locator(":checked")))
        for _press in range(group.count()):
            if target.is_checked():
                return
            self.page.keyboard.press("ArrowDown")
        pytest.fail(f"the arrows do not lead to {target}")

    def choose(self, target: Locator, option: str) -> None:
        self._reach(target)
        self.page.keyboard.type(option)
        assert target.evaluate("one => one.selectedOptions[0].label") == option

    def _reach(self, target: Locator) -> None:
        """Tab until it has the focus; that must be to be seen, by more than a colour of letters."""
        one = target.element_handle()
        if _has_focus(one):
            return
        before = one.evaluate(LOOK)
        for _press in range(MOST_TABS):
            self.page.keyboard.press("Tab")
            if _has_focus(one):
                break
        else:
            pytest.fail(f"Tab does not lead to {target}")
        assert one.evaluate(LOOK) != before, f"nothing shows that the focus is on {target}"
        assert one.evaluate(IS_IN_SIGHT), f"the focus is out of sight on {target}"


def _has_focus(one: ElementHandle) -> bool:
    return bool(one.evaluate("one => one === document.activeElement"))
