/* A list that plays: one click on a row's ▶, without leaving the list, one recording at a time. */
(() => {
    "use strict";

    const buttons = document.querySelectorAll(".field-listen a, a.portal-listen");
    const place = document.getElementById("content-main");
    if (!buttons.length || !place || typeof fetch === "undefined") {
        return;
    }
    let bar = null;
    let current = null; // the button of what is in the bar
    let words = {};
    let copy = ""; // of what is in the bar: one that this browser plays

    const pageOf = (button) => button.getAttribute("href");
    const doorOf = (button) => pageOf(button).replace(/change\/(#.*)?$/, "play/");

    function make(name, attributes = {}) {
        const element = document.createElement(name);
        Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
        return element;
    }

    function makeBar() {
        const box = make("section", { class: "portal-listen-bar" });
        const [title, audio, trouble] = [make("a"), make("audio", { controls: "" }), make("p", { role: "alert" })];
        audio.setAttribute("controlslist", "nodownload");
        ["play", "pause", "ended"].forEach((name) => audio.addEventListener(name, show));
        audio.addEventListener("error", sayWhy);
        box.append(title, audio, trouble);
        place.append(box);
        return { box, title, audio, trouble };
    }

    /* Of a hundred buttons each says which recording it plays: its row's time and numbers. */
    function call(button, verb) {
        const cells = (button.closest("tr, li")).querySelectorAll(".field-when, .field-numbers, .rl, .portal-when");
        const named = cells.length ? [...cells] : [button.closest("td")].filter(Boolean);
        const whose = named.map((cell) => cell.textContent.replace(/[▶❚]+/, "").trim().replace(/\s+/g, " "));
        button.setAttribute("aria-label", `${verb} · ${whose.join(" · ")}`);
    }

    function show() {
        buttons.forEach((button) => {
            const plays = button === current && !bar.audio.paused && !bar.audio.ended;
            button.setAttribute("aria-pressed", String(plays));
            call(button, plays ? words.pause : words.play);
            button.textContent = plays ? "❚❚" : "▶";
        });
    }

    async function sayWhy() {
        if (!bar.audio.error || !bar.audio.getAttribute("src")) {
            return;
        }
        const isBroken = bar.audio.error.code >= MediaError.MEDIA_ERR_DECODE;
        let said = isBroken ? words.unplayable : words.lost;
        try {
            const answer = await fetch(bar.audio.currentSrc, { headers: { Range: "bytes=0-0" } });
            if (!answer.ok) {
                said = await answer.text();
            } else if (isBroken && copy && !bar.audio.currentSrc.includes("&as=")) {
                bar.audio.src = copy;
                bar.audio.play().catch(() => {});
                return;
            }
        } catch {
            said = words.lost;
        }
        bar.trouble.textContent = said;
        show();
    }

    async function begin(button) {
        if (bar) {
            bar.audio.pause();
        }
        const answer = await fetch(doorOf(button), { headers: { Accept: "application/json" } });
        if (!answer.ok) {
            throw new Error(`not to be heard: ${answer.status}`);
        }
        const given = await answer.json();
        words = given.words;
        bar = bar || makeBar();
        current = button;
        bar.trouble.textContent = "";
        bar.title.textContent = given.title;
        bar.title.href = pageOf(button);
        bar.box.setAttribute("aria-label", given.title);
        copy = bar.audio.canPlayType("audio/mpeg") ? given.mp3 : given.opus;
        const isUnknown = given.type && !bar.audio.canPlayType(given.type);
        const isOther = given.src.includes("&as=mp3") && !bar.audio.canPlayType("audio/mpeg");
        bar.audio.src = copy && (isUnknown || isOther) ? copy : given.src;
        bar.audio.play().catch(() => {}); // the element's error says why
    }

    function press(button) {
        if (button !== current || bar.audio.error) {
            begin(button).catch(() => { location.href = pageOf(button); });
        } else if (bar.audio.paused) {
            bar.audio.play().catch(() => {});
        } else {
            bar.audio.pause();
        }
    }

    buttons.forEach((button) => {
        button.setAttribute("role", "button");
        call(button, button.getAttribute("aria-label"));
        button.setAttribute("aria-pressed", "false");
        button.addEventListener("click", (event) => {
            if (!event.ctrlKey && !event.metaKey && !event.shiftKey) {
                event.preventDefault();
                press(button);
            }
        });
        button.addEventListener("keydown", (event) => {
            if (event.key === " ") {
                event.preventDefault();
                press(button);
            }
        });
    });
})();
