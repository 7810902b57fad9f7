/* The live calls while somebody looks: rows that refresh.js asks for again, without moving what is being used. */
(() => {
    "use strict";

    const live = document.getElementById("live");
    if (!live) {
        return;
    }
    const byId = (id) => document.getElementById(id);
    const rows = () => Array.from(byId("live-rows").rows);

    function reveal() {
        live.querySelectorAll("[data-unscripted]").forEach((element) => { element.hidden = true; });
        live.querySelectorAll("[data-scripted]").forEach((element) => { element.hidden = false; });
    }


    /* Looking again, as refresh.js does for every page */
    document.addEventListener("refresh:ask", (event) => {
        const shown = rows().filter((row) => !row.classList.contains("ended"));
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
            } else if (old.classList.contains("ended")) {
                old.replaceWith(fresh);
            } else {
                takeRow(old, fresh, morph);
            }
        }
        for (const gone of fragment.querySelectorAll("#live-over li")) {
            endRow(byId(`call-${gone.dataset.call}`), gone.textContent);
        }
    }

    /* No button comes under the pointer because a recording ended: its line stays, and the row stays as high. */
    function takeRow(old, fresh, morph) {
        const height = old.getBoundingClientRect().height;
        const lines = [...old.querySelectorAll(".vp-run")];
        const stays = fresh.querySelector(".vp-run") ? lines : []; // where none runs, words for what ran take their place
        const ended = stays.filter((line) => !fresh.querySelector(`#${line.id}`)).map((line) => {
            const copy = line.cloneNode(true);
            copy.style.minHeight = `${line.getBoundingClientRect().height}px`;
            copy.querySelectorAll("form, progress, .sub").forEach((element) => element.remove());
            copy.querySelector(".w").replaceChildren(textOf("b", byId("live-table").dataset.ended));
            return [lines.indexOf(line), copy];
        });
        morph(old, fresh);
        const place = old.querySelector(".portal-recorded");
        for (const [at, line] of ended) {
            if (at === 0) {
                place.prepend(line);
            } else {
                place.querySelectorAll(".vp-run")[at - 1].after(line);
            }
        }
        keepHeight(old, height);
    }

    function textOf(tag, words) {
        const element = document.createElement(tag);
        element.className = "q";
        element.textContent = words;
        return element;
    }

    function keepHeight(row, height) {
        row.style.height = ""; // of a table's row it is the least one
        row.style.minHeight = "";
        if (row.getBoundingClientRect().height < height) {
            row.style[getComputedStyle(row).display === "grid" ? "minHeight" : "height"] = `${height}px`;
        }
    }

    function endRow(row, words) {
        if (!row) {
            return;
        }
        row.style.height = `${row.getBoundingClientRect().height}px`; // so that those beneath it stay where they are
        row.classList.add("ended");
        row.removeAttribute("data-running");
        row.querySelectorAll("[data-elapsed]").forEach((element) => { element.removeAttribute("data-elapsed"); });
        row.querySelectorAll("form, .portal-buttons > *, .tick > *").forEach((element) => element.remove());
        row.querySelector(".portal-recorded").textContent = words;
    }

    function take(fragment, morph) {
        const active = document.activeElement;
        const row = active && active.closest("#live-rows tr");
        const used = document.querySelector("#live-rows tr:hover") || row;
        const top = used ? used.getBoundingClientRect().top : 0;
        for (const id of ["live-lead", "live-notices", "live-narrow", "live-selected", "live-none"]) {
            morph(byId(id), fragment.querySelector(`#${id}`));
        }
        takeRows(fragment, morph);
        const isEmpty = rows().length === 0;
        byId("live-table").hidden = isEmpty;
        byId("live-selected").hidden = isEmpty;
        byId("live-none").hidden = !isEmpty;
        reveal();
        narrow();
        document.dispatchEvent(new Event("rows:change"));
        if (row && !active.isConnected && row.isConnected) {
            row.focus({ preventScroll: true });
        }
        if (used && used.isConnected) {
            window.scrollBy(0, used.getBoundingClientRect().top - top);
        }
    }

    /* Narrowing by digits in any spelling, or by a part of a name */
    const box = byId("live-narrow");
    const isPart = ["q", "recording"].some((name) => new URLSearchParams(location.search).get(name)); // of all rows

    function narrow() {
        const term = box.elements.q.value.trim().toLowerCase();
        const digits = term.replace(/\D/g, "").replace(/^0+/, "");
        const isNumber = /^[\s\d+().\-/]+$/.test(term);
        let shown = 0;
        for (const row of rows()) {
            const isLike = isNumber
                ? row.dataset.digits.split(" ").some((number) => number.includes(digits))
                : row.querySelector(".portal-who").textContent.toLowerCase().includes(term);
            const wanted = box.elements.recording.value;
            row.hidden = !isLike || (wanted !== "" && (wanted === "on") !== row.hasAttribute("data-running"));
            shown += row.hidden ? 0 : 1;
        }
        const words = byId("live-shown");
        const all = rows().length;
        words.textContent = shown === all
            ? "" : words.dataset.words.replace("%(shown)s", shown).replace("%(all)s", all);
    }

    box.addEventListener("input", narrow);
    box.addEventListener("change", () => {
        if (isPart) {
            box.submit();
        }
    });
    box.addEventListener("submit", (event) => {
        if (!isPart) {
            event.preventDefault();
            narrow();
        }
    });

    /* Keys: j and k move, r records, s stops */
    const isTyping = (element) =>
        element.isContentEditable || (element.matches("input, textarea, select") && !["checkbox", "radio"].includes(element.type));

    function move(by) {
        const seen = rows().filter((row) => !row.hidden);
        const row = document.activeElement.closest("#live-rows tr");
        const to = row ? seen.indexOf(row) + by : by > 0 ? 0 : seen.length - 1;
        if (seen[to]) {
            seen[to].focus();
        }
    }

    const inRow = (selector) => {
        const row = document.activeElement.closest("#live-rows tr");
        return row ? row.querySelectorAll(selector) : [];
    };

    function record() {
        const [button] = inRow(".portal-record");
        if (button) {
            button.click();
        }
    }

    /* A key is pressed by mistake more easily than a button, and a stopped recording cannot be continued. */
    const asking = byId("ask-stop");

    function stop() {
        const found = inRow(".portal-stop");
        if (found.length !== 1) {
            found[0]?.focus();
            return;
        }
        const { form } = found[0];
        asking.querySelector("[data-what]").textContent = found[0].closest("tr").querySelector(".portal-who").textContent;
        asking.returnValue = "";
        asking.onclose = () => {
            if (asking.returnValue === "stop" && form.isConnected) {
                form.requestSubmit();
            }
        };
        asking.showModal();
    }

    document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && "rs".includes(event.key)
            || isTyping(event.target) || asking.open) {
            return;
        }
        const act = {
            j: () => move(1), k: () => move(-1), r: record, s: stop,
        }[event.key];
        if (act) {
            event.preventDefault();
            act();
        }
    });

    /* After a start or a stop, what was pressed is where it was, whatever has gone around it meanwhile. */
    const PLACE = "live-place";
    addEventListener("submit", (event) => {
        const around = [event.target.closest(".vp-run"), event.target.closest("#live-rows tr")].filter(Boolean);
        const seen = around.map((element) => ({ id: element.id, top: topOf(element) }));
        sessionStorage.setItem(PLACE, JSON.stringify({ seen, scroll: scrollY }));
    });
    addEventListener("load", () => {
        const place = JSON.parse(sessionStorage.getItem(PLACE));
        sessionStorage.removeItem(PLACE);
        if (!place || !/^#(call-|content-start)/.test(location.hash)) {
            return;
        }
        scrollTo(0, place.scroll);
        const still = place.seen.find((one) => byId(one.id));
        if (still) {
            putBack(byId(still.id), still.top);
        }
    });

    const topOf = (element) => element.getBoundingClientRect().top;

    function putBack(element, top) {
        const table = byId("live-table");
        const below = top - topOf(element); // how far down it belongs
        if (below > scrollY) {
            table.style.marginTop = `${below - scrollY}px`;
        }
        const room = document.documentElement.scrollHeight - innerHeight - scrollY;
        if (-below > room) {
            table.style.marginBottom = `${-below - room}px`;
        }
        scrollBy(0, topOf(element) - top);
    }

    reveal();
    narrow();
})();
