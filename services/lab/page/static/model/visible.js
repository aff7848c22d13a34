// What cannot be seen in a text, or turns the text around it, is written as its number. Pure.

const SHOWN_BY_NUMBER = [
  "\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f", // controls but tab and line feed
  // nothing to see
  "\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u3164\\ufeff\\uffa0\\ufff0-\\ufffb",
  "\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufe00-\\ufe0f", // joiners, and what turns the direction
  "\\u{e0000}-\\u{e0fff}", // tags
].join("");
const LONE = "[\\ud800-\\udbff](?![\\udc00-\\udfff])|(?<![\\ud800-\\udbff])[\\udc00-\\udfff]";
const INVISIBLE = new RegExp(`[${SHOWN_BY_NUMBER}]|${LONE}`, "gu");

/** Return the parts of a text: {text, mark}. A mark stands for one character that would not show. */
export function visible(text) {
  const parts = [];
  let at = 0;
  for (const found of String(text ?? "").matchAll(INVISIBLE)) {
    if (found.index > at) parts.push({ text: text.slice(at, found.index), mark: false });
    const number = found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    parts.push({ text: `<U+${number}>`, mark: true });
    at = found.index + found[0].length;
  }
  if (at < String(text ?? "").length) parts.push({ text: text.slice(at), mark: false });
  return parts;
}
