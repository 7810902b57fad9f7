/* A transcript: opened while something plays, the page stays and the text comes into it. Words are found in it here, so
 * that no word of it or of the search is sent anywhere. */
(() => {
    "use strict";

    const MOST = 500; // matches

    document.addEventListener("submit", async (event) => {
        const form = event.target;
        if (!form.matches(".portal-open-transcript") || typeof fetch === "undefined") {
            return;
        }
        event.preventDefault();
        try {
            const answer = await fetch(form.action, { method: "POST", body: new FormData(form) });
            const page = new DOMParser().parseFromString(await answer.text(), "text/html");
            const fresh = page.getElementById("transcript");
            if (!answer.ok || !fresh) {
                throw new Error(`no transcript: ${answer.status}`);
            }
            document.getElementById("transcript").replaceWith(document.adoptNode(fresh));
            fresh.setAttribute("tabindex", "-1");
            fresh.focus({ preventScroll: true });
            fresh.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = !navigator.clipboard; });
            findIn(fresh.querySelector("[data-find]"));
        } catch {
            form.submit(); // as without a script
        }
    });

    function pattern(words) {
        return words.trim().replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/\s+/g, "\\s+");
    }

    /* The words and quoted phrases of the search in the list that led here, which Django keeps in the address: in that of
       this page, or of the one that opened it, where the button was pressed before this script was there. */
    function searched() {
        const kept = [location.href, document.referrer || location.href]
            .map((address) => new URL(address).searchParams.get("_changelist_filters")).find(Boolean);
        return [...(new URLSearchParams(kept || "").get("q") || "").matchAll(/"([^"]+)"|([^\s"]+)/g)].map((one) => one[1] || one[2]);
    }

    function findIn(box) {
        if (!box) {
            return;
        }
        const [field, said] = [box.querySelector("input"), box.querySelector("[role=status]")];
        const text = document.getElementById(box.dataset.find);
        const whole = text.textContent;
        let marks = [];
        let at = 0;

        function show() {
            marks.forEach((mark, n) => mark.classList.toggle("is-current", n === at));
            if (marks.length) {
                said.textContent = said.dataset.some.replace("%(n)s", at + 1).replace("%(all)s", marks.length);
                marks[at].scrollIntoView({ block: "nearest" });
            } else {
                said.textContent = field.value.trim() ? said.dataset.none : "";
            }
        }

        function search() {
            markAll(pattern(field.value));
        }

        function markAll(wanted) {
            const found = wanted ? [...whole.matchAll(new RegExp(wanted, "giu"))].slice(0, MOST) : [];
            const parts = [];
            let end = 0;
            marks = found.map((one) => {
                const mark = document.createElement("mark");
                mark.textContent = one[0];
                parts.push(whole.slice(end, one.index), mark);
                end = one.index + one[0].length;
                return mark;
            });
            text.replaceChildren(...parts, whole.slice(end));
            at = 0;
            show();
        }

        box.hidden = false;
        const terms = searched();
        if (terms.length) {
            markAll(terms.map((term) => `(?<![\\p{L}\\p{N}])${pattern(term)}`).join("|"));
            field.value = marks.length ? terms.join(" ") : "";
            show();
        }
        field.addEventListener("input", search);
        field.addEventListener("keydown", (event) => {
            if (event.key === "Enter" && marks.length) {
                event.preventDefault();
                at = (at + (event.shiftKey ? marks.length - 1 : 1)) % marks.length;
                show();
            }
        });
    }

    findIn(document.querySelector("[data-find]"));
})();
