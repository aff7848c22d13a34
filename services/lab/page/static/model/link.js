// Deep links: a place (its chapter, which means the same in the next run), a vantage, a view, the key of a message, a
// cell of the matrix, a stop of the tour. Never content, never a key. Pure.

export const VIEWS = ["lanes", "bytes", "warrants", "log", "matrix", "scenarios", "exercises", "arrange"];
const NAME = /^[a-z][a-z0-9-]{0,60}$/;
const PLACE = /^[a-z][a-z0-9-]{0,62}(\.\d{1,6})?$/; // a chapter, and how many steps after it
const CELL = /^[a-z][a-z0-9-]{0,40}\.[a-z][a-z0-9-]{0,40}$/; // message.vantage

const like = (pattern, text) => (pattern.test(text ?? "") ? text : null);

/** Read a location's hash; what is not well-formed is left out. */
export function readLink(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  return {
    at: like(PLACE, given.get("at")),
    as: like(NAME, given.get("as")),
    view: VIEWS.includes(given.get("view")) ? given.get("view") : null,
    message: like(NAME, given.get("message")),
    cell: like(CELL, given.get("cell")),
    tour: /^\d{1,2}$/.test(given.get("tour") ?? "") ? Number(given.get("tour")) : null,
  };
}

/** Write one. */
export function writeLink({ at, as, view, message, cell, tour }) {
  const parts = at ? [["at", at]] : [];
  if (as && as !== "all") parts.push(["as", as]);
  if (view && view !== "lanes") parts.push(["view", view]);
  if (message) parts.push(["message", message]);
  if (cell) parts.push(["cell", cell]);
  if (tour !== null) parts.push(["tour", tour]);
  return "#" + parts.map(([key, value]) => `${key}=${value}`).join("&");
}
