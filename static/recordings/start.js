/* The start form: when the chosen limit would cut, as time goes on, and how large the recording may become. */
(() => {
    "use strict";

    const form = document.getElementById("start-form");
    const sum = document.getElementById("start-sum");
    if (!form || !sum) {
        return;
    }
    const { zone, zoneShort, tomorrow } = form.dataset;
    const MB_AN_HOUR = { mp3: { mono: 29, stereo: 29 }, wav: { mono: 58, stereo: 115 } };
    const LONGEST = 28800;
    const BARE = /^\d{1,4}$/; // minutes
    const SPAN = /^(?:(\d{1,2}(?:[.,]\d{1,2})?)\s*h[a-z]*)?\s*(?:(\d{1,4})\s*m[a-z]*)?\s*(?:(\d{1,5})\s*s[a-z]*)?$/i;

    const part = (at, options) => new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone }).format(at);

    /* `18:16` */
    function clock(seconds) {
        const at = new Date(Date.now() + seconds * 1000);
        return part(at, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    }

    /* `18:16 IST`, `00:46 IST tomorrow`, as the portal writes it */
    function named(seconds) {
        const now = new Date();
        const at = new Date(now.getTime() + seconds * 1000);
        const isToday = part(at, { dateStyle: "short" }) === part(now, { dateStyle: "short" });
        const words = `${clock(seconds)} ${zoneShort}`;
        return isToday ? words : tomorrow.replace("%s", words);
    }

    /* `25 min`, `1 h 30 min` */
    function spoken(seconds) {
        const units = sum.dataset.units.split("|");
        const parts = [Math.floor(seconds / 3600), Math.floor(seconds % 3600 / 60), seconds % 60];
        return parts.map((n, index) => (n ? units[index].replace("%d", n) : "")).filter(Boolean).join(" ");
    }

    /* Only what changed, so that nobody hears the same again. */
    function write(element, words) {
        if (element.textContent !== words) {
            element.textContent = words;
        }
    }

    function chosen() {
        const limit = form.elements.limit.value;
        if (limit !== "other") {
            return Number(limit);
        }
        const typed = form.elements.other_limit.value.trim();
        const found = SPAN.exec(typed);
        const seconds = BARE.test(typed) ? typed * 60 : found
            ? Math.round(Number((found[1] || "0").replace(",", ".")) * 3600) + (found[2] || 0) * 60 + (found[3] || 0) * 1
            : 0;
        return seconds >= 1 && seconds <= LONGEST ? seconds : 0;
    }

    function tell() {
        form.querySelectorAll("[data-cuts-in]").forEach((element) => write(element, clock(Number(element.dataset.cutsIn))));
        const seconds = chosen();
        const layout = MB_AN_HOUR[form.elements.file_format.value] || {};
        const size = Math.max(1, Math.ceil((layout[form.elements.channels.value] || 0) * seconds / 3600));
        const [stops, megabytes] = [sum.querySelector(".big"), sum.querySelector("[data-mb]")];
        write(stops, seconds ? sum.dataset.stops.replace("%s", named(seconds)) : sum.dataset.unclear);
        stops.nextElementSibling.hidden = !seconds;
        write(stops.nextElementSibling, sum.dataset.after.replace("%s", spoken(seconds)));
        write(megabytes, sum.dataset.size.replace("%s", size));
        megabytes.parentElement.hidden = !seconds;
    }

    form.elements.other_limit.addEventListener("input", () => {
        form.querySelector("input[name=limit][value=other]").checked = true;
    });
    form.addEventListener("input", tell);
    setInterval(tell, 10000);
    tell();
})();
