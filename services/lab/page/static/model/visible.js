// Foreign text, made fit to be shown, by the rule of services/wire/message/visible.py. Pure.

const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const KEPT = "\n\t\u200c\u200d"; // line ends and tabs; the two joiners, which scripts of India and emoji need
const MARK = /[\p{Mn}\p{Me}]/u;
const MOST_MARKS = 4; // so many combining marks may stand on one letter

/** Return the parts of a text: {text, mark}. A mark stands for one character that would not show, or reach too far. */
export function visible(text) {
  const parts = [];
  let marks = 0;
  for (const one of String(text ?? "").replace(/\r\n?/g, "\n")) {
    marks = MARK.test(one) ? marks + 1 : 0;
    const mark = (HIDDEN.test(one) && !KEPT.includes(one)) || marks > MOST_MARKS;
    const shown = mark ? `⟨U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩` : one;
    if (!mark && parts.length && !parts.at(-1).mark) parts.at(-1).text += shown;
    else parts.push({ text: shown, mark });
  }
  return parts;
}
