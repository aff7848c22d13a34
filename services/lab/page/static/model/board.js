// The board of exercises, from the whole log: a reset, a scenario or a step back undoes nothing. Pure.

/** Return {begun: {id: given}, solved: {id: points}} of a log’s entries. */
export function boardOf(entries) {
  const board = { begun: {}, solved: {} };
  for (const { event } of entries) {
    if (event.type === "started") board.begun[event.exercise] = event.given;
    if (event.type === "solved") board.solved[event.exercise] = event.points;
  }
  return board;
}

const quoted = (text) => `"${String(text).replaceAll('"', '""')}"`;

/** Write the board for a spreadsheet (RFC 4180). */
export function csvOf(all, board) {
  const rows = all.map((one) => [
    one.id,
    one.title,
    one.level,
    one.points,
    one.id in board.begun,
    one.id in board.solved,
  ]);
  return [["id", "title", "level", "points", "begun", "solved"], ...rows]
    .map((row) => row.map(quoted).join(",") + "\r\n")
    .join("");
}
