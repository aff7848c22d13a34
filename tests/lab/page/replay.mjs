// Reads a log from standard input as the page would, and says how it ends and which cells it shows otherwise than told.

import { readFileSync } from "node:fs";
import { verdict } from "../../../services/lab/page/static/model/eyes.js";
import { Log } from "../../../services/lab/page/static/model/log.js";
import { messageOf } from "../../../services/lab/page/static/model/reduce.js";
import { wordsFor } from "../../../services/lab/page/static/model/words.js";

const log = new Log();
log.add(JSON.parse(readFileSync(0, "utf8")));
const steps = log.steps.map((_, at) => ({
  event: log.event(at),
  view: log.at(at),
  words: wordsFor(log.event(at), log.at(at)),
}));

function shownWrong({ event, view }) {
  return event.cells.filter(([vantage, key, told]) => {
    const known = view.world.vantages.some((one) => one.id === vantage);
    const one = messageOf(view, event.mids[key]);
    if (!known || !one) return false; // somebody of the scenario’s own, who stands in the table of the end
    const shown = verdict(vantage, one);
    return !shown.measured || shown.reads !== (told === "reads");
  });
}

console.log(
  JSON.stringify({
    said: steps.map((one) => one.words),
    acts: steps.filter((one) => one.event.type === "boots").map((one) => one.view.world.arrangement.name),
    cells: steps.at(-1).view.scene.cells,
    wrong: steps.filter((one) => one.event.type === "cells").flatMap(shownWrong),
  }),
);
