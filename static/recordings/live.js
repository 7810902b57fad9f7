/* The live calls while somebody looks: asked for again every few seconds, without moving what is being used. */
(() => {
    "use strict";

    const live = document.getElementById("live");
    if (!live || typeof htmx === "undefined") {
        return;
    }
    const byId = (id) => document.getElementById(id);
    const rows = () => Array.from(byId("live-rows").rows);
    let timer = null;
    let asking = false;
    let heardAt = new Date();

    document.querySelectorAll(".portal-unscripted").forEach((element) => { element.hidden = true; });
    document.querySelectorAll(".portal-scripted").forEach((element) => { element.hidden = false; });

    /* Looking again */
    const isSeen = () => document.visibilityState === "visible";

    function later() {
        clearTimeout(timer);
        timer = setTimeout(look, Number(live.dataset.every) * 1000);
    }

    function look() {
        clearTimeout(timer);
        if (isSeen() && !asking) {
            asking = true;
            htmx.trigger(live, "live:look");
        }
    }

    document.addEventListener("visibilitychange", () => {
        if (isSeen()) {
            look();
        } else {
            clearTimeout(timer);
        }
    });

    live.addEventListener("htmx:configRequest", (event) => {
        const shown = rows().filter((row) => !row.classList.contains("portal-over"));
        event.detail.parameters.shown = shown.map((row) => row.dataset.call).join(",");
    });

    live.addEventListener("htmx:afterRequest", (event) => {
        asking = false;
        if (!event.detail.successful) {
            lost();
        }
        if (isSeen()) {
            later();
        }
    });

    function lost() {
        const note = byId("live-lost");
        const format = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: live.dataset.zone };
        const at = new Intl.DateTimeFormat("en-GB", format).format(heardAt);
        note.querySelector("p").textContent = note.dataset.words.replace("%s", at);
        note.hidden = false;
    }

    /* What came is put into what is there: an element that stays keeps its focus, its tick and its place. */
    function morph(old, fresh) {
        if (old.isEqualNode(fresh)) {
            return;
        }
        if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
            old.replaceWith(fresh);
        } else if (old.nodeType !== Node.ELEMENT_NODE) {
            old.nodeValue = fresh.nodeValue;
        } else {
            takeAttributes(old, fresh);
            takeChildren(old, fresh);
        }
    }

    function takeAttributes(old, fresh) {
        for (const name of old.getAttributeNames().filter((one) => one !== "hidden" && !fresh.hasAttribute(one))) {
            old.removeAttribute(name);
        }
        for (const name of fresh.getAttributeNames().filter((one) => one !== "hidden")) {
            if (old.getAttribute(name) !== fresh.getAttribute(name)) {
                old.setAttribute(name, fresh.getAttribute(name));
            }
        }
    }

    function takeChildren(old, fresh) {
        const kept = new Set(Array.from(fresh.children, (child) => child.id));
        Array.from(old.children).filter((child) => child.id && !kept.has(child.id)).forEach((child) => child.remove());
        let at = old.firstChild;
        for (const child of Array.from(fresh.childNodes)) {
            const known = child.id ? Array.from(old.children).find((one) => one.id === child.id) : null;
            while (known && at && at !== known) {
                at = dropped(at);
            }
            if (at && (known || !at.id)) {
                const next = at.nextSibling;
                morph(at, child);
                at = next;
            } else {
                old.insertBefore(child, at);
            }
        }
        while (at) {
            at = dropped(at);
        }
    }

    function dropped(node) {
        const next = node.nextSibling;
        node.remove();
        return next;
    }

    /* Rows stay where they are, new ones come last, and one that ended says so until the page is loaded anew. */
    function takeRows(fragment) {
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

    function take(fragment) {
        const active = document.activeElement;
        const row = active && active.closest("#live-rows tr");
        const used = document.querySelector("#live-rows tr:hover") || row;
        const top = used ? used.getBoundingClientRect().top : 0;
        for (const id of ["live-lead", "live-notices", "live-selected", "live-none"]) {
            morph(byId(id), fragment.querySelector(`#${id}`));
        }
        takeRows(fragment);
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

    htmx.defineExtension("live-rows", {
        isInlineSwap: (style) => style === "live-rows",
        handleSwap: (style, _target, fragment) => {
            if (style !== "live-rows") {
                return false;
            }
            if (fragment.querySelector("#live-rows")) {
                heardAt = new Date();
                byId("live-lost").hidden = true;
                take(fragment);
            } else {
                lost(); // signed out meanwhile: what came is the login
            }
            return true;
        },
    });

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
    if (isSeen()) {
        later();
    }
})();
