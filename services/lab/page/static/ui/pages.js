// The lesson on paper: one page for each chapter, with the sentence, the picture and what is seen. Drawn once.

import { go, log } from "../state.js";

const frame = () => new Promise((done) => setTimeout(done, 30));

/** Draw every chapter on a sheet of its own, in place of the page. */
export async function drawPages(page) {
  const sheets = document.createElement("div");
  for (const chapter of log.chapters()) {
    go(chapter.step);
    await frame();
    const sheet = document.createElement("section");
    sheet.className = "sheet";
    for (const part of [".caption", ".stage svg", ".under"])
      sheet.append(page.querySelector(part)?.cloneNode(true) ?? "");
    sheets.append(sheet);
  }
  document.documentElement.setAttribute("data-theme", "light");
  document.body.append(sheets);
  page.remove();
  document.body.dataset.drawn = "pages";
}
