// While a question stands, everything is drawn from this view: what would answer it is not in it. Pure.
//
// Not in the view means: not in the matrix, the peek, the envelope's shape, the lamps, the table, the bubbles, the
// caption, in print or in the accessibility tree, for all of them draw this.

/** Return a view without whatever tells who reads the message `key`. */
export function hide(view, key) {
  const asked = view.messages.findLast((one) => one.key === key);
  if (!asked) return view;
  const { mid } = asked;
  return {
    ...view,
    asking: key,
    focus: key,
    inspected: null,
    refused: null,
    facts: [],
    told: null,
    messages: view.messages.map((one) =>
      one.key === key ? { ...one, hidden: true, left: null, stored: null, copies: [], readBy: [], verdicts: {} } : one,
    ),
    warrants: view.warrants.map((one) => ({
      ...one,
      inspections: one.inspections.map((found) => without(found, mid)),
    })),
    matrix: view.matrix && { ...view.matrix, cells: withoutMid(view.matrix.cells, mid), keys: {} },
    scene: view.scene && { ...view.scene, cells: [], ended: null },
    last: { type: "asked" },
  };
}

const without = (found, mid) => ({ ...found, findings: found.findings.filter((one) => one.mid !== mid) });
const withoutMid = (cells, mid) =>
  Object.fromEntries(Object.entries(cells).filter(([at]) => !at.startsWith(`${mid}.`)));
