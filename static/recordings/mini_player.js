/* A list that plays: one click on a row's ▶, one recording at a time, in a player at the foot of the page.
 *
 * While it plays, the list's tabs, filters, searches and pages change the list in place, so that it plays on. */
(() => {
    "use strict";

    const BUTTONS = ".field-listen a, a.portal-listen";
    const SPEEDS = [1, 1.25, 1.5, 2, 0.75];
    if (!document.getElementById("content-main") || typeof fetch === "undefined") {
        return;
    }
    let bar = null;
    let current = ""; // the page of what is in the bar
    let words = {};
    let copy = ""; // of what is in the bar: one that this browser plays
    let seconds = 0; // how long it is, as far as the portal knows

    const pageOf = (button) => button.getAttribute("href");
    const doorOf = (button) => pageOf(button).replace(/change\/(#.*)?$/, "play/");
    const isPlain = (event) => !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;

    function make(name, attributes = {}, ...inside) {
        const element = document.createElement(name);
        Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
        element.append(...inside);
        return element;
    }

    /* The player */
    function makeBar() {
        const audio = make("audio");
        const toggle = make("button", { type: "button", class: "play big" });
        const [title, line, time] = [make("a"), make("span"), make("span", { class: "n" })];
        const seek = make("input", { type: "range", min: "0", step: "1", value: "0", "aria-label": words.position });
        const speed = make("button", { type: "button", class: "button small", title: words.speed });
        const close = make("button", { type: "button", class: "button plain icon", "aria-label": words.close }, "✕");
        const trouble = make("p", { role: "alert" });
        const what = make("div", { class: "what" }, title, line);
        const box = make("section", { class: "vp-mini" }, toggle, what, trouble, time, seek, speed, close, audio);
        ["play", "pause", "ended"].forEach((name) => audio.addEventListener(name, show));
        ["timeupdate", "durationchange"].forEach((name) => audio.addEventListener(name, showTime));
        audio.addEventListener("error", sayWhy);
        toggle.addEventListener("click", flip);
        seek.addEventListener("input", () => { audio.currentTime = Number(seek.value); });
        speed.addEventListener("click", () => {
            audio.playbackRate = SPEEDS[(SPEEDS.indexOf(audio.playbackRate) + 1) % SPEEDS.length];
            speed.textContent = `${audio.playbackRate}×`;
        });
        speed.textContent = "1×";
        close.addEventListener("click", end);
        document.body.append(box);
        document.body.classList.add("with-mini");
        return { box, audio, toggle, title, line, time, seek, speed, trouble };
    }

    function end() {
        bar.audio.pause();
        bar.box.remove();
        document.body.classList.remove("with-mini");
        const button = [...document.querySelectorAll(BUTTONS)].find((one) => pageOf(one) === current);
        bar = null;
        current = "";
        decorate();
        button?.focus();
    }

    const two = (number) => String(number).padStart(2, "0");

    function clock(seconds) {
        const whole = Math.floor(seconds);
        const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
        return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
    }

    function showTime() {
        if (!bar) {
            return;
        }
        const { audio, seek, time } = bar;
        const all = Number.isFinite(audio.duration) ? audio.duration : seconds;
        seek.max = Math.ceil(all);
        seek.value = Math.floor(audio.currentTime);
        time.textContent = `${clock(audio.currentTime)} / ${all ? clock(all) : "?"}`;
        seek.setAttribute("aria-valuetext", time.textContent);
    }

    const isPlaying = () => bar !== null && !bar.audio.paused && !bar.audio.ended;

    function show() {
        if (bar) {
            bar.toggle.setAttribute("aria-label", isPlaying() ? words.pause : words.play);
            bar.toggle.setAttribute("aria-pressed", String(isPlaying()));
        }
        decorate();
    }

    async function sayWhy() {
        if (!bar || !bar.audio.error || !bar.audio.getAttribute("src")) {
            return;
        }
        const isBroken = bar.audio.error.code >= MediaError.MEDIA_ERR_DECODE;
        let said = isBroken ? words.unplayable : words.lost;
        try {
            const answer = await fetch(bar.audio.currentSrc, { headers: { Range: "bytes=0-0" } });
            const isCopy = bar.audio.currentSrc.includes("&as=");
            if (copy && !isCopy && (answer.status === 415 || (answer.ok && isBroken))) {
                bar.audio.src = copy;
                bar.audio.play().catch(() => {});
                return;
            }
            said = answer.ok ? said : await answer.text();
        } catch {
            said = words.lost;
        }
        tell(said);
        show();
    }

    /* Why nothing is heard, and the link to the cure. */
    function tell(said, cure) {
        bar.trouble.textContent = said;
        if (cure) {
            bar.trouble.append(" ", make("a", { href: cure.url }, cure.verb));
        }
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
        current = pageOf(button);
        seconds = given.seconds;
        tell(given.why, given.cure);
        bar.toggle.disabled = given.why !== "";
        bar.title.textContent = given.title;
        bar.title.href = current;
        bar.line.textContent = given.line;
        bar.box.setAttribute("aria-label", given.title);
        if (given.why) {
            bar.audio.removeAttribute("src");
            bar.audio.load();
            showTime();
            show();
            return;
        }
        copy = bar.audio.canPlayType("audio/mpeg") ? given.mp3 : given.opus;
        const isUnknown = given.type && !bar.audio.canPlayType(given.type);
        const isOther = given.src.includes("&as=mp3") && !bar.audio.canPlayType("audio/mpeg");
        const { playbackRate } = bar.audio;
        bar.audio.src = copy && (isUnknown || isOther) ? copy : given.src;
        bar.audio.defaultPlaybackRate = playbackRate;
        bar.audio.play().catch(() => {}); // the element's error says why
        show();
    }

    function flip() {
        if (bar.audio.paused) {
            bar.audio.play().catch(() => {});
        } else {
            bar.audio.pause();
        }
    }

    function press(button) {
        if (pageOf(button) !== current || bar.audio.error || bar.toggle.disabled) {
            begin(button).catch(() => { location.href = pageOf(button); });
        } else {
            flip();
        }
    }

    /* Of a hundred buttons each says which recording it plays: its row's time and numbers. */
    function name(button, verb) {
        const cells = button.closest("tr, li").querySelectorAll(".field-when, .field-numbers, .rl, .portal-when");
        const named = cells.length ? [...cells] : [button.closest("td")].filter(Boolean);
        const whose = named.map((cell) => cell.textContent.replace(/[▶❚]+/, "").trim().replace(/\s+/g, " "));
        button.setAttribute("aria-label", `${verb} · ${whose.join(" · ")}`);
    }

    function decorate() {
        document.querySelectorAll(BUTTONS).forEach((button) => {
            button.dataset.verb ||= button.getAttribute("aria-label");
            const plays = pageOf(button) === current && isPlaying();
            button.dataset.keep = "";
            button.setAttribute("role", "button");
            button.setAttribute("aria-pressed", String(plays));
            name(button, plays ? words.pause : button.dataset.verb);
            button.textContent = plays ? "❚❚" : "▶";
        });
    }

    /* The list, changed in place while something is in the player */
    async function change(address, isNew) {
        const answer = await fetch(address);
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.querySelector("#content-main:has(#changelist)");
        if (!answer.ok || !fresh) {
            throw new Error(`no list: ${answer.status}`);
        }
        document.getElementById("content-main").replaceWith(fresh);
        if (isNew) {
            history.pushState(null, "", answer.url);
        }
        decorate();
        document.dispatchEvent(new Event("rows:change"));
        fresh.tabIndex = -1;
        fresh.focus({ preventScroll: true });
        window.scrollTo(0, 0);
    }

    const isHere = (address) => address.origin === location.origin && address.pathname === location.pathname
        && bar !== null && document.getElementById("changelist") !== null;

    function changeTo(address) {
        change(address, true).catch(() => { location.href = address; });
    }

    document.addEventListener("click", (event) => {
        const button = event.target.closest(BUTTONS);
        const link = event.target.closest("#content-main a[href]");
        if (button && isPlain(event)) {
            event.preventDefault();
            press(button);
        } else if (link && isPlain(event) && !event.defaultPrevented && !link.target && isHere(new URL(link.href))) {
            event.preventDefault();
            changeTo(link.href);
        }
    });

    document.addEventListener("submit", (event) => {
        const form = event.target;
        const address = new URL(form.action);
        if (form.method === "get" && form.closest("#content-main") && isHere(address)) {
            event.preventDefault();
            const given = [...new FormData(form, event.submitter)].filter(([, value]) => value !== "");
            address.search = String(new URLSearchParams(given));
            address.hash = "";
            changeTo(address.href);
        }
    });

    window.addEventListener("popstate", () => {
        if (bar && document.getElementById("changelist")) {
            change(location.href, false).catch(() => { location.reload(); });
        } else {
            location.reload();
        }
    });

    document.addEventListener("keydown", (event) => {
        const button = event.target.closest?.(BUTTONS);
        if (button && event.key === " ") {
            event.preventDefault();
            press(button);
        }
    });

    document.addEventListener("refresh:answer", () => setTimeout(decorate));
    decorate();
})();
