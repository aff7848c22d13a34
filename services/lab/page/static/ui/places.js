// Where everything stands in the drawing: once wide, once for a narrow screen. Data.
//
// A box is [x, y, width, height]; a lane's stations are the centres where its envelope stops.

const WIDE = {
  width: 980,
  height: 492,
  boxes: {
    court: [195, 6, 176, 54],
    auditor: [406, 6, 168, 54],
    ledger: [609, 6, 176, 54],
    regulator: [6, 6, 158, 54],
    relay: [195, 84, 176, 326],
    carrier: [406, 108, 168, 136],
    nobody: [406, 268, 168, 136],
    mailbox: [609, 84, 176, 326],
    acme: [195, 426, 176, 50],
    globex: [609, 426, 176, 50],
    "consumer.from": [6, 108, 158, 136],
    "consumer.to": [816, 108, 158, 136],
    "enterprise.from": [6, 268, 158, 136],
    "enterprise.to": [816, 268, 158, 136],
  },
  notes: { relay: [207, 258, "start"], mailbox: [621, 258, "start"] },
  copies: [490, 84],
  gates: { consumer: [180, 160], enterprise: [180, 320] },
  stations: {
    consumer: { from: [85, 160], relay: [283, 160], carrier: [490, 160], mailbox: [697, 160], to: [895, 160] },
    enterprise: { from: [85, 320], relay: [283, 320], carrier: [490, 320], mailbox: [697, 320], to: [895, 320] },
  },
  lanes: {
    consumer: { line: [6, 160, 974, 160], title: [6, 98], anchor: "start" },
    enterprise: { line: [6, 320, 974, 320], title: [6, 261], anchor: "start" },
  },
  links: {
    court: "M371 50 L440 108",
    auditor: "M490 60 V108",
    ledger: "M540 108 L609 50",
    regulator: "M85 60 V74 H225 V84",
    task: "M406 218 H371",
    "acme.from": "M85 404 V451 H195",
    "acme.to": "M895 404 V487 H283 V476",
    "globex.from": "M85 404 V487 H697 V476",
    "globex.to": "M895 404 V451 H785",
  },
};

const TALL = {
  width: 372,
  height: 936,
  boxes: {
    "consumer.from": [6, 26, 172, 132],
    "enterprise.from": [194, 26, 172, 132],
    relay: [6, 180, 360, 142],
    carrier: [6, 344, 172, 108],
    nobody: [194, 344, 172, 108],
    mailbox: [6, 474, 360, 142],
    "consumer.to": [6, 638, 172, 136],
    "enterprise.to": [194, 638, 172, 136],
    court: [6, 794, 112, 42],
    auditor: [130, 794, 112, 42],
    ledger: [254, 794, 112, 42],
    acme: [6, 844, 174, 42],
    globex: [192, 844, 174, 42],
    regulator: [6, 892, 360, 42],
  },
  notes: { relay: [354, 201, "end"], mailbox: [354, 495, "end"] },
  copies: [186, 784],
  gates: { consumer: [92, 169], enterprise: [280, 169] },
  stations: {
    consumer: { from: [92, 78], relay: [92, 234], carrier: [92, 392], mailbox: [92, 528], to: [92, 692] },
    enterprise: { from: [280, 78], relay: [280, 234], carrier: [280, 392], mailbox: [280, 528], to: [280, 692] },
  },
  lanes: {
    consumer: { line: [92, 26, 92, 774], title: [92, 16], anchor: "middle" },
    enterprise: { line: [280, 26, 280, 774], title: [280, 16], anchor: "middle" },
  },
  links: {},
};

export const places = (narrow) => (narrow ? TALL : WIDE);
