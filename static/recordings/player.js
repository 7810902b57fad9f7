/* A recording's player: its picture from peaks, its own controls and keys, and a time that can be linked to. */
(() => {
    "use strict";

    const byId = (id) => document.getElementById(id);
    const box = byId("listen");
    const audio = byId("audio");
    if (!box || !audio) {
        return;
    }
    const SKIP = 10; // seconds
    const seek = byId("seek");
    const toggle = byId("toggle");
    const speed = byId("speed");
    const trouble = byId("trouble");
    const known = Number(box.dataset.seconds) || 0;
    const isMeasured = box.dataset.measured === "1";
    const told = () => (Number.isFinite(audio.duration) && audio.duration > 0 ? audio.duration : known);
    const length = () => (isMeasured && known ? known : told());
    let wave = null;
    let isWanted = false; // somebody pressed Play, and not Pause since
    let wanted = null; // where to begin, until the audio knows of itself

    audio.controls = false;
    byId("controls").hidden = false;
    byId("keys").hidden = false;

    /* Time */
    const two = (number) => String(number).padStart(2, "0");

    function clock(seconds) {
        const whole = Math.floor(seconds);
        const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
        return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
    }

    const at = () => (wanted === null ? audio.currentTime : wanted);

    function show() {
        const [now, all] = [at(), length()];
        byId("time").textContent = `${clock(now)} / ${all ? clock(all) : "?"}`;
        seek.max = Math.ceil(all);
        seek.value = Math.floor(now);
        const [here, whole] = [clock(now), all ? clock(all) : "?"];
        seek.setAttribute("aria-valuetext", box.dataset.position.replace("%s", here).replace("%s", whole));
        byId("moment").href = `#t=${Math.floor(now)}`;
    }

    function go(seconds) {
        const place = Math.max(0, length() ? Math.min(seconds, length()) : seconds);
        if (audio.readyState === HTMLMediaElement.HAVE_NOTHING) {
            wanted = place;
            audio.addEventListener("loadedmetadata", () => {
                audio.currentTime = wanted ?? 0;
                wanted = null;
            }, { once: true });
        } else {
            audio.currentTime = place;
        }
        if (wave) {
            wave.setTime(place);
        }
        show();
    }

    /* The time that the address names: #t=250, #t=4:10 or #t=1:02:03 */
    function fromAddress() {
        const found = /^#t=((?:\d{1,4}:){0,2}\d{1,6}(?:\.\d+)?)s?$/.exec(location.hash);
        if (found) {
            go(found[1].split(":").reduce((sum, part) => sum * 60 + Number(part), 0));
        }
    }

    /* Playing */
    function flip() {
        isWanted = audio.paused;
        if (isWanted) {
            trouble.hidden = true;
            audio.play().catch(() => {}); // the element's error says why
        } else {
            audio.pause();
        }
    }

    function showState() {
        const words = audio.paused ? box.dataset.play : box.dataset.pause;
        toggle.setAttribute("aria-label", words);
        toggle.setAttribute("aria-pressed", String(!audio.paused));
    }

    function faster(steps) {
        speed.selectedIndex = Math.min(Math.max(speed.selectedIndex + steps, 0), speed.options.length - 1);
        audio.playbackRate = Number(speed.value);
    }

    /* A copy that this browser plays, where it cannot play the file itself */
    const copy = () => (audio.canPlayType("audio/mpeg") ? box.dataset.mp3 : box.dataset.opus);

    function playCopy(address) {
        const place = at();
        audio.src = address;
        byId("converted").hidden = false;
        if (place) {
            go(place);
        }
        if (isWanted) {
            audio.play().catch(() => {});
        }
    }

    function say(words) {
        trouble.textContent = words;
        trouble.hidden = false;
    }

    /* The portal knows best why; where it gives the audio, it is the browser that cannot play it */
    async function sayWhy() {
        if (!audio.error) {
            return;
        }
        const isBroken = audio.error.code >= MediaError.MEDIA_ERR_DECODE;
        try {
            const answer = await fetch(audio.currentSrc, { headers: { Range: "bytes=0-0" } });
            if (answer.status === 415 && copy() && !audio.currentSrc.includes("&as=")) {
                playCopy(copy());
                return;
            }
            if (!answer.ok) {
                say(await answer.text());
                return;
            }
        } catch {
            say(box.dataset.lost);
            return;
        }
        if (isBroken && copy() && !audio.currentSrc.includes("&as=")) {
            playCopy(copy());
        } else {
            say(isBroken ? box.dataset.unplayable : box.dataset.lost);
        }
    }

    audio.addEventListener("timeupdate", show);
    audio.addEventListener("durationchange", show);
    ["play", "pause", "ended"].forEach((name) => audio.addEventListener(name, showState));
    audio.addEventListener("error", sayWhy);
    toggle.addEventListener("click", flip);
    speed.addEventListener("change", () => faster(0));
    seek.addEventListener("input", () => go(Number(seek.value)));
    document.querySelectorAll("[data-skip]").forEach((button) => {
        button.addEventListener("click", () => go(at() + Number(button.dataset.skip)));
    });
    window.addEventListener("hashchange", fromAddress);

    /* Keys, unless they are meant for what has the focus */
    const KEYS = {
        " ": flip,
        ArrowLeft: () => go(at() - SKIP),
        ArrowRight: () => go(at() + SKIP),
        "<": () => faster(-1),
        ">": () => faster(1),
    };

    document.addEventListener("keydown", (event) => {
        const focus = event.target;
        const isWriting = focus.matches("input, select, textarea, [contenteditable]") && focus !== seek;
        const isPressing = event.key === " " && focus.matches("button, a, summary, audio");
        if (event.ctrlKey || event.altKey || event.metaKey || isWriting || isPressing) {
            return;
        }
        const tenth = /^[0-9]$/.test(event.key) ? () => go((length() * Number(event.key)) / 10) : null;
        const act = KEYS[event.key] || tenth;
        if (act) {
            event.preventDefault();
            act();
        }
    });

    /* The picture */
    /* A token holds both its colours; on an element it is the one that is shown, as a canvas needs it. */
    const colour = (name) => {
        box.style.color = `var(${name})`;
        const found = getComputedStyle(box).color;
        box.style.color = "";
        return found;
    };
    const LANES = ["--lane-a", "--lane-b", "--lane-call"];
    const colours = (lane) => {
        const full = colour(LANES[lane % LANES.length]);
        const faint = full.replace(/^rgba?\((\d+), (\d+), (\d+).*$/, "rgba($1, $2, $3, 0.38)");
        return { waveColor: faint, progressColor: full, cursorColor: full };
    };

    function lanesOf(base64, count) {
        const bytes = Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
        const size = Math.floor(bytes.length / count);
        return Array.from({ length: count }, (_, lane) => (
            Float32Array.from(bytes.subarray(lane * size, (lane + 1) * size), (byte) => byte / 255)
        ));
    }

    function draw() {
        const place = byId("lanes");
        if (!place || typeof WaveSurfer === "undefined" || !known) {
            return;
        }
        place.hidden = false;
        const lanes = lanesOf(box.dataset.peaks, place.querySelectorAll("li").length);
        const height = lanes.length > 1 ? 64 : 96;
        const split = () => (
            lanes.length > 1 ? lanes.map((_, lane) => ({ height, barWidth: 2, barGap: 1, ...colours(lane) })) : undefined
        );
        wave = WaveSurfer.create({
            container: byId("wave"), media: audio, peaks: lanes, duration: known, height, cursorWidth: 2,
            dragToSeek: true, maxPeak: 1, cspNonce: box.dataset.nonce, barWidth: 2, barGap: 1, ...colours(0), splitChannels: split(),
        });
        wave.on("interaction", (seconds) => go(seconds));
        const recolour = () => wave.setOptions({ ...colours(0), splitChannels: split() });
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
        const themes = new MutationObserver(recolour);
        themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    }

    const needs = box.dataset.type;
    if (needs ? !audio.canPlayType(needs) : audio.src.includes("&as=mp3") && !audio.canPlayType("audio/mpeg")) {
        playCopy(copy());
    }
    draw();
    fromAddress();
    show();
    showState();
})();
