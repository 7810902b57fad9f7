// The frame of every page: "/" goes to the search box; Escape and a press elsewhere close an open menu.
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
