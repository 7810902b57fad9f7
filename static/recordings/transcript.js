/* A transcript that is opened while something plays: the page stays, and what was said comes into it. */
(() => {
    "use strict";

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
            const old = document.getElementById("transcript");
            old.replaceWith(document.adoptNode(fresh));
            fresh.setAttribute("tabindex", "-1");
            fresh.focus({ preventScroll: true });
        } catch {
            form.submit(); // as without a script
        }
    });
})();
