/* The live calls while somebody looks: rows that refresh.js asks for again, without moving what is being used. */
(() => {
    "use strict";

    const live = document.getElementById("live");
    if (!live) {
        return;
    }
    const byId = (id) => document.getElementById(id);
    const rows = () => Array.from(byId("live-rows").rows);
    document.querySelectorAll(".portal-unscripted").forEach((element) => { element.hidden = true; });
    document.querySelectorAll(".portal-scripted").forEach((element) => { element.hidden = false; });

    /* Looking again, as refresh.js does for every page */
    document.addEventListener("refresh:ask", (event) => {
        const shown = rows().filter((row) => !row.classList.contains("portal-over"));
        event.detail.url.searchParams.set("shown", shown.map((row) => row.dataset.call).join(","));
    });

    document.addEventListener("refresh:answer", (event) => {
        take(event.detail.page, event.detail.morph);
    });

    /* Rows stay where they are, new ones come last, and one that ended says so until the page is loaded anew. */
    function takeRows(fragment, morph) {
        const body = byId("live-rows");
        for (const fresh of Array.from(fragment.querySelector("#live-rows").rows)) {
            const old = byId(fresh.id);
            if (!old) {
                body.append(fresh);
            } else if (old.classList.contains("portal-over")) {
                old.replaceWith(fresh);
            } else {
                morph(old, fresh);
            }
        }
        for (const gone of fragment.querySelectorAll("#live-over li")) {
            endRow(byId(`call-${gone.dataset.call}`), gone.textContent);
        }
    }

    function endRow(row, words) {
        if (!row) {
            return;
        }
        row.style.height = `${row.getBoundingClientRect().height}px`; // so that those beneath it stay where they are
        row.classList.add("portal-over");
        row.removeAttribute("data-running");
        row.querySelectorAll("form, .portal-buttons > *, .portal-tick > *").forEach((element) => element.remove());
        row.querySelector(".portal-elapsed").textContent = words;
        row.querySelector(".portal-recorded").textContent = "";
    }

    function take(fragment, morph) {
        const active = document.activeElement;
        const row = active && active.closest("#live-rows tr");
        const used = document.querySelector("#live-rows tr:hover") || row;
        const top = used ? used.getBoundingClientRect().top : 0;
        for (const id of ["live-lead", "live-notices", "live-selected", "live-none"]) {
            morph(byId(id), fragment.querySelector(`#${id}`));
        }
        takeRows(fragment, morph);
        const isEmpty = rows().length === 0;
        byId("live-table").hidden = isEmpty;
        byId("live-selected").hidden = isEmpty;
        byId("live-none").hidden = !isEmpty;
        narrow();
        if (row && !active.isConnected && row.isConnected) {
            row.focus({ preventScroll: true });
        }
        if (used && used.isConnected) {
            window.scrollBy(0, used.getBoundingClientRect().top - top);
        }
    }

    /* Narrowing by digits in any spelling, or by a part of a name */
    const box = byId("live-narrow");

    function narrow() {
        const term = box.elements.q.value.trim().toLowerCase();
        const digits = term.replace(/\D/g, "").replace(/^0+/, "");
        const isNumber = /^[\s\d+().\-/]+$/.test(term);
        let shown = 0;
        for (const row of rows()) {
            const isLike = isNumber
                ? row.dataset.digits.split(" ").some((number) => number.includes(digits))
                : row.querySelector(".portal-who").textContent.toLowerCase().includes(term);
            row.hidden = !isLike || (box.elements.recording.checked && !row.hasAttribute("data-running"));
            shown += row.hidden ? 0 : 1;
        }
        const words = byId("live-shown");
        const all = rows().length;
        words.textContent = shown === all
            ? "" : words.dataset.words.replace("%(shown)s", shown).replace("%(all)s", all);
    }

    box.addEventListener("input", narrow);
    box.addEventListener("submit", (event) => {
        event.preventDefault();
        narrow();
    });

    /* Keys: j and k move, r records, s stops */
    const isTyping = (element) =>
        element.isContentEditable || (element.matches("input, textarea, select") && element.type !== "checkbox");

    function move(by) {
        const seen = rows().filter((row) => !row.hidden);
        const row = document.activeElement.closest("#live-rows tr");
        const to = row ? seen.indexOf(row) + by : by > 0 ? 0 : seen.length - 1;
        if (seen[to]) {
            seen[to].focus();
        }
    }

    function press(selector, isAsking) {
        const row = document.activeElement.closest("#live-rows tr");
        const found = row ? row.querySelectorAll(selector) : [];
        if (found.length === 1 && !isAsking) {
            found[0].click();
        } else if (found.length) {
            found[0].focus();
        }
    }

    document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && "rs".includes(event.key)
            || isTyping(event.target)) {
            return;
        }
        const act = {
            j: () => move(1), k: () => move(-1), r: () => press(".portal-record"), s: () => press(".portal-stop"),
        }[event.key];
        if (act) {
            event.preventDefault();
            act();
        }
    });

    narrow();
})();
