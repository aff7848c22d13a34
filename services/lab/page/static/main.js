// The glass box: wires the model, the line to the lab and the page together.

import { html, render } from "./vendor/preact.js";
import { listen } from "./feed.js";
import { listenToKeys } from "./keys.js";
import { keepShown } from "./state.js";
import { Page } from "./ui/page.js";
import { drawPages } from "./ui/pages.js";

keepShown();
render(html`<${Page} />`, document.getElementById("page"));
listenToKeys();
listen();
if (document.getElementById("log")?.dataset.pages) drawPages(document.getElementById("page"));
