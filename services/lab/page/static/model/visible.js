// Foreign text, made fit to be shown, by the rule of services/wire/message/visible.py. Pure.

const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const KEPT = "\n\t\u200c\u200d"; // line ends and tabs; the two joiners, which scripts of India and emoji need
const JOINERS = "\u200c\u200d";
const BLANK = "\u115f\u1160\u3164\uffa0"; // letters of Hangul that show nothing
const MARK = /[\p{Mn}\p{Me}]/u;
const MOST_MARKS = 4; // so many combining marks may stand on one letter

/** Return the parts of a text: {text, mark}. A mark stands for one character that would not show, or reach too far. */
export function visible(text) {
  const parts = [];
  let marks = 0;
  for (const one of String(text ?? "").replace(/\r\n?/g, "\n")) {
    const joiner = JOINERS.includes(one); // marks behind one still stand on the letter before it
    if (!joiner) marks = MARK.test(one) ? marks + 1 : 0;
    const mark = (HIDDEN.test(one) && !KEPT.includes(one)) || BLANK.includes(one) || (marks > MOST_MARKS && !joiner);
    const shown = mark ? `⟨U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩` : one;
    if (!mark && parts.length && !parts.at(-1).mark) parts.at(-1).text += shown;
    else parts.push({ text: shown, mark });
  }
  return parts;
}
