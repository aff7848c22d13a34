// The time line: who reads under each arrangement, and what moved from one to the next. Pure.

export const LANES = ["consumer", "enterprise"];

/**
 * Return the columns of the time line in order: {stop, matrix, moved: {vantage: ["opens"|"shuts"|"" for each lane]}}.
 *
 * Nothing has moved in the first; of a vantage point that stands in one column only, nothing is compared.
 */
export function columnsOf(stops) {
  const columns = stops.flatMap((stop) => stop.matrices.map((matrix) => ({ stop, matrix })));
  return columns.map((one, at) => ({ ...one, moved: at ? between(columns[at - 1].matrix, one.matrix) : {} }));
}

function between(before, after) {
  const moved = Object.entries(after.reads).map(([who, reads]) => [
    who,
    reads.map((now, lane) => (now === before.reads[who][lane] ? "" : now ? "opens" : "shuts")),
  ]);
  return Object.fromEntries(moved.filter(([, lanes]) => lanes.some(Boolean)));
}

/** Return who reads now and who no longer does, of these rows: {opens: [[vantage, lane]], shuts: […]}. */
export function movesOf({ moved }, rows) {
  const found = { opens: [], shuts: [] };
  for (const { id } of rows) (moved[id] ?? []).forEach((how, lane) => how && found[how].push([id, LANES[lane]]));
  return found;
}

/** Return the names of the scenarios that this log has seen end as told. */
export function playedIn(entries) {
  const played = new Set();
  let name = "";
  for (const { event } of entries) {
    if (event.type === "scene") name = event.name;
    if (event.type === "ended" && !event.failed) played.add(name);
  }
  return played;
}
