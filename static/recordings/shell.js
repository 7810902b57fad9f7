// The frame of every page: "/" goes to the search box; Escape and a press elsewhere close an open menu; lists are ticked.
"use strict";

const isTyping = (element) => element.matches("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target)) {
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

/* A list: the box in its head ticks every row, and the bar above says how many are ticked. */
const all = document.getElementById("action-toggle");
const boxes = [...document.querySelectorAll("input.action-select")];

const count = () => {
    const ticked = boxes.filter((box) => box.checked).length;
    for (const place of document.querySelectorAll("[data-ticked]")) {
        place.textContent = place.dataset.ticked.replace("%s", ticked);
    }
    if (all) {
        all.checked = ticked > 0 && ticked === boxes.length;
        all.indeterminate = ticked > 0 && ticked < boxes.length;
    }
};

let last = null;
for (const box of boxes) {
    box.addEventListener("click", (event) => {
        if (event.shiftKey && last) {
            const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
            for (const between of boxes.slice(from, to + 1)) {
                between.checked = box.checked;
            }
        }
        last = box;
        count();
    });
}
all?.addEventListener("change", () => {
    for (const box of boxes) {
        box.checked = all.checked;
    }
    count();
});
count();
