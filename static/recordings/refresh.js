/* Pages that show something still changing ask for themselves again, while somebody looks at them.
 *
 * `#refresh` says how often (data-every, in seconds; without it the page is final) and when it last did. Each element
 * with `data-live` and an id is brought up to date in place: focus, ticks, open parts and what was typed stay. Where
 * the value of `data-live-key` changes, parts of the page are of another kind, and it is loaded anew, unless somebody
 * types or listens. `data-keep` leaves an element alone that a script made its own, as long as its href is the same.
 * Between two answers `data-elapsed` counts up and `data-left` down from the portal's seconds, by the browser's monotonic
 * clock. Events on document: `refresh:ask` (detail.url) and `refresh:answer` (detail.page, detail.morph). */
(() => {
    "use strict";

    const state = document.getElementById("refresh");
    if (!state || !state.dataset.every) {
        return;
    }
    const SLOWEST = 60; // seconds between two tries while the portal does not answer
    const LONGEST = 20_000; // ms that an answer may take
    const said = state.querySelector("[data-said]");
    const pause = state.querySelector("[data-pause]");
    const part = (name) => state.querySelector(`[data-${name}]`);
    let timer = null;
    let isAsking = false;
    let isPaused = false;
    let failures = 0;

    const isSeen = () => document.visibilityState === "visible";

    function later() {
        clearTimeout(timer);
        const every = Number(state.dataset.every);
        if (every && isSeen() && !isPaused) {
            timer = setTimeout(ask, Math.min(every * 2 ** failures, Math.max(every, SLOWEST)) * 1000);
        }
    }

    async function ask() {
        clearTimeout(timer);
        if (isAsking || !isSeen() || isPaused || !state.dataset.every) {
            return;
        }
        isAsking = true;
        const url = new URL(location.href);
        url.hash = "";
        document.dispatchEvent(new CustomEvent("refresh:ask", { detail: { url } }));
        try {
            const answer = await fetch(url, {
                headers: { "X-Background-Refresh": "1" }, signal: AbortSignal.timeout(LONGEST),
            });
            await take(answer);
        } catch {
            failures += 1;
            tell("lost");
        }
        isAsking = false;
        later();
    }

    async function take(answer) {
        if (answer.status === 401) {
            failures = 0;
            tell("out");
            return;
        }
        if (!answer.ok || answer.redirected) {
            throw new Error(`not refreshed: ${answer.status}`);
        }
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        failures = 0;
        tell("");
        takeState(page.getElementById("refresh"));
        document.dispatchEvent(new CustomEvent("refresh:answer", { detail: { page, morph } }));
        if (needsReload(page)) {
            if (isIdle()) {
                location.reload();
            } else {
                tell("changed");
            }
            return;
        }
        for (const old of document.querySelectorAll("[data-live]")) {
            const fresh = page.getElementById(old.id);
            if (fresh) {
                morph(old, fresh);
            }
        }
        takeTokens(page);
        readClocks();
    }

    function takeState(fresh) {
        if (!fresh) {
            return;
        }
        said.textContent = fresh.querySelector("[data-said]").textContent;
        if (fresh.dataset.every) {
            state.dataset.every = fresh.dataset.every;
        } else {
            delete state.dataset.every;
            pause.hidden = true;
        }
    }

    const needsReload = (page) => [...document.querySelectorAll("[data-live-key]")].some((old) => {
        const fresh = page.getElementById(old.id);
        return fresh && fresh.dataset.liveKey !== old.dataset.liveKey;
    });

    const isTyped = (field) => (["checkbox", "radio"].includes(field.type)
        ? field.checked !== field.defaultChecked
        : field.type !== "hidden" && field.value !== field.defaultValue);

    const isIdle = () => ![...document.querySelectorAll("#main :is(input, textarea)")].some(isTyped)
        && ![...document.querySelectorAll("audio")].some((audio) => !audio.paused);

    /* Who signed in again in another window has another token, and every form here needs it. */
    function takeTokens(page) {
        const fresh = page.querySelector("[name=csrfmiddlewaretoken]");
        if (fresh) {
            document.querySelectorAll("[name=csrfmiddlewaretoken]").forEach((field) => { field.value = fresh.value; });
        }
    }

    /* One of: lost, out, changed; or nothing, and the page is as the portal has it. */
    function tell(which) {
        for (const name of ["lost", "out", "changed"]) {
            const note = part(name);
            if (note.hidden === (name === which)) {
                note.hidden = name !== which;
            }
        }
        state.classList.toggle("attn", which !== "");
    }

    const isLike = (one, other) => one.nodeName === other.nodeName && (one.id || "") === (other.id || "");

    /* Durations that run: an answer of the portal moves one only where it is off by more than SLACK seconds */
    const SLACK = 2;
    const clocks = new Map(); // element -> elapsed minus the page's clock, or left plus it, in seconds

    const seconds = () => performance.now() / 1000;

    function readClocks() {
        const now = seconds();
        const shown = document.querySelectorAll("[data-elapsed], [data-left]");
        for (const element of clocks.keys()) {
            if (!element.isConnected || !element.matches("[data-elapsed], [data-left]")) {
                clocks.delete(element);
            }
        }
        for (const element of shown) {
            const isLeft = "left" in element.dataset;
            const came = Number(isLeft ? element.dataset.left : element.dataset.elapsed);
            const ahead = isLeft ? came + now : came - now;
            const known = clocks.get(element);
            if (known === undefined || Math.abs(known - ahead) > SLACK) {
                clocks.set(element, ahead);
            }
        }
        showClocks();
    }

    function showClocks() {
        for (const [element, ahead] of clocks) {
            const isLeft = "left" in element.dataset;
            const n = Math.max(0, Math.floor(isLeft ? ahead - seconds() : ahead + seconds()));
            const [hours, rest] = [Math.floor(n / 3600), n % 3600];
            if (isLeft && hours) {
                continue; // in whole minutes, as the portal has it
            }
            const figures = [Math.floor(rest / 60), rest % 60];
            const text = (hours ? [hours, ...figures] : figures)
                .map((part, place) => (place ? String(part).padStart(2, "0") : String(part))).join(":");
            const words = isLeft ? element.dataset.words.replace("%s", text) : text;
            if (element.textContent !== words) {
                element.textContent = words;
            }
        }
    }

    setInterval(() => {
        if (isSeen() && !isPaused && !failures) {
            showClocks();
        }
    }, 1000);

    /* What came is put into what is there: an element that stays keeps its focus, its tick and its place. */
    function morph(old, fresh) {
        if (old.isEqualNode(fresh)) {
            return;
        }
        if (!isLike(old, fresh)) {
            old.replaceWith(fresh);
        } else if (old.nodeType !== Node.ELEMENT_NODE) {
            old.nodeValue = fresh.nodeValue;
        } else if (!("keep" in old.dataset) || old.getAttribute("href") !== fresh.getAttribute("href")) {
            takeAttributes(old, fresh);
            takeChildren(old, fresh);
        }
    }

    const isTaken = (name) => name !== "open"; // what the reader opened or closed stays so

    function takeAttributes(old, fresh) {
        for (const name of old.getAttributeNames().filter((one) => isTaken(one) && !fresh.hasAttribute(one))) {
            old.removeAttribute(name);
        }
        for (const name of fresh.getAttributeNames().filter(isTaken)) {
            if (old.getAttribute(name) !== fresh.getAttribute(name)) {
                old.setAttribute(name, fresh.getAttribute(name));
            }
        }
    }

    function takeChildren(old, fresh) {
        const kept = new Set(Array.from(fresh.children, (child) => child.id));
        Array.from(old.children).filter((child) => child.id && !kept.has(child.id)).forEach((child) => child.remove());
        const coming = Array.from(fresh.childNodes);
        let at = old.firstChild;
        coming.forEach((child, index) => {
            const known = child.id ? Array.from(old.children).find((one) => one.id === child.id) : null;
            const after = coming.slice(index + 1);
            while (at && !isLike(at, child) && (known || !after.some((one) => isLike(at, one)))) {
                at = dropped(at);
            }
            if (at && isLike(at, child)) {
                const next = at.nextSibling;
                morph(at, child);
                at = next;
            } else {
                old.insertBefore(child, at);
            }
        });
        while (at) {
            at = dropped(at);
        }
    }

    function dropped(node) {
        const next = node.nextSibling;
        node.remove();
        return next;
    }

    pause.addEventListener("click", () => {
        isPaused = !isPaused;
        pause.textContent = isPaused ? pause.dataset.resume : pause.dataset.pause;
        if (isPaused) {
            clearTimeout(timer);
        } else {
            ask();
        }
    });

    document.addEventListener("visibilitychange", () => {
        if (isSeen()) {
            ask();
        } else {
            clearTimeout(timer);
        }
    });

    pause.hidden = !state.dataset.every;
    state.querySelectorAll("[data-unscripted]").forEach((element) => { element.hidden = true; });
    readClocks();
    later();
})();
