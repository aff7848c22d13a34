// Deep links: a step, a vantage, a view, the number of a message, a cell of the matrix. Never content, never a key. Pure.

const VIEWS = ["lanes", "bytes", "warrants", "log", "matrix", "scenarios"];
const NAME = /^[a-z][a-z0-9-]{0,40}$/;
const CELL = /^[a-z][a-z0-9-]{0,40}\.[a-z][a-z0-9-]{0,40}$/; // message.vantage, by their names in the matrix

const number = (text) => (/^\d{1,7}$/.test(text ?? "") ? Number(text) : null);
const like = (pattern, text) => (pattern.test(text ?? "") ? text : null);

/** Read a location's hash; what is not well-formed is left out. */
export function readLink(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  return {
    step: number(given.get("step")),
    as: like(NAME, given.get("as")),
    view: VIEWS.includes(given.get("view")) ? given.get("view") : null,
    message: number(given.get("message")),
    cell: like(CELL, given.get("cell")),
  };
}

/** Write one. */
export function writeLink({ step, as, view, message, cell }) {
  const parts = [["step", step]];
  if (as && as !== "all") parts.push(["as", as]);
  if (view && view !== "lanes") parts.push(["view", view]);
  if (message) parts.push(["message", message]);
  if (cell) parts.push(["cell", cell]);
  return "#" + parts.map(([key, value]) => `${key}=${value}`).join("&");
}
