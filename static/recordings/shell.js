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

/* Success is said in a corner and goes after a while, but not while somebody reads it; anything else stays in the page. */
const said = document.querySelector(".messagelist");
if (said && [...said.children].every((one) => one.classList.contains("success"))) {
    const LASTS = 6000; // ms
    said.classList.add("vp-toasts");
    for (const toast of said.children) {
        const close = document.createElement("button");
        close.type = "button";
        close.className = "button plain small icon";
        close.textContent = "✕";
        close.setAttribute("aria-label", said.dataset.close);
        close.addEventListener("click", () => { toast.hidden = true; });
        toast.classList.add("vp-toast");
        toast.append(close);
    }
    let timer = null;
    const wait = () => {
        clearTimeout(timer);
        timer = setTimeout(() => { said.hidden = true; }, LASTS);
    };
    const stay = () => clearTimeout(timer);
    ["pointerenter", "focusin"].forEach((name) => said.addEventListener(name, stay));
    ["pointerleave", "focusout"].forEach((name) => said.addEventListener(name, wait));
    wait();
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

/* Buttons that copy a text: absent where the browser gives no clipboard, as over plain HTTP. */
if (navigator.clipboard) {
    document.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = false; });
    document.addEventListener("click", async (event) => {
        const button = event.target.closest("[data-copy]");
        if (button) {
            await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
            const label = button.querySelector("span");
            if (label && button.dataset.copied) {
                label.textContent = button.dataset.copied;
            }
            button.classList.add("is-copied");
        }
    });
}
