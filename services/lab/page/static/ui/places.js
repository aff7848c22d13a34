// Where everything stands in the drawing: once wide, once for a narrow screen. Data.
//
// A box is [x, y, width, height]; a lane's stations are the centres where its envelope stops.

const WIDE = {
  width: 980,
  height: 468,
  boxes: {
    court: [195, 6, 176, 54],
    auditor: [406, 6, 168, 54],
    ledger: [609, 6, 176, 54],
    relay: [195, 84, 176, 304],
    carrier: [406, 108, 168, 124],
    nobody: [406, 258, 168, 124],
    mailbox: [609, 84, 176, 304],
    acme: [195, 404, 176, 50],
    globex: [609, 404, 176, 50],
    "consumer.from": [6, 108, 158, 124],
    "consumer.to": [816, 108, 158, 124],
    "enterprise.from": [6, 258, 158, 124],
    "enterprise.to": [816, 258, 158, 124],
  },
  stations: {
    consumer: { from: [85, 156], relay: [283, 156], carrier: [490, 156], mailbox: [697, 156], to: [895, 156] },
    enterprise: { from: [85, 306], relay: [283, 306], carrier: [490, 306], mailbox: [697, 306], to: [895, 306] },
  },
  lanes: {
    consumer: { line: [6, 156, 974, 156], title: [6, 98], anchor: "start" },
    enterprise: { line: [6, 306, 974, 306], title: [6, 250], anchor: "start" },
  },
  links: {
    court: "M371 50 L440 108",
    auditor: "M490 60 V108",
    ledger: "M540 108 L609 50",
    task: "M406 196 H371",
    "acme.from": "M85 382 V429 H195",
    "acme.to": "M895 382 V464 H283 V454",
    "globex.from": "M85 382 V464 H697 V454",
    "globex.to": "M895 382 V429 H785",
  },
};

const TALL = {
  width: 372,
  height: 838,
  boxes: {
    "consumer.from": [6, 26, 172, 112],
    "enterprise.from": [194, 26, 172, 112],
    relay: [6, 160, 360, 134],
    carrier: [6, 316, 172, 122],
    nobody: [194, 316, 172, 122],
    mailbox: [6, 460, 360, 134],
    "consumer.to": [6, 616, 172, 112],
    "enterprise.to": [194, 616, 172, 112],
    court: [6, 748, 112, 40],
    auditor: [130, 748, 112, 40],
    ledger: [254, 748, 112, 40],
    acme: [6, 796, 174, 40],
    globex: [192, 796, 174, 40],
  },
  stations: {
    consumer: { from: [92, 70], relay: [92, 212], carrier: [92, 365], mailbox: [92, 512], to: [92, 660] },
    enterprise: { from: [280, 70], relay: [280, 212], carrier: [280, 365], mailbox: [280, 512], to: [280, 660] },
  },
  lanes: {
    consumer: { line: [92, 26, 92, 728], title: [92, 16], anchor: "middle" },
    enterprise: { line: [280, 26, 280, 728], title: [280, 16], anchor: "middle" },
  },
  links: {},
};

export const places = (narrow) => (narrow ? TALL : WIDE);
