// The frame of every page: "/" goes to the search box, "?" to the list of keys; Escape and a press elsewhere close an open menu; lists are ticked.
"use strict";

const isTyping = (element) => element.matches("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

document.addEventListener("keydown", (event) => {
    const isMeant = !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target);
    if (event.key === "?" && isMeant) {
        document.getElementById("help-link")?.click();
    }
    if (event.key === "/" && isMeant) {
        const search = [...document.querySelectorAll("#header [type=search], #searchbar")].find((box) => box.checkVisibility());
        if (search) {
            event.preventDefault();
            search.focus();
            search.select();
        }
    }
    if (event.key === "Escape") {
        for (const menu of document.querySelectorAll("details.vp-menu[open]")) {
            menu.open = false;
            menu.querySelector("summary").focus();
        }
    }
});

document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.vp-menu[open]")) {
        if (!menu.contains(event.target)) {
            menu.open = false;
        }
    }
});

/* A link may open the filters of a list. Where a keyboard is at hand, one can type at once. The list may be replaced by
   its next page, so they are looked for anew each time. */
const findFilters = () => document.querySelector(".vp-addfilter");
const focusFilters = () => {
    if (matchMedia("(pointer: fine)").matches) {
        findFilters()?.querySelector("form input:not([type=hidden], [type=radio])")?.focus({ preventScroll: true });
    }
};
document.addEventListener("toggle", (event) => {
    const filters = event.target;
    if (filters === findFilters() && filters.open) {
        filters.querySelector("[data-close]").hidden = false;
        focusFilters();
    }
}, true);
document.addEventListener("click", (event) => {
    const filters = findFilters();
    const link = event.target.closest("a[href$='#changelist-filter']");
    if (filters && event.target.closest(".vp-addfilter [data-close]")) {
        filters.open = false;
        filters.querySelector("summary").focus();
    } else if (filters && link && link.pathname === location.pathname) {
        event.preventDefault();
        document.getElementById("nav-sidebar").hidePopover();
        filters.open = true;
    }
});
if (location.hash === "#changelist-filter" && findFilters()) {
    findFilters().open = true;
    // Going to the fragment of an address, a browser focuses the form, and may do so in a later frame.
    addEventListener("load", () => requestAnimationFrame(() => requestAnimationFrame(() => {
        if (!isTyping(document.activeElement)) {
            focusFilters();
        }
    })));
}

/* On a narrow page the tabs are one row that is pushed sideways: the current one is in sight. */
for (const tab of document.querySelectorAll(".vp-views [aria-current]")) {
    const row = tab.parentElement;
    row.scrollLeft = tab.offsetLeft + tab.offsetWidth / 2 - row.clientWidth / 2;
}

/* What became of an action stands in the page, over no button, until it is closed or the next page is loaded. */
for (const words of document.querySelectorAll(".messagelist > li")) {
    const close = document.createElement("button");
    close.type = "button";
    close.className = "button plain small icon";
    close.textContent = "✕";
    close.setAttribute("aria-label", words.parentElement.dataset.close);
    close.addEventListener("click", () => { words.remove(); });
    words.append(close);
}

/* A list: the box in its head ticks every row that is shown, and the bar above says how many are ticked. */
const boxes = () => [...document.querySelectorAll("input.action-select")].filter((box) => !box.closest("tr").hidden);

const count = () => {
    const all = document.getElementById("action-toggle");
    const shown = boxes();
    const ticked = shown.filter((box) => box.checked).length;
    for (const place of document.querySelectorAll("[data-ticked]")) {
        place.textContent = place.dataset.ticked.replace("%s", ticked);
    }
    if (all) {
        all.checked = ticked > 0 && ticked === shown.length;
        all.indeterminate = ticked > 0 && ticked < shown.length;
    }
};

let last = null;
document.addEventListener("click", (event) => {
    if (!event.target.matches("input.action-select")) {
        return;
    }
    const shown = boxes();
    if (event.shiftKey && shown.includes(last)) {
        const [from, to] = [shown.indexOf(last), shown.indexOf(event.target)].sort((a, b) => a - b);
        for (const between of shown.slice(from, to + 1)) {
            between.checked = event.target.checked;
        }
    }
    last = event.target;
    count();
});
document.addEventListener("change", (event) => {
    if (event.target.id === "action-toggle") {
        for (const box of boxes()) {
            box.checked = event.target.checked;
        }
        count();
    }
});
document.addEventListener("reset", () => setTimeout(count));
document.addEventListener("rows:change", count);
count();

/* Text that lies above a row's link, so that it can be selected, opens the row too; dragging only selects. */
const DRAG = 4; // px
let pressed = null; // a press inside a selection clears it only after the click, so the selection does not tell
document.addEventListener("mousedown", (event) => { pressed = event; });
document.addEventListener("click", (event) => {
    const text = event.target.closest(".vp-table td :is(bdi, [title])");
    const link = text?.closest("tr").querySelector("th a");
    const isDrag = pressed && Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) > DRAG;
    if (link && !isDrag && !event.target.closest("a, button, input, label, summary")) {
        link.dispatchEvent(new MouseEvent("click", event));
    }
});

/* A form of settings: what was changed in it and not saved is not lost without a question, whatever else is pressed. */
const guarded = [...document.querySelectorAll("form[data-guarded]")];
if (guarded.length) {
    const filledIn = (form) => JSON.stringify([...new FormData(form)].filter(([name]) => name !== "csrfmiddlewaretoken"));
    const before = new Map(guarded.map((form) => [form, form.querySelector(".errorlist, .errornote") ? "" : filledIn(form)]));
    let saved = null; // the form that is being sent, or all of them where the reader discards
    document.addEventListener("submit", (event) => { saved = [event.target]; });
    document.addEventListener("click", (event) => {
        const opensElsewhere = event.ctrlKey || event.metaKey || event.shiftKey;
        if (event.target.closest("[data-discard]") && !opensElsewhere) {
            saved = guarded;
        }
    });
    addEventListener("beforeunload", (event) => {
        if (guarded.some((form) => !saved?.includes(form) && filledIn(form) !== before.get(form))) {
            event.preventDefault();
        }
        saved = null;
    });
}

/* Buttons that copy a text: absent where the browser gives no clipboard, as over plain HTTP. */
if (navigator.clipboard) {
    document.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = false; });
    document.addEventListener("click", async (event) => {
        const button = event.target.closest("[data-copy]");
        if (button) {
            await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
            const label = button.querySelector("span");
            if (label && button.dataset.copied) {
                label.textContent = button.dataset.copied;
            }
            button.classList.add("is-copied");
        }
    });
}
